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
from query_api.history.reports import Span3, Unacknowledged
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


async def compute(deps: Dependencies, history: ReportHistoryReader, wanted: ReportOf) -> ReportObject:
    """The report as far as history has it now; `complete` tells whether that is all."""
    now, span = deps.clock.now(), wanted.span
    moved = now - deps.clock.real()  # roll-ups go by the time of the machine
    until = min(span.end, now)
    written = await history.is_written()
    things = list(_things(deps, wanted.project, span, now))
    checks = [thing.id for thing in things if thing.kind == "heartbeat"]
    monitors = [thing.id for thing in things if thing.kind != "heartbeat"]
    ids = [*monitors, *checks]
    parts = sorted({partition_of(id.encode(), deps.partitions) for id in checks})
    acknowledged = list(_acknowledged(deps, ids))
    (times, counted, unacknowledged), (responses, runs, gaps) = await asyncio.gather(
        asyncio.gather(
            history.times(ids, span),
            history.incidents(wanted.project, span, until),
            history.unacknowledged(wanted.project, ids, acknowledged, span, until, MOST_LISTED),
        ),
        asyncio.gather(history.responses(monitors, span), history.runs(checks, span), history.gaps(parts, span)),
    )
    rolled_to, (listed, unacknowledged_total) = await history.rolled_to(), unacknowledged
    observed = observed_of(things, times, span)
    known = {one.thing: one for one in counted if one.thing in observed}
    rows = rows_of(things, Figures(observed, known, responses, runs))
    whole, away = together(observed.values()), away_of(gaps, span, now)
    nobodys = _silent(deps, wanted.project)
    silent = [thing for thing in things if thing.id in nobodys]
    names = {thing.id: thing.name for thing in things}
    project = deps.directory.projects.get(wanted.project)
    return ReportObject(
        period=wanted.period,
        start=iso(span.start),
        end=iso(span.end),
        previous=ReportSpan(start=iso(span.before), end=iso(span.start)),
        timezone=wanted.tz,
        project=project.name if project is not None else "",
        complete=span.end <= now and written and (not monitors or rolled_to + moved >= span.end + _USUALLY),
        uptime_percentage=whole.uptime(0),
        previous_uptime_percentage=whole.uptime(1),
        incidents=incidents_of(known.values()),
        monitors_total=len(rows),
        monitors=rows[:MOST_THINGS],
        slowest=slowest_of(rows, runs=False),
        slowest_runs=slowest_of(rows, runs=True),
        flappiest=flappiest_of(rows),
        unacknowledged_total=unacknowledged_total,
        unacknowledged=[_unacknowledged(one, names) for one in listed],
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
    reach = Reach(directory.channels_of(project), directory.policies_of(project))
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
