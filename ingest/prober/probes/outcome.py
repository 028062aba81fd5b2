"""The outcome of a probe, before it becomes an event."""

import errno
from dataclasses import dataclass

from infra.egress.os_errors import describe_os_error
from ingest.errors import IngestError
from schemas.base import Micros
from schemas.probes import Failure, Phases
from schemas.targets import Verb

# What this host has run out of; it says nothing about the target.
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)


class ProbeFailed(IngestError):
    """Ends a probe: the target is not well, and `failure` and the text say how. answered: the network told so."""

    def __init__(self, failure: Failure, detail: str = "", answered: bool = False) -> None:
        super().__init__(detail)
        self.failure, self.detail, self.answered = failure, detail[:200], answered


def because(error: OSError, failure: Failure) -> ProbeFailed:
    """`failure` with a description; `prober_error` if this host ran out of something."""
    match error:
        case ConnectionRefusedError():
            words = "connection refused"
        case ConnectionResetError():
            words = "connection reset"
        case _:
            words = describe_os_error(error)
    answered = isinstance(error, ConnectionRefusedError | ConnectionResetError)
    return ProbeFailed("prober_error" if error.errno in _OURS else failure, words, answered)


@dataclass
class Trace:
    """What a probe has seen so far; times in microseconds, of the last connection it made. Kept when it fails.

    asked: since when it has been waiting for a resolver (`time.monotonic`), None while it is not.
    failed: how it has failed, while more is being learnt of that.
    answered: when the network last answered, be it by a refusal (`time.perf_counter_ns`); the resolver's word is none.
    verb: what is enough for a `GET/HEAD` monitor, as far as it is known before the probe. compared: what was found of
    that by the probe itself. method: that was sent last.
    in_handshake: TLS has begun, and not ended well. reading: what was being read when the time was over, in words that
    end with a comma.
    down: the monitor is, as far as it is known before the probe.
    missing: the host has no address of the only family that was to be probed, or this host has no way to it.
    url, http_version: to which redirects led, and how it was answered.
    decided: when the target was found healthy (`time.perf_counter_ns`), while the probe only takes leave of it. Nothing
    that happens then changes that, not even the time limit.
    """

    address: str = ""
    redirect: int | None = None
    lookup: int | None = None
    connect: int | None = None
    tls: int | None = None
    first_byte: int | None = None
    status: int | None = None
    expires: Micros | None = None
    asked: float | None = None
    failed: ProbeFailed | None = None
    answered: int | None = None
    decided: int | None = None
    verb: Verb = ""
    compared: Verb = ""
    method: Verb = ""
    in_handshake: bool = False
    reading: str = ""
    down: bool = False
    missing: bool = False
    url: str = ""
    http_version: str = "1.1"

    def again(self) -> None:
        """Forget what a request has come to, before another one is sent in its place."""
        self.redirect = self.lookup = self.connect = self.tls = self.first_byte = self.status = None
        self.url, self.http_version = "", "1.1"

    def redirected(self, spent: int) -> None:
        """Another connection follows, after so many microseconds: the phases are to be those of that one."""
        self.redirect, self.lookup, self.connect, self.tls, self.first_byte = spent, None, None, None, None

    @property
    def phases(self) -> Phases:
        return Phases(
            redirect=self.redirect,
            lookup=self.lookup,
            connect=self.connect,
            tls=self.tls,
            first_byte=self.first_byte,
        )
