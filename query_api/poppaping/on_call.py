"""On-call rotations: Pingfold's own, in the style of the API. Who is told when nobody acknowledges, by turns.

The steps of escalation policies name them (`query_api.poppaping.escalations`).
"""

import asyncio
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Response
from msgspec import UNSET, UnsetType

from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.on_call_fields import (
    CreateOnCallBody,
    HandoverBody,
    UpdateOnCallBody,
    fields_of,
)
from query_api.poppaping.on_call_object import (
    OnCallDetails,
    OnCallObject,
    OnCallShift,
    on_call_details,
    on_call_listed,
    on_call_object,
    shown_shifts,
)
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import MOST_PER_PAGE, Page, PerPage, PoppaPingApiError, cut, listed, one
from query_api.poppaping.service import Service, ServiceDep
from schemas.base import SECOND, Micros
from schemas.definitions import ApiKey
from schemas.ids import is_uuid, new_id
from schemas.on_call import OnCallRotation, Turn
from schemas.on_call_requests import OnCallCreate, OnCallDelete, OnCallUpdate
from schemas.schedules import DAY
from schemas.times import LAST, read_iso

router = APIRouter(tags=["on-call rotations"], responses=ERRORS)

_USUAL_SPAN: Micros = 28 * DAY * SECOND
_LONGEST_SPAN: Micros = 92 * DAY * SECOND
_READ_ONLY = ("at", "on_call", "shift", "next", "gaps", "warnings", "overrides", "overrides_total")

_At = Annotated[str | None, Query(max_length=100, description="A time in ISO 8601; now if left out.")]
_From = Annotated[str | None, Query(alias="from", max_length=100, description="A time in ISO 8601; now if left out.")]
_To = Annotated[
    str | None,
    Query(alias="to", max_length=100, description="At most 92 days after `from`; 28 days after it if left out."),
]

_ROTATION = one_of(OnCallDetails, "The rotation.") | errors(400, 404)
_EXAMPLE = {
    "name": "Primary",
    "timezone": "Europe/Berlin",
    "handover": {"every_days": 7, "weekday": "monday", "time": "09:00"},
    "turns": [{"name": "Ada", "alert_channel_ids": ["5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"]}],
}


