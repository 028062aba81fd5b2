"""The body of a bulk request: read and decompressed in chunks, with bounds on time and on both sizes."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from infra.http_server.gunzip import Gunzip, NotGzip
from ingest.ping.backlog import Backlog
from ingest.ping.bulk_turns import Turns
from ingest.ping.request import Limits
from ingest.ping.responses import PingResponse, PingResponses, Receive

_COST = 8  # of unpacking a piece


class BulkBody:
    """is_gone: the client has gone away. stopped: why the body was not read to its end.

    `backlog`: is told whose time it is, the client's or ours.
    """

    def __init__(
        self,
        receive: Receive,
        limits: Limits,
        is_packed: bool,
        responses: PingResponses,
        backlog: Backlog,
        turns: Turns,
    ) -> None:
        self._receive, self._limits, self._responses = receive, limits, responses
        self._backlog, self._turns = backlog, turns
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
        most = self._limits.bulk_size
        while not self._is_complete:
            part = await self._next()
            if part is None:
                return
            if self._came > most:  # also of what unpacks to nothing
                self.stopped = self._responses.too_many_bytes
                return
            pieces = iter((part,)) if self._gunzip is None else self._gunzip.unpack(part)
            try:
                while (piece := await self._piece_of(pieces)) is not None:
                    self._unpacked += len(piece)
                    if self._unpacked > most:
                        self.stopped = self._responses.too_many_bytes
                        return
                    yield piece
            except NotGzip:
                self.stopped = self._responses.not_unpacked
                return
        if self._gunzip and self._came and not self._gunzip.is_complete:
            self.stopped = self._responses.not_unpacked

    async def _piece_of(self, pieces: Iterator[bytes]) -> bytes | None:
        if self._gunzip is not None:
            await self._turns.wait(_COST)
        return next(pieces, None)

    async def discard(self) -> None:
        """Read what is left and throw it away, in bounds: a client that still sends does not hear the answer."""
        while not self._is_complete and self._came <= self._limits.body_size and await self._next() is not None:
            pass

    async def _next(self) -> bytes | None:
        """What comes next; None when nothing does."""
        time = asyncio.get_running_loop().time
        began = time()
        self._backlog.wait_for_client()
        try:
            async with asyncio.timeout(max(0.0, self._seconds)):
                message = await self._receive()
        except TimeoutError:
            self._seconds = 0.0
            self.stopped = self.stopped or self._responses.too_slow
            return None
        finally:
            self._backlog.take()
        self._seconds -= time() - began
        if message["type"] != "http.request":
            self.is_gone = True
            return None
        part: bytes = message.get("body", b"")
        self._came += len(part)
        self._is_complete = not message.get("more_body", False)
        return part
