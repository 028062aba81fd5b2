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
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.clickhouse.uptime_days import result_days, signal_days
from infra.clock import SYSTEM_CLOCK, Clock
from infra.log.group_progress import GroupProgress
from query_api.history.behind import is_written
from query_api.history.few_uptimes import FewRow, dates, question, sorted_out
from query_api.history.rolled_rows import RolledRows
from query_api.history.rolled_to import RolledTo
from query_api.history.run_times import RunTimesHistory
from query_api.history.time_parts import Parts
from query_api.history.uptime import Span
from query_api.history.uptime_sums import AllDays, Day, Month, Part, Piece, Sums, put_together
from schemas.base import SECOND, Micros
from schemas.transitions import VisibleStatus

# When the last roll-up is longer ago than this, rows are counted.
_FRESH_WITHIN = 7_200
# Of more things or days some are asked for at a time: a question has a greatest length, and an answer a greatest size.
_THINGS_AT_ONCE, _DAYS_AT_ONCE = 2_500, 100
# So many are asked for by one question.
_FEW = 20

_LISTS = ("totals", "goods", "ups", "downs", "not_observed")


def _sums(lists: Iterable[str]) -> str:
    """The sums of the slices of lists, by place."""
    return ", ".join(
        f"sumForEach(arrayMap(slice -> arraySum(arraySlice({name}, slice.1, slice.2)), slices))" for name in lists
    )


# FINAL drops copies.
_MONTHS = f"""
SELECT thing, {{place}} AS place, {_sums(_LISTS)}
FROM (
    SELECT thing, totals, goods, ups, downs, not_observed, indexOf({{months}}, toUInt32(month)) AS number,
           {{slices}}[number] AS slices
    FROM uptime_months FINAL PREWHERE thing IN {{{{things:Array(String)}}}} AND month IN {{dates}}
)
GROUP BY thing, place
"""

_DAYS = f"""
SELECT thing, number, {_sums(("totals", "goods"))}, groupArrayArray(pieces)
FROM (
    SELECT thing, totals, goods, pieces, indexOf({{days}}, toUInt32(day)) AS number, {{slices}}[number] AS slices
    FROM ({{source}})
)
GROUP BY thing, number
SETTINGS output_format_json_named_tuples_as_objects = 0
"""
_ROLLED_UP = """
SELECT day, thing, totals, goods, pieces FROM uptime_days FINAL
PREWHERE day IN {dates} AND thing IN {{things:Array(String)}}
"""
_SPANS_ROLLED_UP = f"{_ROLLED_UP} AND source = 'spans'"
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
WHERE inserted_at >= toDateTime({rolled_to:UInt32}, 'UTC') AND thing IN {things:Array(String)} AND at > since
  AND at > fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND since < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
"""

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
        self._rolled_rows = RolledRows(clickhouse)
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
        marks = [await mark.known() for mark in (self._spans, self._results, self._signals)]
        spans, results, signals = marks
        counted_to = min(results, signals)
        from_rows = now - counted_to > _FRESH_WITHIN
        parts = Parts(borders)
        found: dict[str, list[Part]] = {}
        for begin in range(0, len(things), _THINGS_AT_ONCE):
            some = things[begin : begin + _THINGS_AT_ONCE]
            if from_rows:
                found |= await self._count(some, parts, current, spans)
            else:
                found |= await self._read(some, parts, current, tuple(marks))
        return Uptimes(found, (now if from_rows else counted_to) * SECOND)

    async def _read(
        self, things: Sequence[str], parts: Parts, current: Mapping[str, Span], marks: tuple[int, ...]
    ) -> dict[str, list[Part]]:
        """From roll-ups."""
        if len(things) <= _FEW:
            asked = {"things": list(things)} | _since(marks[0], parts)
            new, months, days = sorted_out(await self._plain_rows(question(parts), FewRow, asked), parts)
        else:
            new, months, days = await asyncio.gather(
                self._new_spans(things, parts, marks[0]),
                self._months(things, parts, marks),
                self._days(things, parts, marks),
            )
        return await self._put_together(things, parts, current, new, months, days)

    async def _count(
        self, things: Sequence[str], parts: Parts, current: Mapping[str, Span], rolled_to: int
    ) -> dict[str, list[Part]]:
        """From rows; but spans that are rolled up from there."""
        new, days = await asyncio.gather(self._new_spans(things, parts, rolled_to), self._days(things, parts, None))
        return await self._put_together(things, parts, current, new, [], days)

    async def _put_together(
        self,
        things: Sequence[str],
        parts: Parts,
        current: Mapping[str, Span],
        new: Mapping[str, list[Piece]],
        months: list[Month],
        days: list[Day],
    ) -> dict[str, list[Part]]:
        anew: list[AllDays] = []
        if new:
            range_ = {"first": parts.all_days[0], "last": parts.all_days[-1]}
            anew = await self._plain_rows(_ALL_DAYS, AllDays, {"things": list(new)} | range_)
        sums = Sums(parts, things)
        # In a thread: of many things or days it takes long enough to hold up others.
        return await asyncio.to_thread(put_together, sums, months, days, anew, new, current)

    async def _new_spans(self, things: Sequence[str], parts: Parts, rolled_to: int) -> dict[str, list[Piece]]:
        asked = {"things": list(things)} | _since(rolled_to, parts)
        found: dict[str, list[Piece]] = defaultdict(list)
        for thing, n, begin, end, state in await self._plain_rows(_NEW_SPANS, _NewSpan, asked):
            found[thing].append(Piece(n, begin, end, state))
        return found

    async def _months(self, things: Sequence[str], parts: Parts, marks: tuple[int, ...]) -> list[Month]:
        if not (months := parts.months):
            return []
        question = _MONTHS.format(
            months=list(months), slices=[[at[:2] for at in some] for some in months.values()],
            dates=dates(months), place="1" if parts.is_one else "number",
        )  # fmt: skip
        return await self._rolled_rows.plain_rows(question, Month, things, marks)

    async def _days(self, things: Sequence[str], parts: Parts, marks: tuple[int, ...] | None) -> list[Day]:
        """Days that are cut, or without `marks` all days, counted from rows."""
        days = parts.all_days if marks is None else parts.cut_days
        found: list[Day] = []
        for begin in range(0, len(days), _DAYS_AT_ONCE):
            some = list(days[begin : begin + _DAYS_AT_ONCE])
            slices = [[at[:2] for at in parts.quarters(day)] for day in some]
            source = (_FROM_ROWS if marks is None else _ROLLED_UP).format(dates=dates(some))
            question = _DAYS.format(days=some, slices=slices, source=source)
            if marks is None:
                rows = await self._plain_rows(question, Day, {"things": list(things)})
            else:
                rows = await self._rolled_rows.plain_rows(question, Day, things, marks)
            found += [row._replace(place=some[row.place - 1]) for row in rows]
        return found


def _since(rolled_to: int, parts: Parts) -> dict[str, int]:
    """Parameters of a question for spans that may not be rolled up."""
    # ClickHouse takes a small number for no time at all.
    return {"rolled_to": max(rolled_to, 86_400), "start": parts.start, "end": parts.end}
