"""Making, changing and deleting a monitor; pausing and resuming it. Every change is a request to the PoppaPing API."""

from dataclasses import replace
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.plans import PLANS
from query_api.poppaping.monitor_defaults import defaults_of
from query_api.web.forms.form_fields import Group
from query_api.web.forms.form_state import Form, changes, filled_form, new_form, typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import (
    Known,
    act,
    confirm_page,
    form_page,
    must_be_made,
    must_edit,
    save_changes,
    saved,
    send,
    status_shown,
)
from query_api.web.monitors.monitor_forms import (
    body_of,
    copied_values,
    healthy_words,
    monitor_groups,
    not_copied,
    shown_values,
)
from query_api.web.monitors.monitor_page import seen_monitor
from query_api.web.monitors.trying import TRY, TryShown, tried_body, try_shown
from query_api.web.page import page
from query_api.web.projects.project_choice import Choice, ask_for_project, chosen_project
from query_api.web.reader import reader_of
from query_api.web.viewer import Viewer, ViewerDep
from schemas.monitors import Monitor, MonitorKind
from schemas.probe_kinds import PROBE_KINDS

router = APIRouter(include_in_schema=False)

_API = "/api/v1/monitors"


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/monitors/new")
async def new_monitor_page(
    request: Request, deps: DependenciesDep, who: ViewerDep, type: str = "", project: str = "", copy: str = ""
) -> Response:
    """The form of a new monitor; first it is asked of which kind. copy: the monitor that it is to be like."""
    if copy:
        return await _copy_page(request, deps, who, copy)
    chosen = chosen_project(who, project)
    if not chosen:
        return await ask_for_project(request, deps, who, "/monitors/new", {"type": type} if type else None)
    if type not in PROBE_KINDS:
        choices = [
            Choice(f"/monitors/new?type={kind}&project={chosen}", of.title, healthy_words(of))
            for kind, of in PROBE_KINDS.items()
        ]
        return await page("choose.html", deps, request=request, title="What is watched?", choices=choices)
    kind = cast(MonitorKind, type)
    channels = [one.id for one in deps.directory.channels_of(chosen)]
    defaults = {name: value or None for name, value in defaults_of(kind, PLANS[deps.settings.plan]).items()}
    values = defaults | {
        "project": chosen,
        "type": kind,
        "alert_channel_ids": channels,
    }
    zone = reader_of(request, deps).times.zone
    return await _new_page(request, kind, new_form(_groups(request, deps, chosen, kind, None), values, zone))


async def _copy_page(request: Request, deps: Dependencies, who: Viewer, id: str) -> Response:
    monitor, values = await _shown(request, deps, who, id)
    form = new_form(
        _groups(request, deps, monitor.project, monitor.kind, None),
        copied_values(values),
        reader_of(request, deps).times.zone,
    )
    return await _new_page(request, monitor.kind, replace(form, notes=not_copied(values)))


@router.post("/monitors/new")
async def make_monitor(request: Request, deps: DependenciesDep, posted: PostedFormDep) -> Response:
    """Make a monitor."""
    project = chosen_project(posted.viewer, posted.one("project"))
    must_edit(posted.viewer, project)
    said = posted.one("type")
    kind = cast(MonitorKind, said if said in PROBE_KINDS else "http")
    times = reader_of(request, deps).times
    form = typed_form(_groups(request, deps, project, kind, None), posted, times.zone)
    shape = partial(body_of, now=times.now)
    if posted.one(TRY):
        tried = await send(request, posted.viewer, project, form, "POST", f"{_API}/try", shape=tried_body(shape))
        return await _new_page(request, kind, tried.form, status_shown(tried), try_shown(tried, times))
    sent = await send(request, posted.viewer, project, form, "POST", _API, shape=shape)
    if not sent.is_made:
        return await _new_page(request, kind, sent.form, sent.status)
    assert sent.answer is not None
    return saved(deps, f"/monitors/{sent.answer.content['data']['id']}", "made")


