"""`/mutes`: of what nobody is told, and until when: tags of checks, checks and monitors, and channels."""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import act, must_be_made
from query_api.web.owned import owned, seen_project, seen_projects
from query_api.web.page import page
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.shown.things import things_of
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.mutes import MuteUntil, is_muted

router = APIRouter(include_in_schema=False)

_API = "/api/v1/tag-mutes"
_DONE = {"muted": "The tag is muted.", "lifted": "The mute is lifted."}


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


@router.get("/mutes", dependencies=[Depends(viewer)])
async def list_mutes(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """All mutes of his projects."""
    return await _shown(request, deps, who, done=_DONE.get(request.query_params.get("done", ""), ""))


@router.post("/mutes/{project}")
async def mute_tag(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str) -> Response:
    """Mute a `tag` for `minutes`, or `forever`."""
    mine, minutes = seen_project(deps, form.viewer, project), form.one("minutes")
    is_span = minutes.isascii() and minutes.isdigit() and len(minutes) < 7
    until = reader_of(request, deps).times.iso_in(int(minutes)) if is_span else minutes
    body = {"tag": form.one("tag"), "mute_until": until}
    answer = await act(request, form.viewer, mine.id, "POST", _API, body)
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, answer.status, problem=answer.words)
    return led_to(deps, "/mutes?done=muted")


@router.post("/mutes/{id}/lift")
async def lift(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Lift the mute of a tag."""
    mute = await owned(deps, form.viewer, "mute", deps.directory.tag_mute, id)
    must_be_made(await act(request, form.viewer, mute.project, "DELETE", f"{_API}/{mute.id}"))
    return led_to(deps, "/mutes?done=lifted")


async def _shown(request: Request, deps: Dependencies, who: Viewer, status: int = 200, **more: Any) -> Response:
    times = reader_of(request, deps).times
    sections = []
    for project in seen_projects(deps, who):
        tags = [one for one in deps.directory.tag_mutes_of(project.id) if is_muted(one.until, times.now)]
        channels = [
            {"path": f"/channels/{one.id}", "name": one.name or one.kind, "until": _until(one.mute_until, times)}
            for one in deps.directory.channels_of(project.id)
            if is_muted(one.mute_until, times.now)
        ]
        things = [
            {"path": one.path, "name": one.name, "until": _until(one.definition.mute_until, times)}
            async for one in things_of(deps, who, [project.id])
            if _is_muted(one.definition.mute_until, times)
        ]
        sections.append(
            {
                "id": project.id,
                "name": project.name or project.id,
                "edits": who.may_edit(project.id),
                "tags": [{"id": one.id, "name": one.label, "until": _until(one.until, times)} for one in tags],
                "others": things + channels,
            }
        )
    return await page("mutes.html", deps, status, request=request, sections=sections, **more)


def _is_muted(until: MuteUntil, times: ShownTimes) -> bool:
    return until == "recovery" or is_muted(until, times.now)


def _until(until: MuteUntil, times: ShownTimes) -> str:
    if isinstance(until, int):
        return f"until {times.clock(until)}"
    return "until it has recovered" if until == "recovery" else "until somebody ends it"
