"""The figures of a report, from what history and the states say. Pure.

What is not told by history any more, or not yet, is told by nobody: nothing is made up for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from query_api.history.reports import Counted, Span3, StateTime, Took
from query_api.history.uptime import UP, Span, format_percent, of_times
from query_api.reports.objects import (
    MOST_LISTED,
    MOST_OUTAGES,
    ReportAway,
    ReportFlapping,
    ReportIncidents,
    ReportSlow,
    ReportThing,
)
from schemas.base import SECOND, Micros
from schemas.times import iso, iso_or_none

_DECIMALS = 3


class Thing(NamedTuple):
    """A monitor or a heartbeat check as it is now. now: the span that is open, None before there is a state."""

    id: str
    name: str
    kind: str
    now: Span | None


class Observed:
    """How long a thing was up, down and not observed; in the span and in the one before."""

    def __init__(self) -> None:
        self.up, self.down, self.unknown = [0, 0], [0, 0], [0, 0]

    def add(self, state: str, spent: Sequence[Micros]) -> None:
        """Add time in a state. States of other names count for nothing."""
        sums = self.up if state in UP else {"down": self.down, "not_observed": self.unknown}.get(state)
        if sums is not None:
            for number, more in enumerate(spent):
                sums[number] += more

    def uptime(self, number: int) -> float | None:
        """0: of the span; 1: of the one before."""
        share = of_times(self.up[number], self.down[number])
        return None if share is None else float(format_percent(share, _DECIMALS))


class Figures(NamedTuple):
    """What history says of the things. responses in milliseconds, runs in seconds, by thing."""

    observed: Mapping[str, Observed]
    counted: Mapping[str, Counted]
    responses: Mapping[str, Took]
    runs: Mapping[str, Took]


def observed_of(things: Iterable[Thing], rows: Iterable[StateTime], span: Span3) -> dict[str, Observed]:
    """The times of each thing: closed spans from history, the open one from its state."""
    found = {thing.id: Observed() for thing in things}
    for row in rows:
        if row.thing in found:
            found[row.thing].add(row.state, (row.spent, row.before))
    for thing in things:
        if (now := thing.now) is not None:
            spent = max(0, min(now.end, span.end) - max(now.start, span.start))
            before = max(0, min(now.end, span.start) - max(now.start, span.before))
            found[thing.id].add(now.state, (spent, before))
    return found


def together(observed: Iterable[Observed]) -> Observed:
    """All things as one."""
    whole = Observed()
    for one in observed:
        for number in (0, 1):
            whole.up[number] += one.up[number]
            whole.down[number] += one.down[number]
            whole.unknown[number] += one.unknown[number]
    return whole


def rows_of(things: Sequence[Thing], figures: Figures) -> list[ReportThing]:
    """A row for each thing; what was down longest first, then in the order of names."""
    rows = [_row(thing, figures) for thing in things]
    return sorted(rows, key=lambda row: (_worst(row), row.name, row.monitor_id))


def _worst(row: ReportThing) -> tuple[float, float]:
    return (101.0 if row.uptime_percentage is None else row.uptime_percentage, -row.down_seconds)


def _row(thing: Thing, figures: Figures) -> ReportThing:
    observed, counted = figures.observed[thing.id], figures.counted.get(thing.id, _NONE)
    response, run = figures.responses.get(thing.id), figures.runs.get(thing.id)
    return ReportThing(
        monitor_id=thing.id,
        name=thing.name,
        kind=thing.kind,
        uptime_percentage=observed.uptime(0),
        previous_uptime_percentage=observed.uptime(1),
        incidents=counted.number,
        longest_incident_seconds=seconds(counted.longest),
        down_seconds=seconds(counted.down),
        not_observed_seconds=seconds(observed.unknown[0]),
        p50_response_time_ms=response and _milliseconds(response.p50),
        p95_response_time_ms=response and _milliseconds(response.p95),
        p50_run_seconds=run and seconds(run.p50),
        p95_run_seconds=run and seconds(run.p95),
    )


_NONE = Counted("", 0, 0, 0, 0, 0)


def incidents_of(counted: Iterable[Counted]) -> ReportIncidents:
    """The incidents of all things."""
    rows = list(counted)
    return ReportIncidents(
        count=sum(row.number for row in rows),
        longest_seconds=seconds(max((row.longest for row in rows), default=0)),
        total_seconds=seconds(sum(row.down for row in rows)),
        previous_count=sum(row.number_before for row in rows),
        previous_total_seconds=seconds(sum(row.down_before for row in rows)),
    )


def slowest_of(rows: Iterable[ReportThing], runs: bool) -> list[ReportSlow]:
    """The slowest things, by what 95 % of their answers or runs took at most."""
    found = [
        ReportSlow(monitor_id=row.monitor_id, name=row.name, p50=half, p95=most)
        for row in rows
        for half, most in [
            (row.p50_run_seconds, row.p95_run_seconds) if runs else (row.p50_response_time_ms, row.p95_response_time_ms)
        ]
        if half is not None and most is not None
    ]
    return sorted(found, key=lambda one: (-one.p95, one.name, one.monitor_id))[:MOST_LISTED]


def flappiest_of(rows: Iterable[ReportThing]) -> list[ReportFlapping]:
    """What was down more than once, the most often first."""
    often = [row for row in rows if row.incidents > 1]
    often.sort(key=lambda row: (-row.incidents, row.name, row.monitor_id))
    return [
        ReportFlapping(monitor_id=row.monitor_id, name=row.name, incidents=row.incidents) for row in often[:MOST_LISTED]
    ]


class Away(NamedTuple):
    """Spans in which Pingfold itself was away. listed: the longest."""

    seconds: float
    total: int
    listed: list[ReportAway]


def away_of(gaps: Iterable[tuple[Micros, Micros | None]], span: Span3, now: Micros) -> Away:
    """Gaps of any partitions as spans that do not touch each other, cut to the span of the report."""
    joined: list[list[Micros]] = []
    # One that has not ended ends, for now, with what is known.
    last = min(span.end, now)
    for since, until in sorted((since, last if until is None else until) for since, until in gaps):
        begin, end = max(since, span.start), min(until, last)
        if begin >= end:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([begin, end])
    longest = sorted(joined, key=lambda one: (one[0] - one[1], one[0]))[:MOST_OUTAGES]
    listed = [
        ReportAway(start=iso(begin), end=iso_or_none(end), seconds=seconds(end - begin)) for begin, end in longest
    ]
    return Away(seconds(sum(end - begin for begin, end in joined)), len(joined), listed)


def seconds(took: float) -> float:
    """Microseconds as seconds, to the millisecond."""
    return round(took / SECOND, 3)


def _milliseconds(took: float) -> float:
    return round(took / 1_000, 1)