@router.get("/monitors/{id}/edit")
async def edit_monitor_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of a monitor that is there."""
    monitor, values = await _shown(request, deps, who, id)
    groups = _groups(request, deps, monitor.project, monitor.kind, monitor)
    form = filled_form(groups, values, reader_of(request, deps).times.zone, monitor.version)
    return await _edit_page(request, monitor, form)


@router.post("/monitors/{id}/edit")
async def change_monitor(request: Request, deps: DependenciesDep, posted: PostedFormDep, id: str) -> Response:
    """Change a monitor as it was shown."""
    monitor, values = await _shown(request, deps, posted.viewer, id)
    times = reader_of(request, deps).times
    form = typed_form(_groups(request, deps, monitor.project, monitor.kind, monitor), posted, times.zone)
    shape, path = partial(body_of, now=times.now), f"{_API}/{monitor.id}"
    if posted.one(TRY):
        only, body = _sent_with(changes(form, values)), tried_body(shape)
        tried = await send(request, posted.viewer, monitor.project, form, "POST", f"{path}/try", shape=body, only=only)
        return await _edit_page(request, monitor, tried.form, status_shown(tried), try_shown(tried, times))
    known = Known(values, monitor.version)
    sent = await save_changes(
        request, posted.viewer, monitor.project, form, known, path, shape=shape, together=_sent_with
    )
    if not sent.is_made:
        return await _edit_page(request, monitor, sent.form, sent.status)
    return saved(deps, f"/monitors/{monitor.id}")


@router.get("/monitors/{id}/delete")
async def delete_monitor_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The page that asks before a monitor is gone."""
    monitor = await _editable(deps, who, id)
    return await confirm_page(
        request,
        title=f"Delete {monitor.name}?",
        text="The monitor is gone for good, and nothing is probed any more.",
        action=f"/monitors/{monitor.id}/delete",
        button="Delete",
        back=f"/monitors/{monitor.id}",
    )


@router.post("/monitors/{id}/delete")
async def delete_monitor(request: Request, deps: DependenciesDep, posted: PostedFormDep, id: str) -> Response:
    """Delete a monitor."""
    monitor = await _editable(deps, posted.viewer, id)
    must_be_made(await act(request, posted.viewer, monitor.project, "DELETE", f"{_API}/{monitor.id}"))
    return saved(deps, "/", "deleted")


@router.post("/monitors/{id}/pause")
async def pause_monitor(request: Request, deps: DependenciesDep, posted: PostedFormDep, id: str) -> Response:
    """Stop probing a monitor."""
    return await _done(request, deps, posted.viewer, id, "pause")


@router.post("/monitors/{id}/resume")
async def resume_monitor(request: Request, deps: DependenciesDep, posted: PostedFormDep, id: str) -> Response:
    """Probe a monitor again."""
    return await _done(request, deps, posted.viewer, id, "resume")


async def _done(request: Request, deps: Dependencies, who: Viewer, id: str, what: str) -> Response:
    monitor = await _editable(deps, who, id)
    must_be_made(await act(request, who, monitor.project, "POST", f"{_API}/{monitor.id}/{what}"))
    return saved(deps, f"/monitors/{monitor.id}", f"{what}d")


def _sent_with(changed: frozenset[str]) -> frozenset[str]:
    return changed - {"project", "type"}


async def _editable(deps: Dependencies, who: Viewer, id: str) -> Monitor:
    """The monitor, if the viewer may change it. Raises `NoPage`."""
    monitor = await seen_monitor(deps, who, id)
    must_edit(who, monitor.project)
    return monitor


async def _shown(request: Request, deps: Dependencies, who: Viewer, id: str) -> tuple[Monitor, dict[str, Any]]:
    """The monitor, and its fields as the API shows them: values of headers are hidden. Raises `NoPage`."""
    monitor = await _editable(deps, who, id)
    answer = await act(request, who, monitor.project, "GET", f"{_API}/{monitor.id}")
    must_be_made(answer)
    return monitor, shown_values(answer.content["data"], monitor.project)


def _groups(
    request: Request, deps: Dependencies, project: str, kind: MonitorKind, monitor: Monitor | None
) -> tuple[Group, ...]:
    others = [one for one in deps.directory.monitors_of(project) if monitor is None or one.id != monitor.id]
    return monitor_groups(
        kind,
        channels=deps.directory.channels_of(project),
        others=others,
        depends_on=() if monitor is None else monitor.depends_on,
        regions=deps.settings.regions,
        mute=None if monitor is None else monitor.mute_until,
        times=reader_of(request, deps).times,
        is_new=monitor is None,
    )


async def _new_page(
    request: Request, kind: MonitorKind, form: Form, status: int = 200, tried: TryShown | None = None
) -> Response:
    return await form_page(
        request,
        form,
        title=f"New monitor: {PROBE_KINDS[kind].title}",
        action="/monitors/new",
        button="Create",
        back="/",
        status=status,
        template="monitor_form.html",
        tried=tried,
    )


async def _edit_page(
    request: Request, monitor: Monitor, form: Form, status: int = 200, tried: TryShown | None = None
) -> Response:
    path = f"/monitors/{monitor.id}"
    return await form_page(
        request,
        form,
        title=f"Edit {monitor.name}",
        action=f"{path}/edit",
        button="Save",
        back=path,
        status=status,
        template="monitor_form.html",
        tried=tried,
    )
