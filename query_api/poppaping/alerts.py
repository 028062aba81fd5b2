"""Alert channels: list and make, as PoppaPing has it; reading, changing and deleting one is Pingfold's own."""

from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from query_api.channel_fields import (
    ChosenEvents,
    InOneList,
    QuietHoursField,
    RepeatField,
    blocked_addresses,
    body_with,
    given_of,
    in_order,
    must_be_confirmed,
    must_be_taken,
    must_fit,
    must_gather,
    must_take,
    new_channel,
    quiet_of,
    stored_fields,
)
from query_api.commands import made, wait_until
from query_api.http.field_types import words
from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.mutes import PLAIN_TAKES, InvalidMute, read_plain_mute
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.channel_object import AlertChannelObject
from query_api.poppaping.channel_service import Channels
from query_api.poppaping.objects import Deleted, RotatedWebhookSecret
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import (
    Page,
    PerPage,
    PoppaPingApiError,
    listed_page,
    made_or_found,
    one,
    time,
)
from query_api.rotation import Secret, rotate_channel_secret
from schemas.base import Micros
from schemas.channels.kind import InvalidChannelField, enumerated
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.ids import new_id
from schemas.managed import ManagedBy
from schemas.mutes import PlainMute
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


class _NewChannel(msgspec.Struct):
    """A new alert channel. Its `channel_type` says which of the other fields it has."""

    channel_type: Annotated[str, words(CHANNEL_KINDS)]
    name: _Name = ""
    events: ChosenEvents | None = None
    digest: InOneList | None = None
    quiet_hours: QuietHoursField | None = None
    repeat_minutes: RepeatField | None = None
    on_every_monitor: Annotated[bool, Meta(description="Whether to assign it to all existing monitors.")] = False
    managed_by: ManagedBy = ""


class _ChannelChanges(msgspec.Struct):
    """The fields of an alert channel to change."""

    name: _Name | UnsetType = UNSET
    events: ChosenEvents | UnsetType = UNSET
    digest: InOneList | UnsetType | None = UNSET
    quiet_hours: QuietHoursField | UnsetType | None = UNSET
    repeat_minutes: RepeatField | UnsetType | None = UNSET
    mute_until: Annotated[str, Meta(max_length=100, description=PLAIN_TAKES)] | UnsetType | None = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


CreateAlertChannelBody = body_with("CreateAlertChannelBody", _NewChannel, "config")
UpdateAlertChannelBody = body_with("UpdateAlertChannelBody", _ChannelChanges, "config")


class RotateWebhookSecretBody(msgspec.Struct, forbid_unknown_fields=True):
    """How a secret is rotated."""

    secret: Annotated[Secret | None, Meta(description="The new secret. Default: a random one.")] = None
    overlap_seconds: Annotated[Overlap, Meta(description="Seconds during which the old secret also signs.")] = DAY


# They change with each attempt, and with what others do.
_DRIFTING = ("failures", "unconfirmed", "blocked", "confirmation_error", "disabled", "disabled_because")
_INSTEAD = {"config": "give the fields in it by themselves, as they are given for a new channel"}
ROTATE = body_of(RotateWebhookSecretBody, {"overlap_seconds": 3600})
_CREATE = body_of(
    CreateAlertChannelBody, {"channel_type": "webhook", "url": "https://hooks.example.com/pingfold", "name": "Ops"}
)
_UPDATE = body_of(UpdateAlertChannelBody, {"events": ["monitor.down", "monitor.recovered"]})
_CHANNEL = one_of(AlertChannelObject, "The alert channel.") | errors(404)


