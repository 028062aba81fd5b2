"""Sends one request to a receiver. Never raises, whatever the receiver does: see `DeliveryResult`.

The URL is sent byte for byte (`processors.sender.request_urls`). The status of the response decides; redirects are not
followed, since a signed notice is for the URL that was chosen and no other. At most 64 kB of the body are read, for at
most a second, only so that the connection can be reused; nothing of it is kept or decompressed.
"""

import asyncio
import errno
import importlib.metadata
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from infra.clock import SYSTEM_CLOCK, Clock
from infra.egress.guard import Guard, GuardedConnector, TargetRefused, guarded_session
from infra.egress.os_errors import describe_os_error
from infra.egress.resolver import ASKER, LookupTimedOut
from processors.sender.request_urls import request_url
from schemas.base import SECOND, Micros
from schemas.channels.messages import Refused

BODY_READ = 64 * 1024
# Of what services answer.
ANSWER_READ = 256 * 1024
BODY_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_LONGEST_RETRY_AFTER = 10**9
CONNECT = 5.0
# Long enough for one packet that is lost and sent again.
CONNECT_DEAD = 2.0
# What every webhook has.
WEBHOOK_HEADERS: Mapping[str, str] = {
    "User-Agent": f"Pingfold/{importlib.metadata.version('pingfold')} (webhook)",
    "Content-Type": "application/json",
}
# Nobody wants the time limit rounded up to whole seconds, which aiohttp does above this many.
_NEVER_CEIL = 1e9


class DeliveryResult(NamedTuple):
    """The result of an attempt. status: of the HTTP response; None: there was none, and `error` says why.

    again: recipients of a mail that are to be tried again. refused, ours: as in the report.
    sender_error: the attempt failed because this process has no free sockets; it says nothing about the receiver.
    """

    status: int | None = None
    error: str = ""
    timed_out: bool = False
    retry_after: int | None = None
    sender_error: bool = False
    again: tuple[str, ...] = ()
    refused: Refused = ""
    ours: bool = False


class Exchange(NamedTuple):
    """What came of a request to a service: the result, and the beginning of what the server said. headers: of it.

    cut: the result for who needs more than the status, when the server did not say it to the end; None: it did, or went
    on for longer than is read.
    """

    result: DeliveryResult
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cut: DeliveryResult | None = None


# Reads an answer: its beginning, and `Exchange.cut`.
_Read = Callable[[aiohttp.ClientResponse], Awaitable[tuple[bytes, DeliveryResult | None]]]


