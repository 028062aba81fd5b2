"""Incidents of monitors: list and read, with the results during one as its timeline.

What is open, the states know; what was, history knows. History may be a moment behind: an incident that the states know
is never missing, and one that they say is over is never shown as open.
"""

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from query_api.dependencies import Dependencies
from query_api.history import audit
from query_api.history.monitors import IncidentRow, Which
from query_api.poppaping.auth import IncidentsReader
from query_api.poppaping.history import answering_history
from query_api.poppaping.incident_object import (
    MOST_SAID,
    TIMELINE,
    IncidentDetails,
    IncidentObject,
    Said,
    acknowledgement_of,
)
from query_api.poppaping.monitor_filters import Kinds, Search, filter_of
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.responses import MOST_PER_PAGE, Page, PerPage, PoppaPingApiError, cut, listed, one, time
from query_api.poppaping.results import history_of, result_object
from query_api.poppaping.service import ServiceDep
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid

router = APIRouter(tags=["incidents"], responses=ERRORS)

# An incident ends with the first of the results that show it; until the last of them has come, it is open and people
# may speak of it. Meanwhile the monitor may be changed, which the audit trail has, too.
_BEHIND: Micros = 86_400 * SECOND
_MOST_ENTRIES = 10 * MOST_SAID


@router.get("/incidents", responses=list_of(IncidentObject, "The incidents that match, newest first.") | errors(400))
async def list_incidents(
    service: ServiceDep,
    key: IncidentsReader,
    status: Annotated[Literal["open", "resolved"] | None, Query(description="Only incidents with this status.")] = None,
    monitor_id: Annotated[str | None, Query(description="Only incidents of this monitor.")] = None,
    kind: Kinds = None,
    search: Search = "",
    page: Page = 1,
    per_page: PerPage = 25,
) -> Response:
    """List the incidents of the monitors of the project, newest first."""
    monitor_id = monitor_id and monitor_id.lower()
    if monitor_id is not None and not is_uuid(monitor_id):
        raise PoppaPingApiError(400, "Field 'monitor_id' must be a UUID.")
    per_page = min(per_page, MOST_PER_PAGE)
    wanted, deps = filter_of(kinds=kind, search=search), service.deps
    among = await wanted.among(deps.directory.monitors_of(key.project), deps.monitor_states)
    monitors = [monitor.id for monitor in among]
    if monitor_id is not None:
        monitors = [id for id in monitors if id == monitor_id]
    opened = _newest_first(_open(deps, monitors))
    if status == "open":
        return listed([_object(service.deps, row) for row in cut(opened, page, per_page)], page, per_page, len(opened))
    which = Which(key.project, monitors, status == "resolved", [row.id for row in opened])
    rows, total = await _merged(deps, which, [] if status else opened, (page - 1) * per_page, per_page)
    return listed([_object(service.deps, row) for row in rows], page, per_page, total)


@router.get("/incidents/{id}", responses=one_of(IncidentDetails, "The incident with its results.") | errors(404))
async def read_incident(service: ServiceDep, key: IncidentsReader, id: str) -> Response:
    """Read one incident, with the results from the first failing one to the one that ended it."""
    history = history_of(service.deps)
    with answering_history():
        if (incident := await _known(service.deps, key.project, id)) is None and is_uuid(id):
            incident = await service.look_again("incident", partial(_written, service.deps, key.project, id))
        if incident is None:
            raise PoppaPingApiError(404, "Incident not found.")
        end = service.deps.clock.now() if incident.resolved is None else incident.resolved
        rows = await history.between(incident.thing, incident.started, end, TIMELINE)
        said = await _said(service.deps, key.project, incident, end)
    incident = _as_the_states_say(service.deps, incident)
    timeline = [result_object(row) for row in rows]
    return one(IncidentDetails(**_fields(service.deps, incident), timeline=timeline, log=said))


async def _written(deps: Dependencies, project: str, id: str) -> IncidentRow | None:
    """The same when history holds all that the folds have said."""
    await history_of(deps).caught_up()
    return await _known(deps, project, id)


async def _known(deps: Dependencies, project: str, id: str) -> IncidentRow | None:
    """The incident with this id of a monitor of the project, by the states or by history."""
    monitors = {monitor.id for monitor in deps.directory.monitors_of(project)}
    incident = next((row for row in _open(deps, monitors) if row.id == id), None)
    incident = incident or await history_of(deps).incident(project, id)
    return None if incident is None or incident.thing not in monitors else incident


async def _said(deps: Dependencies, project: str, incident: IncidentRow, end: Micros) -> list[Said]:
    """Acknowledgements and comments, as the audit trail has them; oldest first."""
    if (trail := deps.audit_history) is None:
        return []
    await trail.caught_up()
    which = audit.Which(project, incident.started, end + _BEHIND, "monitor", incident.thing, limit=_MOST_ENTRIES)
    found: list[Said] = []
    for entry in await trail.entries(which):
        fields = {change.field: change.new for change in entry.changes}
        if entry.action in ("acknowledged", "commented") and fields.get("incident") == incident.id:
            by, comment = str(fields.get("by", "")), str(fields.get("comment", ""))
            found.append(Said(at=time(entry.place.at), action=entry.action, by=by, comment=comment))  # type: ignore[arg-type]
    return found[:MOST_SAID][::-1]


def _open(deps: Dependencies, monitors: Iterable[str]) -> Iterator[IncidentRow]:
    """The incidents that are open by the states."""
    for id in monitors:
        state = deps.monitor_states.state(id)
        if state is not None and state.incident is not None and state.down_since is not None:
            yield IncidentRow(state.incident, id, state.down_since, None, state.cause, state.partial)


async def _merged(
    deps: Dependencies, which: Which, opened: list[IncidentRow], skip: int, limit: int
) -> tuple[list[IncidentRow], int]:
    """One page of what history has and what is open besides, and how many there are."""
    # Of the incidents on the pages before this one, at most all that are open are not history's.
    before = max(0, skip - len(opened))
    history = history_of(deps)
    with answering_history():
        written, total = await asyncio.gather(
            history.incidents(which, before, skip - before + limit), history.incidents_total(which)
        )
    found = _newest_first([*(_as_the_states_say(deps, row) for row in written), *opened])
    return found[skip - before : skip - before + limit], total + len(opened)


def _as_the_states_say(deps: Dependencies, incident: IncidentRow) -> IncidentRow:
    """History learns a moment later that an incident is over: then it ended when what is shown now began."""
    state = deps.monitor_states.state(incident.thing)
    if incident.resolved is not None or state is None or state.incident == incident.id:
        return incident
    return incident._replace(resolved=max(incident.started, state.since))


def _newest_first(incidents: Iterable[IncidentRow]) -> list[IncidentRow]:
    return sorted(incidents, key=lambda incident: (incident.started, incident.id), reverse=True)


def _object(deps: Dependencies, incident: IncidentRow) -> IncidentObject:
    return IncidentObject(**_fields(deps, incident))


def _fields(deps: Dependencies, incident: IncidentRow) -> dict[str, Any]:
    state = deps.monitor_states.state(incident.thing)
    acknowledged = state.acknowledged if state is not None and state.incident == incident.id else None
    return {
        "id": incident.id,
        "monitor_id": incident.thing,
        "started_at": time(incident.started),
        "resolved_at": time(incident.resolved),
        "cause": incident.cause,
        "status": "open" if incident.resolved is None else "resolved",
        "partial": incident.partial,
        "acknowledgement": acknowledgement_of(acknowledged),
    }
