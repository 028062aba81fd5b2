"""Questions to history: pings, bodies, flips and spans of one check, each fact counted once.

ClickHouse holds rows at least once and a little late. Every read here drops copies, and lists of pings wait until the
newest ping that the caller's state knows is in; they end in `Behind` when it does not come, because serials could only
be wrong then. Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.log.group_progress import GroupProgress
from query_api.history.behind import WAIT_SECONDS, Behind, is_written, must_be_written
from query_api.history.uptime import Span
from schemas.base import Micros
from schemas.check_states import Status
from schemas.transitions import Reason, VisibleStatus

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.1
# A page has so many rows more than are wanted, for copies and pings that did not count.
_COPIES = 20

_Row = tuple[Any, ...]


PingKind = Literal["success", "start", "fail", "log", "ign"]


class PingRow(NamedTuple):
    """A ping as history knows it. `at`, `kind`: as it counted. `exitstatus`, `duration`: None when there is none."""

    n: int
    at: Micros
    kind: PingKind
    duration: Micros | None
    exitstatus: int | None
    rid: str | None
    scheme: str
    method: str
    remote_addr: str
    ua: str
    body_size: int


class Transition(NamedTuple):
    """A change of the shown status, newest knowledge of history: `was` ended at `at`, it began at `since`."""

    n: int
    at: Micros
    since: Micros
    was: VisibleStatus
    now: VisibleStatus
    reason: Reason
    detected_at: Micros
    id: str
    incident: str | None
    detail: str


class Flip(NamedTuple):
    """A change of the stored status."""

    at: Micros
    was: Status
    now: Status
    reason: Reason


# What is shown as late or not observed is stored as up.
_STORED: dict[VisibleStatus, Status] = {
    "new": "new", "up": "up", "late": "up", "not_observed": "up", "down": "down", "paused": "paused",
}  # fmt: skip

# A plain LIMIT stops reading early, which LIMIT BY and FINAL do not: copies are dropped here, page by page.
_PAGE = """
SELECT off, part, at, CAST(kind, 'String'), exitstatus, rid, scheme, method, remote_addr, ua, body_size
FROM pings
WHERE check_id = {check:String} AND off <= {newest:Int64}
ORDER BY off DESC
LIMIT {size:UInt32}
"""

_FACTS = """
SELECT off, part, at, CAST(kind, 'String'), duration, counted
FROM ping_facts
WHERE check_id = {check:String} AND off BETWEEN {oldest:Int64} AND {newest:Int64}
"""

_BODY = """
SELECT body FROM pings WHERE check_id = {check:String} AND off = {off:Int64} AND part = {part:UInt16} LIMIT 1
"""

_TRANSITION = "SELECT n, at, since, state, became, reason, detected_at, transition, incident, detail FROM spans"
_STARTS = """
SELECT off, part, substring(body, 1, {size:UInt32}) AS start FROM pings
WHERE check_id = {check:String} AND off BETWEEN {oldest:Int64} AND {newest:Int64} AND body_size > 0
"""

_START, _END = (f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')" for name in ("start", "end"))
_IN_ORDER = "ORDER BY n DESC LIMIT 1 BY n"

# A flip happened within [start, end); a span overlaps it.
_CHANGES = f"{_TRANSITION} WHERE thing = {{thing:String}} AND at >= {_START} AND at < {_END} {_IN_ORDER}"
_SPANS = f"{_TRANSITION} WHERE thing = {{thing:String}} AND at > {_START} AND since < {_END} {_IN_ORDER}"

FOREVER: Micros = 4_102_444_800_000_000  # 2100-01-01, the last time that history holds


class History:
    """`facts` tells whether all that the fold said before a moment has been written; without it a ping just counted may
    stand there for a moment without its duration. `pings` tells the same of pings; it is asked only where pings expire:
    one that was written and is not there has expired, and with it all before it."""

    def __init__(
        self, clickhouse: ClickHouse, facts: GroupProgress | None = None, pings: GroupProgress | None = None
    ) -> None:
        self._rows = clickhouse.rows
        self._facts, self._pings = facts, pings

    async def pings(self, check_id: str, last: int, total: int, limit: int) -> list[PingRow]:
        """The newest `limit` pings, newest first. `last`, `total`: `offset` and `pings` of the check's state.

        Serials count back from `total`. Raises `Behind` when the ping at `last` is not in within 1.5 s.
        """
        counted = await self._counted(check_id, last, min(limit, total))
        return [_ping(total - age, row, fact) for age, (row, fact) in enumerate(counted)]

    async def body(self, check_id: str, n: int, last: int, total: int) -> bytes | None:
        """The body of the ping with serial `n`, None when there is no such ping or it has none. Raises `Behind`."""
        if not 1 <= n <= total:
            return None
        counted = await self._counted(check_id, last, total - n + 1)
        if len(counted) < total - n + 1:
            return None
        off, part = counted[-1][0][:2]
        found = await self._rows(_BODY, {"check": check_id, "off": off, "part": part}, raw=["body"])
        return found[0][0] or None if found else None

    async def log(
        self, check_id: str, last: int, total: int, skip: int, limit: int, size: int
    ) -> tuple[list[PingRow], dict[int, bytes]]:
        """`limit` pings after the newest `skip`, as `pings` has them, and how their bodies begin, at most `size` bytes
        of each, by serial. Raises `Behind`."""
        counted = (await self._counted(check_id, last, min(skip + limit, total)))[skip:]
        serials = {row[:2]: total - skip - age for age, (row, _) in enumerate(counted)}
        pings = [_ping(serials[row[:2]], row, fact) for row, fact in counted]
        if not any(ping.body_size for ping in pings):
            return pings, {}
        asked = {"check": check_id, "oldest": counted[-1][0][0], "newest": counted[0][0][0], "size": size}
        rows = await self._rows(_STARTS, asked, raw=["start"])
        return pings, {serials[off, part]: bytes(start) for off, part, start in rows if (off, part) in serials}

    async def transitions(self, thing: str, start: Micros = 0, end: Micros = FOREVER) -> list[Transition]:
        """Every change of the shown status within [start, end), newest first."""
        rows = await self._rows(_CHANGES, {"thing": thing, "start": start, "end": end})
        return [_transition(row) for row in rows]

    async def flips(self, check_id: str, start: Micros = 0, end: Micros = FOREVER) -> list[Flip]:
        """Changes of the stored status within [start, end), newest first: the flips of the Management API.

        Late, not observed and maintenance come and go without a flip, and the removal of the check is none.
        """
        return flips_of(await self.transitions(check_id, start, end))

    async def spans(
        self, thing: str, start: Micros, end: Micros, current: VisibleStatus | None = None, since: Micros = 0
    ) -> list[Span]:
        """The spans that overlap [start, end), oldest first, uncut.

        History knows closed spans only; the caller's state knows the `current` one, open `since`: it is put at the end.
        """
        closed = await self._rows(_SPANS, {"thing": thing, "start": start, "end": end})
        spans = [Span(row.since, row.at, row.was) for row in map(_transition, reversed(closed))]
        if current is not None and since < end:
            spans.append(Span(since, end, current))
        return spans

    async def _counted(self, check_id: str, last: int, wanted: int) -> list[tuple[_Row, _Row | None]]:
        """The newest pings that counted, each with its fact: from the one at `last` back. Raises `Behind`."""
        counted: dict[tuple[int, int], tuple[_Row, _Row | None]] = {}
        if wanted <= 0 or last < 0:
            return []
        size, newest = wanted + _COPIES, last
        page = await self._when_in(last, {"check": check_id, "newest": newest, "size": size})
        while page:
            oldest = page[-1][0]
            told = await self._rows(_FACTS, {"check": check_id, "oldest": oldest, "newest": newest})
            facts = {fact[:2]: fact for fact in told}
            for row in page:
                fact = facts.get(row[:2])
                if fact is None or fact[-1]:  # counted
                    counted.setdefault(row[:2], (row, fact))
            if len(counted) >= wanted or len(page) < size:
                return list(counted.values())[:wanted]
            # The page was full of copies and of what did not count: from its last row on once more, with a larger one.
            size, newest = 2 * size, oldest
            page = await self._rows(_PAGE, {"check": check_id, "newest": newest, "size": size})
        return list(counted.values())[:wanted]

    async def _when_in(self, last: int, asked: dict[str, Any]) -> list[_Row]:
        """The first page, asked for again until it begins with the ping at offset `last`; empty if that has expired."""
        deadline = time.monotonic() + WAIT_SECONDS
        pause = _FIRST_PAUSE
        while True:
            page = await self._rows(_PAGE, asked)
            if page and page[0][0] == last:
                # Facts and pings of a partition have the same number.
                left, part = max(0.0, deadline - time.monotonic()), page[0][1]
                await must_be_written(self._facts, left, part)
                return page
            if time.monotonic() + pause > deadline:
                if self._pings is not None and await is_written(self._pings):
                    return []
                raise Behind
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def flips_of(changes: Sequence[Transition]) -> list[Flip]:
    """The changes of the stored status among those of the shown one; both newest first."""
    flips, stored = list[Flip](), None
    for change in reversed(changes):
        # Maintenance shows nothing of what is stored: that is what it was before, until something else is shown.
        was = stored or _STORED.get(change.was) or ("up" if change.was == "maintenance" else None)
        now = was if change.now == "maintenance" else _STORED.get(change.now)
        if was is not None and now is not None and was != now:
            flips.append(Flip(change.at, was, now, change.reason))
        stored = now
    return flips[::-1]


def _ping(n: int, row: _Row, fact: _Row | None) -> PingRow:
    _, _, at, kind, exitstatus, rid, *request = row
    duration: Micros | None = None
    if fact is not None:
        _, _, at, told_kind, lasted, _ = fact
        kind = told_kind or kind
        duration = lasted if lasted >= 0 else None
    return PingRow(n, at, kind, duration, exitstatus if exitstatus >= 0 else None, rid or None, *request)


def _transition(row: _Row) -> Transition:
    n, at, since, was, now, reason, detected_at, id, incident, detail = row
    return Transition(n, at, since, was, now, reason, detected_at, id, incident or None, detail)
