"""A connection of the TLS port until its handshake is done; then HTTP/2 or HTTP/1.1 has it, as ALPN says.

It counts as a connection of its peer from the first moment: whoever opens many and says nothing is limited as on the
plain port, and a handshake that takes longer than a head may is cut off. Whoever speaks plain HTTP here is told so.

The event loop reads what a client says first before it can be told to use TLS; so those bytes are passed on to TLS.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import structlog
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from infra.http_server.bounds import NO_HANDSHAKE, Refusal
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.peers import Peer
from infra.http_server.tls import ServerCertificates

log = structlog.get_logger(__name__)

_SHUTDOWN_SECONDS = 2.0
_HANDSHAKE = 0x16  # the first byte of TLS
_PLAIN = NO_HANDSHAKE.saying("plain HTTP was seen on a port that speaks TLS; use https://")


class TlsGate(asyncio.Protocol):
    """successor: makes the protocol of a connection whose client has chosen one (`h2`, `http/1.1` or nothing)."""

    def __init__(
        self,
        server_state: ServerState,
        limiter: ConnectionLimiter,
        certificate: ServerCertificates,
        successor: Callable[[str | None], asyncio.Protocol],
    ) -> None:
        self.peer: Peer | None = None
        self.stalled: float | None = None
        self.unread = 0
        self._plain: asyncio.Transport | None = None
        self._state, self._limiter, self._certificate = server_state, limiter, certificate
        self._successor = successor
        self._since = limiter.now
        self._came = bytearray()  # before TLS reads, and with the end of the handshake
        self._has_begun = self._is_lost = False

    @property
    def transport(self) -> asyncio.Transport:
        """Of the connection."""
        assert self._plain is not None
        return self._plain

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._plain = transport
        client = get_remote_addr(transport)
        if self._limiter.enter(self, client[0] if client else "") is None:
            self._state.connections.add(self)  # type: ignore[arg-type]
        else:
            self._has_begun = True
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._came += data
        if self._has_begun:
            return
        self._has_begun = True
        if data[0] != _HANDSHAKE:
            self._limiter.count(_PLAIN)
            self.transport.write(_PLAIN.answer)
            self.transport.close()
            return
        task = asyncio.get_running_loop().create_task(self._shake_hands())
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def _shake_hands(self) -> None:
        loop = asyncio.get_running_loop()
        beginning = loop.create_task(
            loop.start_tls(
                self.transport,
                self,
                self._certificate.context,
                server_side=True,
                ssl_handshake_timeout=self._limiter.bounds.head_time,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        )
        try:
            await asyncio.sleep(0)  # from now on TLS has the connection; it does not read yet
            self._pass_on()
            secured = await beginning
        except (Exception, asyncio.CancelledError) as error:  # of TLS, of the socket, too late, or the server stops
            beginning.cancel()
            log.debug("tls.handshake_failed", why=str(error))
            self._limiter.count(NO_HANDSHAKE)
            self._leave()
            self.transport.abort()
            return
        self._leave()
        if secured is None or self._is_lost:
            return
        found = secured.get_extra_info("ssl_object")
        protocol = self._successor(found.selected_alpn_protocol() if found else None)
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        if self._came:
            protocol.data_received(bytes(self._came))

    def _pass_on(self) -> None:
        """Give TLS what came before it was there."""
        tls, came = cast(asyncio.BufferedProtocol, self.transport.get_protocol()), bytes(self._came)
        self._came.clear()
        while came:
            room = memoryview(tls.get_buffer(len(came)))
            size = min(len(room), len(came))
            room[:size] = came[:size]
            tls.buffer_updated(size)
            came = came[size:]

    def _leave(self) -> None:
        self._limiter.leave(self)
        self._state.connections.discard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._leave()

    def shutdown(self) -> None:
        """The server stops: nothing was asked for yet."""
        self.transport.abort()

    def give_way(self, _refusal: Refusal) -> bool:
        """Closed to make room for others; no request has begun."""
        self.transport.abort()
        return False

    def look(self) -> None:
        """Close it when nothing has come; the handshake has a time of its own."""
        if not self._has_begun and self._limiter.now - self._since > self._limiter.bounds.head_time:
            self.transport.close()
        elif self.transport.is_closing() and self._limiter.now - self._since > 2 * self._limiter.bounds.head_time:
            self.transport.abort()