@router.get("/alerts", responses=list_of(AlertChannelObject, "The alert channels.") | errors(400))
@router.get("/alert-channels", include_in_schema=False)
async def list_channels(service: Channels, key: AlertsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the alert channels of the project."""
    channels = service.deps.directory.channels_of(key.project)
    return listed_page(channels, page, per_page, service.channel_object)


@router.post(
    "/alert-channels",
    status_code=201,
    responses=one_of(AlertChannelObject, "The new alert channel.", 201)
    | one_of(AlertChannelObject, "The alert channel that was there (`Idempotency-Key`).")
    | errors(400),
    openapi_extra=_CREATE,
)
async def create_channel(
    service: Channels, key: AlertsWriter, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create an alert channel. A webhook without a secret of its own is signed with the secret of the project."""
    wanted, deps = judged(body, CreateAlertChannelBody), service.deps
    try:
        kind = CHANNEL_KINDS.get(wanted.channel_type)
        if kind is None:
            raise InvalidChannelField("channel_type", f"must be {_KINDS}")
        must_fit(kind, body)
        given = given_of(kind, wanted, "config")
        await must_be_taken(deps, kind, given)
        channel = new_channel(
            deps,
            key.project,
            kind,
            given,
            wanted.name,
            wanted.events,
            wanted.digest,
            wanted.quiet_hours,
            wanted.repeat_minutes,
            service.id_for(key, "channel", idempotency_key),
        )
        channel = replace(channel, managed_by=wanted.managed_by)
    except InvalidChannelField as invalid:
        raise _fault(invalid) from None
    request = ChannelCreate(
        request=new_id(),
        at=channel.created,
        channel=channel,
        on_every_check=wanted.on_every_monitor,
        confirm=must_be_confirmed(deps, channel),
    )
    decision = await service.ask(key, request)
    return made_or_found(
        decision, service.channel_object(await made(deps, deps.directory.channel, channel.id, channel))
    )


@router.get("/alert-channels/{id}", responses=_CHANNEL)
async def read_channel(service: Channels, key: AlertsReader, id: str) -> Response:
    """Read one alert channel, with its state."""
    return one(service.channel_object(await service.channel(key, id)))


@router.patch("/alert-channels/{id}", responses=_CHANNEL | errors(400), openapi_extra=_UPDATE)
async def change_channel(service: Channels, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Change an alert channel. Omitted fields stay. Any body enables a disabled channel, even an empty one, except
    `mute_until` alone."""
    channel, deps = await service.channel(key, id), service.deps
    body = without_read_only(body, service.channel_object(channel), UpdateAlertChannelBody, _DRIFTING, _INSTEAD)
    changes, kind = judged(body, UpdateAlertChannelBody), CHANNEL_KINDS[channel.kind]
    try:
        must_fit(kind, body)
        must_take(kind, () if changes.events is UNSET else changes.events)
        must_gather(kind, changes.digest, changes.quiet_hours)
        given = given_of(kind, changes, "config")
        await must_be_taken(deps, kind, given)
        fields = ChannelFields(
            name=changes.name,
            notices=UNSET if changes.events is UNSET else in_order(changes.events),
            digest=changes.digest,
            quiet_hours=quiet_of(changes.quiet_hours),
            repeat_minutes=changes.repeat_minutes,
            mute_until=_mute(changes.mute_until, deps.clock.now()),
            managed_by=changes.managed_by,
            **stored_fields(deps, key.project, channel.id, kind, given, channel),
        )
    except InvalidChannelField as invalid:
        raise _fault(invalid) from None
    confirm = must_be_confirmed(deps, channel)
    await service.ask(key, ChannelUpdate(request=new_id(), at=deps.clock.now(), id=id, fields=fields, confirm=confirm))
    wanted = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}

    def changed() -> bool:
        now = deps.directory.channel(id)
        return now is None or replace(now, **wanted) == now

    await wait_until(deps.definitions_replica, changed)
    if set(wanted) != {"mute_until"}:
        await wait_until(deps.states_replica, lambda: not deps.delivery_states.health(id).disabled)
    return one(service.channel_object(await service.channel(key, id)))


@router.post(
    "/alert-channels/{id}/confirmation",
    status_code=202,
    responses=one_of(AlertChannelObject, "The alert channel; the request is being mailed.", 202) | errors(404, 409),
)
async def request_confirmation(service: Channels, key: AlertsWriter, id: str) -> Response:
    """Mail another confirmation request to the unconfirmed addresses of a channel. Their number per week is limited."""
    channel, deps = await service.channel(key, id), service.deps
    if not channel.unconfirmed:
        raise PoppaPingApiError(409, "No address of the alert channel waits for a confirmation.", "nothing_to_confirm")
    if len(blocked_addresses(deps, channel)) == len(channel.unconfirmed):
        raise PoppaPingApiError(409, "The owners of the addresses want no mail from here.", "recipients_blocked")
    await service.ask(key, ConfirmationResend(request=new_id(), at=deps.clock.now(), id=id))
    return one(service.channel_object(channel), 202)


@router.post(
    "/alert-channels/{id}/rotate-secret",
    responses=one_of(RotatedWebhookSecret, "The new secret, which is shown only once.") | errors(400, 404, 409),
    openapi_extra=ROTATE,
)
async def rotate_secret(service: Channels, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Replace the secret of a webhook by one of its own. The old secret also signs until the overlap ends."""
    channel, wanted = await service.channel(key, id), judged(body, RotateWebhookSecretBody)
    ask = partial(service.ask, key)
    rotated = await rotate_channel_secret(service.deps, ask, channel, wanted.overlap_seconds, wanted.secret)
    return one(RotatedWebhookSecret(rotated.value, time(rotated.former_until)))


@router.delete("/alert-channels/{id}", responses=one_of(Deleted, "The id of what was deleted.") | errors(404))
async def delete_channel(service: Channels, key: AlertsWriter, id: str) -> Response:
    """Delete an alert channel, and remove it from every monitor and check."""
    channel = await service.channel(key, id)
    request = ChannelDelete(request=new_id(), at=service.deps.clock.now(), id=channel.id)
    return await service.delete(key, request, service.deps.directory.channel)


def _mute(given: str | UnsetType | None, now: Micros) -> PlainMute | UnsetType:
    """Raises `InvalidChannelField`."""
    try:
        return UNSET if given is UNSET else read_plain_mute(given, now)
    except InvalidMute as invalid:
        raise InvalidChannelField("mute_until", str(invalid)) from None


def _fault(invalid: InvalidChannelField) -> PoppaPingApiError:
    return PoppaPingApiError(400, f"Field '{invalid.field}' {invalid.problem}.")
