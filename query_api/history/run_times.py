"""How long the runs of checks took, in any parts of any time, by the time of their end.

By hours and days of roll-ups: each hour counts, whole, in the part in which it begins; the first part also has the hour
in which that begins. Runs that came in after `counted_until` may not be counted yet. When the last roll-up is long ago,
such as while rows of before are rolled up for the first time, ClickHouse counts the rows: as right, and slower.

Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.clickhouse.run_times import run_hours
from infra.clock import SYSTEM_CLOCK, Clock
from query_api.history.rolled_to import RolledTo
from query_api.history.time_parts import DAY, HOUR, Parts
from schemas.base import SECOND, Micros
from schemas.times import to_day

# When the last roll-up is longer ago than this, rows are counted.
_FRESH_WITHIN = 7_200
# Of more checks some are asked for at a time: a question has a greatest length.
_CHECKS_AT_ONCE = 2_500
# Bucket b is from 1.04^(b-1), exclusive, to 1.04^b microseconds.
_STEP = 1.04
_SHARES = (50, 95, 99)

_ROLLED_UP = """
SELECT check_id, begin, runs, took, longest, buckets, times FROM run_times FINAL
PREWHERE check_id IN {{checks:Array(String)}}
    AND begin >= toDateTime({{first:UInt32}}, 'UTC') AND begin < toDateTime({{end:UInt32}}, 'UTC')
    AND (length = 86400 AND toDate(begin) NOT IN {cut} OR length = 3600 AND toDate(begin) IN {cut})
"""
_FROM_ROWS = run_hours(
    "check_id IN {checks:Array(String)} AND at >= toDateTime({first:UInt32}, 'UTC') "
    "AND at < toDateTime({end:UInt32}, 'UTC')"
)
_PARTS = """
SELECT check_id, roundDown(toUnixTimestamp(begin), {{starts:Array(UInt32)}}) AS part,
       sum(runs), sum(took), max(longest), (sumMap(buckets, times) AS spread).1, spread.2
FROM ({source})
GROUP BY check_id, part
"""


class RunTimes(NamedTuple):
    """Of the runs whose duration is known: how many, how long they took in all and the longest of them, microseconds,
    and of that, to a fiftieth, the median, the 95th and the 99th percentile; none without any."""

    runs: int = 0
    took: Micros = 0
    longest: Micros = 0
    percentiles: tuple[float, ...] = ()


class CheckRunTimes(NamedTuple):
    """parts: of each check one for each part of the time. counted_until: all runs that were inserted before are
    counted."""

    parts: dict[str, list[RunTimes]]
    counted_until: Micros


class _Row(NamedTuple):
    check: str
    start: int
    runs: int
    took: Micros
    longest: Micros
    buckets: list[int]
    times: list[int]


class RunTimesHistory:
    def __init__(self, clickhouse: ClickHouse, clock: Clock = SYSTEM_CLOCK) -> None:
        self._plain_rows, self._clock = clickhouse.plain_rows, clock
        self._rolled_to = RolledTo(clickhouse, "run_times")

    async def read(self, checks: Sequence[str], borders: Sequence[Micros]) -> CheckRunTimes:
        """The parts of time between these borders, two or more in order."""
        now, rolled_to = int(self._clock.real() // SECOND), await self._rolled_to.known()
        from_rows = now - rolled_to > _FRESH_WITHIN
        starts = [_hour(borders[0]), *(_hour(border + HOUR - 1) for border in borders[1:-1])]
        # ClickHouse takes a small number for no time at all; in the first day of 1970 nothing ran.
        end = _hour(borders[-1] + HOUR - 1)
        asked: dict[str, Any] = {"starts": starts, "first": max(starts[0], 86_400), "end": end}
        cut = Parts([start * SECOND for start in (*starts, end)]).cut_days
        dates = "(" + ", ".join(f"'{to_day(day * DAY)}'" for day in cut or [0]) + ")"
        question = _PARTS.format(source=_FROM_ROWS if from_rows else _ROLLED_UP.format(cut=dates))
        # Of parts after which the same hour begins, it is in the last.
        places = {start: number for number, start in enumerate(starts)}
        found = {check: [RunTimes()] * len(starts) for check in checks}
        for begin in range(0, len(checks), _CHECKS_AT_ONCE):
            some = {"checks": list(checks[begin : begin + _CHECKS_AT_ONCE])}
            for row in await self._plain_rows(question, _Row, asked | some):
                spread = percentiles(row.buckets, row.times)
                found[row.check][places[row.start]] = RunTimes(row.runs, row.took, row.longest, spread)
        return CheckRunTimes(found, (now if from_rows else rolled_to) * SECOND)


def _hour(at: Micros) -> int:
    """The hour that a moment is in, in seconds."""
    return at // HOUR * HOUR // SECOND


def percentiles(buckets: Sequence[int], times: Sequence[int]) -> tuple[float, ...]:
    """In the middle, by ratio, of the bucket that the run of each share is in; none without any."""
    reached = list(accumulate(times))
    if not reached or not reached[-1]:
        return ()
    ranks = (-(-share * reached[-1] // 100) for share in _SHARES)
    return tuple(_STEP ** (buckets[bisect_left(reached, rank)] - 0.5) for rank in ranks)
