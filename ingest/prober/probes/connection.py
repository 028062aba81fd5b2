"""Connections of probes: the name is resolved once, all its addresses are checked, and the first one that answers is
connected.

Each connection is new, so that a probe measures what a new visitor gets. A refused connection, a name that does not
resolve and a failed handshake are different failures (`ProbeFailed`); the time limit is the caller's. Faults of this
host (no sockets, a silent resolver) are `prober_error`: they say nothing about the target.

The expiry of a rejected certificate is reported too. Its handshake ends before the certificate can be read, so a second
handshake with the same address accepts any certificate, reads it, sends nothing and closes.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple, TypeVar

from infra.egress.connecting import connect_to, has_route
from infra.egress.guard import Guard, TargetRefused, tell_operator
from ingest.prober.probes.happy_eyeballs import first_to_answer, in_turns
from ingest.prober.probes.icmp_socket import IcmpSocket
from ingest.prober.probes.outcome import ProbeFailed, Trace, because
from ingest.prober.probes.resolver import Resolver
from ingest.prober.probes.shown_certificate import end_of
from ingest.prober.probes.tls_words import handshake_words
from schemas.base import SECOND, Micros
from schemas.host_names import InvalidHost, certificate_name, encoded_host
from schemas.probe_kinds import CERTIFICATE_REFUSED
from schemas.targets import Family

P = TypeVar("P", bound=asyncio.BaseProtocol)
R = TypeVar("R")

DEFAULT_USER_AGENT = "Pingfold (prober)"
# The caller's time limit is shorter.
_HANDSHAKE_SECONDS = 300.0
_UNREADABLE = "the certificate of the server cannot be read"
# For reading a certificate that was refused.
_READ_SECONDS = 3.0

# What must be said on a connection before TLS begins there.
Greet = Callable[[socket.socket], Awaitable[object]]


def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """How certificates are verified. `authorities`: a file of those to trust instead of the system's.

    What costs this process much at a server's wish is left out: renegotiation, and key exchange in groups of the
    server's choice, which browsers do not speak either.
    """
    return _restrained(ssl.create_default_context(cafile=authorities))


def _restrained(context: ssl.SSLContext) -> ssl.SSLContext:
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!aDSS")
    return context


def _trusting_context() -> ssl.SSLContext:
    """Accepts every certificate: only for reading its date. It needs none of the system's authorities, which
    take long to read."""
    context = _restrained(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class CertificateRefused(ProbeFailed):
    """The handshake failed because of the certificate: report the target as failing."""


class Shown(NamedTuple):
    """A certificate that a server showed (DER; None when it could not be read), and why it was refused, if it was."""

    certificate: bytes | None
    refused: str = ""


class Connector:
    """Opens connections for probes. To be made inside a running event loop.

    user_agent: what probes of http say they are, unless their headers do. proven: the address families over which
    somebody beyond the local network has answered (`ingest.prober.probes.families`).
    """

    _family: Family | None = None

    def __init__(
        self,
        guard: Guard,
        resolver: Resolver | None = None,
        verify: ssl.SSLContext | None = None,
        user_agent: str = DEFAULT_USER_AGENT,
    ) -> None:
        self._guard, self.user_agent = guard, user_agent
        self.proven: set[Family] = set()
        self.resolver = resolver or Resolver()
        self.icmp = IcmpSocket()
        self._verify, self._trusting = verify or tls_context(), _trusting_context()

    def only(self, family: Family) -> "Connector":
        """A connector that reaches the host of a probe by addresses of this family alone.

        What redirects lead to it reaches so, too, if that has any.
        """
        narrowed = copy(self)
        narrowed._family = family
        return narrowed

    def of(self, project: str) -> "Connector":
        """The connector of a project: it reaches what that project may, and shares all else with this one."""
        guard = self._guard.of(project)
        if guard is self._guard:
            return self
        narrowed = copy(self)
        narrowed._guard = guard
        return narrowed

    def unverified(self) -> "Connector":
        """One that accepts every certificate, and shares all else with this one."""
        trusting = copy(self)
        trusting._verify = self._trusting
        return trusting

    async def open(
        self, host: str, port: int, make: Callable[[], P], trace: Trace, tls: bool = False, name: str = ""
    ) -> tuple[asyncio.Transport, P]:
        """A connection to `host`, with its protocol. Raises `ProbeFailed`.

        name: which the certificate is asked for and must have, where that is not the host.
        """
        if tls:
            return await self.secure(await self.connect(host, port, trace), name or host, port, make, trace)
        create = asyncio.get_running_loop().create_connection
        addresses = await self.tried(host, trace, port)
        if len(addresses) > 1:
            opened = await self._reach(addresses, lambda address: connect_to(address, port), _close, trace)
            return await create(make, sock=opened)
        return await self._reach(addresses, lambda address: create(make, address, port), None, trace)

    async def connect(self, host: str, port: int, trace: Trace) -> socket.socket:
        """A connection to `host` as a socket, of which nothing has been read. The caller closes it.

        Raises `ProbeFailed`.
        """
        addresses = await self.tried(host, trace, port)
        return await self._reach(addresses, lambda address: connect_to(address, port), _close, trace)

    async def secure(
        self,
        opened: socket.socket,
        host: str,
        port: int,
        make: Callable[[], P],
        trace: Trace,
        greet: Greet | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """TLS over a connection of `connect`, which it takes over. Raises `ProbeFailed`.

        greet: what must be said on another connection before TLS begins there, for the date of a refused certificate.
        """
        try:
            return await self._secure(opened, make, host, trace)
        except CertificateRefused as refused:
            trace.failed = refused
            trace.expires = end_of(await self._refused_certificate(trace.address, port, host, greet))
            raise

    async def _reach(
        self,
        addresses: Sequence[str],
        open_one: Callable[[str], Awaitable[R]],
        close: Callable[[R], object] | None,
        trace: Trace,
    ) -> R:
        """What `open_one` makes of the first of these addresses that answers."""
        began = time.perf_counter_ns()

        async def attempt(address: str) -> tuple[str, R]:
            trace.address = address
            try:
                return address, await open_one(address)
            except OSError as error:
                failed = because(error, "connect")
                if failed.answered:
                    trace.answered = time.perf_counter_ns()
                raise failed from None

        trace.address, opened = await first_to_answer(
            addresses, attempt, None if close is None else lambda made: close(made[1])
        )
        trace.answered = time.perf_counter_ns()
        trace.connect = (trace.answered - began) // 1_000
        return opened

    async def tried(self, host: str, trace: Trace, port: int | None = None) -> list[str]:
        """The addresses of `host` in the order in which they are to be tried. Raises `ProbeFailed`."""
        addresses = await self.addresses(host, trace, port)
        return in_turns(addresses) if len(addresses) > 1 else addresses

    async def addresses(self, host: str, trace: Trace, port: int | None = None) -> list[str]:
        """The addresses of `host`, all of them checked, for this port or for none. Raises `ProbeFailed`."""
        host = _encoded(host)
        literal = _literal(host)
        if literal:
            found, name = [literal], ""
        else:
            began = time.perf_counter_ns()
            trace.asked = time.monotonic()
            found, name = await self.resolver.addresses(host), host
            trace.asked = None
            trace.lookup = (time.perf_counter_ns() - began) // 1_000
        for address in found:
            self.check(address, port, name)
        return found if self._family is None else self._of_family(self._family, found, trace)

    def _of_family(self, family: Family, found: list[str], trace: Trace) -> list[str]:
        own = [address for address in found if (":" in address) is (family == "ipv6")]
        if trace.address:  # somewhere else
            return own or found
        if not own or not has_route(own[0]):
            trace.missing = True
            raise ProbeFailed("name", f"no {family} address that can be reached from here")
        return own

    def check(self, address: str, port: int | None = None, name: str = "") -> None:
        """Raise `ProbeFailed` unless the address may be reached, at this port if one is meant.

        The address is not told, whether a `name` led to it or a redirect: the operator finds it in the log.
        """
        try:
            self._guard.check(address, port)
        except TargetRefused as refused:
            tell_operator(name or address, refused.detail)
            raise ProbeFailed("refused target", f"{'resolves to ' if name else ''}{refused.reason}") from None

    async def _secure(
        self, opened: socket.socket, make: Callable[[], P], host: str, trace: Trace
    ) -> tuple[asyncio.Transport, P]:
        began, name = time.perf_counter_ns(), _name_for_tls(host, opened)
        trace.in_handshake = True
        try:
            transport, protocol = await asyncio.get_running_loop().create_connection(
                make,
                sock=opened,
                ssl=self._verify,
                server_hostname=name,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused("tls", f"{CERTIFICATE_REFUSED}{error.verify_message}") from None
        except OSError as error:
            raise ProbeFailed("tls", handshake_words(error)) from None
        except ValueError:  # what it says of itself is in no encoding that there is
            opened.close()
            raise ProbeFailed("tls", _UNREADABLE) from None
        finally:
            trace.tls = (time.perf_counter_ns() - began) // 1_000
        trace.in_handshake = False
        certificate = transport.get_extra_info("peercert") or {}
        if "notAfter" in certificate:
            trace.expires = _moment(certificate["notAfter"])
        elif self._verify is self._trusting:  # Python tells nothing of what it has not verified
            trace.expires = end_of(_certificate_of(transport))
        return transport, protocol

    async def shown(self, host: str, port: int, greet: Greet | None = None, name: str = "") -> Shown:
        """The certificate that `host` shows, and whether a visitor would refuse it. Raises `ProbeFailed` or `OSError`
        when it shows none. The time limit is the caller's. name: as in `open`."""
        trace = Trace()
        opened, host = await self.connect(host, port, trace), name or host
        try:
            return Shown(await self._read_certificate(opened, host, self._verify, greet))
        except ssl.SSLCertVerificationError as error:
            refused = f"error code {error.verify_code}: {error.verify_message.rstrip('.')}"
        return Shown(await self._refused_certificate(trace.address, port, host, greet), refused)

    async def _read_certificate(
        self, opened: socket.socket, host: str, context: ssl.SSLContext, greet: Greet | None
    ) -> bytes | None:
        """The certificate shown in a handshake over a connection, which is closed then. Raises what that raises."""
        name = _name_for_tls(host, opened)
        if greet is not None:
            await _greeted(opened, greet)
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol,
                sock=opened,
                ssl=context,
                server_hostname=name,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except ssl.SSLCertVerificationError:  # a ValueError, too
            raise
        except OSError as error:
            raise ProbeFailed("tls", handshake_words(error)) from None
        except ValueError:
            opened.close()
            raise ProbeFailed("tls", _UNREADABLE) from None
        try:
            return _certificate_of(transport)
        finally:
            transport.abort()

    async def _refused_certificate(self, address: str, port: int, host: str, greet: Greet | None) -> bytes | None:
        """The certificate that was refused; None when it is not shown again."""
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await self._read_certificate(await connect_to(address, port), host, self._trusting, greet)
        except (OSError, ProbeFailed):  # a timeout is an OSError
            return None

    async def close(self) -> None:
        """Let go of resolver and sockets."""
        self.icmp.close()
        await self.resolver.close()


def _close(opened: socket.socket) -> None:
    opened.close()


def _encoded(host: str) -> str:
    """A host as it is looked up; one of a definition of a former version may be no name at all."""
    try:
        return encoded_host(host)
    except InvalidHost:
        raise ProbeFailed("name", "not a host name") from None


@lru_cache(4_096)
def _literal(host: str) -> str:
    """A host that is an address, in canonical form; "" for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def _name_for_tls(host: str, opened: socket.socket) -> str:
    """What a certificate must name; the connection is closed when nothing can."""
    try:
        return certificate_name(host)
    except InvalidHost:
        opened.close()
        raise ProbeFailed("tls", "not a name for a certificate") from None


def _certificate_of(transport: asyncio.Transport) -> bytes | None:
    """The certificate of the other side (DER)."""
    shown: bytes | None = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return shown


def _moment(text: str) -> Micros | None:
    """A date as OpenSSL writes it; None for what is none."""
    try:
        return int(ssl.cert_time_to_seconds(text)) * SECOND
    except ValueError:
        return None


async def _greeted(opened: socket.socket, greet: Greet) -> None:
    try:
        await greet(opened)
    except BaseException:
        opened.close()
        raise
