"""An application behind HTTP/2 that only reads bodies, and bounds that nobody runs into by waiting."""

import asyncio
from typing import Any

from infra.http_server.bounds import BOUNDS

PATIENT = BOUNDS._replace(
    head_time=600.0, body_time=600.0, idle_time=600.0, answer_time=600.0, linger=600.0, half_closed=600.0
)
LARGE = b"x" * 2**22


class App:
    """Answers the body, or what the path asks for; `/wait` when `go` is set. seen: the scopes."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.bodies: list[bytes] = []
        self.go = False
        self.waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        body = b""
        while scope["path"] != "/early":
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message["body"]
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        if scope["path"] == "/wait":
            self.waiting += 1
            while not self.go:
                await asyncio.sleep(0.01)
        if scope["path"] == "/defect":
            raise RuntimeError("a defect")
        body = LARGE if scope["path"] == "/large" else body
        headers = [(b"content-length", b"%d" % len(body))]
        if scope["http_version"] == "2":
            headers.append((b"connection", b"close"))  # which is of HTTP/1.1, and left out
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
