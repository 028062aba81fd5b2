"""Many pings in one request: `POST /ping/bulk`, a JSON object a line (docs/bulk-pings.md).

- The body is read as it comes, packed or not, and each line is judged by itself, by the rules of single pings. Nothing
  of it is kept longer than it takes: a line that has not ended, and what Kafka has not reported on, in bounds.
- The answer comes when Kafka has reported on every line. It tells of each what became of it; a line that is told 200 or
  201 is in the log. A line that is told 503 may be in it, as with single pings, and the source tells of the gap.
- A client that goes away, or a process that ends, loses none of the lines that Kafka had taken; nobody was told of
  them, so they may be sent again.
- When Kafka does not confirm a line, those that are still to come are refused at once: the whole takes a bounded time.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl

import structlog

from infra.http_server.gunzip import CODINGS, PLAIN
from infra.log.sink import Position
from infra.shares import Fit
from ingest.ping.bulk_answer import BulkAnswer
from ingest.ping.bulk_body import BulkBody
from ingest.ping.bulk_lines import BulkPing, Lines, LongLine, read_line
from ingest.ping.bulk_room import BulkRoom
from ingest.ping.check_finder import CheckFinder, Look
from ingest.ping.recorder import Handed, Recorder
from ingest.ping.request import Bodies, Events, Headers, Limits, Origin, has_body
from ingest.ping.responses import PingResponse, PingResponses, Receive, Scope, Send
from ingest.ping.source import Source
from ingest.ping.urls import PingTarget

log = structlog.get_logger(__name__)

# So many lines are judged in one go, before other requests get their turn.
_AT_ONCE = 64


class _Stop(NamedTuple):
    """Why a line, and those after it, are not read."""

    number: int
    response: PingResponse


class BulkPings:
    """Answers bulk requests. `bodies`: holds what is unfinished in bounds, together with the bodies of single pings."""

    def __init__(
        self,
        source: Source,
        finder: CheckFinder,
        recorder: Recorder,
        events: Events,
        responses: PingResponses,
        bodies: Bodies,
        keep: int,
        limits: Limits,
    ) -> None:
        self.source, self.finder, self.recorder, self.responses = source, finder, recorder, responses
        self.shares, self.keep, self.limits = bodies.shares, keep, limits
        self.room = BulkRoom(limits.bulk_in_flight, limits.bulk_held)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to the path of bulk pings, whatever it is."""
        responses, method = self.responses, scope["method"]
        headers: Headers = dict(scope["headers"])
        coding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if method != "POST":
            refused = responses.preflight_to_post if method == "OPTIONS" else responses.post_only
        elif coding in (*CODINGS, *PLAIN):
            request = _BulkRequest(self, scope, self._events.origin(scope, headers))
            body = BulkBody(receive if has_body(headers) else _nothing, self.limits, coding in CODINGS, responses)
            await request.answer(body, send)
            return
        else:
            refused = responses.unknown_coding
        await refused.send(send, method, close=has_body(headers))


async def _nothing() -> dict[str, object]:
    return {"type": "http.request", "body": b""}


