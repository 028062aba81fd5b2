"""`/rotations`: who is on call now, and who comes next; with forms that make and change rotations and overrides."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.api_call import call_api
from query_api.web.forms.form_rows import rows_sent
from query_api.web.forms.form_state import Form, filled_form, new_form, typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import (
    Known,
    act,
    confirm_page,
    editable,
    form_page,
    must_be_made,
    must_edit,
    save_changes,
    send,
)
from query_api.web.on_call.calendar_forms import feed_shown
from query_api.web.on_call.rotation_fields import (
    EMPTY_HOURS,
    EMPTY_TURNS,
    body_of_values,
    groups_of,
    override_groups,
    sent_with,
    values_of,
)
from query_api.web.owned import owned, seen_projects
from query_api.web.page import page
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.reasons import in_reach
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.on_call import OnCallRotation
from schemas.on_call_times import on_call, shift_at
from schemas.times import read_iso

router = APIRouter(include_in_schema=False)

_API = "/api/v1/on-call"
_DONE = {
    "made": "The rotation was created. A step of an escalation has to name it before anybody is told by it.",
    "kept": "The changes were saved.",
    "removed": "The rotation was deleted.",
    "overridden": "The override was created.",
    "taken-back": "The override was deleted.",
    "fetched": "The calendar is fetched from now on; what it says stands here within a minute.",
    "not-fetched": "The calendar is not fetched any more.",
    "renewed": "The calendar has another link. The one before opens nothing any more.",
}


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/rotations", dependencies=[Depends(viewer)])
async def list_rotations(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The rotations of his projects, and who is on call."""
    times = reader_of(request, deps).times
    sections = [
        {
            "id": project.id,
            "name": project.name or project.id,
            "edits": who.may_edit(project.id),
            # In a thread: it takes a while to find the end of a shift.
            "rows": await asyncio.to_thread(_rows, deps, deps.directory.rotations_of(project.id), times),
        }
        for project in seen_projects(deps, who)
    ]
    done = _DONE.get(request.query_params.get("done", ""), "")
    return await page("rotations.html", deps, request=request, sections=sections, done=done)


@router.get("/rotations/new", dependencies=[Depends(viewer)])
async def new_page(request: Request, deps: DependenciesDep, who: ViewerDep, project: str = "") -> Response:
    """The form of a new rotation."""
    must_edit(who, project)
    times = reader_of(request, deps).times
    values = {"timezone": times.name, "every_days": 7, "weekday": "monday", "time": "09:00"}
    groups = groups_of(deps.directory.channels_of(project), 1 + EMPTY_TURNS, EMPTY_HOURS)
    return await _new(request, project, new_form(groups, values, times.zone))


@router.post("/rotations/new")
async def make(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str = "") -> Response:
    """Make a rotation."""
    must_edit(form.viewer, project)
    groups = groups_of(
        deps.directory.channels_of(project), rows_sent(form, "turn_name"), rows_sent(form, "hours_start")
    )
    typed = typed_form(groups, form, reader_of(request, deps).times.zone)
    sent = await send(request, form.viewer, project, typed, "POST", _API, shape=body_of_values)
    if sent.answer is None or not sent.is_made:
        return await _new(request, project, sent.form, sent.status)
    return led_to(deps, f"/rotations/{sent.answer.content['data']['id']}?done=made")


@router.get("/rotations/{id}", dependencies=[Depends(viewer)])
async def rotation_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """One rotation: who is on call, who comes next, when nobody is."""
    rotation = await owned(deps, who, "rotation", deps.directory.rotation, id)
    times = reader_of(request, deps).times
    answer = await call_api(request, who, rotation.project, "GET", f"{_API}/{rotation.id}")
    must_be_made(answer)
    shown: dict[str, Any] = answer.content["data"]
    return await page(
        "rotation.html",
        deps,
        request=request,
        rotation=shown,
        warnings=[in_reach(one, times) for one in shown["warnings"]],
        project=deps.directory.projects[rotation.project],
        people=lambda one: _people(deps, one["alert_channel_ids"], one["name"]),
        at=lambda text: times.at(None if text is None else read_iso(text)),
        feed=feed_shown(deps, rotation, times),
        edits=who.may_edit(rotation.project),
        done=_DONE.get(request.query_params.get("done", ""), ""),
    )


