"""The uptime of many things in any parts of any time, by time and by count.

By time, to the microsecond: what spans that are over say comes from roll-ups of days and months, what was said since
the last roll-up from the spans themselves, the open span of each thing from its state. By count, in quarters of an
hour: each counts, whole, in the part in which it begins; the first part also has the quarter in which that begins.
Results and signals that came after `counted_until` may not be counted yet. When the last roll-up is long ago, such as
while rows of before are rolled up for the first time, ClickHouse counts the rows: as right, and slower.

Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.clickhouse.uptime_days import result_days, signal_days
from infra.clock import SYSTEM_CLOCK, Clock
from infra.log.group_progress import GroupProgress
from query_api.history.behind import is_written
from query_api.history.few_uptimes import FewRow, question, sorted_out
from query_api.history.rolled_days import OF_ALL, OF_THINGS, ROLLED_UP, RolledDays
from query_api.history.rolled_sums import RolledSums
from query_api.history.rolled_to import RolledTo
from query_api.history.run_times import RunTimesHistory
from query_api.history.time_parts import Parts
from query_api.history.uptime import Span
from query_api.history.uptime_sums import AllDays, Part, Piece, Rolled, put_together, rolled_up
from schemas.base import SECOND, Micros
from schemas.transitions import VisibleStatus

# When the last roll-up is longer ago than this, rows are counted.
_FRESH_WITHIN = 7_200
# Of more things some are asked for at a time: a question has a greatest length, and an answer a greatest size.
_THINGS_AT_ONCE = 2_500
# So many are asked for by one question.
_FEW = 20

_SPANS_ROLLED_UP = f"{ROLLED_UP} AND source = 'spans'"
_FROM_ROWS = f"""
{_SPANS_ROLLED_UP}
UNION ALL
SELECT day, thing, totals, goods, [] AS pieces FROM ({
    result_days("monitor IN {{things:Array(String)}} AND toDate(slot) IN {dates}")
})
UNION ALL
SELECT day, thing, totals, goods, [] AS pieces FROM ({
    signal_days("check_id IN {{things:Array(String)}} AND toDate(at) IN {dates}")
})
"""

_NEW_SPANS = """
SELECT thing, n, toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(at), CAST(state, 'String') FROM spans
WHERE inserted_at >= toDateTime({{rolled_to:UInt32}}, 'UTC') AND {which} AND at > since
  AND at > fromUnixTimestamp64Micro({{start:Int64}}, 'UTC') AND since < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')
LIMIT {most}
"""
# What is new is mostly little. To ask for all of it costs a third of what that of a thousand things by their ids costs.
_MOST_NEW, _NO_LIMIT = 5_000, 2**63

# The parts of spans of some things on all days of a span of time.
_ALL_DAYS = """
SELECT thing, pieces FROM uptime_days FINAL
PREWHERE day >= toDate({first:UInt32}) AND day <= toDate({last:UInt32}) AND thing IN {things:Array(String)}
    AND source = 'spans'
