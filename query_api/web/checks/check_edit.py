"""Making, changing and deleting a check; pausing and resuming it. Every change is a request to the Management API.

`/checks/next-runs` is the part of the form that shows the next runs of a schedule while it is typed.
"""

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.web.checks.check_forms import (
    NEXT_RUNS,
    SCHEDULE,
    body_of,
    check_groups,
    coming_runs,
    copied_values,
    new_body_of,
    new_values,
    values_of,
)
from query_api.web.checks.check_page import seen_check
from query_api.web.forms.form_fields import Group
from query_api.web.forms.form_state import Form, filled_form, new_form, typed_form
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
)
from query_api.web.page import HEADERS, part
from query_api.web.projects.project_choice import ask_for_project, chosen_project
from query_api.web.reader import reader_of
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.definitions import Check

router = APIRouter(include_in_schema=False)

_API = "/api/v3/checks/"
# An input of the schedule is never longer.
_LONGEST = 1_000
_SHOW_RUNS = "Show next runs"


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/checks/new")
async def new_check_page(
    request: Request, deps: DependenciesDep, who: ViewerDep, project: str = "", copy: str = ""
) -> Response:
    """The form of a new check. copy: the check that it is to be like."""
    like = await _editable(deps, who, copy) if copy else None
    if like is not None:
        zone, groups = reader_of(request, deps).times.zone, _groups(request, deps, like.project, None)
        return await _new_page(request, deps, new_form(groups, copied_values(like), zone))
    chosen = chosen_project(who, project)
    if not chosen:
        return await ask_for_project(request, deps, who, "/checks/new")
    times = reader_of(request, deps).times
    values = new_values(chosen, deps.directory.channels_of(chosen), times.name)
    return await _new_page(request, deps, new_form(_groups(request, deps, chosen, None), values, times.zone))


@router.post("/checks/new")
async def make_check(request: Request, deps: DependenciesDep, posted: PostedFormDep) -> Response:
    """Make a check."""
    project = chosen_project(posted.viewer, posted.one("project"))
    must_edit(posted.viewer, project)
    times = reader_of(request, deps).times
    form = typed_form(_groups(request, deps, project, None), posted, times.zone)
    if posted.one("preview"):
        return await _new_page(request, deps, form)
    shape = partial(new_body_of, now=times.now)
    sent = await send(request, posted.viewer, project, form, "POST", _API, shape=shape)
    if not sent.is_made:
        return await _new_page(request, deps, sent.form, sent.status)
    assert sent.answer is not None
    return saved(deps, f"/checks/{sent.answer.content['uuid']}", "made")


@router.get("/checks/{code}/edit")
async def edit_check_page(request: Request, deps: DependenciesDep, who: ViewerDep, code: str) -> Response:
    """The form of a check that is there."""
    check = await _editable(deps, who, code)
    groups = _groups(request, deps, check.project, check)
    form = filled_form(groups, values_of(check), reader_of(request, deps).times.zone, check.version)
    return await _edit_page(request, deps, check, form)


@router.post("/checks/{code}/edit")
async def change_check(request: Request, deps: DependenciesDep, posted: PostedFormDep, code: str) -> Response:
    """Change a check as it was shown."""
    check = await _editable(deps, posted.viewer, code)
    times = reader_of(request, deps).times
    form = typed_form(_groups(request, deps, check.project, check), posted, times.zone)
    if posted.one("preview"):
        return await _edit_page(request, deps, check, form)
    known, path, shape = Known(values_of(check), check.version), f"{_API}{check.id}", partial(body_of, now=times.now)
    sent = await save_changes(
        request, posted.viewer, check.project, form, known, path, method="POST", shape=shape, together=_sent_with
    )
    if not sent.is_made:
        return await _edit_page(request, deps, check, sent.form, sent.status)
    return saved(deps, f"/checks/{check.id}")


