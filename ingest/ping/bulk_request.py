"""One bulk request, from its first line to its response (docs/bulk-pings.md).

- Lines are parsed as the body arrives, and follow the rules of single pings. Memory is bounded: it holds the current
  line, and the lines that Kafka has not acknowledged.
- The response is sent after Kafka's delivery reports for all lines. A line with status 200 or 201 is in the log. A line
  with status 503 may be in the log, as with single pings, and the source reports a gap.
- While lines wait, for room or for the decision on a new check, the time of the source waits too (`backlog`). So no
  deadline is evaluated between the arrival of a line and its record. The wait is bounded; then reading ends.
- If the client disconnects or the process ends, lines that Kafka has acknowledged stay. The client has no response for
  them, and may send them again.
- If Kafka does not acknowledge a line, all further lines are refused at once. If no decision on a new check arrives,
  lines for other new checks are refused. So the total time is bounded.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl

import structlog

from infra.log.sink import Position
from infra.shares import Fit, Shares
from ingest.ping.backlog import Backlog
from ingest.ping.bulk_answer import BulkAnswer
from ingest.ping.bulk_body import BulkBody
from ingest.ping.bulk_lines import BulkPing, Lines, LongLine, read_line
from ingest.ping.bulk_room import BulkRoom
from ingest.ping.bulk_turns import Turns
from ingest.ping.bulk_unknown import Settled, UnknownChecks
from ingest.ping.check_finder import CheckFinder, Look
from ingest.ping.recorder import Handed, Recorder
from ingest.ping.request import Limits, Origin
from ingest.ping.responses import PingResponse, PingResponses, Scope, Send
from ingest.ping.source import Source
from ingest.ping.urls import PingTarget

log = structlog.get_logger(__name__)

# So many lines are looked at together: the new checks among them are asked for at once.
_AT_ONCE = 64
# Bytes that cost as much as a line does otherwise.
_OF_COST = 8_192
# A client that goes away when its lines have waited for so many seconds may have gone because of that.
_PATIENCE = 2.0


class BulkParts(NamedTuple):
    """What all bulk requests of a process share. keep: bytes of a body that are kept."""

    source: Source
    finder: CheckFinder
    recorder: Recorder
    responses: PingResponses
    shares: Shares
    room: BulkRoom
    turns: Turns
    keep: int
    limits: Limits


class _Stop(NamedTuple):
    """Why a line, and those after it, are not read."""

    number: int
    response: PingResponse


class BulkRequest:
    """To be made when the request has begun."""

    def __init__(self, parts: BulkParts, scope: Scope, origin: Origin, backlog: Backlog) -> None:
        self._parts, self._origin, self._backlog = parts, origin, backlog
        self._responses = parts.responses
        said = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self._ping_key, self._create = said.get("ping_key", ""), said.get("create") == "1"
        self._owner = parts.finder.whose(PingTarget("success", ping_key=self._ping_key))
        self._answer = BulkAnswer()
        self._lines = Lines(most=parts.limits.bulk_lines)
        self._held = 0
        self._under_way: set[asyncio.Future[Position]] = set()
        self._is_settled = asyncio.Event()
        self._fits = True  # what it holds has room beside what others hold
        self._is_owed = False  # it has a line of a check that is known: the source's time waits for it
        self._is_refused = False  # Kafka has not confirmed a line
        self._unknown = UnknownChecks(parts.finder, parts.responses, scope, backlog)

    async def answer(self, body: BulkBody, send: Send) -> None:
        """Take what comes, and tell what became of it when all of that is known."""
        try:
            await self._take_in(body)
            if not body.is_gone:
                await self._answer.send(send, self._responses, self._parts.turns, close=body.is_open)
        finally:
            self._parts.shares.take(self._owner, -self._held)

    async def _take_in(self, body: BulkBody) -> None:
        """Read a body to its end, or to where it is not read on, and wait for what becomes of its lines."""
        try:
            await self._read(body)
            if body.is_gone:
                if self._backlog.seconds >= _PATIENCE:
                    self._refuse_unread()
                return
            self._backlog.end()
            if self._under_way:
                self._is_settled.clear()
                await self._is_settled.wait()  # the sink reports on everything, in bounds
            if self._fits:
                await body.discard()
        except Exception:  # a defect of ours is told as what it is for the client: not recorded
            log.exception("bulk.failed")
            self._parts.source.refuse(None, self._parts.source.came(self._backlog))
            at = max(1, self._lines.number)
            self._answer.stop(at + self._answer.tells_of(at), self._responses.unavailable)
        finally:
            self._backlog.end()
            if not body.is_gone:
                for report in list(self._under_way):
                    report.cancel()

    async def _read(self, body: BulkBody) -> None:
        async for piece in body.pieces():
            stop = await self._take(self._lines.cut(piece)) or self._hold()
            if not self._is_owed:
                self._backlog.forgo()
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
        """Count the answer, and the line that has not ended, among the unfinished bodies of its project."""
        shares, held = self._parts.shares, self._lines.held + self._answer.held
        shares.take(self._owner, held - self._held)
        self._held = held
        fit = shares.fit(self._owner) if held else Fit.YES
        if fit is Fit.YES:
            return None
        self._fits = False
        if fit is Fit.FULL:
            self._refuse_unread()
        response = self._responses.too_many_bodies if fit is Fit.TOO_MUCH_OF_ONE else self._responses.unavailable
        return _Stop(self._lines.number + 1, response)

    def _refuse_unread(self) -> None:
        """Lines that are not read may be for any check; where none was known so far, there is no sign of one."""
        if self._is_owed:
            self._parts.source.refuse(None, self._parts.source.came(self._backlog))

    async def _take(self, lines: Iterator[tuple[int, bytes | LongLine]]) -> _Stop | None:
        """Judge lines that came together, and hand over what is to be recorded."""
        look, most = Look(), self._parts.limits.bulk_lines
        while some := list(islice(lines, _AT_ONCE)):
            if self._backlog.seconds > self._parts.limits.bulk_wait:
                self._refuse_unread()
                return _Stop(some[0][0], self._responses.unavailable)
            pings = await self._parse([one for one in some if one[0] <= most])
            self._own(pings)
            made = await self._unknown.make(pings, look)
            for number, ping in pings:
                await self._record(number, ping, look, made.get(number))
        # Blank lines count, or a body of nothing else would be looked through for as long as it is allowed to be.
        return _Stop(self._lines.number, self._responses.too_many_lines) if self._lines.number > most else None

    async def _parse(self, lines: list[tuple[int, bytes | LongLine]]) -> list[tuple[int, BulkPing]]:
        """What lines mean. Of those that mean nothing it is told why; the others keep their places in the answer."""
        await self._parts.turns.wait(sum(1 + len(line) // _OF_COST for _, line in lines))
        pings = list[tuple[int, BulkPing]]()
        for number, line in lines:
            said = None if isinstance(line, LongLine) else read_line(line, self._ping_key, self._create)
            if said is None:
                self._answer.tell(number, self._responses.line_too_long)
            elif isinstance(said, str):
                self._answer.tell(number, self._responses.invalid_line, said)
            else:
                self._answer.expect(number)
                pings.append((number, said))
        return pings

    def _own(self, pings: list[tuple[int, BulkPing]]) -> None:
        """With its first line of a check that is known a request belongs to a project. Before, no time waits for it."""
        if self._is_owed:
            return
        finder = self._parts.finder
        known = next((ping.target for _, ping in pings if finder.find(ping.target)), None)
        if known is None:
            self._backlog.forgo()
            return
        self._is_owed = True
        self._backlog.owe()
        shares, owner = self._parts.shares, finder.whose(known)
        shares.take(self._owner, -self._held)
        shares.take(owner, self._held)
        self._owner = owner

    async def _record(self, number: int, ping: BulkPing, look: Look, settled: Settled | None) -> None:
        """Tell what becomes of a ping, or hand it over: then its report tells. settled: what is known of its check."""
        parts, target, made_at = self._parts, ping.target, None
        found = parts.finder.find(target)
        if settled is None and not found:
            settled = await self._unknown.settle(target, look)
        if isinstance(settled, PingResponse):
            self._tell(number, settled)
            return
        if settled is not None:
            check, made_at = settled
        elif len(found) > 1:
            self._tell(number, self._responses.ambiguous)
            return
        else:
            check = found[0]
        size = len(ping.body)
        if not (parts.room.enter_now(size) or await self._has_room(size)):
            self._tell(number, parts.recorder.refuse(check, made_at, self._backlog))
            return
        handed: Handed | PingResponse = self._responses.unavailable
        try:
            if self._is_refused:
                handed = parts.recorder.refuse(check, made_at, self._backlog)
            else:
                body = ping.body[: parts.keep]
                handed = parts.recorder.hand_over(check, target, made_at, self._origin, body, self._backlog)
        finally:
            if isinstance(handed, PingResponse):
                parts.room.leave(size)
        if isinstance(handed, PingResponse):
            self._tell(number, handed)
            return
        self._backlog.hand_over(handed.number, handed.came)
        self._under_way.add(handed.report)
        handed.report.add_done_callback(partial(self._reported, number, size, handed))

    async def _has_room(self, size: int) -> bool:
        """Wait for room for a ping of `size` bytes, as long as its line may wait, and for our turn; it is taken."""
        room = self._parts.room
        try:
            async with asyncio.timeout(self._parts.limits.bulk_wait - self._backlog.seconds):
                await room.enter(size)
        except TimeoutError:
            return False
        try:
            await self._parts.turns.wait()
        except BaseException:
            room.leave(size)
            raise
        return True

    def _reported(self, number: int, size: int, handed: Handed, report: asyncio.Future[Position]) -> None:
        """Kafka has reported on a line, or nobody waits for that any more."""
        parts = self._parts
        self._under_way.discard(report)
        parts.room.leave(size)
        if report.cancelled():
            parts.recorder.abandoned(handed)
        elif report.exception() is None:
            self._tell(number, parts.recorder.stored(handed, report.result()))
        else:
            self._is_refused = True
            self._tell(number, parts.recorder.failed(handed))
        self._backlog.report(handed.number)  # a gap is told by now
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
