"""Incidents of monitors and heartbeat checks: list and read, with the results during one as its timeline.

What is open, the states know; what was, history knows. History may be a moment behind: an incident that the states know
is never missing, and one that they say is over is never shown as open.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from query_api.dependencies import Dependencies
from query_api.history import audit
from query_api.history.monitors import IncidentRow, Which
from query_api.incidents import open_incident
from query_api.poppaping.auth import IncidentsReader
from query_api.poppaping.history import answering_history
from query_api.poppaping.incident_lookup import as_the_states_say, find_incident, newest_first, row_of
from query_api.poppaping.incident_object import (
    MOST_SAID,
    TIMELINE,
    IncidentDetails,
    IncidentObject,
    IncidentObjects,
    Said,
)
from query_api.poppaping.incident_things import IncidentSearch, IncidentTypes, Wanted
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
# So many things are looked at in one go, before other requests get their turn.
_AT_ONCE = 256
# So many ids fit into one question to history.
MOST_IDS = 5_000
# And of more things, which are asked for in parts, so many incidents can be listed.
_DEEPEST = 10_000
_SAID = ("acknowledged", "released", "commented")


@router.get("/incidents", responses=list_of(IncidentObject, "The incidents that match, newest first.") | errors(400))
async def list_incidents(
    service: ServiceDep,
    key: IncidentsReader,
    status: Annotated[Literal["open", "resolved"] | None, Query(description="Only incidents with this status.")] = None,
    monitor_id: Annotated[
        str | None, Query(description="Only incidents of this monitor, or of this heartbeat check (Pingfold's own).")
    ] = None,
    types: IncidentTypes = None,
    search: IncidentSearch = "",
    page: Page = 1,
    per_page: PerPage = 25,
) -> Response:
    """List the incidents of the project's monitors, newest first. With `type`, also those of heartbeat checks."""
    monitor_id = monitor_id and monitor_id.lower()
    if monitor_id is not None and not is_uuid(monitor_id):
        raise PoppaPingApiError(400, "Field 'monitor_id' must be a UUID.")
    per_page, deps = min(per_page, MOST_PER_PAGE), service.deps
    things = await Wanted(frozenset(types or ()), search, monitor_id).things(deps, key.project)
    opened = newest_first(await _open(deps, things))
    objects = IncidentObjects(deps, key.project)
    if status == "open":
        return listed([objects.of(row) for row in cut(opened, page, per_page)], page, per_page, len(opened))
    # Those that are open are told by the states, not by history, even if they are not wanted.
    which = Which(key.project, things, status == "resolved", [row.id for row in opened])
    rows, total = await _merged(deps, which, opened, not status, (page - 1) * per_page, per_page)
    return listed([objects.of(row) for row in rows], page, per_page, total)


@router.get("/incidents/{id}", responses=one_of(IncidentDetails, "The incident with its results.") | errors(404))
async def read_incident(request: Request, service: ServiceDep, key: IncidentsReader, id: str) -> Response:
    """Read one incident, with the results from the first failing one to the one that ended it.

    `id`: of the incident, or of the monitor or heartbeat check that is down.
    """
    deps, history = service.deps, history_of(service.deps)
    found = await find_incident(request, deps, key.project, id)
    if found is None:
        raise PoppaPingApiError(404, "Incident not found.")
    incident = found.row
    end = deps.clock.now() if incident.resolved is None else incident.resolved
    with answering_history():
        of_monitor = deps.directory.monitor(incident.thing) is not None
        rows = await history.between(incident.thing, incident.started, end, TIMELINE) if of_monitor else []
        said = await _said(deps, key.project, incident, "monitor" if of_monitor else "check", end)
    objects = IncidentObjects(deps, key.project)
    return one(objects.details(incident, [result_object(row) for row in rows], said))


async def _said(deps: Dependencies, project: str, incident: IncidentRow, kind: str, end: Micros) -> list[Said]:
    """Acknowledgements and comments, as the audit trail has them; oldest first."""
    if (trail := deps.audit_history) is None:
        return []
    await trail.caught_up()
    which = audit.Which(project, incident.started, end + _BEHIND, kind, incident.thing, limit=_MOST_ENTRIES)
    found: list[Said] = []
    for entry in await trail.entries(which):
        fields = {change.field: change.new for change in entry.changes}
        if entry.action in _SAID and fields.get("incident") == incident.id:
            by, comment = str(fields.get("by", "")), str(fields.get("comment", ""))
            found.append(Said(at=time(entry.place.at), action=entry.action, by=by, comment=comment))  # type: ignore[arg-type]
    return found[:MOST_SAID][::-1]


async def _open(deps: Dependencies, things: Sequence[str]) -> list[IncidentRow]:
    """The incidents that are open by the states."""
    found: list[IncidentRow] = []
    for number, thing in enumerate(things, 1):
        if (incident := open_incident(deps, thing)) is not None:
            found.append(row_of(incident))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


async def _merged(
    deps: Dependencies, which: Which, opened: list[IncidentRow], with_opened: bool, skip: int, limit: int
) -> tuple[list[IncidentRow], int]:
    """One page of what history has and, with_opened, of what is open besides; and how many there are."""
    shown = opened if with_opened else []
    # Of the incidents on the pages before this one, at most all that are open are not history's.
    before = max(0, skip - len(shown))
    with answering_history():
        if len(which.things) <= MOST_IDS:
            history = history_of(deps)
            written, total = await asyncio.gather(
                history.incidents(which, before, skip - before + limit), history.incidents_total(which)
            )
        else:
            written, total = await _written_of_many(deps, which, opened, before, skip - before + limit)
    found = newest_first([*(as_the_states_say(deps, row) for row in written), *shown])
    return found[skip - before : skip - before + limit], total + len(shown)


async def _written_of_many(
    deps: Dependencies, which: Which, opened: list[IncidentRow], skip: int, limit: int
) -> tuple[list[IncidentRow], int]:
    """The same of what history has of many things: they are asked for in parts, of which the newest are merged."""
    if skip + limit > _DEEPEST:
        words = f"Only the newest {_DEEPEST} incidents of so many things can be listed: narrow it by 'search'."
        raise PoppaPingApiError(400, words)
    history, found, total = history_of(deps), list[IncidentRow](), 0
    for at in range(0, len(which.things), MOST_IDS):
        part = frozenset(which.things[at : at + MOST_IDS])
        without = [row.id for row in opened if row.thing in part]
        each = which._replace(things=which.things[at : at + MOST_IDS], without=without)
        found = newest_first([*found, *await history.incidents(each, 0, skip + limit)])[: skip + limit]
        total += await history.incidents_total(each)
    return found[skip:], total
