"""The calendars of on-call rotations: the one that is fetched for a rotation, and the link to its own. Pingfold's own.

What a fetched calendar says becomes overrides (`query_api.calendar_fetching`). Its address is stored encrypted and not
shown again: with many services whoever has it reads the calendar.
"""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Response
from msgspec import Meta, Struct

from infra.egress.guard import TargetRefused
from query_api.commands import wait_until
from query_api.http.field_types import Count, Time, Url
from query_api.http.openapi import body_of
from query_api.poppaping.auth import AlertsReader, AlertsWriter, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.on_call import calendar_of, find_rotation
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one, time
from query_api.poppaping.service import ServiceDep
from schemas.calendar_feeds import CalendarFeed, CalendarSet, calendar_key
from schemas.channels.kind import InvalidChannelField
from schemas.channels.urls import http_url
from schemas.ids import new_id
from schemas.on_call_requests import OnCallRenewLink
from schemas.origins import host_and_port

router = APIRouter(tags=["on-call rotations"], responses=ERRORS)


class CalendarFeedBody(Struct, forbid_unknown_fields=True):
    """A calendar to fetch."""

    url: Annotated[
        str, Meta(max_length=2_000, description="An iCalendar address (https, http or webcal). It is not shown again.")
    ]


class CalendarFeedObject(Struct, kw_only=True, gc=False):
    """The calendar that is fetched for a rotation."""

    host: Annotated[str, Meta(description="Of its address, the rest of which is a secret.")]
    created_at: Time
    changed_at: Annotated[Time | None, Meta(description="When it changed the overrides last; null: not read yet.")]
    left_out: Annotated[Count, Meta(description="How many of its events name no turn and no alert channel.")]
    failing_since: Annotated[Time | None, Meta(description="What it said before goes on to count; null: it is read.")]
    error: Annotated[str | None, Meta(description="Why it could not be read last.")]


class CalendarLink(Struct, kw_only=True, gc=False):
    """The link to the calendar of a rotation."""

    calendar_url: Annotated[Url, Meta(description="The shifts for calendar programs, without a login: a secret.")]


_FEED = one_of(CalendarFeedObject, "The calendar.") | errors(404)
_EXAMPLE = {"url": "https://calendar.example.com/ical/team/private-xxxx/basic.ics"}


@router.get("/on-call/{id}/calendar-feed", summary="Read the calendar of others (Pingfold's own)", responses=_FEED)
async def read_feed(service: ServiceDep, key: AlertsReader, id: str) -> Response:
    """Read how the calendar fares that is fetched for a rotation."""
    rotation = await find_rotation(service, key, id)
    feed = service.deps.directory.calendar(rotation.id)
    if feed is None:
        raise PoppaPingApiError(404, "No calendar is fetched for the rotation.")
    return one(_shown(feed))


@router.put(
    "/on-call/{id}/calendar-feed",
    summary="Fetch a calendar of others (Pingfold's own)",
    responses=_FEED | errors(400),
    openapi_extra=body_of(CalendarFeedBody, _EXAMPLE),
)
async def set_feed(service: ServiceDep, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Have a calendar fetched from now on, each quarter of an hour. Its events become overrides as those of an uploaded
    one do, and those that vanish from it go. It takes the place of the one that was fetched before."""
    rotation, deps = await find_rotation(service, key, id), service.deps
    url = _checked(service, key.project, judged(body, CalendarFeedBody).url)
    known = deps.directory.calendar(rotation.id)
    version = 1 if known is None else known.version + 1
    sealed = deps.encrypt(url, calendar_key(rotation.id))
    host = urlsplit(url).hostname or ""
    request = CalendarSet(request=new_id(), at=deps.clock.now(), id=rotation.id, url=sealed, host=host)
    await service.ask(key, request)

    def is_set() -> bool:
        feed = deps.directory.calendar(rotation.id)
        return feed is not None and feed.version >= version

    await wait_until(deps.definitions_replica, is_set)
    return await read_feed(service, key, id)


@router.delete(
    "/on-call/{id}/calendar-feed",
    summary="Fetch no calendar of others any more (Pingfold's own)",
    responses=one_of(Deleted, "The id of the rotation.") | errors(404),
)
async def delete_feed(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Fetch no calendar for a rotation any more. The overrides that came from it go."""
    rotation, deps = await find_rotation(service, key, id), service.deps
    if deps.directory.calendar(rotation.id) is None:
        raise PoppaPingApiError(404, "No calendar is fetched for the rotation.")
    await service.ask(key, CalendarSet(request=new_id(), at=deps.clock.now(), id=rotation.id))
    await wait_until(deps.definitions_replica, lambda: deps.directory.calendar(rotation.id) is None)
    return one(Deleted(rotation.id))


@router.post(
    "/on-call/{id}/calendar-link",
    summary="Renew the link to the calendar of a rotation (Pingfold's own)",
    responses=one_of(CalendarLink, "The new link; the one before opens nothing any more.") | errors(404),
)
async def renew_link(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Give the calendar of a rotation another link, as when somebody has it who should not. The one before opens
    nothing any more; links of other rotations stay."""
    rotation, deps = await find_rotation(service, key, id), service.deps
    request = OnCallRenewLink(request=new_id(), at=deps.clock.now(), id=rotation.id)
    renewed = await service.change(key, request, deps.directory.rotation)
    return one(CalendarLink(calendar_url=calendar_of(service, renewed)))


def _shown(feed: CalendarFeed) -> CalendarFeedObject:
    return CalendarFeedObject(
        host=feed.host,
        created_at=time(feed.created),
        changed_at=time(feed.changed),
        left_out=feed.left_out,
        failing_since=time(feed.failing_since),
        error=feed.error or None,
    )


def _checked(service: ServiceDep, project: str, url: str) -> str:
    """The address, when it may be asked. What a name means is seen when it is connected."""
    if url.startswith("webcal://"):
        url = f"https{url.removeprefix('webcal')}"
    try:
        http_url("url", url)
        host, port = host_and_port(url)
        service.deps.guard.of(project).check_host(host, port)
    except InvalidChannelField as invalid:
        raise PoppaPingApiError(400, f"Field '{invalid.field}' {invalid.problem}.") from None
    except TargetRefused as refused:
        raise PoppaPingApiError(400, f"Field 'url' may not be fetched: {refused}.") from None
    return url
