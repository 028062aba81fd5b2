"""Recipients: the channels of the account, of every kind and by whichever API they were made.

Made here is what one value is enough for: `webhook` (events of the Push API), `email`, `slack_compatible`, `msteams`.
Where a channel leads is a secret of those who may write: a read-only key, which a page may publish, is shown no
`value`, and of what has no name of its own only the host.
"""

import re
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.channel_fields import must_be_confirmed, new_channel
from query_api.commands import gone, made
from query_api.updown.auth import Caller, Reader, Writer
from query_api.updown.errors import UpdownError, fault
from query_api.updown.judge import Judge
from query_api.updown.openapi import ERRORS, errors, one_of, parameters_in_body
from query_api.updown.recipient_ids import LISTED_ONLY, RECIPIENT_KINDS, recipient_id, recipient_type
from query_api.updown.responses import UpdownDeleted, answer
from query_api.updown.service import Service, ServiceDep
from schemas.channels.kind import ChannelKind, InvalidChannelField
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.ids import new_id
from schemas.requests import ChannelCreate, ChannelDelete

router = APIRouter(tags=["recipients"], responses=ERRORS)

_LONGEST_VALUE, _LONGEST_NAME = 2_000, 100
_MAILBOX = re.compile(r"\s*([^<>]*?)\s*<\s*([^<>\s]*)\s*>\s*")


class UpdownRecipient(Struct, kw_only=True):
    """A recipient of notifications."""

    id: Annotated[str, Meta(description="`<type>:<number>`, such as `webhook:1159873859`.")]
    type: Annotated[
        str,
        Meta(description="`email`, `webhook`, `slack_compatible`, `msteams`, `sms` or `telegram`; or Pingfold's name."),
    ]
    name: Annotated[str, Meta(description="Its label; without one, where it leads.")]
    value: Annotated[
        str | UnsetType, Meta(description="Where it leads: an address or a URL. Left out for read-only keys.")
    ] = UNSET


class UpdownCreateRecipientBody(Struct):
    """A new recipient."""

    type: Annotated[str, Meta(description="`email`, `webhook`, `slack_compatible` or `msteams`; others are refused.")]
    value: Annotated[str, Meta(description="An e-mail address, or a URL.")]
    name: Annotated[str | UnsetType, Meta(description="A label.")] = UNSET
    selected: Annotated[
        bool | UnsetType, Meta(description="Whether to assign it to all existing checks. Default: true.")
    ] = UNSET
    timezone: Annotated[
        str | UnsetType, Meta(description="Own: the zone of the times in descriptions of a webhook; UTC by default.")
    ] = UNSET


_CREATE = parameters_in_body(
    UpdownCreateRecipientBody, {"type": "webhook", "value": "https://hooks.example.com/updown"}
)


@router.get("/recipients", responses=one_of(list[UpdownRecipient], "The recipients."))
async def list_recipients(service: ServiceDep, caller: Reader) -> Response:
    """List the recipients of the account: each channel once."""
    channels = service.deps.directory.channels_of(caller.project)
    return answer([recipient_object(channel, not caller.read_only) for channel in channels])


@router.post(
    "/recipients",
    status_code=201,
    responses=one_of(UpdownRecipient, "The new recipient.", 201) | errors(400, 403),
    openapi_extra=_CREATE,
)
async def create_recipient(service: ServiceDep, caller: Writer) -> Response:
    """Create a recipient, and assign it to all existing checks unless `selected` is false."""
    judge = Judge(caller.parameters)
    kind, given, name = _wanted(judge)
    selected = judge.boolean("selected", True)
    judge.must_be_well()
    channel = await make(service, caller, kind, given, name, selected is UNSET or bool(selected))
    return answer(recipient_object(channel, True), 201)


@router.delete("/recipients/{id}", responses=one_of(UpdownDeleted, "It is gone.") | errors(403, 404))
async def delete_recipient(service: ServiceDep, caller: Writer, id: str) -> Response:
    """Delete a recipient, and remove it from every check."""
    await remove(service, caller, await find(service, caller, id))
    return answer(UpdownDeleted(deleted=True))


async def find(service: Service, caller: Caller, id: str) -> Channel:
    """The caller's channel with this id. Raises `UpdownError` 404."""

    def found() -> Channel | None:
        channels = service.deps.directory.channels_of(caller.project)
        return next((channel for channel in channels if recipient_id(channel) == id), None)

    channel = await service.look_up("recipient", found)
    if channel is None:
        raise UpdownError(404, "Recipient not found")
    return channel


async def make(
    service: Service, caller: Caller, kind: ChannelKind, given: dict[str, Any], name: str, selected: bool
) -> Channel:
    """A new channel, as it can be read back. Raises `UpdownError`."""
    deps = service.deps
    try:
        channel = new_channel(deps, caller.project, kind, given, name, None)
    except InvalidChannelField as invalid:
        field = "timezone" if invalid.field == "timezone" else "value"
        raise UpdownError(400, fault(field, invalid.problem, caller.parameters.get(field))) from None
    request = ChannelCreate(
        request=new_id(),
        at=channel.created,
        channel=channel,
        on_every_check=selected,
        confirm=must_be_confirmed(deps, channel),
    )
    await service.ask(caller, request)
    return await made(deps, deps.directory.channel, channel.id, channel)


async def remove(service: Service, caller: Caller, channel: Channel) -> None:
    """Delete a channel."""
    deps = service.deps
    await service.ask(caller, ChannelDelete(request=new_id(), at=deps.clock.now(), id=channel.id))
    await gone(deps, deps.directory.channel, channel.id)


def recipient_object(channel: Channel, all_of_it: bool) -> UpdownRecipient:
    """A channel as a recipient. all_of_it: with where it leads."""
    kind = CHANNEL_KINDS[channel.kind]
    value = ", ".join(channel.addresses)
    name = value
    if not kind.by_mail:
        value = kind.target(msgspec.to_builtins(kind.show_form(channel)))
        name = channel.name or value
    elif channel.name:
        value = f"{channel.name} <{value}>"
    if not all_of_it:
        name = channel.name or kind.redact(channel) or recipient_id(channel)
    return UpdownRecipient(
        id=recipient_id(channel),
        type=recipient_type(channel),
        name=name,
        value=value if all_of_it else UNSET,
    )


def _wanted(judge: Judge) -> tuple[ChannelKind, dict[str, Any], str]:
    """The kind of a new channel, the fields that it is configured by, and its name."""
    type = judge.given("type")
    kind = RECIPIENT_KINDS.get(type) if isinstance(type, str) else None
    if isinstance(type, str) and (other := LISTED_ONLY.get(type)) is not None:
        words = f"cannot be made here, it needs more than a value: make an alert channel of type {other.name}"
        judge.wrong("type", words, type)
    elif kind is None:
        judge.wrong("type", "is not included in the list", None if type is UNSET else type)
    value = judge.text("value", _LONGEST_VALUE)
    if value is UNSET or not value:
        judge.wrong("value", "can't be blank", None if value is UNSET else value)
    name, zone = judge.text("name", _LONGEST_NAME), judge.text("timezone", _LONGEST_NAME)
    judge.must_be_well()
    assert kind is not None
    text, label = cast(str, value), name or ""
    if kind.by_mail and (found := _MAILBOX.fullmatch(text)):
        label, text = label or found[1], found[2]
    given = dict(kind.of_form(kind.of_target(text)))
    if zone and "timezone" in kind.config.__struct_fields__:
        given["timezone"] = zone
    return kind, given, label
