"""Channels in the Management API: the list that Healthchecks has, and Pingfold's own additions, in its style.

Healthchecks only lists channels, with id, name and kind; `details=1` tells more. Here a webhook or an e-mail channel is
made by `POST channels/`, its secret rotated by `POST channels/<id>/rotate-secret`, the owners of its addresses asked
again by `POST channels/<id>/confirmation`, and it is removed by `DELETE channels/<id>`.
"""

from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from msgspec import UNSET, Meta, UnsetType

from query_api.channel_fields import blocked_addresses, body_with, given_of, must_be_confirmed, new_channel
from query_api.commands import gone, made
from query_api.healthchecks import openapi
from query_api.healthchecks.auth import Body, Writer
from query_api.healthchecks.project_routes import SecretBody, judged
from query_api.healthchecks.service import Service, ServiceDep
from query_api.http.lookup import look_up
from query_api.http.refusals import Refusal, json_answer
from query_api.rotation import rotate_channel_secret
from schemas.channels.kind import InvalidField, enumerated
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.ids import is_uuid, new_id
from schemas.notices import Notice
from schemas.requests import ChannelCreate, ChannelDelete, ConfirmationResend
from schemas.times import iso_or_none

router = APIRouter(tags=["channels"], responses=openapi.ERRORS)


class NewChannel(msgspec.Struct):
    """The body of a request. Which of the other fields a channel has, its `kind` says.

    events: what the channel takes. on_every_check: put it on the existing checks, too.
    """

    kind: str = "webhook"
    name: Annotated[str, Meta(max_length=100)] = ""
    events: tuple[Notice, ...] | UnsetType = UNSET
    on_every_check: bool = False
    api_key: str = ""


CreateChannelBody = body_with(NewChannel, "form")


@router.get("/channels/", responses=openapi.CHANNELS)
@router.get("/channels", include_in_schema=False)
async def list_channels(
    service: ServiceDep,
    caller: Writer,
    details: Annotated[str, Query(description="1: everything there is to tell.")] = "",
) -> Response:
    """The channels of the project."""
    channels = service.deps.directory.channels_of(caller.project)
    if details == "1":
        return json_answer({"channels": [_detailed(service, one) for one in channels]})
    return json_answer({"channels": [_listed(one) for one in channels]})


def _listed(channel: Channel) -> dict[str, object]:
    """As Healthchecks has it; e-mail channels also name the addresses that nobody has confirmed."""
    more = {"unconfirmed": list(channel.unconfirmed)} if CHANNEL_KINDS[channel.kind].by_mail else {}
    return {"id": channel.id, "name": channel.name, "kind": channel.kind, **more}


@router.post("/channels/", status_code=201, responses={201: openapi.CHANNEL})
@router.post("/channels", include_in_schema=False)
async def create_channel(service: ServiceDep, body: Body, caller: Writer) -> Response:
    """Make a channel. A webhook is signed with its own `secret`, or with the project's."""
    try:
        wanted = msgspec.convert(body, CreateChannelBody)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"json validation error: {error}") from None
    events = None if wanted.events is UNSET else wanted.events
    try:
        kind = CHANNEL_KINDS.get(wanted.kind)
        if kind is None:
            raise InvalidField("kind", f"must be {enumerated(CHANNEL_KINDS, 'or')}")
        given = given_of(kind, wanted, "form")
        channel = new_channel(service.deps, caller.project, kind, given, wanted.name, events)
    except InvalidField as invalid:
        raise Refusal(400, f"json validation error: {invalid}") from None
    request = ChannelCreate(
        request=new_id(),
        at=channel.created,
        channel=channel,
        on_every_check=wanted.on_every_check,
        confirm=must_be_confirmed(service.deps, channel),
    )
    await service.ask(caller, request)
    return json_answer(_object(await made(service.deps, service.deps.directory.channel, channel.id, channel)), 201)


@router.post("/channels/{code}/confirmation", status_code=202, responses={202: openapi.CHANNEL})
async def request_confirmation(service: ServiceDep, caller: Writer, code: str) -> Response:
    """Mail another request to confirm to the addresses of a channel that nobody has confirmed. Few in a week."""
    channel, deps = await _owned(service, caller.project, code), service.deps
    if not channel.unconfirmed:
        raise Refusal(409, "no address of the channel waits for a confirmation")
    if len(blocked_addresses(deps, channel)) == len(channel.unconfirmed):
        raise Refusal(409, "the owners of the addresses want no mail from here")
    await service.ask(caller, ConfirmationResend(request=new_id(), at=deps.clock.now(), id=code))
    return json_answer(_object(channel), 202)


@router.delete("/channels/{code}", responses={200: openapi.CHANNEL})
async def delete_channel(service: ServiceDep, caller: Writer, code: str) -> Response:
    """Remove a channel: it is taken off every check; what it has not got yet is given up."""
    channel = await _owned(service, caller.project, code)
    await service.ask(caller, ChannelDelete(request=new_id(), at=service.deps.clock.now(), id=code))
    await gone(service.deps, service.deps.directory.channel, code)
    return json_answer(_object(channel))


@router.post("/channels/{code}/rotate-secret", responses=openapi.SECRET, openapi_extra=openapi.SECRET_FIELDS)
async def rotate_secret(service: ServiceDep, body: Body, caller: Writer, code: str) -> Response:
    """Give a webhook another secret, its own. What signed it so far signs, too, until the overlap has ended."""
    channel, wanted = await _owned(service, caller.project, code), judged(body, SecretBody)
    ask = partial(service.ask, caller)
    rotated = await rotate_channel_secret(service.deps, ask, channel, wanted.overlap, wanted.secret)
    return json_answer({"secret": rotated.value, "former_until": iso_or_none(rotated.former_until)})


async def _owned(service: Service, project: str, code: str) -> Channel:
    """The project's channel with this id."""
    find = partial(service.deps.directory.channel, code)
    channel = await look_up(service.deps, "the channel", find) if is_uuid(code) else find()
    if channel is None:
        raise Refusal(404, "not found")
    if channel.project != project:
        raise Refusal(403)
    return channel


def _detailed(service: Service, channel: Channel) -> dict[str, object]:
    health = service.deps.delivery_states.health(channel.id)
    return {
        **_object(channel),
        "created": iso_or_none(channel.created),
        "disabled": health.disabled,
        "disabled_at": iso_or_none(health.disabled_at),
        "disabled_because": health.disabled_because or None,
        "failures": health.failures,
        "last_success": iso_or_none(health.last_success),
    }


def _object(channel: Channel) -> dict[str, object]:
    where = msgspec.to_builtins(CHANNEL_KINDS[channel.kind].show_form(channel))
    return {"id": channel.id, "name": channel.name, "kind": channel.kind, **where, "events": list(channel.notices)}
