"""Alert channels: list, as seed 001 has it; making and deleting webhooks in the same style is Pingfold's own."""

from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Response
from msgspec import Meta

from query_api.poppaping.answers import ERRORS, MOST_PER_PAGE, Fault, Page, PerPage, cut, listed, one, time
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.desk import TheDesk
from schemas.definitions import NOTICES, Channel, Notice
from schemas.ids import new_id
from schemas.requests import ChannelCreate, ChannelDelete

router = APIRouter(tags=["alerts"], responses=ERRORS)


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """`url`: of a webhook. `events`: what the channel takes. `on_every_monitor`: put it on those that are there."""

    channel_type: str
    url: Annotated[str, Meta(max_length=2_000)] = ""
    name: Annotated[str, Meta(max_length=100)] = ""
    events: tuple[Notice, ...] = NOTICES
    secret: Annotated[str, Meta(min_length=8, max_length=200)] | None = None
    on_every_monitor: bool = False


@router.get("/alerts")
@router.get("/alert-channels", include_in_schema=False)
async def list_channels(desk: TheDesk, key: AlertsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """The alert channels of the project."""
    per_page = min(per_page, MOST_PER_PAGE)
    channels = desk.parts.directory.channels_of(key.project)
    return listed([_object(channel) for channel in cut(channels, page, per_page)], page, per_page, len(channels))


@router.post("/alert-channels", status_code=201)
async def create_channel(desk: TheDesk, key: AlertsWriter, body: JsonObject) -> Response:
    """Make a webhook. Without a secret of its own it is signed with the project's."""
    try:
        wanted = msgspec.convert(body, Wanted)
    except msgspec.ValidationError as error:
        raise Fault(400, f"{error}.") from None
    if wanted.channel_type != "webhook":
        raise Fault(400, "Field 'channel_type' must be 'webhook'.")
    _check_url(wanted.url)
    parts = desk.parts
    now = parts.clock.now()
    channel = Channel(
        id=new_id(),
        project=key.project,
        kind="webhook",
        url=wanted.url,
        created=now,
        name=wanted.name,
        notices=tuple(notice for notice in NOTICES if notice in wanted.events),
        secret=None if wanted.secret is None else parts.encrypt(wanted.secret),
        site=parts.settings.base_url,
    )
    await desk.ask(
        key, ChannelCreate(request=new_id(), at=now, channel=channel, on_every_check=wanted.on_every_monitor)
    )
    await parts.definitions_replica.wait(lambda: parts.directory.channel(channel.id) is not None, 3.0)
    return one(_object(channel), 201)


@router.delete("/alert-channels/{id}")
async def delete_channel(desk: TheDesk, key: AlertsWriter, id: str) -> Response:
    """Delete a channel: it is taken off every monitor and check."""
    parts = desk.parts
    channel = parts.directory.channel(id)
    if channel is None or channel.project != key.project:
        raise Fault(404, "Alert channel not found.")
    await desk.ask(key, ChannelDelete(request=new_id(), at=parts.clock.now(), id=id))
    await parts.definitions_replica.wait(lambda: parts.directory.channel(id) is None, 3.0)
    return one({"id": id, "deleted": True})


def _object(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "channel_type": channel.kind,
        "config": {"url": channel.url},
        "events": list(channel.notices),
        "created_at": time(channel.created),
    }


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or any(ord(character) <= 32 for character in url):
        raise Fault(400, "Field 'url' must be an http or https URL.")
