"""Downtimes of a check, newest first: the incidents of a monitor or of a heartbeat check.

The one that is open, the state knows; those before, history knows. History may be a moment behind: an outage that the
state knows is never missing, and one that it says is over is never shown as open.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.history.deciding_results import Deciding
from query_api.history.monitors import IncidentRow, Which
from query_api.http.field_types import Count
from query_api.updown.auth import Reader
from query_api.updown.downtime_results import UpdownResult, result_objects
from query_api.updown.history import answering_history, history_of
from query_api.updown.openapi import ERRORS, errors, one_of
from query_api.updown.query_parameters import is_set, page_of, page_parameter, query_parameter
from query_api.updown.responses import UpdownTime, answer, time
from query_api.updown.service import Service, ServiceDep
from query_api.updown.things import Thing, thing_of
from schemas.base import SECOND, Micros
from schemas.tokens import downtime_id
from schemas.updown_errors import error_words

router = APIRouter(tags=["checks"], responses=ERRORS)

PAGE = 100
_RESULTS = 5
# The results that decide are of this many intervals before, and of a while more where intervals are short.
_INTERVALS = 20
_WHILE: Micros = 120 * SECOND


class UpdownDowntime(Struct, kw_only=True, gc=False):
    """A time in which a check was down; it began with the first result that failed."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
    details_url: str
    error: str | None
    started_at: UpdownTime
    ended_at: UpdownTime | None
    duration: Annotated[Count | None, Meta(description="Seconds.")]
    partial: Annotated[bool | None, Meta(description="Whether only one address family was down.")]
    down_results: list[UpdownResult] | UnsetType = UNSET
    up_results: list[UpdownResult] | UnsetType = UNSET


_PARAMETERS = {
    "parameters": [
        page_parameter(f"Of {PAGE} downtimes each."),
        query_parameter(
            "results", {"type": "boolean", "default": False}, f"With the {_RESULTS} results before a change."
        ),
    ]
}


@router.get(
    "/checks/{token}/downtimes",
    responses=one_of(list[UpdownDowntime], "A page of downtimes, newest first.") | errors(400, 404),
    openapi_extra=_PARAMETERS,
)
async def list_downtimes(service: ServiceDep, caller: Reader, token: str) -> Response:
    """List the downtimes of a check, newest first."""
    page, results = page_of(caller.parameters), is_set(caller.parameters, "results")
    thing = await thing_of(service, caller, token)
    with answering_history():
        rows = await _rows(service, thing, (page - 1) * PAGE)
        deciding = await _deciding(service, thing, rows) if results else None
    downtimes = [downtime_object(row, service.deps.settings.base_url) for row in rows]
    if deciding is not None:
        for row, downtime in zip(rows, downtimes, strict=True):
            _show(downtime, thing, deciding.get(row.id, Deciding()))
    return answer(downtimes)


def downtime_object(incident: IncidentRow, base_url: str) -> UpdownDowntime:
    """The downtime that an incident is. Its times are cut to seconds, what lies between them is rounded."""
    id, ended = downtime_id(incident.id), incident.resolved
    return UpdownDowntime(
        id=id,
        details_url=f"{base_url}/downtimes/{id}",
        error=error_words(incident.cause) or None,
        started_at=str(time(incident.started)),
        ended_at=time(ended),
        duration=None if ended is None else (ended - incident.started + SECOND // 2) // SECOND,
        partial=None if ended is None else incident.partial,
    )


async def _rows(service: Service, thing: Thing, skip: int) -> list[IncidentRow]:
    """One page of what is open and what history has."""
    opened = [] if thing.opened is None else [thing.opened]
    which = Which(thing.project, [thing.id], without=[row.id for row in opened])
    here = opened[skip:]
    written = await history_of(service.deps).incidents(which, max(0, skip - len(opened)), PAGE - len(here))
    return here + [row if row.resolved is not None else _ended(row, thing) for row in written]


def _ended(row: IncidentRow, thing: Thing) -> IncidentRow:
    """It is not the one that is open: it ended when what is shown now began, which history will know in a moment."""
    return row._replace(resolved=max(row.started, thing.since))


async def _deciding(service: Service, thing: Thing, rows: Sequence[IncidentRow]) -> Mapping[str, Deciding]:
    if thing.monitor is None:
        return {}
    reach = _INTERVALS * thing.interval + _WHILE
    return await history_of(service.deps).deciding_results.read(thing.id, [row.id for row in rows], reach, _RESULTS)


def _show(downtime: UpdownDowntime, thing: Thing, deciding: Deciding) -> None:
    """Put the results into a downtime; a check that waits for pulses has none."""
    downtime.down_results, downtime.up_results = [], []
    if thing.monitor is not None:
        downtime.down_results = result_objects(thing.monitor, deciding.down, downtime.details_url)
        downtime.up_results = result_objects(thing.monitor, deciding.up, downtime.details_url)
