"""What the bounds of the HTTP server cost a usual request: parser, callbacks and answer, without sockets.

Our protocol and uvicorn's own are given the same request, in turn, with an application that only answers; the least of
several rounds counts, in processor time.
"""

import asyncio
import time
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.settings.settings import Settings
from ingest.ping.responses import PingResponses

_REQUESTS, _ROUNDS = 5_000, 12
_REQUEST = (
    b"GET /ping/01234567-89ab-cdef-0123-456789abcdef HTTP/1.1\r\n"
    b"Host: 127.0.0.1:8000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
)


class _Nowhere:
    """A transport that drops what is written."""

    def get_extra_info(self, name: str, _default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8_000)}.get(name)

    def is_closing(self) -> bool:
        return False

    def write(self, _data: bytes) -> None:
        return

    close = pause_reading = resume_reading = lambda _self: None


def cost_of_bounds() -> dict[str, float]:
    """Microseconds of processor time of a request on a connection that is kept: uvicorn's, ours, and the difference."""
    answer = PingResponses(Settings()).ok

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(answer.start)
        await send(answer.body)

    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
    config.load()

    async def micros(ours: bool) -> float:
        state, loop = ServerState(), asyncio.get_running_loop()
        state.default_headers = [(b"date", b"Sat, 28 Nov 2026 00:00:00 GMT")]
        protocol: HttpToolsProtocol
        if ours:
            protocol = Connection(config, state, {}, loop, limiter=ConnectionLimiter())
        else:
            protocol = HttpToolsProtocol(config, state, {}, loop)
        protocol.connection_made(_Nowhere())  # type: ignore[arg-type]
        began = time.process_time()
        for _ in range(_REQUESTS):
            protocol.data_received(_REQUEST)
            await asyncio.sleep(0)  # the application answers
        used = time.process_time() - began
        protocol.connection_lost(None)
        return used / _REQUESTS * 1e6

    async def measure() -> dict[str, float]:
        rounds = [(await micros(False), await micros(True)) for _ in range(_ROUNDS)]
        plain, bounded = (min(column) for column in zip(*rounds, strict=True))
        return {
            "uvicorn_micros": round(plain, 2),
            "ours_micros": round(bounded, 2),
            "more_micros": round(bounded - plain, 2),
        }

    return uvloop.run(measure())
