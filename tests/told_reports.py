"""What history is asked for reports, counted by hand from the events: one thing after the other, one moment each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from query_api.history.reports import Counted, Span3, StateTime, Took, Unacknowledged
from query_api.history.uptime import Span, time_in_states
from schemas.base import Micros
from schemas.probes import ProbeCompleted
from schemas.topics import Topic
from schemas.transitions import GapSeen, PingFolded, StatusChanged, ThingChanged


class Told(NamedTuple):
    """Events in the order of the log. results: by monitor."""

    changes: Sequence[StatusChanged] = ()
    folded: Sequence[PingFolded] = ()
    gaps: Sequence[GapSeen] = ()
    entries: Sequence[ThingChanged] = ()
    results: Mapping[str, Sequence[ProbeCompleted]] = {}


class _Open(NamedTuple):
    id: str
    thing: str
    started: Micros
    resolved: Micros | None
    cause: str

    def within(self, start: Micros, end: Micros, until: Micros) -> Micros:
        """How long it was open in a span."""
        over = until if self.resolved is None else self.resolved
        return max(0, min(over, end) - max(self.started, start))


class ToldReports:
    """As `query_api.history.reports.ReportHistory`. tell: the events, anew for each question."""

    def __init__(self, tell: Callable[[], Told], now: Callable[[], Micros]) -> None:
        self._tell, self._now = tell, now
        self.written = True

    async def is_written(self) -> bool:
        return self.written

    async def rolled_to(self) -> Micros:
        return self._now()

    async def times(self, things: Sequence[str], span: Span3) -> list[StateTime]:
        found, changes = [], self._changes()
        for thing in things:
            spans = [Span(one.since, one.at, one.was) for one in changes if one.thing == thing]
            now = time_in_states(spans, span.start, span.end)
            before = time_in_states(spans, span.before, span.start)
            found += [StateTime(thing, state, now[state], before[state]) for state in {*now, *before}]
        return found

    async def incidents(self, project: str, span: Span3, until: Micros) -> list[Counted]:
        of_thing: dict[str, list[_Open]] = {}
        for one in self._incidents(project, span.before, span.end, until):
            of_thing.setdefault(one.thing, []).append(one)
        rows = []
        for thing, some in of_thing.items():
            now = [one.within(span.start, span.end, until) for one in some]
            before = [one.within(span.before, span.start, until) for one in some]
            lasting = [one for one in some if (until if one.resolved is None else one.resolved) > span.start]
            earlier = [one for one in some if one.started < span.start]
            rows.append(Counted(thing, len(lasting), len(earlier), max(now), sum(now), sum(before)))
        return rows

    async def unacknowledged(
        self, project: str, things: Sequence[str], without: Sequence[str], span: Span3, until: Micros, limit: int
    ) -> tuple[list[Unacknowledged], int]:
        said = {
            change.new
            for entry in self._tell().entries
            if entry.project == project and entry.action == "acknowledged"
            for change in entry.changes
            if change.field == "incident"
        }
        left = [
            one
            for one in self._incidents(project, span.start, span.end, until)
            if one.thing in things and one.id not in said and one.id not in without
        ]
        left.sort(key=lambda one: (-one.within(span.start, span.end, until), one.id))
        return [Unacknowledged(*one) for one in left[:limit]], len(left)

    async def responses(self, monitors: Sequence[str], span: Span3) -> dict[str, Took]:
        results = self._tell().results
        spread = {}
        for monitor in monitors:
            took = [
                one.took
                for one in results.get(monitor, ())
                if one.ok and not one.confirm and not one.maintenance and span.start <= one.slot < span.end
            ]
            if took:
                spread[monitor] = _spread(took)
        return spread

    async def runs(self, checks: Sequence[str], span: Span3) -> dict[str, Took]:
        spread, folded = {}, self._tell().folded
        for check in checks:
            took = [
                one.duration
                for one in folded
                if one.thing == check and one.counted and one.duration is not None and span.start <= one.at < span.end
            ]
            if took:
                spread[check] = _spread(took)
        return spread

    async def gaps(self, partitions: Sequence[int], span: Span3) -> list[tuple[Micros, Micros | None]]:
        newest: dict[tuple[int, Micros, str, str], Micros | None] = {}
        for gap in self._tell().gaps:
            if gap.partition in partitions:
                newest[gap.partition, gap.start, gap.cause, gap.slot] = gap.end
        found = {(start, end) for (_, start, _, _), end in newest.items()}
        return [(start, end) for start, end in found if start < span.end and (end is None or end > span.start)]

    def _changes(self) -> list[StatusChanged]:
        """Each change once."""
        return list({(one.thing, one.n): one for one in self._tell().changes}.values())

    def _incidents(self, project: str, start: Micros, end: Micros, until: Micros) -> list[_Open]:
        found: dict[str, _Open] = {}
        for one in self._changes():
            if one.project != project or one.incident is None:
                continue
            if one.now == "down":
                found[one.incident] = _Open(one.incident, one.thing, one.at, None, one.detail)
            elif one.was == "down":
                known = found.get(one.incident, _Open(one.incident, one.thing, one.since, None, ""))
                found[one.incident] = known._replace(resolved=one.at)
        return [
            one
            for one in found.values()
            if one.started < end and (until if one.resolved is None else one.resolved) > start
        ]


def _spread(took: Iterable[int]) -> Took:
    times = sorted(took)
    return Took(*(float(times[-(-int(share * 100) * len(times) // 100) - 1]) for share in (0.5, 0.95)))


def told_by(log: Any, transitions: Topic, results: Mapping[str, Sequence[ProbeCompleted]]) -> Told:
    """The events of a log in memory (`tests.memory.Memory`)."""
    of_type: dict[type[msgspec.Struct], list[Any]] = {StatusChanged: [], PingFolded: [], GapSeen: [], ThingChanged: []}
    tags = {str(kind.__struct_config__.tag): kind for kind in of_type}
    for _, value in log.of(transitions):
        if (kind := tags.get(value["type"])) is not None:
            of_type[kind].append(msgspec.convert(value, kind))
    return Told(of_type[StatusChanged], of_type[PingFolded], of_type[GapSeen], of_type[ThingChanged], results)
