"""`/on-call/TOKEN.ics`: the calendar of an on-call rotation, which calendar programs ask for without a login.

The token is all that is needed, and it opens nothing else. Programs ask often: an answer has a tag, and is the same for
a day unless the rotation changes.
"""

import asyncio
from hashlib import blake2b

from fastapi import APIRouter, FastAPI, Request, Response

from infra.log.lookup import NotCaughtUp, look_up
from infra.secrets.calendar_links import ENDING, PATH
from query_api.dependencies import dependencies_of
from query_api.http.refusals import ApiError, Unavailable
from query_api.http.route_index import include
from query_api.on_call_calendar import calendar_of

router = APIRouter(include_in_schema=False)

_HEADERS = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
_CALENDAR = "text/calendar; charset=utf-8"


def install(app: FastAPI) -> None:
    """Put the calendars into the application."""
    include(app, router)


@router.get(f"{PATH}{{name}}")
async def calendar(request: Request, name: str) -> Response:
    """The calendar that a link opens."""
    deps = dependencies_of(request)
    read = deps.calendar_links.read(name.removesuffix(ENDING)) if name.endswith(ENDING) else None
    id, link = read or ("", 0)
    try:
        rotation = await look_up(deps.definitions_replica, lambda: deps.directory.rotation(id)) if id else None
    except NotCaughtUp:
        raise Unavailable("the calendar cannot be looked up now") from None
    if rotation is None or rotation.link != link:
        raise ApiError(404, "there is no such calendar")

    def name_of(channel: str) -> str:
        known = deps.directory.channel(channel)
        return "a channel that is gone" if known is None else known.name or known.kind

    content = await asyncio.to_thread(calendar_of, rotation, deps.clock.now(), name_of, deps.settings.site_name)
    tag = blake2b(content, digest_size=16).hexdigest()
    return Response(content, headers=_HEADERS | {"ETag": f'"{tag}"'}, media_type=_CALENDAR)
