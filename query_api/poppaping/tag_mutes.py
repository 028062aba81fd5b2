"""Mutes of tags: Pingfold's own, in the style of the API. Nobody is told of the heartbeat checks that have a muted tag.

Monitors have no tags. A mute that has ended is not listed.
"""

from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import Meta, Struct

from query_api.commands import wait_until
from query_api.http.field_types import Time, Uuid
from query_api.http.openapi import body_of
from query_api.mutes import PLAIN_TAKES, InvalidMute, read_plain_mute, show_mute
from query_api.poppaping.auth import JsonObject, MonitorsReader, MonitorsWriter
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.responses import (
    Page,
    PerPage,
    PoppaPingApiError,
    listed_page,
    one,
    time,
)
from query_api.poppaping.service import Service, ServiceDep
from schemas.definitions import ApiKey
from schemas.ids import is_uuid, new_id
from schemas.incident_requests import TagMuteSet
from schemas.mutes import is_muted
from schemas.tag_mutes import Tag, TagMute, is_tag

router = APIRouter(tags=["mutes of tags"], responses=ERRORS)


class MuteTagBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A tag to mute."""

    tag: Annotated[Tag, Meta(description="A tag of heartbeat checks, without spaces. Checks may get it later.")]
    mute_until: Annotated[str, Meta(max_length=100, description=PLAIN_TAKES)] | None = "forever"


class TagMuteObject(Struct, kw_only=True, gc=False):
    """A tag that is muted."""

    id: Uuid
    tag: str
    mute_until: Annotated[str, Meta(description="A time in ISO 8601, or `forever`.")]
    created_at: Time


@router.get(
    "/tag-mutes",
    summary="List muted tags (Pingfold's own)",
    responses=list_of(TagMuteObject, "The tags, in their order.") | errors(400),
)
async def list_tag_mutes(service: ServiceDep, key: MonitorsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the muted tags of heartbeat checks."""
    now = service.deps.clock.now()
    mutes = [mute for mute in service.deps.directory.tag_mutes_of(key.project) if is_muted(mute.until, now)]
    return listed_page(mutes, page, per_page, _object)


@router.post(
    "/tag-mutes",
    summary="Mute a tag (Pingfold's own)",
    responses=one_of(TagMuteObject, "The tag, muted.") | errors(400),
    openapi_extra=body_of(MuteTagBody, {"tag": "db", "mute_until": "2030-02-21T14:30:00+00:00"}),
)
async def mute_tag(service: ServiceDep, key: MonitorsWriter, body: JsonObject) -> Response:
    """Mute a tag, or change the end of its mute. Heartbeat checks with the tag send no notices; statuses change as
    usual. When the mute ends, notices report what is still down."""
    wanted, now = judged(body, MuteTagBody), service.deps.clock.now()
    try:
        until = read_plain_mute(wanted.mute_until, now)
    except InvalidMute as invalid:
        raise PoppaPingApiError(400, f"Field 'mute_until' {invalid}.") from None
    if not is_tag(wanted.tag):
        raise PoppaPingApiError(400, "Field 'tag' must be one tag, without blanks.")
    if until is None:
        raise _over()
    decision = await service.ask(key, TagMuteSet(request=new_id(), at=now, label=wanted.tag, until=until))
    if decision.outcome == "removed":
        raise _over()
    return one(_object(await service.read_back(decision, service.deps.directory.tag_mute)))


@router.get(
    "/tag-mutes/{id}",
    summary="Read the mute of a tag (Pingfold's own)",
    responses=one_of(TagMuteObject, "The tag, muted.") | errors(404),
)
async def read_tag_mute(service: ServiceDep, key: MonitorsReader, id: str) -> Response:
    """Read the mute of a tag. 404 after its end."""
    return one(_object(await _find(service, key, id)))


@router.delete(
    "/tag-mutes/{id}",
    summary="Unmute a tag (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def lift_tag_mute(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """Unmute a tag. Notices report what is still down."""
    mute, deps = await _find(service, key, id), service.deps
    await service.ask(key, TagMuteSet(request=new_id(), at=deps.clock.now(), label=mute.label))
    await wait_until(deps.definitions_replica, lambda: _is_over(service, mute))
    return one(Deleted(mute.id))


async def _find(service: Service, key: ApiKey, id: str) -> TagMute:
    directory = service.deps.directory

    def found() -> TagMute | None:
        return directory.tag_mute(id)

    mute = await service.look_up("mute", found) if is_uuid(id) else None
    if mute is None or mute.project != key.project or not is_muted(mute.until, service.deps.clock.now()):
        raise PoppaPingApiError(404, "Mute not found.")
    return mute


def _over() -> PoppaPingApiError:
    return PoppaPingApiError(400, "Field 'mute_until' must be a time that is to come, or 'forever'.")


def _is_over(service: Service, mute: TagMute) -> bool:
    now = service.deps.directory.tag_mute(mute.id)
    return now is None or now.version != mute.version


def _object(mute: TagMute) -> TagMuteObject:
    until = show_mute(mute.until)
    assert until is not None
    return TagMuteObject(id=mute.id, tag=mute.label, mute_until=until, created_at=time(mute.created))
