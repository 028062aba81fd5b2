"""Computes the report of a project over a span of time: history once for each section, definitions and states as they
are now.

Things that were removed are not in it; nor are those that were made after the span. Raises
`infra.clickhouse.client.ClickHouseUnavailable` when history does not answer.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from infra.log.partitioner import partition_of
from query_api.dependencies import Dependencies
from query_api.history.ports import ReportHistoryReader
from query_api.history.reports import Counted, Span3, StateTime, Took, Unacknowledged
from query_api.history.uptime import Span
from query_api.reports.channels import Reach
from query_api.reports.figures import (
    Figures,
    Thing,
    away_of,
    flappiest_of,
    incidents_of,
    observed_of,
    rows_of,
    slowest_of,
    together,
)
from query_api.reports.objects import (
    MOST_LISTED,
    MOST_THINGS,
    MOST_WITHOUT_CHANNEL,
    ReportNamed,
    ReportObject,
    ReportSpan,
    ReportUnacknowledged,
)
from schemas import check_states, monitor_states
from schemas.base import SECOND, Micros
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.times import iso, iso_or_none

# Results are in the roll-ups within this time after their slot, nearly always.
_USUALLY: Micros = 600 * SECOND


class ReportOf(NamedTuple):
    """What a report is about. span: with the span before, which it is compared with."""

    project: str
    period: Literal["week", "month", "custom"]
    span: Span3
    tz: str


class _Known(NamedTuple):
    """What definitions and states say of the things of a project now. silent: those that would tell nobody.

    acknowledged: open incidents that somebody takes care of. parts: the partitions of the heartbeat checks. name: of
    the project.
    """

    things: list[Thing]
    silent: list[Thing]
    acknowledged: list[str]
    parts: list[int]
    name: str

    def ids(self, heartbeat: bool) -> list[str]:
        return [thing.id for thing in self.things if (thing.kind == "heartbeat") is heartbeat]


class _Told(NamedTuple):
    """What history says."""

    times: list[StateTime]
    counted: list[Counted]
    unacknowledged: tuple[list[Unacknowledged], int]
    responses: dict[str, Took]
    runs: dict[str, Took]
    gaps: list[tuple[Micros, Micros | None]]


async def compute(deps: Dependencies, history: ReportHistoryReader, wanted: ReportOf) -> ReportObject:
    """The report as far as history has it now; `complete` tells whether that is all."""
    now, span = deps.clock.now(), wanted.span
    written = await history.is_written()
    # In threads: of a hundred thousand things it takes a second, in which pings go on.
    known = await asyncio.to_thread(_known, deps, wanted, now)
    told = await _told(history, wanted, known, min(span.end, now))
    has_all = written and await _has_responses(deps, history, span, known)
    return await asyncio.to_thread(_report, wanted, known, told, now, span.end <= now and has_all)


async def _told(history: ReportHistoryReader, wanted: ReportOf, known: _Known, until: Micros) -> _Told:
    span, project = wanted.span, wanted.project
    monitors, checks = known.ids(heartbeat=False), known.ids(heartbeat=True)
    ids = [*monitors, *checks]
    first, second = await asyncio.gather(
        asyncio.gather(
            history.times(ids, span),
            history.incidents(project, span, until),
            history.unacknowledged(project, ids, known.acknowledged, span, until, MOST_LISTED),
        ),
        asyncio.gather(history.responses(monitors, span), history.runs(checks, span), history.gaps(known.parts, span)),
    )
    return _Told(*first, *second)


async def _has_responses(deps: Dependencies, history: ReportHistoryReader, span: Span3, known: _Known) -> bool:
    return not known.ids(heartbeat=False) or await is_rolled_up(deps, history, span.end)


async def is_rolled_up(deps: Dependencies, history: ReportHistoryReader, end: Micros) -> bool:
    """Whether what monitors found up to a time is in the roll-ups; to ask costs little."""
    moved = deps.clock.now() - deps.clock.real()  # roll-ups go by the time of the machine
    return await history.rolled_to() + moved >= end + _USUALLY


def _known(deps: Dependencies, wanted: ReportOf, now: Micros) -> _Known:
    things = list(_things(deps, wanted.project, wanted.span, now))
    silent = _silent(deps, wanted.project)
    parts = {partition_of(one.id.encode(), deps.partitions) for one in things if one.kind == "heartbeat"}
    acknowledged = list(_acknowledged(deps, [thing.id for thing in things]))
    project = deps.directory.projects.get(wanted.project)
    name = "" if project is None else project.name
    return _Known(things, [thing for thing in things if thing.id in silent], acknowledged, sorted(parts), name)


def _report(wanted: ReportOf, known: _Known, told: _Told, now: Micros, complete: bool) -> ReportObject:
    span, things, silent = wanted.span, known.things, known.silent
    observed = observed_of(things, told.times, span)
    counted = {one.thing: one for one in told.counted if one.thing in observed}
    rows = rows_of(things, Figures(observed, counted, told.responses, told.runs))
    whole, away = together(observed.values()), away_of(told.gaps, span, now)
    unacknowledged, unacknowledged_total = told.unacknowledged
    names = {thing.id: thing.name for thing in things}
    return ReportObject(
        period=wanted.period,
        start=iso(span.start),
        end=iso(span.end),
        previous=ReportSpan(start=iso(span.before), end=iso(span.start)),
        timezone=wanted.tz,
        project=known.name,
        complete=complete,
        uptime_percentage=whole.uptime(0),
        previous_uptime_percentage=whole.uptime(1),
        incidents=incidents_of(counted.values()),
        monitors_total=len(rows),
        monitors=rows[:MOST_THINGS],
        slowest=slowest_of(rows, runs=False),
        slowest_runs=slowest_of(rows, runs=True),
        flappiest=flappiest_of(rows),
        unacknowledged_total=unacknowledged_total,
        unacknowledged=[_unacknowledged(one, names) for one in unacknowledged],
        without_channel_total=len(silent),
        without_channel=[ReportNamed(monitor_id=one.id, name=one.name) for one in silent[:MOST_WITHOUT_CHANNEL]],
        away_seconds=away.seconds,
        away_total=away.total,
        away=away.listed,
    )


def _things(deps: Dependencies, project: str, span: Span3, now: Micros) -> Iterator[Thing]:
    for monitor in deps.directory.monitors_of(project):
        if monitor.created < span.end:
            running = deps.monitor_states.state(monitor.id)
            shown = None if running is None else Span(running.since, now, monitor_states.visible_status(running))
            yield Thing(monitor.id, monitor.name, monitor.kind, shown)
    for check in deps.directory.checks_of(project):
        if check.created < span.end:
            state = deps.states.state(check.id)
            shown = None if state is None else Span(state.since, now, check_states.visible_status(state))
            yield Thing(check.id, check.name or check.slug or check.id, "heartbeat", shown)


def _acknowledged(deps: Dependencies, things: Sequence[str]) -> Iterator[str]:
    """The open incidents that somebody takes care of: the audit trail may have it a moment later."""
    for id in things:
        state = deps.monitor_states.state(id) or deps.states.state(id)
        if state is not None and state.incident is not None and state.acknowledged is not None:
            yield state.incident


def _silent(deps: Dependencies, project: str) -> set[str]:
    """The things of which nobody would be told that they are down; those that are paused are not watched."""
    directory = deps.directory
    reach = Reach(directory.channels_of(project), directory.policies_of(project), directory.rotations_of(project))
    things: list[Monitor | Check] = [*directory.monitors_of(project), *directory.checks_of(project)]
    return {thing.id for thing in things if not _is_paused(deps, thing) and not reach.tells(thing.id, thing.channels)}


def _is_paused(deps: Dependencies, thing: Monitor | Check) -> bool:
    if isinstance(thing, Monitor):
        return thing.paused
    state = deps.states.state(thing.id)
    return state is not None and state.status == "paused"


def _unacknowledged(one: Unacknowledged, names: dict[str, str]) -> ReportUnacknowledged:
    return ReportUnacknowledged(
        id=one.id,
        monitor_id=one.thing,
        name=names.get(one.thing, ""),
        started_at=iso(one.started),
        resolved_at=iso_or_none(one.resolved),
        cause=one.cause,
    )