@router.get("/rotations/{id}/edit", dependencies=[Depends(viewer)])
async def edit_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of a rotation."""
    rotation = await _editable(deps, who, id)
    channels = deps.directory.channels_of(rotation.project)
    groups = groups_of(channels, len(rotation.turns) + EMPTY_TURNS, len(rotation.hours) + EMPTY_HOURS)
    zone = reader_of(request, deps).times.zone
    return await _edit(request, rotation, filled_form(groups, values_of(rotation), zone, rotation.version))


@router.post("/rotations/{id}/edit")
async def change(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change what the form says otherwise than the rotation."""
    rotation = await _editable(deps, form.viewer, id)
    channels, values = deps.directory.channels_of(rotation.project), values_of(rotation)
    groups = groups_of(channels, rows_sent(form, "turn_name"), rows_sent(form, "hours_start"))
    typed = typed_form(groups, form, reader_of(request, deps).times.zone)
    known, together = Known(values, rotation.version), partial(sent_with, names=typed.labels)
    path = f"{_API}/{rotation.id}"
    sent = await save_changes(
        request, form.viewer, rotation.project, typed, known, path, shape=body_of_values, together=together
    )
    if not sent.is_made:
        return await _edit(request, rotation, sent.form, sent.status)
    return led_to(deps, f"/rotations/{rotation.id}?done=kept")


@router.get("/rotations/{id}/override", dependencies=[Depends(viewer)])
async def override_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form that puts somebody else on call."""
    rotation = await _editable(deps, who, id)
    groups = override_groups(deps.directory.channels_of(rotation.project))
    return await _override(request, rotation, new_form(groups, {}, reader_of(request, deps).times.zone))


@router.post("/rotations/{id}/override")
async def override(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Put somebody else on call for a span."""
    rotation = await _editable(deps, form.viewer, id)
    groups = override_groups(deps.directory.channels_of(rotation.project))
    typed = typed_form(groups, form, reader_of(request, deps).times.zone)
    path = f"{_API}/{rotation.id}/overrides"
    sent = await send(request, form.viewer, rotation.project, typed, "POST", path)
    if not sent.is_made:
        return await _override(request, rotation, sent.form, sent.status)
    return led_to(deps, f"/rotations/{rotation.id}?done=overridden")


@router.post("/rotations/{id}/overrides/{override}/remove")
async def take_back(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str, override: str) -> Response:
    """Remove an override."""
    rotation = await _editable(deps, form.viewer, id)
    known = next((one.id for one in rotation.overrides if one.id == override), "none")
    path = f"{_API}/{rotation.id}/overrides/{known}"
    must_be_made(await act(request, form.viewer, rotation.project, "DELETE", path))
    return led_to(deps, f"/rotations/{rotation.id}?done=taken-back")


@router.get("/rotations/{id}/remove", dependencies=[Depends(viewer)])
async def remove_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Ask whether a rotation is to be removed."""
    rotation = await _editable(deps, who, id)
    return await confirm_page(
        request,
        title=f"Delete the rotation {rotation.name}?",
        text="Steps of escalations that name it tell nobody by it any more.",
        action=f"/rotations/{rotation.id}/remove",
        button="Delete",
        back=f"/rotations/{rotation.id}",
    )


@router.post("/rotations/{id}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Remove a rotation."""
    rotation = await _editable(deps, form.viewer, id)
    must_be_made(await act(request, form.viewer, rotation.project, "DELETE", f"{_API}/{rotation.id}"))
    return led_to(deps, "/rotations?done=removed")


async def _editable(deps: Dependencies, who: Viewer, id: str) -> OnCallRotation:
    return await editable(deps, who, "rotation", deps.directory.rotation, id)


def _rows(deps: Dependencies, rotations: list[OnCallRotation], times: ShownTimes) -> list[dict[str, Any]]:
    return [_row(deps, rotation, times) for rotation in rotations]


def _row(deps: Dependencies, rotation: OnCallRotation, times: ShownTimes) -> dict[str, Any]:
    duty, until = on_call(rotation, times.now), shift_at(rotation, times.now)[1]
    after = None if until is None else on_call(rotation, until)
    return {
        "id": rotation.id,
        "name": rotation.name,
        "now": _people(deps, duty.channels, duty.name),
        "until": times.at(until),
        "next": "" if after is None else _people(deps, after.channels, after.name),
    }


def _people(deps: Dependencies, channels: tuple[str, ...] | list[str], name: str) -> str:
    known = [channel for id in channels if (channel := deps.directory.channel(id)) is not None]
    told = ", ".join(channel.name or channel.kind for channel in known)
    if name and told:
        return f"{name} ({told})"
    return name or told or "nobody"


async def _new(request: Request, project: str, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title="New on-call rotation",
        action=f"/rotations/new?project={project}",
        button="Create",
        back="/rotations",
        status=status,
    )


async def _edit(request: Request, rotation: OnCallRotation, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Edit {rotation.name}",
        action=f"/rotations/{rotation.id}/edit",
        button="Save",
        back=f"/rotations/{rotation.id}",
        status=status,
    )


async def _override(request: Request, rotation: OnCallRotation, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Somebody else on call in {rotation.name}",
        action=f"/rotations/{rotation.id}/override",
        button="Create",
        back=f"/rotations/{rotation.id}",
        status=status,
    )
