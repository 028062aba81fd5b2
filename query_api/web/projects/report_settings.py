"""`/projects/<id>/reports`: which reports a project is sent, and to which channels."""

from dataclasses import replace
from datetime import tzinfo
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.poppaping.report_schedule import UpdateReportScheduleBody
from query_api.web.forms.form_fields import Group, Option, field_of
from query_api.web.forms.form_state import Form, filled_form, typed_form
from query_api.web.forms.forms import PostedForm, PostedFormDep
from query_api.web.forms.saving import Known, act, form_page, must_edit, save_changes
from query_api.web.owned import seen_project
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Project
from schemas.notices import REPORT

router = APIRouter(include_in_schema=False)


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


@router.get("/projects/{id}/reports", dependencies=[Depends(viewer)])
async def reports_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of what is set."""
    project = _project(deps, who, id)
    zone = reader_of(request, deps).times.zone
    return await _form(request, project, filled_form(_groups(deps, project), *_now(deps, project, zone)))


@router.post("/projects/{id}/reports")
async def change(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change what the form says otherwise than it is."""
    project = _project(deps, form.viewer, id)
    zone = reader_of(request, deps).times.zone
    values, _, version = _now(deps, project, zone)
    if form.one("send"):
        return await _send(request, deps, form, project)
    typed = typed_form(_groups(deps, project), form, zone)
    known = Known(values, version)
    sent = await save_changes(request, form.viewer, project.id, typed, known, "/api/v1/reports/schedule")
    if not sent.is_made:
        return await _form(request, project, sent.form, sent.status)
    return led_to(deps, f"/projects/{project.id}?done=reports")


async def _send(request: Request, deps: Dependencies, form: PostedForm, project: Project) -> Response:
    """Send the report of the newest week or month now; whatever else stands in the form is not looked at."""
    period = "month" if form.one("send") == "month" else "week"
    answer = await act(request, form.viewer, project.id, "POST", "/api/v1/reports/send", {"period": period})
    zone = reader_of(request, deps).times.zone
    shown = filled_form(_groups(deps, project), *_now(deps, project, zone))
    if not answer.is_made:
        return await _form(request, project, replace(shown, problem=answer.words), answer.status)
    if not answer.content["data"]["deliveries"]:
        nobody = "It was sent to nobody: choose channels, and save them first."
        return await _form(request, project, replace(shown, problem=nobody), 400)
    return led_to(deps, f"/projects/{project.id}?done=report-sent")


def _project(deps: Dependencies, who: Viewer, id: str) -> Project:
    project = seen_project(deps, who, id)
    must_edit(who, project.id)
    return project


def _now(deps: Dependencies, project: Project, zone: tzinfo) -> tuple[dict[str, Any], tzinfo, int]:
    found = deps.directory.report_settings(project.id)
    if found is None:
        return {"timezone": "UTC"}, zone, 0
    values = {"weekly": found.weekly, "monthly": found.monthly, "timezone": found.timezone}
    return values | {"alert_channel_ids": found.channels}, zone, found.version


def _groups(deps: Dependencies, project: Project) -> tuple[Group, ...]:
    channels = deps.directory.channels_of(project.id)
    takers = tuple(Option(one.id, one.name or one.kind) for one in channels if REPORT in CHANNEL_KINDS[one.kind].takes)
    body = UpdateReportScheduleBody
    fields = (
        field_of(body, "weekly", "A report of each week"),
        field_of(body, "monthly", "A report of each month"),
        field_of(body, "timezone", "Time zone of the calendar", required=True),
        field_of(body, "alert_channel_ids", "Send them to", kind="several", options=takers),
    )
    return (Group(title="", fields=fields),)


async def _form(request: Request, project: Project, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Reports of {project.name or project.id}",
        action=f"/projects/{project.id}/reports",
        button="Save",
        back=f"/projects/{project.id}",
        status=status,
        template="report_form.html",
    )
