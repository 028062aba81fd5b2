"""`/maintenance/new`: announce a window of maintenance, or begin one; `/maintenance/<id>/edit`: change one."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from msgspec import UNSET

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.poppaping.maintenance_bodies import CreateMaintenanceWindowBody
from query_api.poppaping.maintenance_object import maintenance_object
from query_api.web.checks.check_forms import copied_name
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.form_state import Form, filled_form, new_form, typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.many_choices import many_choices
from query_api.web.forms.saving import Known, editable, form_page, must_edit, save_changes, send
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.things import check_thing, monitor_thing
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.maintenance import Maintenance

router = APIRouter(include_in_schema=False)

_ONCE, _RECURS, _NOW = ("starts_at", "ends_at"), ("schedule", "timezone", "duration_minutes"), ("duration",)
_TIMES = frozenset((*_ONCE, *_RECURS, "when"))


def install(app: FastAPI) -> None:
    """Put the pages into the application. Before those of `maintenance`: `new` is no id."""
    include(app, router)


@router.get("/maintenance/new", dependencies=[Depends(viewer)])
async def new_page(
    request: Request, deps: DependenciesDep, who: ViewerDep, project: str = "", copy: str = ""
) -> Response:
    """The form of a new window. copy: the window that it is to be like, which names the project."""
    if copy:
        like = await _window(deps, who, copy)
        zone, values = reader_of(request, deps).times.zone, _values(deps, like)
        copied = values | {"name": copied_name(like.name)}
        return await _new(request, like.project, new_form(_groups(deps, like.project, like), copied, zone))
    must_edit(who, project)
    times = reader_of(request, deps).times
    values = {"when": "now", "duration": "30m", "timezone": times.name}
    return await _new(request, project, new_form(_groups(deps, project), values, times.zone))


@router.post("/maintenance/new")
async def make(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str = "") -> Response:
    """Make a window."""
    must_edit(form.viewer, project)
    typed = typed_form(_groups(deps, project), form, reader_of(request, deps).times.zone)
    sent = await send(request, form.viewer, project, typed, "POST", "/api/v1/maintenance-windows", shape=_body)
    if sent.answer is None or not sent.is_made:
        return await _new(request, project, sent.form, sent.status)
    return led_to(deps, f"/maintenance/{sent.answer.content['data']['id']}?done=made")


@router.get("/maintenance/{id}/edit", dependencies=[Depends(viewer)])
async def edit_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of a window."""
    window = await _window(deps, who, id)
    zone = reader_of(request, deps).times.zone
    groups = _groups(deps, window.project, window)
    return await _edit(request, window, filled_form(groups, _values(deps, window), zone, window.version))


@router.post("/maintenance/{id}/edit")
async def change(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change what the form says otherwise than the window."""
    window = await _window(deps, form.viewer, id)
    values = _values(deps, window)
    typed = typed_form(_groups(deps, window.project, window), form, reader_of(request, deps).times.zone)
    path, known = f"/api/v1/maintenance-windows/{window.id}", Known(values, window.version)
    sent = await save_changes(
        request, form.viewer, window.project, typed, known, path, shape=_body, together=_sent_with
    )
    if not sent.is_made:
        return await _edit(request, window, sent.form, sent.status)
    return led_to(deps, f"/maintenance/{window.id}?done=kept")


def _sent_with(changed: frozenset[str]) -> frozenset[str]:
    """Times are given together."""
    return changed | _TIMES if changed & _TIMES else changed


def _body(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields say, without the times of other sorts of windows."""
    when = values.get("when")
    others = {"now": (*_ONCE, *_RECURS), "once": (*_NOW, *_RECURS), "recurs": (*_NOW, *_ONCE)}.get(str(when), ())
    return {name: value for name, value in values.items() if name != "when" and name not in others}


def _groups(deps: Dependencies, project: str, window: Maintenance | None = None) -> tuple[Group, ...]:
    body = CreateMaintenanceWindowBody
    whens = [Option("once", "once, from one time to another"), Option("recurs", "again and again")]
    now: tuple[Field, ...] = ()
    if window is None:
        whens.insert(0, Option("now", "now"))
        now = (field_of(body, "duration", "For", only="when=now", empty=None),)
    fields = (
        field_of(body, "name", "Name", required=True, help="What people read who ask why nothing is judged."),
        Field(name="when", label="When", kind="radio", options=tuple(whens)),
        *now,
        field_of(body, "starts_at", "From", kind="time", only="when=once"),
        field_of(body, "ends_at", "To", kind="time", only="when=once"),
        field_of(body, "schedule", "Schedule", only="when=recurs", empty=None, placeholder="0 3 * * 0"),
        field_of(body, "timezone", "Time zone of the schedule", only="when=recurs", empty=None),
        field_of(body, "duration_minutes", "Minutes each time", only="when=recurs"),
    )
    monitors = [Option(one.id, monitor_thing(deps, one).name) for one in deps.directory.monitors_of(project)]
    checks = [Option(one.id, check_thing(deps, one).name) for one in deps.directory.checks_of(project)]
    covered = (
        many_choices(body, "monitor_ids", "Monitors", monitors, () if window is None else window.monitors),
        many_choices(body, "check_ids", "Checks", checks, () if window is None else window.checks),
        field_of(body, "tags", "Checks with one of these tags"),
    )
    return (
        Group(title="", fields=fields),
        Group(title="What it covers", fields=covered, help="Without any monitor, check and tag: all of the project."),
    )


def _values(deps: Dependencies, window: Maintenance) -> dict[str, Any]:
    shown = maintenance_object(window, deps.clock.now())
    names = ("name", *_ONCE, *_RECURS, "monitor_ids", "check_ids", "tags")
    values = {name: value for name in names if (value := getattr(shown, name)) is not UNSET}
    return values | {"when": "once" if shown.schedule is None else "recurs"}


async def _window(deps: Dependencies, who: Viewer, id: str) -> Maintenance:
    return await editable(deps, who, "window of maintenance", deps.directory.window, id)


async def _new(request: Request, project: str, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title="New maintenance window",
        action=f"/maintenance/new?project={project}",
        button="Create",
        back="/maintenance",
        status=status,
    )


async def _edit(request: Request, window: Maintenance, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Edit {window.name}",
        action=f"/maintenance/{window.id}/edit",
        button="Save",
        back=f"/maintenance/{window.id}",
        status=status,
    )
