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

    host: Annotated[str, Meta(description="Host of its URL; the rest of the URL is secret.")]
    created_at: Time
    changed_at: Annotated[Time | None, Meta(description="Time of its last change of overrides; null: not fetched yet.")]
    left_out: Annotated[Count, Meta(description="Number of events that name neither a turn nor an alert channel.")]
    failing_since: Annotated[
        Time | None, Meta(description="Time of the first failure in a row; earlier overrides stay. Null: no failure.")
    ]
    error: Annotated[str | None, Meta(description="Reason of the last failure.")]


class CalendarLink(Struct, kw_only=True, gc=False):
    """The link to the calendar of a rotation."""

    calendar_url: Annotated[
        Url, Meta(description="URL of the shifts for calendar programs. It needs no login, so keep it secret.")
    ]


_FEED = one_of(CalendarFeedObject, "The calendar.") | errors(404)
_EXAMPLE = {"url": "https://calendar.example.com/ical/team/private-xxxx/basic.ics"}


@router.get("/on-call/{id}/calendar-feed", summary="Read the fetched calendar (Pingfold's own)", responses=_FEED)
async def read_feed(service: ServiceDep, key: AlertsReader, id: str) -> Response:
    """Read the status of the fetched calendar of a rotation."""
    rotation = await find_rotation(service, key, id)
    feed = service.deps.directory.calendar(rotation.id)
    if feed is None:
        raise PoppaPingApiError(404, "No calendar is fetched for the rotation.")
    return one(_shown(feed))


@router.put(
    "/on-call/{id}/calendar-feed",
    summary="Fetch a calendar (Pingfold's own)",
    responses=_FEED | errors(400),
    openapi_extra=body_of(CalendarFeedBody, _EXAMPLE),
)
async def set_feed(service: ServiceDep, key: AlertsWriter, id: str, body: JsonObject) -> Response:
    """Fetch a calendar every 15 minutes from now on. Its events become overrides, as with an uploaded calendar;
    overrides of deleted events are removed. A rotation has at most one fetched calendar."""
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
    summary="Stop fetching a calendar (Pingfold's own)",
    responses=one_of(Deleted, "The id of the rotation.") | errors(404),
)
async def delete_feed(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Stop fetching the calendar of a rotation, and remove its overrides."""
    rotation, deps = await find_rotation(service, key, id), service.deps
    if deps.directory.calendar(rotation.id) is None:
        raise PoppaPingApiError(404, "No calendar is fetched for the rotation.")
    await service.ask(key, CalendarSet(request=new_id(), at=deps.clock.now(), id=rotation.id))
    await wait_until(deps.definitions_replica, lambda: deps.directory.calendar(rotation.id) is None)
    return one(Deleted(rotation.id))


@router.post(
    "/on-call/{id}/calendar-link",
    summary="Renew the link to the calendar of a rotation (Pingfold's own)",
    responses=one_of(CalendarLink, "The new link. The old link stops working.") | errors(404),
)
async def renew_link(service: ServiceDep, key: AlertsWriter, id: str) -> Response:
    """Replace the link to the calendar of a rotation, for example if it has leaked. The old link stops working; those
    of other rotations stay valid."""
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
