"""What people do about an open incident: acknowledge it, give that back, comment on it. Pingfold's own.

The first acknowledgement counts. Who has it may change it, such as how long it lasts; who comes later is told who was
first, and when (409); of an incident that is over, since when (409).
"""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from query_api.http.field_types import Time, Uuid
from query_api.http.openapi import body_of
from query_api.incidents import OpenIncident, acknowledge, comment_on, release, wrong_snooze
from query_api.poppaping.auth import IncidentsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.incident_lookup import find_incident, row_of
from query_api.poppaping.incident_object import IncidentObject, IncidentObjects
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one, time
from query_api.poppaping.service import Service, ServiceDep, late_is_answered, must_not_be_rejected
from schemas.base import Micros
from schemas.definitions import ApiKey
from schemas.incidents import Acknowledged
from schemas.times import iso, read_iso

router = APIRouter(tags=["incidents"], responses=ERRORS)

_By = Annotated[str, Meta(max_length=100, description="Name of the person. Default: the name of the API key.")]
_Until = Annotated[
    str,
    Meta(
        max_length=100,
        description="End of the acknowledgement (a snooze): a time in ISO 8601, from a minute to a year ahead. Null: "
        "no end.",
    ),
]


class AcknowledgeIncidentBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who takes care of an incident."""

    by: _By | None = None
    comment: Annotated[str, Meta(max_length=1_000)] | None = None
    until: _Until | None = None


class ReleaseIncidentBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who gives an acknowledgement back."""

    by: _By | None = None
    comment: Annotated[str, Meta(max_length=1_000)] | None = None


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
async def acknowledge_incident(
    request: Request, service: ServiceDep, key: IncidentsWriter, id: str, body: JsonObject
) -> Response:
    """Acknowledge an open incident: stop its repeated alerts and its escalation.

    A second request with the same `by` changes `until` and adds a `comment`.

    `id`: of the incident, or of the monitor or heartbeat check that is down.
    """
    wanted = judged(body, AcknowledgeIncidentBody)
    until = _until(wanted.until, service.deps.clock.now())
    incident = await _open(request, service, key, id)
    by = _by(wanted.by, key)
    with late_is_answered():
        taken = await acknowledge(service.deps, incident, service.actor(key), by, wanted.comment or "", until)
    if taken.rejected is not None:
        must_not_be_rejected(taken.rejected)
    if taken.acknowledged is None:
        raise PoppaPingApiError(409, "The incident was resolved a moment ago.", "incident_resolved")
    if taken.acknowledged.by != by:
        raise _acknowledged(taken.acknowledged)
    return _answer(service, incident)


@router.delete(
    "/incidents/{id}/acknowledge",
    summary="Withdraw the acknowledgement of an incident (Pingfold's own)",
    responses=one_of(IncidentObject, "The incident, without an acknowledgement.") | errors(400, 404, 409),
    openapi_extra=body_of(ReleaseIncidentBody, {"by": "Ada", "comment": "I have to leave."}),
)
async def release_incident(
    request: Request, service: ServiceDep, key: IncidentsWriter, id: str, body: JsonObject
) -> Response:
    """Withdraw an acknowledgement, also that of somebody else. The escalation continues: the next step is due as long
    after the request as after the previous step. Without an acknowledgement nothing changes."""
    wanted = judged(body, ReleaseIncidentBody)
    incident, by = await _open(request, service, key, id), _by(wanted.by, key)
    with late_is_answered():
        must_not_be_rejected(await release(service.deps, incident, service.actor(key), by, wanted.comment or ""))
    return _answer(service, incident)


@router.post(
    "/incidents/{id}/comments",
    status_code=201,
    summary="Comment on an incident (Pingfold's own)",
    responses=one_of(CommentTaken, "The comment.", 201) | errors(400, 404, 409),
    openapi_extra=body_of(CommentOnIncidentBody, {"by": "Ada", "comment": "A new disk is on its way."}),
)
async def comment_on_incident(
    request: Request, service: ServiceDep, key: IncidentsWriter, id: str, body: JsonObject
) -> Response:
    """Comment on an open incident; its `log` contains the comment. `id`: as for acknowledging."""
    wanted = judged(body, CommentOnIncidentBody)
    incident, by = await _open(request, service, key, id), _by(wanted.by, key)
    with late_is_answered():
        must_not_be_rejected(await comment_on(service.deps, incident, service.actor(key), by, wanted.comment))
    at = service.deps.clock.now()
    return one(CommentTaken(incident_id=incident.id, by=by, comment=wanted.comment, commented_at=time(at)), 201)


async def _open(request: Request, service: Service, key: ApiKey, id: str) -> OpenIncident:
    """The open incident; ends the request with 409 when it is over, and with 404 when there is none."""
    found = await find_incident(request, service.deps, key.project, id)
    if found is None:
        raise PoppaPingApiError(404, "Incident not found, or resolved.")
    if found.opened is None:
        at = found.row.resolved
        message = "The incident was resolved." if at is None else f"The incident was resolved at {iso(at)}."
        raise PoppaPingApiError(409, message, "incident_resolved")
    return found.opened


def _by(given: str | None, key: ApiKey) -> str:
    return ((given or "").strip() or key.name.strip() or f"API key {key.prefix}")[:100]


def _until(given: str | None, now: Micros) -> Micros | None:
    if given is None:
        return None
    try:
        at = read_iso(given)
    except ValueError:
        raise PoppaPingApiError(400, "Field 'until' must be a time in ISO 8601.") from None
    if wrong := wrong_snooze(at, now):
        raise PoppaPingApiError(400, f"Field 'until' must be {wrong}.")
    return at


def _acknowledged(by: Acknowledged) -> PoppaPingApiError:
    who = by.by or "Somebody"
    return PoppaPingApiError(409, f"{who} acknowledged the incident at {iso(by.at)}.", "already_acknowledged")


def _answer(service: Service, incident: OpenIncident) -> Response:
    return one(IncidentObjects(service.deps, incident.project).of(row_of(incident)))
