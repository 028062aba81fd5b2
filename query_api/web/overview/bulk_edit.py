"""`/dashboard/bulk`: pausing, resuming, tagging and deleting many things of the overview at once. Each change is a
request to the API of the thing, by the same rules as any other; what failed is reported by name, and the rest is done.
Before anything is deleted, a page names all of it and asks."""

import asyncio
from typing import NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.api_call import call_api
from query_api.web.forms.field_errors import told_error
from query_api.web.forms.forms import PostedFormDep, local_path
from query_api.web.forms.saving import FEW, saved
from query_api.web.page import NoPage, page
from query_api.web.shown.things import Thing, check_thing, monitor_thing
from query_api.web.viewer import Viewer

router = APIRouter(include_in_schema=False)

# A page of the overview shows no more.
MOST = 200
_AT_ONCE = 8
# What the page that asks sends.
_DELETE = "delete-for-good"
_ACTIONS = ("pause", "resume", "add-tag", "remove-tag", "delete", _DELETE)
_LABELS = {"tags": "Tags"}


def install(app: FastAPI) -> None:
    """Put the route into the application."""
    include(app, router)


class _Failed(NamedTuple):
    """A thing that was not changed, and why."""

    name: str
    path: str
    words: str


@router.post("/dashboard/bulk")
async def change_many(request: Request, deps: DependenciesDep, posted: PostedFormDep) -> Response:
    """Do what `do` says to every `thing`: `pause`, `resume`, `add-tag` or `remove-tag` (of checks; `tag`), or
    `delete`, which asks first. `back`: the path of the overview."""
    action, tag, back = posted.one("do"), posted.one("tag"), local_path(posted.raw("back") or "/")
    chosen = list(dict.fromkeys(posted.all("thing")))
    if not posted.viewer.editable:
        raise NoPage(FEW, 403)
    if action not in _ACTIONS:
        raise NoPage("One of the buttons of the overview is needed.", 400)
    if not chosen or len(chosen) > MOST:
        raise NoPage(f"From 1 to {MOST} things are chosen by their boxes first.", 400)
    if "tag" in action and (not tag or len(tag.split()) != 1):
        raise NoPage("A tag is one word.", 400)
    if action == "delete":
        return await _ask(request, deps, posted.viewer, chosen, back)
    room = asyncio.Semaphore(_AT_ONCE)

    async def changed(id: str) -> _Failed | None:
        async with room:
            return await _change(request, deps, posted.viewer, id, action, tag)

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


async def _change(request: Request, deps: Dependencies, who: Viewer, id: str, action: str, tag: str) -> _Failed | None:
    """None: it is done, or was so already."""
    thing = _thing(deps, who, id)
    if thing is None:
        return _Failed(id[:36], "", "It is not there any more.")
    if not who.may_edit(thing.project):
        return _Failed(thing.name, thing.path, FEW)
    path = f"/api/v3/checks/{thing.id}" if thing.kind == "check" else f"/api/v1/monitors/{thing.id}"
    if action in ("pause", "resume"):
        answer = await call_api(request, who, thing.project, "POST", f"{path}/{action}", {})
        if action == "resume" and answer.status == 409:  # it is not paused
            return None
    elif action == _DELETE:
        answer = await call_api(request, who, thing.project, "DELETE", path)
    elif thing.kind == "monitor":
        return _Failed(thing.name, thing.path, "Monitors have no tags.")
    else:
        wanted = _tags(thing.tags, tag, action == "add-tag")
        if wanted == thing.tags:
            return None
        answer = await call_api(request, who, thing.project, "POST", path, {"tags": " ".join(wanted)})
    return None if answer.is_made else _Failed(thing.name, thing.path, told_error(answer.words, _LABELS).words)


def _tags(tags: tuple[str, ...], tag: str, adds: bool) -> tuple[str, ...]:
    if adds:
        return tags if tag in tags else (*tags, tag)
    return tuple(one for one in tags if one != tag)


def _thing(deps: Dependencies, who: Viewer, id: str) -> Thing | None:
    if (monitor := deps.directory.monitor(id)) is not None:
        return monitor_thing(deps, monitor) if who.may_see(monitor.project) else None
    check = deps.directory.check(id)
    return None if check is None or not who.may_see(check.project) else check_thing(deps, check)
