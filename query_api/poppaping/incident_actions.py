"""What people do about an open incident: acknowledge it, comment on it. Pingfold's own, in the style of the API.

The first acknowledgement counts. Who comes later is told who was first, and when (409); of an incident that is over,
since when (409).
"""

from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import Meta, Struct

from query_api.commands import Late
from query_api.http.field_types import Time, Uuid
from query_api.http.openapi import body_of
from query_api.incidents import OpenIncident, acknowledge, comment_on, find_open
from query_api.poppaping.auth import IncidentsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.history import answering_history
from query_api.poppaping.incident_object import IncidentObject, acknowledgement_of
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.rejections import fault_of
from query_api.poppaping.responses import PoppaPingApiError, one, time
from query_api.poppaping.service import Service, ServiceDep, late_answer
from schemas.base import Micros
from schemas.decisions import Decision
from schemas.definitions import ApiKey
from schemas.ids import is_uuid
from schemas.incidents import Acknowledged
from schemas.mutes import LAST_MUTE_TIME
from schemas.times import iso, read_iso

router = APIRouter(tags=["incidents"], responses=ERRORS)

_By = Annotated[str, Meta(max_length=100, description="Who, in words. Left out: the name of the API key.")]
_Until = Annotated[
    str,
    Meta(
        max_length=100, description="A snooze: the time in ISO 8601 from which it is as if nobody had. Null: for good."
    ),
]


class AcknowledgeIncidentBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who takes care of an incident."""

    by: _By | None = None
    comment: Annotated[str, Meta(max_length=1_000)] | None = None
    until: _Until | None = None


class CommentOnIncidentBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A comment."""

    comment: Annotated[str, Meta(min_length=1, max_length=1_000)]
    by: _By | None = None


class CommentTaken(Struct, kw_only=True, gc=False):
    """A comment that was taken."""

    incident_id: Uuid
    by: str
    comment: str
    commented_at: Time


@router.post(
    "/incidents/{id}/acknowledge",
    summary="Acknowledge an incident (Pingfold's own)",
    responses=one_of(IncidentObject, "The incident, acknowledged.") | errors(400, 404, 409),
    openapi_extra=body_of(AcknowledgeIncidentBody, {"by": "Ada", "comment": "The disk is full; on it."}),
)
async def acknowledge_incident(service: ServiceDep, key: IncidentsWriter, id: str, body: JsonObject) -> Response:
    """Take care of an open incident: it is not repeated, and nobody else is called.

    `id`: of the incident, or of the monitor or heartbeat check that is down.
    """
    wanted = judged(body, AcknowledgeIncidentBody)
    until = _until(wanted.until, service.deps.clock.now())
    incident = await _open(service, key, id)
    by = _by(wanted.by, key)
    if (before := incident.acknowledged) is not None and before.by != by:
        raise _acknowledged(before)
    try:
        taken = await acknowledge(service.deps, incident, service.actor(key), by, wanted.comment or "", until)
    except Late as late:
        raise late_answer(late) from None
    _must_not_be_refused(taken.rejected)
    if taken.acknowledged is None:
        raise PoppaPingApiError(409, "The incident was resolved a moment ago.", "incident_resolved")
    if not taken.first and taken.acknowledged.by != by:
        raise _acknowledged(taken.acknowledged)
    return one(_object(incident, taken.acknowledged))


@router.post(
    "/incidents/{id}/comments",
    status_code=201,
    summary="Comment on an incident (Pingfold's own)",
    responses=one_of(CommentTaken, "The comment.", 201) | errors(400, 404, 409),
    openapi_extra=body_of(CommentOnIncidentBody, {"by": "Ada", "comment": "A new disk is on its way."}),
)
async def comment_on_incident(service: ServiceDep, key: IncidentsWriter, id: str, body: JsonObject) -> Response:
    """Say something about an open incident; its `log` has it. `id`: as for acknowledging."""
    wanted = judged(body, CommentOnIncidentBody)
    incident, by = await _open(service, key, id), _by(wanted.by, key)
    try:
        decision = await comment_on(service.deps, incident, service.actor(key), by, wanted.comment)
    except Late as late:
        raise late_answer(late) from None
    _must_not_be_refused(decision)
    at = service.deps.clock.now()
    return one(CommentTaken(incident_id=incident.id, by=by, comment=wanted.comment, commented_at=time(at)), 201)


async def _open(service: Service, key: ApiKey, id: str) -> OpenIncident:
    """The open incident; ends the request with 409 when it is over, and with 404 when there is none."""
    deps, id = service.deps, id.lower()
    found = await find_open(deps, key.project, id) if is_uuid(id) else None
    if found is not None:
        return found
    if is_uuid(id) and (history := deps.monitor_history) is not None:
        with answering_history():
            row = await history.incident(key.project, id)
        if row is not None and row.resolved is not None:
            message = f"The incident was resolved at {iso(row.resolved)}."
            raise PoppaPingApiError(409, message, "incident_resolved")
    raise PoppaPingApiError(404, "Incident not found, or resolved.")


def _by(given: str | None, key: ApiKey) -> str:
    return (given or key.name or f"API key {key.prefix}").strip()[:100]


def _until(given: str | None, now: Micros) -> Micros | None:
    if given is None:
        return None
    try:
        at = read_iso(given)
    except ValueError:
        raise PoppaPingApiError(400, "Field 'until' must be a time in ISO 8601.") from None
    if not now < at <= LAST_MUTE_TIME:
        raise PoppaPingApiError(400, "Field 'until' must be a time that is to come.")
    return at


def _acknowledged(by: Acknowledged) -> PoppaPingApiError:
    who = by.by or "Somebody"
    return PoppaPingApiError(409, f"{who} acknowledged the incident at {iso(by.at)}.", "already_acknowledged")


def _must_not_be_refused(decision: Decision | None) -> None:
    if decision is not None and (rejection := decision.rejection) is not None:
        raise fault_of(rejection)


def _object(incident: OpenIncident, acknowledged: Acknowledged | None) -> IncidentObject:
    return IncidentObject(
        id=incident.id,
        monitor_id=incident.thing,
        started_at=time(incident.started),
        resolved_at=None,
        cause=incident.cause,
        status="open",
        partial=incident.partial,
        acknowledgement=acknowledgement_of(acknowledged),
    )