SETTINGS output_format_json_named_tuples_as_objects = 0
"""


class Uptimes(NamedTuple):
    """parts: of each thing one for each part of the time. counted_until: all results and signals that were inserted
    before are counted."""

    parts: dict[str, list[Part]]
    counted_until: Micros


# New spans of each thing that has some, and what is rolled up of each.
_Told = tuple[Mapping[str, list[Piece]], Mapping[str, Rolled]]


class _NewSpan(NamedTuple):
    thing: str
    n: int
    since: Micros
    until: Micros
    state: VisibleStatus


class UptimeHistory:
    """`facts` tells whether all that the folds said before a moment has been written. run_times: a further question,
    about checks."""

    def __init__(self, clickhouse: ClickHouse, facts: GroupProgress | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._plain_rows, self._facts, self._clock = clickhouse.plain_rows, facts, clock
        self._rolled, self._days = RolledSums(), RolledDays(clickhouse)
        self.run_times = RunTimesHistory(clickhouse, clock)
        self._spans, self._results, self._signals = (
            RolledTo(clickhouse, source) for source in ("span_days", "result_days", "signal_days")
        )

    async def is_written(self) -> bool:
        """Whether history holds all that the folds had said before this call; waits for it for a moment."""
        return await is_written(self._facts)

    async def read(self, things: Sequence[str], borders: Sequence[Micros], current: Mapping[str, Span]) -> Uptimes:
        """The parts of time between these borders, two or more in order. current: the open span of each thing."""
        now = int(self._clock.real() // SECOND)
        marks = tuple([await mark.known() for mark in (self._spans, self._results, self._signals)])
        counted_to = min(marks[1:])
        from_rows = now - counted_to > _FRESH_WITHIN
        parts = Parts(borders)
        found: dict[str, list[Part]] = {}
        for begin in range(0, len(things), _THINGS_AT_ONCE):
            some = things[begin : begin + _THINGS_AT_ONCE]
            if from_rows:
                new, rolled = await self._count(some, parts, marks[0])
            elif len(some) <= _FEW and now - marks[0] <= _FRESH_WITHIN:
                new, rolled = await self._few(some, parts, marks[0])
            else:
                new, rolled = await self._many(some, parts, marks)
            found |= await self._put_together(parts, rolled, new, current)
        return Uptimes(found, (now if from_rows else counted_to) * SECOND)

    async def _few(self, things: Sequence[str], parts: Parts, rolled_to: int) -> _Told:
        rows = await self._plain_rows(question(parts, rolled_to), FewRow, {"things": list(things)})
        new, months, days = sorted_out(rows, parts)
        return new, rolled_up(parts, things, months, days)

    async def _many(self, things: Sequence[str], parts: Parts, marks: tuple[int, ...]) -> _Told:
        """From roll-ups, those that are kept."""
        if (known := self._rolled.get(things, parts, marks)) is not None:
            return await self._new_spans(things, parts, marks[0]), known
        new, rolled = await asyncio.gather(
            self._new_spans(things, parts, marks[0]), self._days.rolled_up(things, parts, min(marks))
        )
        self._rolled.put(things, parts, marks, rolled)
        return new, rolled

    async def _count(self, things: Sequence[str], parts: Parts, rolled_to: int) -> _Told:
        """From rows; but spans that are rolled up from there."""
        new, days = await asyncio.gather(
            self._new_spans(things, parts, rolled_to),
            self._days.days(things, parts, parts.all_days, _FROM_ROWS, OF_THINGS),
        )
        return new, await asyncio.to_thread(rolled_up, parts, things, [], days)

    async def _put_together(
        self, parts: Parts, rolled: Mapping[str, Rolled], new: Mapping[str, list[Piece]], current: Mapping[str, Span]
    ) -> dict[str, list[Part]]:
        anew: list[AllDays] = []
        if new:
            range_ = {"first": parts.all_days[0], "last": parts.all_days[-1]}
            anew = await self._plain_rows(_ALL_DAYS, AllDays, {"things": list(new)} | range_)
        if len(rolled) * (len(parts.borders) - 1) <= _FEW:
            return put_together(parts, rolled, anew, new, current)
        # In a thread: of many things or parts it takes long enough to hold up others.
        return await asyncio.to_thread(put_together, parts, rolled, anew, new, current)

    async def _new_spans(self, things: Sequence[str], parts: Parts, rolled_to: int) -> dict[str, list[Piece]]:
        # ClickHouse takes a small number for no time at all.
        since = {"rolled_to": max(rolled_to, 86_400), "start": parts.start, "end": parts.end}
        rows: list[_NewSpan] = []
        if of_all := len(things) > _FEW:
            rows = await self._plain_rows(_NEW_SPANS.format(which=OF_ALL, most=_MOST_NEW), _NewSpan, since)
        if not of_all or len(rows) == _MOST_NEW:
            which = _NEW_SPANS.format(which=OF_THINGS, most=_NO_LIMIT)
            rows = await self._plain_rows(which, _NewSpan, {"things": list(things)} | since)
        found: dict[str, list[Piece]] = defaultdict(list)
        asked = set(things)
        for row in rows:
            if row.thing in asked:
                found[row.thing].append(Piece(row.n, row.since, row.until, row.state))
        return found
