"""The body of a bulk request as it comes: unpacked, in pieces, within bounds of time and size, packed and unpacked."""

import asyncio
import time
from collections.abc import AsyncIterator

from infra.http_server.gunzip import Gunzip, NotGzip
from ingest.ping.request import Limits
from ingest.ping.responses import PingResponse, PingResponses, Receive


class BulkBody:
    """is_gone: the client has gone away. stopped: why the body was not read to its end."""

    def __init__(self, receive: Receive, limits: Limits, is_packed: bool, responses: PingResponses) -> None:
        self._receive, self._limits, self._responses = receive, limits, responses
        self._gunzip = Gunzip() if is_packed else None
        self._seconds = limits.body_time
        self._came = self._unpacked = 0
        self._is_complete = False
        self.is_gone = False
        self.stopped: PingResponse | None = None

    @property
    def is_open(self) -> bool:
        """Whether its end is still to come."""
        return not self._is_complete

    async def pieces(self) -> AsyncIterator[bytes]:
        """Until the end, or until something is wrong with it (`stopped`), or nobody is there (`is_gone`)."""
        while not self._is_complete:
            part = await self._next()
            if part is None:
                return
            try:
                for piece in self._gunzip.unpack(part) if self._gunzip else (part,):
                    self._unpacked += len(piece)
                    if self._unpacked > self._limits.bulk_size:
                        self.stopped = self._responses.too_many_bytes
                        return
                    yield piece
                    if self._gunzip:
                        await asyncio.sleep(0)  # a small body may hold many: others get their turn
            except NotGzip:
                self.stopped = self._responses.not_unpacked
                return
        if self._gunzip and self._came and not self._gunzip.is_complete:
            self.stopped = self._responses.not_unpacked

    async def discard(self) -> None:
        """Read what is left and throw it away, in bounds: a client that still sends does not hear the answer."""
        while not self._is_complete and self._came <= self._limits.body_size and await self._next() is not None:
            pass

    async def _next(self) -> bytes | None:
        """What comes next; None when nothing does."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._seconds)):
                message = await self._receive()
        except TimeoutError:
            self._seconds = 0.0
            self.stopped = self.stopped or self._responses.too_slow
            return None
        self._seconds -= time.monotonic() - began
        if message["type"] != "http.request":
            self.is_gone = True
            return None
        part: bytes = message.get("body", b"")
        self._came += len(part)
        self._is_complete = not message.get("more_body", False)
        return part
