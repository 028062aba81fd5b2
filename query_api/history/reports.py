"""Questions to history for the report of a project: one for each section, whatever the number of its things.

Each fact counts once, though rows stand in history at least once. What is cut to a span of time counts as far as it is
within. Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.log.group_progress import GroupProgress
from query_api.history.behind import is_written
from query_api.history.rolled_to import RolledTo
from query_api.history.uptime import UP
from schemas.base import SECOND, Micros

HOUR, DAY = 3_600, 86_400  # seconds
# Kinds of rows of 0005_uptime_pieces.sql.
_OF_AN_HOUR, _OF_A_DAY = 1, 2
# Of a project that has more things, some are asked for at a time: a question has a greatest length.
_AT_ONCE = 2_500
_MOST_GAPS = 100_000
# Buckets of 0005_uptime_pieces.sql: b is up to _STEP ** b microseconds.
_STEP = 1.04
# Somebody may have acknowledged an incident long before the span of a report.
_SAID_BEFORE: Micros = 400 * DAY * SECOND

# In a part of the year every moment is a positive number of microseconds, so nothing here overflows.
_IN_ALL = """
sum(greatest(0, least(ends, {end:Int64}) - greatest(begins, {start:Int64}))),
sum(greatest(0, least(ends, {start:Int64}) - greatest(begins, {before:Int64})))
"""

_TIMES = f"""
SELECT thing, CAST(state, 'String'), {_IN_ALL}
FROM (
    SELECT thing, state, toUnixTimestamp64Micro(since) AS begins, toUnixTimestamp64Micro(at) AS ends
    FROM spans FINAL
    WHERE thing IN {{things:Array(String)}} AND state IN {(*sorted(UP), "down", "not_observed")} AND at > since
      AND at > fromUnixTimestamp64Micro({{before:Int64}}, 'UTC')
      AND since < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')
)
GROUP BY thing, state
"""

# `until`: of what is still open.
_INCIDENTS = """
SELECT incident, any(incidents.thing) AS thing, toUnixTimestamp64Micro(min(started)) AS begins,
       toUnixTimestamp64Micro(max(resolved)) AS resolved_at, if(resolved_at = 0, {until:Int64}, resolved_at) AS ends,
       max(cause) AS why
FROM incidents
WHERE project = {project:String} AND started < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
GROUP BY incident HAVING ends > {before:Int64}
"""

_COUNTED = f"""
SELECT thing, countIf(ends > {{start:Int64}}), countIf(begins < {{start:Int64}}),
       max(greatest(0, least(ends, {{end:Int64}}) - greatest(begins, {{start:Int64}}))), {_IN_ALL}
FROM ({_INCIDENTS})
GROUP BY thing
"""

_ACKNOWLEDGED = """
SELECT JSONExtractString(
    arrayFirst(change -> JSONExtractString(change, 'field') = 'incident', JSONExtractArrayRaw(changes)), 'new'
)
FROM audit
WHERE project = {project:String} AND action = 'acknowledged'
  AND at >= fromUnixTimestamp64Micro({said_since:Int64}, 'UTC')
"""

_UNACKNOWLEDGED = f"""
SELECT incident, thing, begins, resolved_at, why, count() OVER ()
FROM ({_INCIDENTS})
WHERE ends > {{start:Int64}} AND thing IN {{things:Array(String)}} AND incident NOT IN {{without:Array(String)}}
  AND incident NOT IN ({_ACKNOWLEDGED})
ORDER BY least(ends, {{end:Int64}}) - greatest(begins, {{start:Int64}}) DESC, incident
LIMIT {{limit:UInt32}}
"""

# Of a day or an hour that stands twice the fuller counts, of two as full the one made later.
_RESPONSES = """
SELECT monitor, sumMap(buckets, times) FROM (
    SELECT monitor, figures.buckets AS buckets, figures.times AS times FROM uptime_pieces
    PREWHERE monitor IN {things:Array(String)} AND kind = {kind:UInt8}
        AND at >= {first:UInt32} AND at < {last:UInt32}
    ORDER BY monitor, at, results DESC, made DESC LIMIT 1 BY monitor, at
)
GROUP BY monitor
"""

# Percentiles are the same when some runs stand twice for a while. They are found to 1/256, in bounded memory.
_RUNS = """
SELECT check_id, quantilesBFloat16(0.5, 0.95)(duration)
FROM ping_facts
WHERE check_id IN {things:Array(String)} AND counted AND duration >= 0
  AND at >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
