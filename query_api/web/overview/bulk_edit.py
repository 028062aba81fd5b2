"""`/dashboard/bulk`: pausing, resuming, tagging and deleting many things of the overview at once, and saying whom
they tell. Each change is a request to the API of the thing, by the same rules as any other; what failed is reported by
name, and the rest is done. Before anything is deleted, a page names all of it and asks."""

import asyncio
from typing import NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.api_call import Method, call_api
from query_api.web.forms.field_errors import told_error
from query_api.web.forms.forms import PostedFormDep, local_path
from query_api.web.forms.saving import FEW, saved
from query_api.web.page import NoPage, page
from query_api.web.shown.things import Thing, check_thing, monitor_thing
from query_api.web.viewer import Viewer
from schemas.definitions import Channel

router = APIRouter(include_in_schema=False)

# A page of the overview shows no more.
MOST = 200
_AT_ONCE = 8
# What the page that asks sends.
_DELETE = "delete-for-good"
_ACTIONS = ("pause", "resume", "add-tag", "remove-tag", "add-channel", "remove-channel", "delete", _DELETE)
_LABELS = {"tags": "Tags"}


def install(app: FastAPI) -> None:
    """Put the route into the application."""
    include(app, router)


class _Wanted(NamedTuple):
    """What a button says is to be done, and with which tag or channel."""

    action: str
    tag: str
    channel: Channel | None


class _Failed(NamedTuple):
    """A thing that was not changed, and why."""

    name: str
    path: str
    words: str


@router.post("/dashboard/bulk")
async def change_many(request: Request, deps: DependenciesDep, posted: PostedFormDep) -> Response:
    """Do what `do` says to every `thing`: `pause`, `resume`, `add-tag` or `remove-tag` (of checks; `tag`),
    `add-channel` or `remove-channel` (`channel`: its id), or `delete`, which asks first. `back`: the path of the
    overview."""
    action, back = posted.one("do"), local_path(posted.raw("back") or "/")
    tag, channel = posted.one("tag"), deps.directory.channel(posted.one("channel"))
    chosen = list(dict.fromkeys(posted.all("thing")))
    if not posted.viewer.editable:
        raise NoPage(FEW, 403)
    if action not in _ACTIONS:
        raise NoPage("One of the buttons of the overview is needed.", 400)
    if not chosen or len(chosen) > MOST:
        raise NoPage(f"From 1 to {MOST} things are chosen by their boxes first.", 400)
    if "tag" in action and (not tag or len(tag.split()) != 1):
        raise NoPage("A tag is one word.", 400)
    if "channel" in action and (channel is None or not posted.viewer.may_edit(channel.project)):
        raise NoPage("One of the channels of the list is chosen first.", 400)
    if action == "delete":
        return await _ask(request, deps, posted.viewer, chosen, back)
    room = asyncio.Semaphore(_AT_ONCE)

    async def changed(id: str) -> _Failed | None:
        async with room:
            return await _change(request, deps, posted.viewer, id, _Wanted(action, tag, channel))

    failed = [one for one in await asyncio.gather(*map(changed, chosen)) if one is not None]
    if not failed:
        return saved(deps, back, "done")
    done = len(chosen) - len(failed)
    return await page("bulk.html", deps, 409, request=request, failed=failed, done=done, back=back)


async def _ask(request: Request, deps: Dependencies, who: Viewer, chosen: list[str], back: str) -> Response:
    """The page that names what is to be deleted."""
    found = [thing for id in chosen if (thing := _thing(deps, who, id)) is not None and who.may_edit(thing.project)]
    found.sort(key=lambda thing: (thing.name.casefold(), thing.id))
    return await page("bulk_delete.html", deps, request=request, things=found, do=_DELETE, back=back)


async def _change(request: Request, deps: Dependencies, who: Viewer, id: str, wanted: _Wanted) -> _Failed | None:
    """None: it is done, or was so already."""
    thing = _thing(deps, who, id)
    if thing is None:
        return _Failed(id[:36], "", "It is not there any more.")
    if not who.may_edit(thing.project):
        return _Failed(thing.name, thing.path, FEW)
    path = f"/api/v3/checks/{thing.id}" if thing.kind == "check" else f"/api/v1/monitors/{thing.id}"
    if wanted.action in ("pause", "resume"):
        answer = await call_api(request, who, thing.project, "POST", f"{path}/{wanted.action}", {})
        if wanted.action == "resume" and answer.status == 409:  # it is not paused
            return None
    elif wanted.action == _DELETE:
        answer = await call_api(request, who, thing.project, "DELETE", path)
    else:
        body = _told(thing, wanted) if "channel" in wanted.action else _tagged(thing, wanted)
        if isinstance(body, str):
            return _Failed(thing.name, thing.path, body)
        if not body:
            return None
        method: Method = "POST" if thing.kind == "check" else "PATCH"
        answer = await call_api(request, who, thing.project, method, path, body)
    return None if answer.is_made else _Failed(thing.name, thing.path, told_error(answer.words, _LABELS).words)


def _tagged(thing: Thing, wanted: _Wanted) -> dict[str, object] | str:
    """The body of a request that puts the tag on or takes it off; empty: it is so already. A text: why it cannot be."""
    if thing.kind == "monitor":
        return "Monitors have no tags."
    tags = _changed(thing.tags, wanted.tag, wanted.action == "add-tag")
    return {"tags": " ".join(tags)} if tags != thing.tags else {}


def _told(thing: Thing, wanted: _Wanted) -> dict[str, object] | str:
    """The same of the channel."""
    channel, before = wanted.channel, tuple(thing.definition.channels)
    assert channel is not None
    if channel.project != thing.project:
        return "The channel is of another project."
    channels = _changed(before, channel.id, wanted.action == "add-channel")
    if channels == before:
        return {}
    return {"channels": ",".join(channels)} if thing.kind == "check" else {"alert_channel_ids": list(channels)}


def _changed(those: tuple[str, ...], one: str, adds: bool) -> tuple[str, ...]:
    if adds:
        return those if one in those else (*those, one)
    return tuple(other for other in those if other != one)


def _thing(deps: Dependencies, who: Viewer, id: str) -> Thing | None:
    if (monitor := deps.directory.monitor(id)) is not None:
        return monitor_thing(deps, monitor) if who.may_see(monitor.project) else None
    check = deps.directory.check(id)
    return None if check is None or not who.may_see(check.project) else check_thing(deps, check)
