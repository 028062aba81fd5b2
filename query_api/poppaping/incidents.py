"""Incidents of monitors: list and read, with the results during one as its timeline (seed 001)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from infra.clickhouse import Unavailable
from query_api.monitor_history import IncidentRow
from query_api.parts import Parts
from query_api.poppaping.answers import ERRORS, MOST_PER_PAGE, Fault, Page, PerPage, cut, listed, one, time
from query_api.poppaping.auth import IncidentsReader
from query_api.poppaping.desk import TheDesk
from query_api.poppaping.results import history_of, result_object, unavailable
from schemas.ids import is_uuid

_TIMELINE = 500

router = APIRouter(tags=["incidents"], responses=ERRORS)


@router.get("/incidents")
async def list_incidents(
    desk: TheDesk,
    key: IncidentsReader,
    status: Annotated[Literal["open", "resolved"] | None, Query(description="Only these.")] = None,
    monitor_id: Annotated[str | None, Query(description="Only of this monitor.")] = None,
    page: Page = 1,
    per_page: PerPage = 25,
) -> Response:
    """The incidents of the project's monitors, newest first."""
    if monitor_id is not None and not is_uuid(monitor_id):
        raise Fault(400, "Field 'monitor_id' must be a UUID.")
    per_page = min(per_page, MOST_PER_PAGE)
    found = [
        incident
        for incident in await _incidents(desk.parts, key.project)
        if (monitor_id is None or incident.thing == monitor_id)
        and (status is None or (incident.resolved is None) is (status == "open"))
    ]
    return listed([_object(incident) for incident in cut(found, page, per_page)], page, per_page, len(found))


@router.get("/incidents/{id}")
async def read_incident(desk: TheDesk, key: IncidentsReader, id: str) -> Response:
    """One incident, with the results from its first failing one to the one that ended it."""
    incidents = await _incidents(desk.parts, key.project)
    incident = next((incident for incident in incidents if incident.id == id), None)
    if incident is None:
        raise Fault(404, "Incident not found.")
    end = desk.parts.clock.now() if incident.resolved is None else incident.resolved
    try:
        rows = await history_of(desk.parts).between(incident.thing, incident.started, end, _TIMELINE)
    except Unavailable:
        raise unavailable() from None
    return one(_object(incident) | {"timeline": [result_object(row) for row in rows]})


async def _incidents(parts: Parts, project: str) -> list[IncidentRow]:
    """Incidents of the monitors that the project has; those that the states know as open are never missing."""
    monitors = {monitor.id for monitor in parts.directory.monitors_of(project)}
    try:
        written = await history_of(parts).incidents(project)
    except Unavailable:
        raise unavailable() from None
    known = {incident.id: incident for incident in written if incident.thing in monitors}
    for id in monitors:
        state = parts.monitor_states.state(id)
        if state is not None and state.incident is not None and state.down_since is not None:
            known.setdefault(state.incident, IncidentRow(state.incident, id, state.down_since, None, state.cause))
    return sorted(known.values(), key=lambda incident: (incident.started, incident.id), reverse=True)


def _object(incident: IncidentRow) -> dict[str, Any]:
    return {
        "id": incident.id,
        "monitor_id": incident.thing,
        "started_at": time(incident.started),
        "resolved_at": time(incident.resolved),
        "cause": incident.cause,
        "status": "open" if incident.resolved is None else "resolved",
    }
