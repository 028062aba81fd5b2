"""Serve an ASGI application over HTTP/1.1 and HTTP/2, plain and over TLS, until told to stop."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from socket import socket
from typing import Any, Protocol, cast

import uvicorn

from infra.http_server.bounds import STOPPED
from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.http2_connection import Http2Connection
from infra.http_server.metrics import ConnectionMetrics
from infra.http_server.tls import Tls
from infra.http_server.tls_gate import TlsGate
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent, vital

GRACE_SECONDS = 2
_LOOK_SECONDS = 0.5
# Connections that the kernel takes ahead of us. All of them may come between two looks at how many there are.
BACKLOG = 4_096


class Ending:
    """Answers 503 what is cut off when the server stops: an application that is cancelled answers nothing itself."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            try:
                await send({"type": "http.response.start", "status": STOPPED.status, "headers": STOPPED.headers})
                await send({"type": "http.response.body", "body": STOPPED.body if scope["method"] != "HEAD" else b""})
            except RuntimeError:
                return  # an answer had begun: it is cut off, and so is the connection


class LookedAt(Protocol):
    """A connection, as far as this module knows it: of HTTP/1.1, of HTTP/2, or before its TLS handshake is done."""

    transport: asyncio.Transport

    @property
    def stalled(self) -> float | None:
        """Since when the client has not read what it was sent."""

    @property
    def unread(self) -> int:
        """Bytes that are held for such a client."""

    def look(self) -> None:
        """Do what is due."""


class _Server(uvicorn.Server):
    """Speaks TLS, too. Leaves signals to us: the source has to close after the last request, before the end."""

    def __init__(self, config: uvicorn.Config, limiter: ConnectionLimiter, tls: Tls | None) -> None:
        super().__init__(config)
        self._limiter, self._tls = limiter, tls

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self._tls is None:
            return
        gate = partial(TlsGate, self.server_state, self._limiter, self._tls.certificates, self._successor)
        loop = asyncio.get_running_loop()
        for listener in self._tls.listeners:
            self.servers.append(await loop.create_server(gate, sock=listener, backlog=BACKLOG))

    def _successor(self, alpn: str | None) -> asyncio.Protocol:
        protocol = Http2Connection if alpn == "h2" else Connection
        return protocol(self.config, self.server_state, self.lifespan.state, limiter=self._limiter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_server(app: Any, limiter: ConnectionLimiter, tls: Tls | None = None) -> uvicorn.Server:
    """A server whose connections share `limiter`; `keep_looking` has to run beside it."""
    config = uvicorn.Config(
        Ending(app),
        http=cast("type[asyncio.Protocol]", partial(Connection, limiter=limiter)),
        ws="none",
        loop="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # whom to believe is a setting of ours
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return _Server(config, limiter, tls)


async def keep_looking(server: uvicorn.Server, limiter: ConnectionLimiter) -> None:
    """Let every connection do what is due, for ever."""
    loop, metrics = asyncio.get_running_loop(), ConnectionMetrics(limiter)
    before = loop.time()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = loop.time()
        limiter.pass_time(now - before)
        before = now
        connections = [cast(LookedAt, connection) for connection in server.server_state.connections]
        for connection in connections:
            connection.look()
        let_go_of_answers(connections, limiter.bounds.unread)
        metrics.update()


def let_go_of_answers(connections: Iterable[LookedAt], most: int) -> None:
    """Cut off those who do not read what they are sent, for longest first, until no more is held for them."""
    waiting = sorted((one for one in connections if one.unread), key=lambda one: one.stalled or 0.0)
    held = sum(one.unread for one in waiting)
    for one in waiting:
        if held <= most:
            return
        held -= one.unread
        one.transport.abort()


async def serve(
    app: Any, listeners: Sequence[socket], limiter: ConnectionLimiter, stop: Stop, tls: Tls | None = None
) -> None:
    """Serve on `listeners` until `stop` is set; requests under way are answered first, for a moment."""
    server = create_server(app, limiter, tls)

    async def heed() -> None:
        await stop.wait()
        server.should_exit = True

    tasks = [
        vital(heed(), name="stop"),
        persistent(lambda: keep_looking(server, limiter), name="connections"),
    ]
    if tls is not None:
        tasks.append(persistent(tls.certificates.keep_fresh, name="certificates"))
    try:
        await server.serve(sockets=list(listeners))
    finally:
        for listener in tls.listeners if tls is not None else ():
            listener.close()
        for task in tasks:
            task.cancel()