class WebhookClient:
    """Connections to receivers, kept alive and used again. Made in a running event loop; to be closed (`async with`).

    seconds: limit of a whole request. connect: limit of look-up, connection and TLS handshake, inside the former.
    What may be reached is that of the project in `infra.egress.resolver.ASKER`.
    connect_dead: the same for receivers that are believed dead, which would hold a slot that long for nothing.
    headers: of every request that has none of these names.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        seconds: float = 10.0,
        connect: float = CONNECT,
        connect_dead: float = CONNECT_DEAD,
        resolver: AbstractResolver | None = None,
        clock: Clock = SYSTEM_CLOCK,
        headers: Mapping[str, str] = WEBHOOK_HEADERS,
    ) -> None:
        self._clock, self._headers = clock, headers
        self._seconds, self._connect, self._connect_dead = seconds, connect, min(connect, connect_dead)
        self._guard, self._resolver = guard, resolver
        self._sessions: dict[Guard, aiohttp.ClientSession] = {}
        self._limits = _limits(seconds, connect)
        self._limits_of_dead = _limits(seconds, self._connect_dead)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        """Of the project that asks. One that may reach more than others shares no connection with them: they would be
        used again without another look."""
        guard = self._guard.of(ASKER.get())
        if guard not in self._sessions:
            self._sessions[guard] = guarded_session(
                GuardedConnector(guard, self._resolver),
                self._headers,
                self._limits,
            )
        return self._sessions[guard]

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], dead: bool = False) -> DeliveryResult:
        """Send `body`; the headers come on top of those that every webhook has. dead: connect soon or not at all."""
        return (await self._request("POST", url, headers, body, _drain, dead=dead)).result

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, verify: bool = True, dead: bool = False
    ) -> Exchange:
        """Make one request as `post` does, and tell what was answered: at most `ANSWER_READ` bytes of it, unpacked by
        nobody. verify: whether the certificate of the server must be valid."""
        return await self._request(method, url, headers, body, _beginning, verify=verify, dead=dead)

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        read: _Read,
        *,
        verify: bool = True,
        dead: bool = False,
    ) -> Exchange:
        """One request. read: what is made of the answer. User and password of the URL are sent unless a header is."""
        limits = self._limits_of_dead if dead else self._limits
        try:
            target, authorization = request_url(url)
            if authorization and "Authorization" not in headers:
                headers = {**headers, "Authorization": authorization}
            async with self._session().request(
                method, target, data=body or None, headers=headers, allow_redirects=False, timeout=limits, ssl=verify
            ) as response:
                said, cut = await read(response)
                asked = response.headers.get("Retry-After")
                wait = None if asked is None else _seconds_asked(asked, self._clock.real())
                heads = () if read is _drain else response.headers.items()
                told = tuple((str(name), value) for name, value in heads)
                return Exchange(DeliveryResult(response.status, retry_after=wait), told, said, cut)
        except Exception as error:
            return Exchange(self._failure(error, self._connect_dead if dead else self._connect))

    def _failure(self, error: Exception, connect: float) -> DeliveryResult:
        """Short texts of our own: those of libraries may tell the URL, and with it a secret."""
        cause = getattr(error, "os_error", None) or error
        if isinstance(cause, TargetRefused):
            return DeliveryResult(error=str(cause))
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return DeliveryResult(error=f"no connection within {connect:g} s", timed_out=True)
        if isinstance(error, TimeoutError):
            return DeliveryResult(error=f"no answer within {self._seconds:g} s", timed_out=True)
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            late = isinstance(cause, LookupTimedOut)
            return DeliveryResult(
                error=f"the host name cannot be resolved{f': {cause}' if late else ''}", timed_out=late
            )
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = error.certificate_error
            detail = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else "not valid"
            return DeliveryResult(error=f"TLS certificate refused: {detail}")
        if isinstance(error, aiohttp.ClientSSLError):
            return DeliveryResult(error="the TLS handshake failed")
        if isinstance(error, aiohttp.ServerDisconnectedError):
            return DeliveryResult(error="the connection was closed without an answer")
        if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
            return DeliveryResult(error="the answer is not valid HTTP")
        if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | ValueError):
            return DeliveryResult(error="the URL is not valid")
        if isinstance(cause, OSError):
            sender_error = cause.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS)
            return DeliveryResult(error=describe_os_error(cause, "the connection failed"), sender_error=sender_error)
        return DeliveryResult(error=f"the request failed ({type(error).__name__})")


def _limits(seconds: float, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, connect=connect, ceil_threshold=_NEVER_CEIL)


async def _drain(response: aiohttp.ClientResponse) -> tuple[bytes, None]:
    """Nothing of what the server says; only so that the connection can be used again."""
    if response.content.is_eof():
        return b"", None
    left = BODY_READ
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.content.iter_any():
                left -= len(chunk)
                if left < 0:
                    break
            else:
                return b"", None
    except (TimeoutError, aiohttp.ClientError):
        pass
    response.close()
    return b"", None


async def _beginning(response: aiohttp.ClientResponse) -> tuple[bytes, DeliveryResult | None]:
    """What the server says, as far as it comes soon and is short, and what `Exchange.cut` is. What is left would hold
    the connection up: it is closed then."""
    found, cut = bytearray(), None
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            async for chunk in response.content.iter_any():
                found += chunk
                if len(found) >= ANSWER_READ:
                    break
            else:
                return bytes(found), None
    except (TimeoutError, aiohttp.ClientError) as error:  # the status has been said
        words = f"the answer, a {response.status}, did not come to its end"
        cut = DeliveryResult(error=words, timed_out=isinstance(error, TimeoutError))
    response.close()
    return bytes(found[:ANSWER_READ]), cut


def _seconds_asked(text: str, now: Micros) -> int | None:
    """`Retry-After` in seconds from `now`, rounded up; None when it is neither a number nor a date."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:12]), _LONGEST_RETRY_AFTER)
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return min(max(math.ceil(date.timestamp() - now / SECOND), 0), _LONGEST_RETRY_AFTER)
    except (ValueError, OverflowError):
        return None