GROUP BY check_id
"""

# The newest word on a gap counts.
_GAPS = """
SELECT DISTINCT toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(over) FROM (
    SELECT part, since, cause, slot, argMax(until, off) AS over FROM gaps
    WHERE part IN {parts:Array(UInt16)} AND since < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
    GROUP BY part, since, cause, slot
)
WHERE over = fromUnixTimestamp64Micro(0, 'UTC') OR over > fromUnixTimestamp64Micro({start:Int64}, 'UTC')
ORDER BY since LIMIT {limit:UInt32}
"""


class Span3(NamedTuple):
    """The span of a report is [start, end), that of the period before it [before, start)."""

    before: Micros
    start: Micros
    end: Micros


class StateTime(NamedTuple):
    """How long a thing was in a state, by spans that are closed: in the span, and in the one before."""

    thing: str
    state: str
    spent: Micros
    before: Micros


class Counted(NamedTuple):
    """Incidents of a thing that were open in the span, and in the one before; how long, and the longest of them."""

    thing: str
    number: int
    number_before: int
    longest: Micros
    down: Micros
    down_before: Micros


class Unacknowledged(NamedTuple):
    """An incident; `resolved` None while it is open."""

    id: str
    thing: str
    started: Micros
    resolved: Micros | None
    cause: str


class Took(NamedTuple):
    """Microseconds within which half, and 95 % of the answers or runs of a thing came."""

    p50: float
    p95: float


class ReportHistory:
    """`facts` tells whether all that the folds said before a moment has been written."""

    def __init__(self, clickhouse: ClickHouse, facts: GroupProgress | None = None) -> None:
        self._rows, self._facts = clickhouse.rows, facts
        self._rolled_to = RolledTo(clickhouse, "probe_results")

    async def is_written(self) -> bool:
        """Whether history holds all that the folds had said before this call; waits for it for a moment."""
        return await is_written(self._facts)

    async def rolled_to(self) -> Micros:
        """All results of probes that were inserted before this time are in the roll-ups."""
        return await self._rolled_to.known() * SECOND

    async def times(self, things: Sequence[str], span: Span3) -> list[StateTime]:
        """How long each thing was up, down and not observed."""
        return [StateTime(*row) async for row in self._of_all(_TIMES, things, span._asdict())]

    async def incidents(self, project: str, span: Span3, until: Micros) -> list[Counted]:
        """The incidents of each thing that had any. until: the end of what is open."""
        asked = span._asdict() | {"project": project, "until": until}
        return [Counted(*row) for row in await self._rows(_COUNTED, asked)]

    async def unacknowledged(
        self, project: str, things: Sequence[str], without: Sequence[str], span: Span3, until: Micros, limit: int
    ) -> tuple[list[Unacknowledged], int]:
        """The longest incidents of the span that nobody has acknowledged, and how many there are. without: incidents
        that are known to be acknowledged."""
        asked = span._asdict() | {
            "project": project, "until": until, "without": list(without), "limit": limit,
            "said_since": max(0, span.start - _SAID_BEFORE),
        }  # fmt: skip
        found: list[Unacknowledged] = []
        total = 0
        for begin in range(0, len(things), _AT_ONCE):
            rows = await self._rows(_UNACKNOWLEDGED, asked | {"things": list(things[begin : begin + _AT_ONCE])})
            found += [Unacknowledged(id, thing, at, over or None, why) for id, thing, at, over, why, _ in rows]
            total += rows[0][-1] if rows else 0

        def lasted(one: Unacknowledged) -> Micros:
            return min(one.resolved or until, span.end) - max(one.started, span.start)

        return sorted(found, key=lambda one: (-lasted(one), one.id))[:limit], total

    async def responses(self, monitors: Sequence[str], span: Span3) -> dict[str, Took]:
        """How fast the targets of monitors answered, by regular results that were well, as far as they are rolled up.
        The span is `rolled_up` to whole days or hours."""
        kind, first, last = rolled_up(span)
        asked = {"kind": kind, "first": first, "last": last}
        rows = self._of_all(_RESPONSES, monitors, asked)
        return {monitor: took async for monitor, (buckets, times) in rows if (took := _took(buckets, times))}

    async def runs(self, checks: Sequence[str], span: Span3) -> dict[str, Took]:
        """How long the runs of checks took that ended in the span."""
        rows = self._of_all(_RUNS, checks, {"start": span.start, "end": span.end})
        return {check: Took(*spread) async for check, spread in rows}

    async def gaps(self, partitions: Sequence[int], span: Span3) -> list[tuple[Micros, Micros | None]]:
        """When pings of some partitions may have been refused or lost; an end of None: it has not ended."""
        asked = {"parts": list(partitions), "start": span.start, "end": span.end, "limit": _MOST_GAPS}
        return [(since, over or None) for since, over in await self._rows(_GAPS, asked)]

    async def _of_all(
        self, question: str, things: Sequence[str], asked: dict[str, Any]
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The rows of a question about things, so many of them at a time."""
        for begin in range(0, len(things), _AT_ONCE):
            for row in await self._rows(question, asked | {"things": list(things[begin : begin + _AT_ONCE])}):
                yield row


def rolled_up(span: Span3) -> tuple[int, int, int]:
    """The kind of the roll-ups that are read for a span, and their first and last moment, seconds.

    Those of whole days, UTC, from two days on: percentiles of a week are hardly others when it begins some hours later.
    Else all hours that the span touches.
    """
    start, end = span.start // SECOND, -(-span.end // SECOND)
    if end - start >= 2 * DAY:
        return _OF_A_DAY, (start + DAY // 2) // DAY * DAY, (end + DAY // 2) // DAY * DAY
    return _OF_AN_HOUR, start // HOUR * HOUR, -(-end // HOUR) * HOUR


def _took(buckets: Sequence[int], times: Sequence[int]) -> Took | None:
    """In the middle, by ratio, of the bucket that the result of each share is in; None without any."""
    reached = list(accumulate(times))
    if not reached or not reached[-1]:
        return None
    ranks = (-(-share * reached[-1] // 100) for share in (50, 95))
    half, most = (_STEP ** (buckets[bisect_left(reached, rank)] - 0.5) for rank in ranks)
    return Took(half, most)
