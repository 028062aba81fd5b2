"""`/monitors/<id>`: a monitor. Its status and the reason, how available it was by day, how fast it answered by phase
and region over a range of time, its certificate and domain, changes with what was sent of them, and its last results.

What stands in replicas is shown in any case; what history does not tell in time is said to be missing.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.history.checks import Transition
from query_api.history.monitors import Observed, ResultRow, View
from query_api.http.route_index import include
from query_api.web.asking import told
from query_api.web.monitors.answers import answers
from query_api.web.monitors.availability import DAYS, Availability, availability
from query_api.web.monitors.monitor_forms import healthy_words
from query_api.web.owned import owned
from query_api.web.page import page
from query_api.web.reader import reader_of
from query_api.web.shown.changes_shown import change_rows, sent_of
from query_api.web.shown.plots import bars
from query_api.web.shown.reasons import acknowledged_words, in_reach, muted_words, status_word
from query_api.web.shown.schedule_words import period_words
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import behind, monitor_thing
from query_api.web.shown.time_range import SPANS, TimeRange, read_range
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.base import SECOND, Micros
from schemas.certificates import days_left
from schemas.duration_words import duration_words
from schemas.monitor_states import MonitorState, Validity
from schemas.monitors import Monitor
from schemas.probe_kinds import FAILURE_WORDS, PROBE_KINDS
from schemas.targets import FAMILY_WORDS

router = APIRouter(include_in_schema=False)

RESULTS, CHANGES = 50, 30
_DAY: Micros = 86_400 * SECOND


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


@router.get("/monitors/{id}", dependencies=[Depends(viewer)])
async def monitor_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """One monitor."""
    monitor = await seen_monitor(deps, who, id)
    times = reader_of(request, deps).times
    wanted = read_range(request.query_params.get("range", ""), times.now, times.zone)
    thing = monitor_thing(deps, monitor)
    state = deps.monitor_states.state(monitor.id)
    known, results, changes = await asyncio.gather(
        _view(deps, monitor, wanted, times),
        _results(deps, monitor, times),
        _changes(deps, monitor, times),
    )
    since = times.now if state is None else state.since
    by_day = None if known is None else availability(known.closed, thing.status, since, times.now)
    channels = [one for each in monitor.channels if (one := deps.directory.channel(each)) is not None]
    return await page(
        "monitor.html",
        deps,
        request=request,
        thing=thing,
        monitor=monitor,
        word=status_word(thing.status),
        reason=thing.reason(times),
        state=state,
        kind=PROBE_KINDS[monitor.kind].title,
        healthy=healthy_words(PROBE_KINDS[monitor.kind]),
        every=period_words(monitor.interval),
        muted=muted_words(monitor.mute_until, times),
        acknowledged="" if state is None else acknowledged_words(state.acknowledged),
        project=deps.directory.projects[monitor.project].name,
        channels=[{"name": one.name or one.kind, "kind": one.kind} for one in channels],
        depends=[{"id": one, "name": _name(deps, who, one)} for one in monitor.depends_on],
        validity=_validity(deps.monitor_states.validity(monitor.id), state, times),
        wanted=wanted,
        ranges=list(SPANS),
        availability=by_day,
        availability_svg=None if by_day is None else _drawn(by_day),
        days=DAYS,
        answers=None if known is None else answers(known.measured.figures, wanted, times),
        percentiles=[] if known is None or not wanted.is_until_now else _percentiles(known.observed),
        results=results,
        behind=behind(deps),
        **changes,
    )


async def seen_monitor(deps: Dependencies, who: Viewer, id: str) -> Monitor:
    """The monitor with this id, if the viewer may see it. Raises `NoPage`."""
    return await owned(deps, who, "monitor", deps.directory.monitor, id)


def _name(deps: Dependencies, who: Viewer, id: str) -> str:
    other = deps.directory.monitor(id)
    return other.name if other is not None and who.may_see(other.project) else ""


async def _view(deps: Dependencies, monitor: Monitor, wanted: TimeRange, times: ShownTimes) -> View | None:
    if deps.monitor_history is None:
        return None
    first = (times.now // _DAY - DAYS + 1) * _DAY
    return await told(deps.monitor_history.view(monitor.id, wanted.start, wanted.end, wanted.by_day, first))


def _drawn(by_day: Availability) -> Any:
    uptime = f"{by_day.uptime} up" if by_day.uptime else "nothing was observed"
    return bars(by_day.bars, f"Availability of the last {DAYS} days: {uptime}")


def _percentiles(observed: Observed) -> list[tuple[str, str]]:
    """How long whole probes took, of those that were well."""
    if observed.percentiles is None:
        return []
    names = ("median", "95th percentile", "99th percentile")
    return [(name, f"{took / 1_000:.0f} ms") for name, took in zip(names, observed.percentiles, strict=True)]


async def _results(deps: Dependencies, monitor: Monitor, times: ShownTimes) -> list[dict[str, Any]] | None:
    if deps.monitor_history is None:
        return None
    rows = await told(deps.monitor_history.results(monitor.id, 0, RESULTS))
    return None if rows is None else result_rows(rows, times)


def result_rows(rows: Sequence[ResultRow], times: ShownTimes) -> list[dict[str, Any]]:
    """Results with their reasons."""
    return [
        {
            "at": times.at(row.at),
            "region": row.region,
            "look": "maintenance" if row.maintenance else "up" if row.ok else "down",
            "word": "well" if row.ok else "failed",
            "status": "" if row.status is None else row.status,
            "took": f"{row.took / 1_000:.0f} ms",
            "address": row.address,
            "confirm": f"confirmation {row.confirm}" if row.confirm else "",
            "why": "" if row.ok else in_reach(why_failed(row), times),
        }
        for row in rows
    ]


def why_failed(row: ResultRow) -> str:
    """Why a result failed, in words."""
    words = FAILURE_WORDS.get(row.failure, "Failed")
    family = f" over {FAMILY_WORDS.get(row.family_down, row.family_down)} only" if row.family_down else ""
    return f"{words}{family}{f': {row.detail}' if row.detail else ''}"


async def _changes(deps: Dependencies, monitor: Monitor, times: ShownTimes) -> dict[str, Any]:
    missing = {"changes": [], "changes_missing": "History does not answer now: changes are missing here."}
    if deps.history is None:
        return missing
    changes: list[Transition] | None = await told(deps.history.transitions(monitor.id, times.now - DAYS * _DAY))
    if changes is None:
        return missing
    changes = changes[:CHANGES]
    sent = await sent_of(deps, monitor, changes, times)
    words = "" if sent is not None else "History does not answer now: what was sent is missing here."
    return {
        "changes": change_rows(changes, f"/monitors/{monitor.id}/why", times, sent or {}),
        "changes_missing": words,
    }


def _validity(validity: Validity | None, state: MonitorState | None, times: ShownTimes) -> list[dict[str, Any]]:
    """Certificate and domain: until when each is valid."""
    found: list[dict[str, Any]] = []
    if validity is not None and validity.certificate is not None:
        one = validity.certificate
        fault = validity.error if validity.found is False else ""
        found.append(_until("Certificate", one.not_after, f"{one.subject}, issued by {one.issuer}", fault, times))
    elif state is not None and state.expires is not None:
        found.append(_until("Certificate", state.expires, "", "", times))
    if validity is not None and validity.domain is not None:
        found.append(_until("Domain", validity.domain.expires, f"by {validity.domain.source}", "", times))
    return found


def _until(what: str, end: Micros, of: str, fault: str, times: ShownTimes) -> dict[str, Any]:
    days = days_left(end, times.now)
    left = "it has expired" if days == 0 else f"{duration_words((end - times.now) / SECOND)} left"
    return {"what": what, "at": times.at(end), "left": left, "of": of, "fault": fault}