@router.get("/checks/{code}/delete")
async def delete_check_page(request: Request, deps: DependenciesDep, who: ViewerDep, code: str) -> Response:
    """The page that asks before a check is gone."""
    check = await _editable(deps, who, code)
    return await confirm_page(
        request,
        title=f"Delete {_name(check)}?",
        text="The check is gone for good, and pings to it are answered that there is none.",
        action=f"/checks/{check.id}/delete",
        button="Delete",
        back=f"/checks/{check.id}",
    )


@router.post("/checks/{code}/delete")
async def delete_check(request: Request, deps: DependenciesDep, posted: PostedFormDep, code: str) -> Response:
    """Delete a check."""
    check = await _editable(deps, posted.viewer, code)
    must_be_made(await act(request, posted.viewer, check.project, "DELETE", f"{_API}{check.id}"))
    return saved(deps, "/", "deleted")


@router.post("/checks/{code}/pause")
async def pause_check(request: Request, deps: DependenciesDep, posted: PostedFormDep, code: str) -> Response:
    """Stop watching a check."""
    check = await _editable(deps, posted.viewer, code)
    must_be_made(await act(request, posted.viewer, check.project, "POST", f"{_API}{check.id}/pause", {}))
    return saved(deps, f"/checks/{check.id}", "paused")


@router.post("/checks/{code}/resume")
async def resume_check(request: Request, deps: DependenciesDep, posted: PostedFormDep, code: str) -> Response:
    """Watch a check again."""
    check = await _editable(deps, posted.viewer, code)
    answer = await act(request, posted.viewer, check.project, "POST", f"{_API}{check.id}/resume", {})
    if answer.status != 409:  # it is not paused: that is what was wanted
        must_be_made(answer)
    return saved(deps, f"/checks/{check.id}", "resumed")


@router.get(NEXT_RUNS, dependencies=[Depends(viewer)])
async def next_runs(request: Request, deps: DependenciesDep) -> Response:
    """The next runs of a schedule, as a part of a page."""
    typed = {name: value[:_LONGEST] for name, value in request.query_params.items()}
    return HTMLResponse(await _runs(request, deps, typed), headers=HEADERS)


async def _runs(request: Request, deps: Dependencies, typed: dict[str, str]) -> str:
    return await part("runs.html", deps, request=request, found=coming_runs(typed, deps.clock.now()))


def _groups(request: Request, deps: Dependencies, project: str, check: Check | None) -> tuple[Group, ...]:
    mute = None if check is None else check.mute_until
    return check_groups(deps.directory.channels_of(project), mute, reader_of(request, deps).times)


async def _with_runs(request: Request, deps: Dependencies, form: Form) -> Form:
    typed = {name: form.value(name)[:_LONGEST] for name in SCHEDULE}
    return replace(form, previews={NEXT_RUNS: await _runs(request, deps, typed)})


async def _new_page(request: Request, deps: Dependencies, form: Form, status: int = 200) -> Response:
    form = await _with_runs(request, deps, form)
    return await form_page(
        request,
        form,
        title="New check",
        action="/checks/new",
        button="Create",
        preview_button=_SHOW_RUNS,
        back="/",
        status=status,
    )


async def _edit_page(request: Request, deps: Dependencies, check: Check, form: Form, status: int = 200) -> Response:
    form = await _with_runs(request, deps, form)
    return await form_page(
        request,
        form,
        title=f"Edit {_name(check)}",
        action=f"/checks/{check.id}/edit",
        button="Save",
        preview_button=_SHOW_RUNS,
        back=f"/checks/{check.id}",
        status=status,
    )


def _sent_with(changed: frozenset[str]) -> frozenset[str]:
    """What is sent when these fields have changed: a schedule as a whole."""
    changed -= {"project"}
    return changed | SCHEDULE if changed & SCHEDULE else changed


async def _editable(deps: Dependencies, who: Viewer, code: str) -> Check:
    """The check, if the viewer may change it. Raises `NoPage`."""
    check = await seen_check(deps, who, code)
    must_edit(who, check.project)
    return check


def _name(check: Check) -> str:
    return check.name or check.slug or check.id
