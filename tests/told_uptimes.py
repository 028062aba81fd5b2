"""What history is asked for uptimes and run times, counted by hand from the log: each thing, each part by itself."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import ceil

from query_api.history.run_times import CheckRunTimes, RunTimes
from query_api.history.uptime import UP, Span, time_in_states
from query_api.history.uptime_sums import Part
from query_api.history.uptimes import Uptimes
from schemas.base import SECOND, Micros
from tests.told_reports import Told

_QUARTER: Micros = 900 * SECOND
_HOUR: Micros = 3_600 * SECOND


class ToldUptimes:
    """As `query_api.history.uptimes.UptimeHistory`. tell: the events, anew for each question; pings: when pings of a
    check said success or failure, and which."""

    def __init__(
        self, tell: Callable[[], Told], pings: Callable[[str], Iterable[tuple[Micros, bool]]], now: Callable[[], Micros]
    ) -> None:
        self._tell, self._pings, self._now = tell, pings, now
        self.run_times = ToldRunTimes(tell, now)
        self.written = True

    async def is_written(self) -> bool:
        return self.written

    async def read(self, things: Sequence[str], borders: Sequence[Micros], current: Mapping[str, Span]) -> Uptimes:
        told, found = self._tell(), {}
        for thing in things:
            spans = [Span(one.since, one.at, one.was) for one in told.changes if one.thing == thing]
            spans += [current[thing]] if thing in current else []
            results = [one for one in told.results.get(thing, ()) if not one.confirm and not one.maintenance]
            counts = counts_of([*((one.slot, one.ok) for one in results), *self._pings(thing)], borders)
            times = [time_in_states(spans, *part) for part in pairwise(borders)]
            found[thing] = [
                Part(sum(spent[state] for state in UP), spent["down"], spent["not_observed"], *count)
                for spent, count in zip(times, counts, strict=True)
            ]
        return Uptimes(found, self._now())


class ToldRunTimes:
    def __init__(self, tell: Callable[[], Told], now: Callable[[], Micros]) -> None:
        self._tell, self._now = tell, now

    async def read(self, checks: Sequence[str], borders: Sequence[Micros]) -> CheckRunTimes:
        told, found = self._tell(), {}
        for check in checks:
            took: list[list[Micros]] = [[] for _ in borders[1:]]
            for one in told.folded:
                place = place_of(one.at, borders, _HOUR)
                if one.thing == check and one.counted and one.duration is not None and place is not None:
                    took[place].append(one.duration)
            found[check] = [run_times_of(some) for some in took]
        return CheckRunTimes(found, self._now())


def run_times_of(durations: Iterable[Micros]) -> RunTimes:
    """With the exact percentiles."""
    took = sorted(durations)
    if not took:
        return RunTimes()
    spread = tuple(float(took[ceil(share * len(took)) - 1]) for share in (0.5, 0.95, 0.99))
    return RunTimes(len(took), sum(took), took[-1], spread)


def counts_of(judged: Iterable[tuple[Micros, bool]], borders: Sequence[Micros]) -> list[tuple[int, int]]:
    """All, and those that were well, by part: each quarter of an hour in the part in which it begins."""
    sums = [[0, 0] for _ in borders[1:]]
    for at, well in judged:
        if (place := place_of(at, borders, _QUARTER)) is not None:
            sums[place][0] += 1
            sums[place][1] += well
    return [(total, good) for total, good in sums]


def place_of(at: Micros, borders: Sequence[Micros], length: Micros) -> int | None:
    """The part in which the hour, or the quarter of one, begins that a time is in; the first part has the one in which
    it begins."""
    begin = at // length * length
    if begin + length <= borders[0] or begin >= borders[-1]:
        return None
    return max(0, bisect_right(borders, begin) - 1)