@router.get(
    "/on-call",
    summary="List on-call rotations (Pingfold's own)",
    responses=list_of(OnCallObject, "The rotations, oldest first.") | errors(400),
)
async def list_rotations(service: ServiceDep, key: AlertsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the on-call rotations of the project, oldest first, and who is on call now."""
    per_page, now = min(per_page, MOST_PER_PAGE), service.deps.clock.now()
    rotations = service.deps.directory.rotations_of(key.project)
    shown = [(each, calendar_of(service, each)) for each in cut(rotations, page, per_page)]
    objects = await asyncio.to_thread(lambda: [on_call_listed(each, now, url) for each, url in shown])
    return listed(objects, page, per_page, len(rotations))


@router.post(
    "/on-call",
    status_code=201,
    summary="Create an on-call rotation (Pingfold's own)",
    responses=one_of(OnCallDetails, "The new rotation; `warnings` tell of times without anybody.", 201)
    | one_of(OnCallDetails, "The rotation that was there (`Idempotency-Key`).")
    | errors(400),
    openapi_extra=body_of(CreateOnCallBody, _EXAMPLE),
)
async def create_rotation(
    service: ServiceDep, key: AlertsWriter, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create an on-call rotation. It takes effect when a step of an escalation policy names it."""
    wanted, now = judged(body, CreateOnCallBody), service.deps.clock.now()
    if wanted.handover is UNSET:
        wanted.handover = HandoverBody()
    fields = fields_of(wanted, "UTC", now)
    assert not isinstance(fields.turns, UnsetType)
    await _must_be_turns(service, key, fields.turns)
    id = service.id_for(key, "on-call rotation", idempotency_key)
    decision = await service.ask(key, OnCallCreate(request=new_id(), at=now, id=id, fields=fields))
    status = 201 if decision.outcome == "made" else 200
    return await _answer(service, await service.read_back(decision, service.deps.directory.rotation), status=status)


@router.get("/on-call/{id}", summary="Read an on-call rotation (Pingfold's own)", responses=_ROTATION)
async def read_rotation(service: ServiceDep, key: AlertsReader, id: str, at: _At = None) -> Response:
    """Read one on-call rotation: who is on call, now or `at` a time, and who comes next."""
    moment = _micros(at, "at", service.deps.clock.now())
    return await _answer(service, await find_rotation(service, key, id), moment)


@router.patch(
    "/on-call/{id}",
    summary="Change an on-call rotation (Pingfold's own)",
    responses=_ROTATION,
    openapi_extra=body_of(UpdateOnCallBody, {"name": "Primary, Europe"}),
)
async def change_rotation(service: ServiceDep, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Change an on-call rotation. Omitted fields stay. Current escalations use the changed rotation from now on."""
    known, now = await find_rotation(service, key, id), service.deps.clock.now()
    body = without_read_only(
        body, on_call_object(known, now, calendar_of(service, known)), UpdateOnCallBody, _READ_ONLY
    )
    fields = fields_of(judged(body, UpdateOnCallBody), known.tz, now)
    if not isinstance(fields.turns, UnsetType):
        await _must_be_turns(service, key, fields.turns, known.turns)
    request = OnCallUpdate(request=new_id(), at=now, id=known.id, fields=fields)
    return await _answer(service, await service.change(key, request, service.deps.directory.rotation))


@router.delete(
    "/on-call/{id}",
    summary="Delete an on-call rotation (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404, 409),
)
async def delete_rotation(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Delete an on-call rotation. 409 while an escalation policy names it."""
    known = await find_rotation(service, key, id)
    request = OnCallDelete(request=new_id(), at=service.deps.clock.now(), id=known.id)
    return await service.delete(key, request, service.deps.directory.rotation)


@router.get(
    "/on-call/{id}/schedule",
    summary="List the shifts in a time range (Pingfold's own)",
    responses=list_of(OnCallShift, "The shifts in order, and the spans in which nobody is on call.") | errors(400, 404),
)
async def read_schedule(
    service: ServiceDep,
    key: AlertsReader,
    id: str,
    start: _From = None,
    end: _To = None,
    page: Page = 1,
    per_page: PerPage = 25,
) -> Response:
    """List the shifts between two times, without gaps: `alert_channel_ids` is empty if nobody is on call."""
    known, per_page = await find_rotation(service, key, id), min(per_page, MOST_PER_PAGE)
    first = _micros(start, "from", service.deps.clock.now())
    last = _micros(end, "to", min(first + _USUAL_SPAN, LAST))
    if not first < last <= first + _LONGEST_SPAN:
        raise PoppaPingApiError(400, "Parameter 'to' must be after 'from', by at most 92 days.")
    found = await asyncio.to_thread(shown_shifts, known, first, last)
    return listed(cut(found, page, per_page), page, per_page, len(found))


def calendar_of(service: Service, rotation: OnCallRotation) -> str:
    """The link to the calendar of a rotation."""
    return f"{service.deps.settings.base_url}{service.deps.calendar_links.path(rotation.id, rotation.link)}"


async def find_rotation(service: Service, key: ApiKey, id: str) -> OnCallRotation:
    """The caller's rotation with this id."""
    return await service.owned(key, id, service.deps.directory.rotation, "on-call rotation")


async def _answer(service: Service, rotation: OnCallRotation, at: Micros | None = None, status: int = 200) -> Response:
    moment = service.deps.clock.now() if at is None else at
    return one(await asyncio.to_thread(on_call_details, rotation, moment, calendar_of(service, rotation)), status)


async def _must_be_turns(service: Service, key: ApiKey, turns: Iterable[Turn], known: tuple[Turn, ...] = ()) -> None:
    if any(not turn.channels and turn not in known for turn in turns):  # a turn may have lost its channels
        raise PoppaPingApiError(400, "Field 'turns': each turn needs 'alert_channel_ids'.")
    await must_be_channels(service, key, dict.fromkeys(channel for turn in turns for channel in turn.channels))


async def must_be_channels(service: Service, key: ApiKey, ids: Iterable[str]) -> None:
    """End the request with 400 where one is no channel of the caller's."""
    for id in ids:

        def found(id: str = id) -> bool | None:
            channel = service.deps.directory.channel(id)
            return True if channel is not None and channel.project == key.project else None

        if not is_uuid(id) or await service.look_up("alert channel", found) is None:
            raise PoppaPingApiError(400, f"Field 'alert_channel_ids': there is no alert channel '{id}'.")


def _micros(text: str | None, name: str, otherwise: Micros) -> Micros:
    if text is None:
        return otherwise
    try:
        at = read_iso(text[:11] + text[11:].replace(" ", "+"))  # the plus sign of an offset that was not escaped
    except ValueError:
        at = -1
    if not 0 <= at <= LAST:
        words = f"Parameter '{name}': '{text}' is not a time such as 2026-03-01T10:00:00+00:00."
        raise PoppaPingApiError(400, words)
    return at // SECOND * SECOND
