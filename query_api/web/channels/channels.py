"""`/channels`: whom Pingfold tells, project by project; `/channels/<id>`: one of them, and what it was sent.

The buttons make their requests to the APIs as the viewer (`query_api.web.api_call`). Secrets are on no page.
"""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.api_call import ApiAnswer, Method, call_api
from query_api.web.channels.channel_deliveries import last_of, log_of
from query_api.web.channels.channel_words import settings_of, state_of, taken
from query_api.web.checks.check_page import LAST_PAGE, page_of
from query_api.web.forms.forms import PostedForm, PostedFormDep
from query_api.web.owned import owned, seen_projects
from query_api.web.page import page
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, Check
from schemas.monitors import Monitor
from schemas.mutes import is_muted
from schemas.requests import DAY

router = APIRouter(include_in_schema=False)

# Of so many channels history is asked for what they were sent last.
_MOST_ASKED = 50
_DONE = {
    "made": "The channel was created. Send a test to see whether it arrives.",
    "kept": "The changes were saved.",
    "test": "A test is on its way: it stands first in the list below. Load this page again to see how it fared.",
    "again": "It is being sent again.",
    "enabled": "The channel is enabled.",
    "muted": "The channel is muted.",
    "unmuted": "The channel is not muted any more.",
    "asked": "The request to confirm is being mailed.",
}


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/channels", dependencies=[Depends(viewer)])
async def list_channels(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """All channels that he may see."""
    times = reader_of(request, deps).times
    projects = seen_projects(deps, who)
    channels = {project.id: deps.directory.channels_of(project.id) for project in projects}
    asked = [channel for some in channels.values() for channel in some][:_MOST_ASKED]
    last = await last_of(deps, asked, times)
    sections = [
        {
            "id": project.id,
            "name": project.name or project.id,
            "edits": who.may_edit(project.id),
            "rows": [_row(deps, one, times) | {"last": last.rows.get(one.id)} for one in channels[project.id]],
        }
        for project in projects
    ]
    gone = request.query_params.get("done") == "removed"
    done = "The channel was deleted." if gone else ""
    return await page("channels.html", deps, request=request, sections=sections, done=done, missing=last.missing)


@router.get("/channels/{id}", dependencies=[Depends(viewer)])
async def channel_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """One channel."""
    channel = await _channel(deps, who, id)
    return await _shown(request, deps, who, channel, done=_DONE.get(request.query_params.get("done", ""), ""))


@router.post("/channels/{id}/test")
async def send_test(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Send a test."""
    return await _pressed(request, deps, form, id, "POST", "/test", "test")


@router.post("/channels/{id}/enable")
async def enable(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Enable a channel that was disabled after failures."""
    return await _pressed(request, deps, form, id, "PATCH", "", "enabled", {})


@router.post("/channels/{id}/mute")
async def mute(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Mute a channel for `minutes`, `forever`, or not any more (empty)."""
    minutes = form.one("minutes")
    if minutes.isascii() and minutes.isdigit() and len(minutes) < 7:
        until: str | None = reader_of(request, deps).times.iso_in(int(minutes))
    else:
        until = minutes or None
    body = {"mute_until": until}
    return await _pressed(request, deps, form, id, "PATCH", "", "muted" if until else "unmuted", body)


@router.post("/channels/{id}/confirmation")
async def ask_again(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Mail another request to confirm."""
    return await _pressed(request, deps, form, id, "POST", "/confirmation", "asked")


@router.post("/channels/{id}/secret")
async def rotate_secret(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Give a webhook another secret; the answer shows it."""
    channel = await _channel(deps, form.viewer, id)
    answer = await _call(request, form, channel, "POST", "/rotate-secret", {"overlap_seconds": DAY})
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, channel, answer.status, problem=answer.words)
    return await _shown(request, deps, form.viewer, channel, secret=answer.content["data"]["secret"])


@router.post("/channels/{id}/deliveries/{delivery}/again")
async def send_again(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str, delivery: str) -> Response:
    """Send a delivery again."""
    found = delivery if delivery.replace("-", "").isalnum() else "none"
    return await _pressed(request, deps, form, id, "POST", f"/deliveries/{found}/replay", "again")


@router.get("/channels/{id}/remove", dependencies=[Depends(viewer)])
async def remove_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Ask whether a channel is to be removed."""
    channel = await _channel(deps, who, id)
    things: list[Check | Monitor] = [
        *deps.directory.checks_of(channel.project),
        *deps.directory.monitors_of(channel.project),
    ]
    used = sum(channel.id in thing.channels for thing in things)
    return await page("channel_remove.html", deps, request=request, channel=channel, name=_name(channel), used=used)


@router.post("/channels/{id}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Remove a channel."""
    channel = await _channel(deps, form.viewer, id)
    answer = await _call(request, form, channel, "DELETE", "")
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, channel, answer.status, problem=answer.words)
    return led_to(deps, "/channels?done=removed")


async def _pressed(
    request: Request,
    deps: Dependencies,
    form: PostedForm,
    id: str,
    method: Method,
    path: str,
    done: str,
    body: object = None,
) -> Response:
    channel = await _channel(deps, form.viewer, id)
    answer = await _call(request, form, channel, method, path, body)
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, channel, answer.status, problem=answer.words)
    return led_to(deps, f"/channels/{channel.id}?done={done}")


async def _call(
    request: Request, form: PostedForm, channel: Channel, method: Method, path: str, body: object = None
) -> ApiAnswer:
    url = f"/api/v1/alert-channels/{channel.id}{path}"
    return await call_api(request, form.viewer, channel.project, method, url, body)


async def _channel(deps: Dependencies, who: Viewer, id: str) -> Channel:
    return await owned(deps, who, "channel", deps.directory.channel, id)


async def _shown(
    request: Request, deps: Dependencies, who: Viewer, channel: Channel, status: int = 200, **more: Any
) -> Response:
    times, number = reader_of(request, deps).times, page_of(request)
    log = await log_of(deps, channel, number, times)
    return await page(
        "channel.html",
        deps,
        status,
        request=request,
        channel=channel,
        project=deps.directory.projects[channel.project],
        row=_row(deps, channel, times),
        settings=settings_of(channel),
        has_secret=bool(CHANNEL_KINDS[channel.kind].secret_field and channel.secret),
        signs=CHANNEL_KINDS[channel.kind].signs,
        edits=who.may_edit(channel.project),
        disabled=deps.delivery_states.health(channel.id).disabled,
        muted=is_muted(channel.mute_until, times.now),
        log=log,
        number=number,
        more=log.more and number < LAST_PAGE,
        **more,
    )


def _row(deps: Dependencies, channel: Channel, times: ShownTimes) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": _name(channel),
        "kind": CHANNEL_KINDS[channel.kind].title,
        "state": state_of(channel, deps.delivery_states.health(channel.id), times),
        "takes": taken(channel),
        "pending": deps.delivery_states.count(channel.id),
    }


def _name(channel: Channel) -> str:
    return channel.name or channel.kind
