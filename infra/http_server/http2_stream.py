"""One request of an HTTP/2 connection and its answer, as an ASGI application sees them.

The application is called as soon as the head is there. What it sends is queued here and leaves as fast as the client
lets it (`Outlet`, which is the connection). When the client has cancelled, or is gone, `receive` says so and what is
sent is dropped; an application that was called goes on, since a ping whose body was whole is recorded all the same.
"""

import asyncio
import re
from collections import deque
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

# So much of an answer is queued before the application has to wait, and so much progress is a client that reads.
HIGH_WATER = 64 * 2**10
PROGRESS = 16 * 2**10

_NO_BODY = (204, 304)
_IS_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch
_IS_VALUE = re.compile(rb"[\t -~\x80-\xff]*").fullmatch
_ERROR = b"Internal Server Error"
_ERROR_HEADERS = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", str(len(_ERROR)).encode()),
]


class Outlet(Protocol):
    """The connection of a stream."""

    def go_on(self, stream: "Stream") -> None:
        """100: the client may send its body."""

    def start(self, stream: "Stream", status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the head of the answer."""

    def flush(self, stream: "Stream") -> None:
        """Send what is queued, as far as the client takes it."""

    def taken(self, stream: "Stream", size: int) -> None:
        """The application has taken so much of the body; the client may send more."""

    def fail(self, stream: "Stream") -> None:
        """The answer has begun and cannot be brought to an end."""


class Stream:
    """whole: the request is. gone: nobody waits for the answer. started, ended: the application has begun, and ended,
    it. sent: all of it has left. since: the head has come. blocked: since when the client takes nothing."""

    def __init__(self, id: int, scope: dict[str, Any], outlet: Outlet, since: float, expects: bool) -> None:
        self.id, self.scope, self.since = id, scope, since
        self.whole = self.gone = self.started = self.ended = self.sent = False
        self.queue: deque[memoryview] = deque()
        self.unsent = 0
        self.blocked: float | None = None
        self._unsent_when_blocked = 0
        self._outlet, self._expects = outlet, expects
        self._body = bytearray()
        self._length: int | None = None
        self._came, self._left = asyncio.Event(), asyncio.Event()

    # ---- of the connection

    def feed(self, data: bytes) -> None:
        """A part of the body has come."""
        self._body += data
        self._came.set()

    def finish(self) -> None:
        """The request is whole."""
        self.whole = True
        self._came.set()

    def give_up(self) -> None:
        """Nobody waits for the answer any more."""
        self.gone = True
        self.queue.clear()
        self.unsent = 0
        self.blocked = None
        self._came.set()
        self._left.set()

    def left(self, size: int) -> None:
        """So much of what was queued has been sent."""
        self.unsent -= size
        if self.unsent <= HIGH_WATER:
            self._left.set()
        if self.blocked is not None and (not self.unsent or self._unsent_when_blocked - self.unsent >= PROGRESS):
            self.blocked = None

    def block(self, now: float) -> None:
        """The client takes nothing now."""
        if self.blocked is None:
            self.blocked, self._unsent_when_blocked = now, self.unsent

    @property
    def untaken(self) -> int:
        """Bytes of the body that the application has not taken."""
        return len(self._body)

    # ---- of the application

    async def run(self, app: Any) -> None:
        """Call the application, and answer 500 when it does not. A request that was cancelled in the same breath is no
        request."""
        if self.gone:
            return
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:
            log.error("http2.application_failed", exc_info=error)
            await self._fail()
        else:
            if not self.ended and not self.gone:
                log.error("http2.answer_missing", path=self.scope["path"])
                await self._fail()

    async def _fail(self) -> None:
        if self.gone or self.ended:
            return
        if self.started:
            self._outlet.fail(self)
            return
        await self.send({"type": "http.response.start", "status": 500, "headers": _ERROR_HEADERS})
        await self.send({"type": "http.response.body", "body": _ERROR})

    async def receive(self) -> dict[str, Any]:
        """The ASGI callable."""
        if self._expects and not self.gone and not self.started:
            self._expects = False
            self._outlet.go_on(self)
        if not self.gone and not self.ended:
            await self._came.wait()
            self._came.clear()
        if self.gone or self.ended:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        if body:
            self._outlet.taken(self, len(body))
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    async def send(self, message: Any) -> None:
        """The ASGI callable. Waits while much is queued that the client has not taken."""
        if self.unsent > HIGH_WATER and not self.gone:
            self._left.clear()
            await self._left.wait()
        if self.gone:
            return
        if not self.started:
            self._start(message)
        elif self.ended:
            raise RuntimeError(f"unexpected message {message['type']} behind a whole answer")
        else:
            self._add(message)

    def _start(self, message: Any) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"expected http.response.start, not {message['type']}")
        status, headers = message["status"], [(name.lower(), value) for name, value in message.get("headers", [])]
        for name, value in headers:
            if not _IS_NAME(name) or not _IS_VALUE(value):
                raise RuntimeError("invalid header of an answer")
            if name == b"content-length" and self.scope["method"] != "HEAD" and status not in _NO_BODY:
                self._length = int(value)
        self.started = True
        self._outlet.start(self, status, headers)

    def _add(self, message: Any) -> None:
        if message["type"] != "http.response.body":
            raise RuntimeError(f"expected http.response.body, not {message['type']}")
        body = message.get("body", b"") if self.scope["method"] != "HEAD" else b""
        if self._length is not None:
            self._length -= len(body)
            if self._length < 0:
                raise RuntimeError("the answer is longer than its Content-Length")
        if not message.get("more_body", False):
            if self._length:
                raise RuntimeError("the answer is shorter than its Content-Length")
            self.ended = True
        if body:
            self.queue.append(memoryview(body))
            self.unsent += len(body)
        self._outlet.flush(self)
        if self.ended:
            self._came.set()
