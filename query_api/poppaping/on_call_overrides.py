"""Overrides of on-call rotations: who stands in for whom, and when. Pingfold's own, in the style of the API.

They come one by one, as JSON, or many at once, as the events of an iCalendar file: those whose summary or attendee
names a turn of the rotation or an alert channel. All of them are taken, or none.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from query_api.calendar_files import BadCalendar, read_events
from query_api.http.json_bodies import BadBody, read_body
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsWriter, bad_body, json_body
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.on_call import find_rotation, must_be_channels
from query_api.poppaping.on_call_fields import OverrideBody, override_of
from query_api.poppaping.on_call_import import MOST_TOLD, ImportedOverrides, overrides_of
from query_api.poppaping.on_call_object import ShownOverride, shown_override
from query_api.poppaping.openapi import ERRORS, bare, errors, one_of
from query_api.poppaping.responses import Data, PoppaPingApiError, one
from query_api.poppaping.service import Service, ServiceDep
from schemas.definitions import ApiKey
from schemas.ids import is_uuid, new_id
from schemas.on_call import MOST_OVERRIDES, OnCallRotation, Override
from schemas.on_call_requests import OnCallOverride, OnCallOverrideDelete

router = APIRouter(tags=["on-call rotations"], responses=ERRORS)

_CALENDAR = "text/calendar"
_EXAMPLE = {
    "alert_channel_ids": ["5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"],
    "starts_at": "2030-01-01T00:00:00+00:00",
    "ends_at": "2030-01-02T00:00:00+00:00",
    "name": "Bob, for Ada",
}
# As a value: the types within it are arguments.
_DATA: Any = Data


async def _json_or_calendar(request: Request) -> dict[str, object] | bytes:
    """What a request carries: a JSON object, or the bytes of a calendar."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _CALENDAR:
        return await json_body(request)
    try:
        return await read_body(request)
    except BadBody as bad:
        raise bad_body(bad) from None


def _bodies() -> dict[str, Any]:
    made = body_of(OverrideBody, _EXAMPLE)
    made["requestBody"]["content"][_CALENDAR] = {"schema": {"type": "string"}}
    return made


@router.post(
    "/on-call/{id}/overrides",
    status_code=201,
    summary="Put somebody else on call (Pingfold's own)",
    responses=bare(
        (_DATA[ShownOverride], _DATA[ImportedOverrides]), "The override; of a calendar, what became of its events.", 201
    )
    | errors(400, 404),
    openapi_extra=_bodies(),
)
async def add_override(
    service: ServiceDep,
    key: AlertsWriter,
    id: str,
    body: Annotated[dict[str, object] | bytes, Depends(_json_or_calendar)],
) -> Response:
    """Put somebody else on call for a time span. If overrides overlap, the last one counts.

    A calendar (`text/calendar`, at most 256 KiB) gives one override for each event that names a turn or an alert
    channel by its name, id or address, in the summary or as an attendee; the others are told in `left_out`. Recurring
    events count for the next 92 days. The same event, uploaded again, replaces what it was.
    """
    known = await find_rotation(service, key, id)
    if isinstance(body, bytes):
        return one(await _imported(service, key, known, body), 201)
    at, override = service.deps.clock.now(), override_of(judged(body, OverrideBody))
    if override.end <= at:
        raise PoppaPingApiError(400, "Field 'ends_at': that is over already.")
    await must_be_channels(service, key, override.channels)
    await _put(service, key, known, (override,))
    return one(shown_override(override), 201)


@router.delete(
    "/on-call/{id}/overrides/{override}",
    summary="Remove an override (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_override(service: ServiceDep, key: AlertsWriter, id: str, override: str) -> Response:
    """Remove an override. The regular turn is on call again."""
    known, at = await find_rotation(service, key, id), service.deps.clock.now()
    if not is_uuid(override):
        raise PoppaPingApiError(404, "Override not found.")
    request = OnCallOverrideDelete(request=new_id(), at=at, id=known.id, override=override)
    await service.change(key, request, service.deps.directory.rotation)
    return one(Deleted(override))


async def _imported(service: Service, key: ApiKey, rotation: OnCallRotation, content: bytes) -> ImportedOverrides:
    deps = service.deps
    try:
        found = await asyncio.to_thread(read_events, content, rotation.tz, deps.clock.now())
    except BadCalendar as bad:
        raise PoppaPingApiError(400, f"The calendar is not taken: {bad}.") from None
    channels = deps.directory.channels_of(key.project)
    overrides, left_out = await asyncio.to_thread(overrides_of, found, rotation, channels)
    if len(overrides) > MOST_OVERRIDES:
        words = f"it has {len(overrides)} events that become overrides; a rotation has at most {MOST_OVERRIDES}"
        raise PoppaPingApiError(400, f"The calendar is not taken: {words}.")
    if overrides:
        await _put(service, key, rotation, overrides)
    return ImportedOverrides(
        overrides=[shown_override(each) for each in overrides],
        left_out=left_out[:MOST_TOLD],
        left_out_total=len(left_out),
    )


async def _put(service: Service, key: ApiKey, rotation: OnCallRotation, overrides: tuple[Override, ...]) -> None:
    at = service.deps.clock.now()
    request = OnCallOverride(request=new_id(), at=at, id=rotation.id, overrides=overrides)
    await service.change(key, request, service.deps.directory.rotation)
