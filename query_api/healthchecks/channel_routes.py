"""Channels in the Management API: the list that Healthchecks has, and Pingfold's own additions, in its style.

Healthchecks only lists channels, with id, name and kind; `details=1` tells more. Here a channel is
made by `POST channels/`, its secret rotated by `POST channels/<id>/rotate-secret`, the owners of its addresses asked
again by `POST channels/<id>/confirmation`, and it is removed by `DELETE channels/<id>`.
"""

from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from msgspec import UNSET, Meta, UnsetType

from query_api.channel_fields import (
    ChosenEvents,
    InOneList,
    QuietHoursField,
    RepeatField,
    blocked_addresses,
    body_with,
    given_of,
    must_be_confirmed,
    must_be_taken,
    new_channel,
)
from query_api.commands import gone, made
from query_api.healthchecks.auth import Body, Writer
from query_api.healthchecks.channel_object import (
    ChannelList,
    ChannelObject,
    DetailedChannelList,
    channel_details,
    channel_object,
    listed_channel,
)
from query_api.healthchecks.check_bodies import BodyKey
from query_api.healthchecks.openapi import ERRORS, errors
from query_api.healthchecks.project_routes import SECRET, SECRET_BODY, RotatedSecret, RotateSecretBody, judged
from query_api.healthchecks.service import Service, ServiceDep
from query_api.http.field_types import words
from query_api.http.idempotency import IdempotencyKey
from query_api.http.lookup import look_up
from query_api.http.openapi import Responses, answer, body_of
from query_api.http.refusals import ApiError, json_answer
from query_api.rotation import rotate_channel_secret
from schemas.channels.kind import InvalidChannelField, enumerated
from schemas.channels.kinds import KIND_NAMES, kind_named
from schemas.definitions import Channel
from schemas.ids import is_uuid, new_id
from schemas.requests import ChannelCreate, ChannelDelete, ConfirmationResend
from schemas.times import iso_or_none

router = APIRouter(tags=["channels"], responses=ERRORS)


class _CommonFields(msgspec.Struct):
    """A new channel. Its `kind` says which of the other fields it has."""

    kind: Annotated[str, words(KIND_NAMES)] = "webhook"
    name: Annotated[str, Meta(max_length=100)] = ""
    events: ChosenEvents | UnsetType = UNSET
    digest: InOneList | None = None
    quiet_hours: QuietHoursField | None = None
    repeat_minutes: RepeatField | None = None
    on_every_check: Annotated[bool, Meta(description="Whether to assign it to all checks and monitors.")] = False
    api_key: BodyKey = ""


CreateChannelBody = body_with("CreateChannelBody", _CommonFields, "form")

_CREATE = body_of(CreateChannelBody, {"kind": "webhook", "url": "https://hooks.example.com/pingfold", "name": "Ops"})
_LIST: Responses = {
    200: answer((ChannelList, DetailedChannelList), "The channels; `details=1` shows all their fields.")
}
_CREATED: Responses = {
    200: answer(ChannelObject, "The channel that was there (`Idempotency-Key`)."),
    201: answer(ChannelObject, "The new channel."),
}
_ASKED: Responses = {202: answer(ChannelObject, "The channel; the request is being mailed.")}
_DELETED: Responses = {200: answer(ChannelObject, "The channel as it was.")}


@router.get("/channels/", responses=_LIST)
async def list_channels(
    service: ServiceDep,
    caller: Writer,
    details: Annotated[str, Query(description="`1`: all fields.")] = "",
) -> Response:
    """List the channels of the project."""
    channels = service.deps.directory.channels_of(caller.project)
    if details == "1":
        return json_answer(DetailedChannelList([channel_details(service.deps, one) for one in channels]))
    return json_answer(ChannelList([listed_channel(one) for one in channels]))


@router.post("/channels/", status_code=201, responses=_CREATED | errors(400, 409, 429), openapi_extra=_CREATE)
async def create_channel(
    service: ServiceDep, body: Body, caller: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a channel. A webhook is signed with its own `secret`, or with the project's."""
    try:
        wanted = msgspec.convert(body, CreateChannelBody)
    except msgspec.ValidationError as error:
        raise ApiError(400, f"json validation error: {error}") from None
    events = None if wanted.events is UNSET else wanted.events
    try:
        kind = kind_named(wanted.kind)
        if kind is None:
            raise InvalidChannelField("kind", f"must be {enumerated(KIND_NAMES, 'or')}")
        given = given_of(kind, wanted, "form")
        await must_be_taken(service.deps, kind, given)
        channel = new_channel(
            service.deps,
            caller.project,
            kind,
            given,
            wanted.name,
            events,
            wanted.digest,
            wanted.quiet_hours,
            wanted.repeat_minutes,
            service.id_for(caller, "channel", idempotency_key),
        )
    except InvalidChannelField as invalid:
        raise ApiError(400, f"json validation error: {invalid}") from None
    request = ChannelCreate(
        request=new_id(),
        at=channel.created,
        channel=channel,
        on_every_check=wanted.on_every_check,
        confirm=must_be_confirmed(service.deps, channel),
    )
    status = 201 if (await service.ask(caller, request)).outcome == "made" else 200
    return json_answer(
        channel_object(await made(service.deps, service.deps.directory.channel, channel.id, channel)), status
    )


@router.post("/channels/{code}/confirmation", status_code=202, responses=_ASKED | errors(403, 404, 409, 429))
async def request_confirmation(service: ServiceDep, caller: Writer, code: str) -> Response:
    """Mail another confirmation request to the unconfirmed addresses of a channel. Their number per week is limited."""
    channel, deps = await _owned(service, caller.project, code), service.deps
    if not channel.unconfirmed:
        raise ApiError(409, "no address of the channel waits for a confirmation")
    if len(blocked_addresses(deps, channel)) == len(channel.unconfirmed):
        raise ApiError(409, "the owners of the addresses want no mail from here")
    await service.ask(caller, ConfirmationResend(request=new_id(), at=deps.clock.now(), id=code))
    return json_answer(channel_object(channel), 202)


@router.delete("/channels/{code}", responses=_DELETED | errors(403, 404))
async def delete_channel(service: ServiceDep, caller: Writer, code: str) -> Response:
    """Delete a channel, remove it from every check, and drop its pending deliveries."""
    channel = await _owned(service, caller.project, code)
    await service.ask(caller, ChannelDelete(request=new_id(), at=service.deps.clock.now(), id=code))
    await gone(service.deps, service.deps.directory.channel, code)
    return json_answer(channel_object(channel))


@router.post("/channels/{code}/rotate-secret", responses=SECRET | errors(400, 403, 404, 409), openapi_extra=SECRET_BODY)
async def rotate_secret(service: ServiceDep, body: Body, caller: Writer, code: str) -> Response:
    """Replace the secret of a webhook by one of its own. The old secret also signs until the overlap ends."""
    channel, wanted = await _owned(service, caller.project, code), judged(body, RotateSecretBody)
    ask = partial(service.ask, caller)
    rotated = await rotate_channel_secret(service.deps, ask, channel, wanted.overlap, wanted.secret)
    return json_answer(RotatedSecret(rotated.value, iso_or_none(rotated.former_until)))


async def _owned(service: Service, project: str, code: str) -> Channel:
    """The project's channel with this id."""
    find = partial(service.deps.directory.channel, code)
    channel = await look_up(service.deps, "the channel", find) if is_uuid(code) else find()
    if channel is None:
        raise ApiError(404, "not found")
    if channel.project != project:
        raise ApiError(403)
    return channel
