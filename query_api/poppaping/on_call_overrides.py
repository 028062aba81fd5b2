"""Overrides of on-call rotations: who stands in for whom, and when. Pingfold's own, in the style of the API."""

from fastapi import APIRouter, Response

from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.on_call import find_rotation, must_be_channels
from query_api.poppaping.on_call_fields import OverrideBody, override_of
from query_api.poppaping.on_call_object import ShownOverride, shown_override
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.service import ServiceDep
from schemas.ids import new_id
from schemas.on_call_requests import OnCallOverride, OnCallOverrideDelete

router = APIRouter(tags=["on-call rotations"], responses=ERRORS)

_EXAMPLE = {
    "alert_channel_ids": ["5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"],
    "starts_at": "2030-01-01T00:00:00+00:00",
    "ends_at": "2030-01-02T00:00:00+00:00",
    "name": "Bob, for Ada",
}


@router.post(
    "/on-call/{id}/overrides",
    status_code=201,
    summary="Put somebody else on call (Pingfold's own)",
    responses=one_of(ShownOverride, "The override.", 201) | errors(400, 404),
    openapi_extra=body_of(OverrideBody, _EXAMPLE),
)
async def add_override(service: ServiceDep, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Put others on call for a span, whoever's turn it is. Of several overrides at one time the last one counts."""
    known = await find_rotation(service, key, id)
    at, override = service.deps.clock.now(), override_of(judged(body, OverrideBody))
    if override.end <= at:
        raise PoppaPingApiError(400, "Field 'ends_at': that is over already.")
    await must_be_channels(service, key, override.channels)
    decision = await service.ask(key, OnCallOverride(request=new_id(), at=at, id=known.id, overrides=(override,)))
    await service.read_back(decision, service.deps.directory.rotation)
    return one(shown_override(override), 201)


@router.delete(
    "/on-call/{id}/overrides/{override}",
    summary="Remove an override (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_override(service: ServiceDep, key: AlertsWriter, id: str, override: str) -> Response:
    """Remove an override: from now on it is as if it had never been."""
    known, at = await find_rotation(service, key, id), service.deps.clock.now()
    decision = await service.ask(key, OnCallOverrideDelete(request=new_id(), at=at, id=known.id, override=override))
    await service.read_back(decision, service.deps.directory.rotation)
    return one(Deleted(override))
