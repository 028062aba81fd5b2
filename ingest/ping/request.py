"""From an HTTP request to the bytes of a `ping.received` event (docs/compatibility/pinging.md).

The first `body_limit` bytes of a body are kept, chunked or not; the rest is read and discarded, within bounds.
`remote_addr`, `scheme` and `ua` are never null, whatever the headers contain.
"""

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from infra.egress.allowed import Network
from infra.http_server.forwarded import Forwarded
from infra.shares import Fit, Shares
from ingest.ping.responses import Receive, Scope
from ingest.ping.urls import PingTarget
from schemas.base import Micros, encode
from schemas.pings import Ping

Headers = Mapping[bytes, bytes]

UA_LENGTH = 200
# A text of control characters grows sixfold in JSON; beyond this a body goes as base64, so that an event fits in Kafka.
_LARGE = 2 * 2**20


class Limits(NamedTuple):
    """What one request, and all together, may use. Sizes in bytes, times in seconds."""

    in_flight: int = 5_000  # pings handed to Kafka and not yet answered
    held: int = 128 * 2**20  # bytes of unfinished bodies in memory
    held_of_one: int = 32 * 2**20  # of those, of one project, or of all that is sent to nobody's checks; see `Shares`
    body_time: float = 30.0
    body_size: int = 100_000_000
    # Of requests with many pings: lines of one, and bytes, packed and unpacked; how long its lines may wait for us, a
    # little longer than Kafka has to confirm those before them; lines of all that Kafka has not reported on, and bytes
    # of their bodies: half of what may be in flight is left to single pings.
    bulk_lines: int = 10_000
    bulk_size: int = 32 * 2**20
    bulk_wait: float = 9.0
    bulk_in_flight: int = 2_500
    bulk_held: int = 32 * 2**20


LIMITS = Limits()


class End(Enum):
    """How the reading of a body ended."""

    COMPLETE = "complete"
    CUT = "cut"  # everything that is kept is here, but the client would send on: answer and close
    SLOW = "slow"
    GONE = "gone"
    OVERLOAD = "overload"
    SHARE = "share"  # its project has more unfinished bodies than it may have


class Bodies:
    """Reads bodies, `keep` bytes of each. `shares`: the memory that unfinished ones use, by whose they are."""

    def __init__(self, keep: int, limits: Limits) -> None:
        self._keep = keep
        self._limits = limits
        self.shares = Shares(limits.held, limits.held_of_one)

    async def read(self, receive: Receive, whose: Callable[[], str]) -> tuple[bytes, End]:
        """The kept prefix of a body. It is worth something after COMPLETE and CUT only.

        whose: the project that a body is for, or nobody's; asked only when it does not come in one piece.
        """
        kept = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_time):
                end = await self._read(receive, kept, whose)
        except TimeoutError:
            end = End.CUT if len(kept) >= self._keep else End.SLOW
        return bytes(kept), end

    async def _read(self, receive: Receive, kept: bytearray, whose: Callable[[], str]) -> End:
        size = held = 0
        owner: str | None = None
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return End.GONE
                part = message.get("body", b"")
                size += len(part)
                if len(kept) < self._keep:
                    kept += part[: self._keep - len(kept)]
                if not message.get("more_body", False):
                    return End.COMPLETE
                if size > self._limits.body_size:
                    return End.CUT
                if owner is None:
                    owner = whose()
                self.shares.take(owner, len(kept) - held)
                held = len(kept)
                fit = self.shares.fit(owner)
                if fit is not Fit.YES:
                    return End.SHARE if fit is Fit.TOO_MUCH_OF_ONE else End.OVERLOAD
        finally:
            if owner is not None:
                self.shares.take(owner, -held)


def has_body(headers: Headers) -> bool:
    """Whether a body comes, whatever the verb; without one `receive` need not be called."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


class Origin(NamedTuple):
    """Where a ping comes from, as it is recorded."""

    scheme: str
    method: str
    remote_addr: str
    ua: str


class Events:
    """Makes the events of pings. `trusted`: networks of the proxies whose `X-Forwarded-*` headers are believed."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._forwarded = Forwarded(trusted)

    def client(self, scope: Scope) -> str:
        """The address of whoever sent a request."""
        peer = scope["client"][0] if scope.get("client") else ""
        return self._forwarded.client(peer, scope["headers"])

    def origin(self, scope: Scope, headers: Headers) -> Origin:
        """Where a request comes from, as its pings tell it."""
        client = scope.get("client")
        peer = client[0] if client else ""
        scheme = scope.get("scheme", "http")
        if b"x-forwarded-for" in headers or b"x-forwarded-proto" in headers:
            scheme = self._forwarded.scheme(scheme, peer, scope["headers"])
            peer = self._forwarded.client(peer, scope["headers"])
        agent = headers.get(b"user-agent", b"").decode(errors="replace")[:UA_LENGTH]
        return Origin(scheme, scope["method"], peer, agent)

    def encode(self, target: PingTarget, at: Micros, by: int, origin: Origin, body: bytes) -> bytes:
        """The event of a ping, as it stands in Kafka."""
        event = Ping(
            kind=target.kind,
            at=at,
            exitstatus=target.exitstatus,
            rid=target.rid,
            scheme=origin.scheme,
            method=origin.method,
            remote_addr=origin.remote_addr,
            ua=origin.ua,
            by=by,
        )
        return encode(event) if not body else _encode_with_body(event, body)


def _encode_with_body(event: Ping, body: bytes) -> bytes:
    fields: dict[str, Any] = {name: getattr(event, name) for name in event.__struct_fields__}
    try:
        # A character that straddles the cut makes the whole prefix bytes: nothing that was sent is altered.
        value = encode(Ping(**fields | {"body": body.decode()}))
    except UnicodeDecodeError:
        value = b""
    return value if 0 < len(value) <= _LARGE else encode(Ping(**fields | {"body_base64": body}))