class _BulkRequest:
    """One request, from its first line to its answer."""

    def __init__(self, bulk: BulkPings, scope: Scope, origin: Origin) -> None:
        self._bulk, self._scope, self._origin = bulk, scope, origin
        self._responses = bulk.responses
        said = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self._ping_key, self._create = said.get("ping_key", ""), said.get("create") == "1"
        self._owner = bulk.finder.whose(PingTarget("success", ping_key=self._ping_key))
        self._answer = BulkAnswer()
        self._lines = Lines()
        self._held = 0
        self._under_way: set[asyncio.Future[Position]] = set()
        self._is_settled = asyncio.Event()
        self._fits = True  # what it holds has room beside what others hold
        self._is_refused = False  # Kafka has not confirmed a line

    async def answer(self, body: BulkBody, send: Send) -> None:
        """Take what comes, and tell what became of it when all of that is known."""
        try:
            await self._read(body)
            if body.is_gone:
                return
            if self._under_way:
                self._is_settled.clear()
                await self._is_settled.wait()  # the sink reports on everything, in bounds
            if self._fits:
                await body.discard()
        except Exception:  # a defect of ours is told as what it is for the client: not recorded
            log.exception("bulk.failed")
            self._bulk.source.refuse(None)
            at = max(1, self._lines.number)
            self._answer.stop(at + self._answer.tells_of(at), self._responses.unavailable)
        finally:
            self._bulk.shares.take(self._owner, -self._held)
            if not body.is_gone:
                for report in list(self._under_way):
                    report.cancel()
        await self._answer.send(send, self._responses, close=body.is_open)

    async def _read(self, body: BulkBody) -> None:
        async for piece in body.pieces():
            stop = await self._take(self._lines.cut(piece)) or self._hold()
            if stop is not None:
                self._answer.stop(*stop)
                return
        if body.is_gone:
            return
        if body.stopped is None:
            stop = await self._take(self._lines.last())
            if stop is not None:
                self._answer.stop(*stop)
        else:
            self._answer.stop(self._lines.number + 1, body.stopped)

    def _hold(self) -> _Stop | None:
        """Count the line that has not ended among the unfinished bodies of its project."""
        shares, held = self._bulk.shares, self._lines.held
        shares.take(self._owner, held - self._held)
        self._held = held
        fit = shares.fit(self._owner) if held else Fit.YES
        if fit is Fit.YES:
            return None
        self._fits = False
        if fit is Fit.FULL:
            self._bulk.source.refuse(None)
        response = self._responses.too_many_bodies if fit is Fit.TOO_MUCH_OF_ONE else self._responses.unavailable
        return _Stop(self._lines.number + 1, response)

    async def _take(self, lines: Iterator[tuple[int, bytes | LongLine]]) -> _Stop | None:
        """Judge lines that came together, and hand over what is to be recorded."""
        look, most = Look(), self._bulk.limits.bulk_lines
        for turn, (number, line) in enumerate(lines, 1):
            if number > most:
                return _Stop(number, self._responses.too_many_lines)
            if isinstance(line, LongLine):
                self._answer.tell(number, self._responses.line_too_long)
            else:
                said = read_line(line, self._ping_key, self._create)
                if isinstance(said, str):
                    self._answer.tell(number, self._responses.invalid_line, said)
                else:
                    await self._record(number, said, look)
            if turn % _AT_ONCE == 0:
                await asyncio.sleep(0)
        # Blank lines count, or a body of nothing else would be looked through for as long as it is allowed to be.
        return _Stop(self._lines.number, self._responses.too_many_lines) if self._lines.number > most else None

    async def _record(self, number: int, ping: BulkPing, look: Look) -> None:
        """Tell what becomes of a ping, or hand it over: then its report tells."""
        bulk, target, made_at = self._bulk, ping.target, None
        found = bulk.finder.find(target)
        if not found:
            settled = await bulk.finder.unknown(target, self._scope, look)
            if isinstance(settled, PingResponse):
                self._tell(number, settled)
                return
            check, made_at = settled
        elif len(found) > 1:
            self._tell(number, self._responses.ambiguous)
            return
        else:
            check = found[0]
        size = len(ping.body)
        if not bulk.room.enter_now(size):
            await bulk.room.enter(size)
        if self._is_refused:
            bulk.room.leave(size)
            bulk.source.refuse_check(check)
            self._tell(number, self._responses.unavailable)
            return
        handed: Handed | PingResponse = self._responses.unavailable
        try:
            handed = bulk.recorder.hand_over(check, target, made_at, self._origin, ping.body[: bulk.keep])
        finally:
            if isinstance(handed, PingResponse):
                bulk.room.leave(size)
        if isinstance(handed, PingResponse):
            self._tell(number, handed)
            return
        self._answer.expect(number)
        self._under_way.add(handed.report)
        handed.report.add_done_callback(partial(self._reported, number, size, handed))

    def _reported(self, number: int, size: int, handed: Handed, report: asyncio.Future[Position]) -> None:
        """Kafka has reported on a line, or nobody waits for that any more."""
        bulk = self._bulk
        self._under_way.discard(report)
        bulk.room.leave(size)
        if report.cancelled():
            bulk.recorder.abandoned(handed)
        elif report.exception() is None:
            self._tell(number, bulk.recorder.stored(handed, report.result()))
        else:
            self._is_refused = True
            self._tell(number, bulk.recorder.failed(handed))
        if not self._under_way:
            self._is_settled.set()

    def _tell(self, number: int, response: PingResponse) -> None:
        # Of a UUID, single pings of cron jobs are told these as successes; who reads each line is told what it is.
        responses = self._responses
        if response is responses.ok_not_found:
            response = responses.not_found
        elif response is responses.ok_rate_limited:
            response = responses.rate_limited
        self._answer.tell(number, response)
