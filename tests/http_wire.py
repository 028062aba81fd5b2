"""Connections of the HTTP server without sockets: an application, and a transport that remembers what was written."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.server import ServerState


async def app(scope: Any, receive: Any, send: Any) -> None:
    while scope["path"] != "/early":
        message = await receive()
        if message["type"] != "http.request":
            return
        if not message.get("more_body"):
            break
    assert b"x-forwarded-for" not in dict(scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


CONFIG = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
CONFIG.load()


class Wire:
    """A transport that remembers what was written, who has it, and whether it was closed."""

    def __init__(self, host: str = "192.0.2.7") -> None:
        self.host, self.written, self.closed = host, b"", False
        self.protocol: Any = None  # another that has the connection now

    def get_extra_info(self, name: str, _default: Any = None) -> Any:
        return {"peername": (self.host, 50_000), "sockname": ("127.0.0.1", 8_000)}.get(name)

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    abort = close
    write_eof = pause_reading = resume_reading = lambda _self: None


async def turns(state: ServerState) -> None:
    """Let applications do what they can: each takes a few turns, one after the other."""
    for _ in range(150):
        await asyncio.sleep(0)
        if not state.tasks:
            return
