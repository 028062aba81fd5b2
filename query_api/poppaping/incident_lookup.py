"""Finding an incident of a project by its id, or by the id of what is down: of monitors and heartbeat checks.

What is open, the states know; what was, history knows. An incident is called unknown only when this process has read
all that it has acknowledged itself, and all that was committed before the request came. Each wait is bounded.
"""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from fastapi import Request

from infra.log.lookup import NotCaughtUp, look_again
from query_api.dependencies import Dependencies
from query_api.history.monitors import IncidentRow
from query_api.incidents import OpenIncident, find_open
from query_api.poppaping.history import answering_history
from query_api.poppaping.incident_object import state_of
from query_api.poppaping.responses import PoppaPingApiError
from query_api.state.freshness import Freshness
from schemas.ids import is_uuid


class FoundIncident(NamedTuple):
    """opened: as the states know it, while it is open. row: the same as history would tell it, or what history tells of
    one that is over."""

    row: IncidentRow
    opened: OpenIncident | None = None


async def find_incident(request: Request, deps: Dependencies, project: str, id: str) -> FoundIncident | None:
    """The incident with this id, or the open one of the monitor or check with this id; None when there is none.

    Raises `PoppaPingApiError` 503 when that cannot be told.
    """
    id = id.lower()
    if not is_uuid(id):
        return None
    with answering_history():
        if (found := await _known(deps, project, id)) is not None:
            return found
        freshness: Freshness = request.app.state.freshness
        await freshness.of_list(())  # what this process has acknowledged may have opened it
        try:
            await look_again(deps.definitions_replica, partial(find_open, deps, project, id))
            if (opened := await look_again(deps.states_replica, partial(find_open, deps, project, id))) is not None:
                return FoundIncident(row_of(opened), opened)
        except NotCaughtUp:
            raise PoppaPingApiError(
                503, "The incident cannot be looked up now.", headers={"Retry-After": "1"}
            ) from None
        if deps.monitor_history is None:
            return None
        await deps.monitor_history.caught_up()
        return await _known(deps, project, id)


async def _known(deps: Dependencies, project: str, id: str) -> FoundIncident | None:
    """The incident by what this process and history know now."""
    if (opened := await find_open(deps, project, id)) is not None:
        return FoundIncident(row_of(opened), opened)
    if deps.monitor_history is None or (row := await deps.monitor_history.incident(project, id)) is None:
        return None
    thing = deps.directory.monitor(row.thing) or deps.directory.check(row.thing)
    if thing is None or thing.project != project:
        return None
    return FoundIncident(as_the_states_say(deps, row))


def row_of(incident: OpenIncident) -> IncidentRow:
    """An open incident as history would tell it."""
    return IncidentRow(incident.id, incident.thing, incident.started, None, incident.cause, incident.partial)


def as_the_states_say(deps: Dependencies, incident: IncidentRow) -> IncidentRow:
    """History learns a moment later that an incident is over: then it ended when what is shown now began."""
    state = state_of(deps, incident.thing)
    if incident.resolved is not None or state is None or state.incident == incident.id:
        return incident
    return incident._replace(resolved=max(incident.started, state.since))


def newest_first(incidents: Iterable[IncidentRow]) -> list[IncidentRow]:
    """In the order of a list."""
    return sorted(incidents, key=lambda incident: (incident.started, incident.id), reverse=True)
