"""Alert channels: list and make, as PoppaPing has it; reading, changing and deleting one is Pingfold's own."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from infra.egress.guard import Guard
from infra.secrets.secrets import of_channel
from query_api.channel_fields import (
    KINDS,
    BadField,
    blocked_addresses,
    checked_addresses,
    checked_url,
    in_order,
    mailbox,
    must_be_confirmed,
    webhook,
)
from query_api.poppaping import openapi
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.channel_service import Channels
from query_api.poppaping.responses import ERRORS, MOST_PER_PAGE, Fault, Page, PerPage, cut, listed, one, time
from query_api.poppaping.service import VISIBLE_WITHIN
from query_api.rotation import Secret, rotate_channel_secret
from schemas.definitions import Notice
from schemas.ids import new_id
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

_Url = Annotated[str, Meta(max_length=2_000)]
_Name = Annotated[str, Meta(max_length=100)]


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """`url` and `secret`: of a webhook. `email`, `addresses`: one address or several of an e-mail channel.

    events: what the channel takes. on_every_monitor: put it on those that are there.
    """

    channel_type: str
    url: _Url = ""
    email: str | UnsetType = UNSET
    addresses: list[str] | UnsetType = UNSET
    name: _Name = ""
    events: tuple[Notice, ...] | None = None
    secret: Secret | None = None
    on_every_monitor: bool = False


class Changes(msgspec.Struct, forbid_unknown_fields=True):
    """What is given is changed. `secret` null: the project's."""

    name: _Name | UnsetType = UNSET
    events: tuple[Notice, ...] | UnsetType = UNSET
    url: _Url | UnsetType = UNSET
    secret: Secret | UnsetType | None = UNSET
    email: str | UnsetType = UNSET
    addresses: list[str] | UnsetType = UNSET


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
    openapi_extra=openapi.body_of(Wanted),
)
async def create_channel(service: Channels, key: AlertsWriter, body: JsonObject) -> Response:
    """Make a webhook or an e-mail channel. A webhook without a secret of its own is signed with the project's."""
    wanted, deps = judged(body, Wanted), service.deps
    now = deps.clock.now()
    try:
        if wanted.channel_type not in KINDS:
            raise BadField("channel_type", "must be 'webhook' or 'email'")
        _must_fit(wanted.channel_type, body)
        if wanted.channel_type == "email":
            channel = mailbox(key.project, deps.settings, now, _addresses(wanted), wanted.events)
        else:
            channel = webhook(key.project, deps.settings, now, wanted.url, wanted.events, deps.guard)
    except BadField as bad:
        raise _fault(bad) from None
    secret = None if wanted.secret is None else deps.encrypt(wanted.secret, of_channel(channel.id))
    channel = replace(channel, name=wanted.name, secret=secret)
    request = ChannelCreate(
        request=new_id(),
        at=now,
        channel=channel,
        on_every_check=wanted.on_every_monitor,
        confirm=must_be_confirmed(channel, deps.settings),
    )
    await service.ask(key, request)
    await deps.definitions_replica.wait(lambda: deps.directory.channel(channel.id) is not None, VISIBLE_WITHIN)
    return one(service.channel_object(deps.directory.channel(channel.id) or channel), 201)


@router.get("/alert-channels/{id}", responses=openapi.one_of(openapi.CHANNEL))
async def read_channel(service: Channels, key: AlertsReader, id: str) -> Response:
    """One channel, with how it does."""
    return one(service.channel_object(await service.channel(key, id)))


@router.patch("/alert-channels/{id}", responses=openapi.one_of(openapi.CHANNEL), openapi_extra=openapi.body_of(Changes))
async def change_channel(service: Channels, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Change the fields that are given; a channel that was disabled is enabled, even by no change at all."""
    channel, deps = await service.channel(key, id), service.deps
    changes = judged(body, Changes)
    try:
        _must_fit(channel.kind, body)
        fields = _fields(changes, deps.encrypt, channel.id, deps.guard.of(key.project))
    except BadField as bad:
        raise _fault(bad) from None
    confirm = must_be_confirmed(channel, deps.settings)
    await service.ask(key, ChannelUpdate(request=new_id(), at=deps.clock.now(), id=id, fields=fields, confirm=confirm))
    wanted = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}

    def changed() -> bool:
        now = deps.directory.channel(id)
        return now is None or replace(now, **wanted) == now

    await deps.definitions_replica.wait(changed, VISIBLE_WITHIN)
    await deps.states_replica.wait(lambda: not deps.delivery_states.health(id).disabled, VISIBLE_WITHIN)
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
    made = await rotate_channel_secret(service.deps, ask, channel, wanted.overlap_seconds, wanted.secret)
    return one({"secret": made.value, "former_until": time(made.former_until)})


@router.delete("/alert-channels/{id}", responses=openapi.one_of(openapi.DELETED))
async def delete_channel(service: Channels, key: AlertsWriter, id: str) -> Response:
    """Delete a channel: it is taken off every monitor and check."""
    channel, deps = await service.channel(key, id), service.deps
    await service.ask(key, ChannelDelete(request=new_id(), at=deps.clock.now(), id=channel.id))
    await deps.definitions_replica.wait(lambda: deps.directory.channel(id) is None, VISIBLE_WITHIN)
    return one({"id": id, "deleted": True})


# What only one kind of channel has.
_OF_KIND = {"url": "webhook", "secret": "webhook", "email": "email", "addresses": "email"}


def _must_fit(kind: str, given: Iterable[str]) -> None:
    for field in given:
        if _OF_KIND.get(field, kind) != kind:
            raise BadField(field, f"is not of a channel of type '{kind}'")


def _addresses(wanted: Wanted | Changes) -> list[str]:
    if wanted.email is not UNSET and wanted.addresses is not UNSET:
        raise BadField("email", "and 'addresses' cannot both be given")
    if wanted.email is not UNSET:
        return [wanted.email]
    return [] if wanted.addresses is UNSET else wanted.addresses


def _fields(changes: Changes, encrypt: Callable[[str, str], str], channel: str, guard: Guard) -> ChannelFields:
    moved = changes.email is not UNSET or changes.addresses is not UNSET
    return ChannelFields(
        name=changes.name,
        notices=UNSET if changes.events is UNSET else in_order(changes.events),
        url=UNSET if changes.url is UNSET else checked_url(changes.url, guard),
        secret=encrypt(changes.secret, of_channel(channel)) if isinstance(changes.secret, str) else changes.secret,
        addresses=checked_addresses(_addresses(changes)) if moved else UNSET,
    )


def _fault(bad: BadField) -> Fault:
    return Fault(400, f"Field '{bad.field}' {bad.problem}.")
