"""`/on-call/TOKEN.ics`: the calendar of an on-call rotation, which calendar programs ask for without a login.

The token is all that is needed, and it opens nothing else. Programs ask often: an answer has a tag, and is the same for
a day unless the rotation changes.
"""

import asyncio
from hashlib import blake2b

from fastapi import APIRouter, FastAPI, Request, Response

from infra.log.lookup import NotCaughtUp, look_up
from infra.secrets.calendar_links import ENDING, PATH
from query_api.dependencies import Dependencies, dependencies_of
from query_api.http.refusals import ApiError, Unavailable
from query_api.http.route_index import include
from query_api.on_call_calendar import calendar_of
from schemas.base import SECOND
from schemas.on_call import OnCallRotation
from schemas.schedules import DAY

router = APIRouter(include_in_schema=False)

_HEADERS = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
_CALENDAR = "text/calendar; charset=utf-8"
# So many calendars are kept, each until its rotation, a name in it or the day changes: at most some 100 KB each.
_MOST_KEPT = 200
# Of what it was made, the bytes, their tag.
_Kept = dict[str, tuple[tuple[object, ...], bytes, str]]


def install(app: FastAPI, _: Dependencies) -> None:
    """Put the calendars into the application."""
    include(app, router)
    app.state.calendars = {}


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

    now, kept = deps.clock.now(), _kept(request)
    names = tuple(sorted((each, name_of(each)) for each in _channels_of(rotation)))
    wanted = (rotation.version, now // (DAY * SECOND), names)
    known = kept.get(id)
    if known is None or known[0] != wanted:
        content = await asyncio.to_thread(calendar_of, rotation, now, name_of, deps.settings.site_name)
        known = wanted, content, blake2b(content, digest_size=16).hexdigest()
        kept.pop(id, None)
        kept[id] = known
        while len(kept) > _MOST_KEPT:
            del kept[next(iter(kept))]
    _, content, tag = known
    return Response(content, headers=_HEADERS | {"ETag": f'"{tag}"'}, media_type=_CALENDAR)


def _channels_of(rotation: OnCallRotation) -> set[str]:
    together = (*(turn.channels for turn in rotation.turns), *(each.channels for each in rotation.overrides))
    return {channel for channels in together for channel in channels}


def _kept(request: Request) -> _Kept:
    """The calendars that were made last, by rotation."""
    kept: _Kept = request.app.state.calendars
    return kept
