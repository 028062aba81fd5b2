"""Serve an ASGI application over HTTP/1.1 until told to stop."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from socket import socket
from typing import Any, cast

import uvicorn

from infra.http_server.bounds import STOPPED
from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.metrics import ConnectionMetrics
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent, vital

_GRACE_SECONDS = 2
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


class _Server(uvicorn.Server):
    """Leaves signals to us: the source has to close after the last request, before the process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_server(app: Any, limiter: ConnectionLimiter) -> uvicorn.Server:
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
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return _Server(config)


async def keep_looking(server: uvicorn.Server, limiter: ConnectionLimiter) -> None:
    """Let every connection do what is due, for ever."""
    loop, metrics = asyncio.get_running_loop(), ConnectionMetrics(limiter)
    before = loop.time()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = loop.time()
        limiter.pass_time(now - before)
        before = now
        connections = [cast(Connection, connection) for connection in server.server_state.connections]
        for connection in connections:
            connection.look()
        let_go_of_answers(connections, limiter.bounds.unread)
        metrics.update()


def let_go_of_answers(connections: Iterable[Connection], most: int) -> None:
    """Cut off those who do not read what they are sent, for longest first, until no more is held for them."""
    waiting = sorted((one for one in connections if one.unread), key=lambda one: one.stalled or 0.0)
    held = sum(one.unread for one in waiting)
    for one in waiting:
        if held <= most:
            return
        held -= one.unread
        one.transport.abort()


async def serve(app: Any, listener: socket, limiter: ConnectionLimiter, stop: Stop) -> None:
    """Serve on `listener` until `stop` is set; requests under way are answered first, for a moment."""
    server = create_server(app, limiter)

    async def heed() -> None:
        await stop.wait()
        server.should_exit = True

    tasks = [
        vital(heed(), name="stop"),
        persistent(lambda: keep_looking(server, limiter), name="connections"),
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in tasks:
            task.cancel()
