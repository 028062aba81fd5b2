"""`/downtimes/<id>`: what `details_url` of the updown APIs leads to. For people who are signed in and see its project.

The page tells of an outage of a check or a monitor: from when to when, why, and for monitors the results that decided
it. What is open, history knows a moment later; without history there is no page, and 503 says so.
"""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.history.deciding_results import Deciding, DecidingResult
from query_api.history.monitors import IncidentRow
from query_api.history.ports import MonitorHistoryReader
from query_api.http.route_index import include
from query_api.pages.status_formats import lasted
from query_api.web.asking import told
from query_api.web.page import NoPage, page
from query_api.web.reader import reader_of
from query_api.web.shown.reasons import in_reach
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.viewer import ViewerDep, viewer
from schemas.base import SECOND, Micros
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.tokens import DOWNTIME_LENGTH, incident_prefix

router = APIRouter(include_in_schema=False)

_ID = re.compile(f"[0-9a-f]{{{DOWNTIME_LENGTH}}}")
_RESULTS = 20
_AWAY = "History does not answer now: what it knows of this downtime cannot be shown."
# The results that decide are of this many intervals before, and of a while more where intervals are short.
_INTERVALS = 20
_WHILE: Micros = 120 * SECOND


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


@router.get("/downtimes/{id}", dependencies=[Depends(viewer)])
async def downtime_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """One downtime: when, why, and the results that decided it."""
    incident, deciding = await _known(deps, id) if _ID.fullmatch(id) else (None, Deciding())
    thing = None if incident is None else _thing(deps, incident)
    if incident is None or thing is None or not who.may_see(thing.project):
        raise NoPage("There is no such downtime.")
    times = reader_of(request, deps).times
    ended = incident.resolved
    return await page(
        "downtime.html",
        deps,
        request=request,
        incident=incident.id,
        name=thing.name or (thing.slug if isinstance(thing, Check) else "") or thing.id,
        path=f"/{'monitors' if isinstance(thing, Monitor) else 'checks'}/{thing.id}",
        cause=in_reach(incident.cause, times),
        began=times.at(incident.started),
        ended=times.at(ended),
        lasted="" if ended is None else lasted(ended - incident.started),
        partial=incident.partial,
        down=_rows(deciding.down, times),
        up=_rows(deciding.up, times),
    )


async def _known(deps: Dependencies, id: str) -> tuple[IncidentRow | None, Deciding]:
    """What history knows of it. Raises `NoPage`."""
    history = deps.monitor_history
    if history is None:
        raise NoPage(_AWAY, 503)
    known = await told(_read(deps, history, id))
    if known is None:
        raise NoPage(_AWAY, 503)
    return known


async def _read(deps: Dependencies, history: MonitorHistoryReader, id: str) -> tuple[IncidentRow | None, Deciding]:
    incident = await history.incident_like(incident_prefix(id))
    return incident, Deciding() if incident is None else await _deciding(deps, history, incident)


async def _deciding(deps: Dependencies, history: MonitorHistoryReader, incident: IncidentRow) -> Deciding:
    monitor = deps.directory.monitor(incident.thing)
    if monitor is None:
        return Deciding()
    reach = _INTERVALS * monitor.interval * SECOND + _WHILE
    found = await history.deciding_results.read(monitor.id, [incident.id], reach, _RESULTS)
    return found.get(incident.id, Deciding())


def _thing(deps: Dependencies, incident: IncidentRow) -> Check | Monitor | None:
    return deps.directory.monitor(incident.thing) or deps.directory.check(incident.thing)


def _rows(results: Sequence[DecidingResult], times: ShownTimes) -> list[dict[str, Any]]:
    return [
        {
            "at": times.at(one.at),
            "region": one.region,
            "word": "up" if one.ok else "down",
            "status": "" if one.status is None else one.status,
            "took": f"{one.took / 1_000:g} ms",
            "address": one.address,
        }
        for one in results
    ]
