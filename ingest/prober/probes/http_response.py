"""Reads the response to one HTTP request, only as far as needed, with limits on everything that a server could abuse:

size of the head, size and number of pieces of the body, decompressed size. The time limit is the caller's.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import httptools

from ingest.prober.probes.outcome import ProbeFailed
from schemas.probes import Failure

BODY_READ = 1_000_000
_HEAD_READ = 64 * 1024
# What a body of 1 MB may take on the wire, and in how many pieces it may come: each costs a call.
_WIRE_READ = 2 * BODY_READ
_PIECES = 50_000


class HttpResponse(NamedTuple):
    """`body`: what was read of it, unpacked; empty when nobody needs it."""

    status: int
    location: bytes
    body: bytes
    version: str = "1.1"


class Exchange(asyncio.Protocol):
    """Reads one answer. `needs_body`: whether the body of an answer with that status and Location is to be read."""

    def __init__(self, needs_body: Callable[[int, bytes], bool]) -> None:
        self.answer: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        self.first_byte: int | None = None
        self._needs_body = needs_body
        self._parser: Any = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._read = self._pieces = 0
        self._in_head = True
        self._status = 0
        self._version = "1.1"

    def data_received(self, data: bytes) -> None:
        if self.first_byte is None:
            self.first_byte = time.perf_counter_ns()
        if self.answer.done():
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish()
        except httptools.HttpParserError as error:
            self._fail("protocol", str(error).lower())
        if self._read > (_HEAD_READ if self._in_head else _WIRE_READ):
            self._fail("protocol", f"the {'head' if self._in_head else 'body'} of the answer is too long")

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser = None  # they refer to each other: without this only the garbage collector could free them
        ends_the_body = not self._headers.keys() & {b"content-length", b"transfer-encoding"}
        if self._in_head:
            self._fail("closed", "without an answer" if self.first_byte is None else "in the head of the answer")
        elif exc is None and ends_the_body:
            self._finish()
        else:
            self._fail("closed", "in the body of the answer")

    # What the parser tells.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else it stands behind the body
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._status = status = self._parser.get_status_code()
        if status < 200 and status != 101:  # 100 Continue, 103 Early Hints: the answer is still to come
            self._headers.clear()
            return
        self._in_head = False
        self._version = self._parser.get_http_version()
        if not self._needs_body(status, self._headers.get(b"location", b"")):
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._pieces += 1
        self._body += body[: BODY_READ - len(self._body)]
        if len(self._body) >= BODY_READ:
            self._finish()
        elif self._pieces > _PIECES:
            self._fail("protocol", "the body of the answer comes in too many pieces")

    def on_message_complete(self) -> None:
        if not self._in_head:
            self._finish()

    def _finish(self) -> None:
        if not self.answer.done():
            body = unpacked(bytes(self._body), self._headers.get(b"content-encoding", b"").decode("latin-1"))
            location = self._headers.get(b"location", b"")
            self.answer.set_result(HttpResponse(self._status, location, body, self._version))

    def _fail(self, failure: Failure, detail: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(ProbeFailed(failure, detail))


def unpacked(body: bytes, encoding: str) -> bytes:
    """At most `BODY_READ` bytes of a body that was packed although we asked for none; as it is if it cannot be."""
    ways = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}.get(encoding.strip().lower(), ())
    for window in ways if body else ():
        try:
            return zlib.decompressobj(window).decompress(body, BODY_READ)
        except zlib.error:
            continue
    return body
