"""Alert channels: list and make, as PoppaPing has it; reading, changing and deleting one is Pingfold's own."""

from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from query_api.channel_fields import (
    blocked_addresses,
    body_with,
    given_of,
    in_order,
    must_be_confirmed,
    must_fit,
    new_channel,
    stored_fields,
)
from query_api.commands import gone, made, wait_until
from query_api.poppaping import openapi
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.channel_service import Channels
from query_api.poppaping.responses import ERRORS, MOST_PER_PAGE, Fault, Page, PerPage, cut, listed, one, time
from query_api.rotation import Secret, rotate_channel_secret
from schemas.channels.kind import InvalidField, enumerated
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.ids import new_id
from schemas.notices import Notice
from schemas.requests import (
    DAY,
    ChannelCreate,
    ChannelDelete,
    ChannelFields,
    ChannelUpdate,
    ConfirmationResend,
    Overlap,
)

router = APIRouter(tags=["alerts"], responses=ERRORS)

_Name = Annotated[str, Meta(max_length=100)]
_KINDS = enumerated([f"'{name}'" for name in CHANNEL_KINDS], "or")


class NewChannel(msgspec.Struct):
    """Which of the other fields a channel has, its `channel_type` says.

    events: what the channel takes. on_every_monitor: put it on those that are there.
    """

    channel_type: str
    name: _Name = ""
    events: tuple[Notice, ...] | None = None
    on_every_monitor: bool = False


class ChannelChanges(msgspec.Struct):
    """What is given is changed. `secret` null: the project's."""

    name: _Name | UnsetType = UNSET
    events: tuple[Notice, ...] | UnsetType = UNSET


CreateChannelBody, UpdateChannelBody = body_with(NewChannel, "config"), body_with(ChannelChanges, "config")


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """secret: the new one; made by Pingfold if left out. overlap_seconds: so long the former one signs, too."""

    secret: Secret | None = None
    overlap_seconds: Overlap = DAY


@router.get("/alerts", responses=openapi.list_of(openapi.CHANNEL))
@router.get("/alert-channels", include_in_schema=False)
async def list_channels(service: Channels, key: AlertsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """The alert channels of the project."""
    per_page = min(per_page, MOST_PER_PAGE)
    channels = service.deps.directory.channels_of(key.project)
    return listed(
        [service.channel_object(channel) for channel in cut(channels, page, per_page)], page, per_page, len(channels)
    )


@router.post(
    "/alert-channels",
    status_code=201,
    responses=openapi.one_of(openapi.CHANNEL, 201),
    openapi_extra=openapi.body_of(CreateChannelBody),
)
async def create_channel(service: Channels, key: AlertsWriter, body: JsonObject) -> Response:
    """Make a channel. A webhook without a secret of its own is signed with the project's."""
    wanted, deps = judged(body, CreateChannelBody), service.deps
    try:
        kind = CHANNEL_KINDS.get(wanted.channel_type)
        if kind is None:
            raise InvalidField("channel_type", f"must be {_KINDS}")
        must_fit(kind, body)
        given = given_of(kind, wanted, "config")
        channel = new_channel(deps, key.project, kind, given, wanted.name, wanted.events)
    except InvalidField as invalid:
        raise _fault(invalid) from None
    request = ChannelCreate(
        request=new_id(),
        at=channel.created,
        channel=channel,
        on_every_check=wanted.on_every_monitor,
        confirm=must_be_confirmed(deps, channel),
    )
    await service.ask(key, request)
    return one(service.channel_object(await made(deps, deps.directory.channel, channel.id, channel)), 201)


@router.get("/alert-channels/{id}", responses=openapi.one_of(openapi.CHANNEL))
async def read_channel(service: Channels, key: AlertsReader, id: str) -> Response:
    """One channel, with how it does."""
    return one(service.channel_object(await service.channel(key, id)))


@router.patch(
    "/alert-channels/{id}", responses=openapi.one_of(openapi.CHANNEL), openapi_extra=openapi.body_of(UpdateChannelBody)
)
async def change_channel(service: Channels, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Change the fields that are given; a channel that was disabled is enabled, even by no change at all."""
    channel, deps = await service.channel(key, id), service.deps
    changes, kind = judged(body, UpdateChannelBody), CHANNEL_KINDS[channel.kind]
    try:
        must_fit(kind, body)
        given = given_of(kind, changes, "config")
        fields = ChannelFields(
            name=changes.name,
            notices=UNSET if changes.events is UNSET else in_order(changes.events),
            **stored_fields(deps, key.project, channel.id, kind, given, channel),
        )
    except InvalidField as invalid:
        raise _fault(invalid) from None
    confirm = must_be_confirmed(deps, channel)
    await service.ask(key, ChannelUpdate(request=new_id(), at=deps.clock.now(), id=id, fields=fields, confirm=confirm))
    wanted = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}

    def changed() -> bool:
        now = deps.directory.channel(id)
        return now is None or replace(now, **wanted) == now

    await wait_until(deps.definitions_replica, changed)
    await wait_until(deps.states_replica, lambda: not deps.delivery_states.health(id).disabled)
    return one(service.channel_object(await service.channel(key, id)))


@router.post("/alert-channels/{id}/confirmation", status_code=202, responses=openapi.one_of(openapi.CHANNEL, 202))
async def request_confirmation(service: Channels, key: AlertsWriter, id: str) -> Response:
    """Mail another request to confirm to the addresses of a channel that nobody has confirmed. Few in a week."""
    channel, deps = await service.channel(key, id), service.deps
    if not channel.unconfirmed:
        raise Fault(409, "No address of the alert channel waits for a confirmation.", "nothing_to_confirm")
    if len(blocked_addresses(deps, channel)) == len(channel.unconfirmed):
        raise Fault(409, "The owners of the addresses want no mail from here.", "recipients_blocked")
    await service.ask(key, ConfirmationResend(request=new_id(), at=deps.clock.now(), id=id))
    return one(service.channel_object(channel), 202)


@router.post(
    "/alert-channels/{id}/rotate-secret",
    responses=openapi.one_of(openapi.SECRET),
    openapi_extra=openapi.body_of(Rotation),
)
async def rotate_secret(service: Channels, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Give a webhook another secret, its own. What signed it so far signs, too, until the overlap has ended."""
    channel, wanted = await service.channel(key, id), judged(body, Rotation)
    ask = partial(service.ask, key)
    rotated = await rotate_channel_secret(service.deps, ask, channel, wanted.overlap_seconds, wanted.secret)
    return one({"secret": rotated.value, "former_until": time(rotated.former_until)})


@router.delete("/alert-channels/{id}", responses=openapi.one_of(openapi.DELETED))
async def delete_channel(service: Channels, key: AlertsWriter, id: str) -> Response:
    """Delete a channel: it is taken off every monitor and check."""
    channel, deps = await service.channel(key, id), service.deps
    await service.ask(key, ChannelDelete(request=new_id(), at=deps.clock.now(), id=channel.id))
    await gone(deps, deps.directory.channel, id)
    return one({"id": id, "deleted": True})


def _fault(invalid: InvalidField) -> Fault:
    return Fault(400, f"Field '{invalid.field}' {invalid.problem}.")
