"""Reads the response to one HTTP request, only as far as needed, with limits on everything that a server could abuse:

size of the head, size and number of pieces of the body, decompressed size. The time limit is the caller's.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from ingest.prober.probes.http_framing import Framing
from ingest.prober.probes.http_head import HEAD_READ, Head, parse_head
from ingest.prober.probes.outcome import ProbeFailed
from ingest.prober.probes.page import BODY_READ, Page
from schemas.probes import Failure

# What a body of 1 MB may take on the wire, and in how many pieces it may come: each costs a call.
_WIRE_READ = 2 * BODY_READ
_PIECES = 50_000
# A body that comes slowly is looked at so often, and between looks at a large one others have their turn.
_LOOK_SECONDS = 0.02
_NEVER_HAVE_BODIES = (101, 204, 304)
_IN_HEAD = "in the head of the answer"


class HttpResponse(NamedTuple):
    """page: the body, as far as it was read; None when nobody needs it. fault: what is wrong with the body.

    What is in the page counts all the same, unless `declared`: its length was said.
    """

    head: Head
    page: Page | None = None
    fault: ProbeFailed | None = None
    declared: bool = False


class Exchange(asyncio.Protocol):
    """Reads one answer. `page_of`: what takes the body of an answer with that head; None: it is not to be read.

    A body is read until it ends, or is as long as we read, or nothing that comes could change what is known of it. One
    that says its length is read to that, so that what is cut off is seen.
    """

    def __init__(self, page_of: Callable[[Head], Page | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[HttpResponse] = self._loop.create_future()
        self.first_byte: int | None = None
        self._page_of = page_of
        self._begun = bytearray()
        self._hints = 0
        self.head: Head | None = None
        self._framing: Framing | None = None
        self.page: Page | None = None
        self._read = 0
        self._looking: asyncio.Handle | None = None

    def data_received(self, data: bytes) -> None:
        if self.first_byte is None:
            self.first_byte = time.perf_counter_ns()
        if self.answer.done():
            return
        try:
            if self.head is None:
                self._read_head(data)
            else:
                self._read_body(data)
        except ProbeFailed as failed:
            self._fail(failed.failure, failed.detail)

    def connection_lost(self, exc: Exception | None) -> None:
        framing = self._framing
        if self.head is None:
            if exc is None:
                self._take_ended_head()
            self._fail("closed", "without an answer" if self.first_byte is None else _IN_HEAD)
        elif framing is not None:
            missing = framing.cut_off or ("the connection was reset" if exc is not None else "")
            if missing:
                self._finish("closed", f"in the body of the answer: {missing}")
            else:
                self._finish()

    def _read_head(self, data: bytes) -> None:
        seen = len(self._begun)
        self._begun += data
        while (head := parse_head(self._begun, seen)) is not None:
            if head.status >= 200 or head.status == 101:
                break
            # 100 Continue, 103 Early Hints: the answer is still to come.
            self._hints += head.size
            seen = 0
            del self._begun[: head.size]
        if self._hints + (len(self._begun) if head is None else head.size) > HEAD_READ:
            raise ProbeFailed("protocol", "the head of the answer is too long")
        if head is None:
            return
        rest = bytes(self._begun[head.size :])
        self._begun.clear()
        self.head, self.page = head, self._page_of(head)
        if self.page is None or head.status in _NEVER_HAVE_BODIES:
            self._finish()
            return
        self._framing = Framing(head)
        self._read_body(rest)

    def _take_ended_head(self) -> None:
        """The connection has ended in the head: its whole lines count, as with curl, and no body has come."""
        lines = bytes(self._begun[: self._begun.rfind(b"\n") + 1])
        try:
            head = parse_head(lines + b"\r\n") if lines.strip() else None
        except ProbeFailed as failed:
            self._fail(failed.failure, failed.detail)
            return
        if head is not None and head.status >= 200:
            self.head, self.page = head, self._page_of(head)
            self._finish("closed", _IN_HEAD)

    def _read_body(self, data: bytes) -> None:
        framing, page = self._framing, self.page
        assert framing is not None
        assert page is not None
        self._read += len(data)
        page.feed(framing.take(data))
        if framing.ended:
            self._finish()
        elif page.is_full:
            self._finish(is_whole=False)
        elif framing.broken:
            self._finish("protocol", framing.broken)
        elif framing.pieces > _PIECES:
            self._finish("protocol", "the body of the answer comes in too many pieces")
        elif self._read > _WIRE_READ:
            self._finish("protocol", "the body of the answer is too long")
        elif self._looking is None and not framing.declared:
            self._looking = self._loop.call_later(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Whether what came is enough; a part of it at a time."""
        self._looking = None
        if self.answer.done() or self.page is None:
            return
        more = self.page.look()
        if self.page.found or self.page.is_full:
            self._finish(is_whole=False)
        elif more:
            self._looking = self._loop.call_later(0, self._look)

    def _finish(self, failure: Failure = "", detail: str = "", is_whole: bool = True) -> None:
        """The answer is there, as far as it will be; with a failure, its body is not as it should be."""
        self._rest()
        if self.answer.done() or self.head is None:
            return
        if self.page is not None:
            self.page.is_whole = is_whole and not failure
        fault = ProbeFailed(failure, detail) if failure else None
        declared = self._framing is not None and self._framing.declared
        self.answer.set_result(HttpResponse(self.head, self.page, fault, declared))

    def _fail(self, failure: Failure, detail: str) -> None:
        self._rest()
        if not self.answer.done():
            self.answer.set_exception(ProbeFailed(failure, detail))

    def _rest(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
