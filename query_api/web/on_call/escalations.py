"""`/escalations`: whom else to tell of what nobody acknowledges, and when; with forms that make and change policies."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.poppaping.escalations import CreateEscalationPolicyBody, StepBody
from query_api.web.forms.form_fields import Field, Group, Option, field_of
from query_api.web.forms.form_rows import (
    groups_of_rows,
    is_of_rows,
    rows_of_values,
    rows_sent,
    values_of_rows,
    with_rows,
)
from query_api.web.forms.form_state import Form, filled_form, new_form, typed_form
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.many_choices import many_choices
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
from query_api.web.owned import seen_projects
from query_api.web.page import page
from query_api.web.people.sign_in import led_to
from query_api.web.reader import reader_of
from query_api.web.shown.things import check_thing, monitor_thing
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.escalations import MOST_STEPS, EscalationPolicy, Step

router = APIRouter(include_in_schema=False)

_API = "/api/v1/escalation-policies"
_EMPTY_STEPS = 3
_STEP = ("after", "channels", "own", "rotations")
_DONE = {"made": "The policy was created.", "kept": "The changes were saved.", "removed": "The policy was deleted."}


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/escalations", dependencies=[Depends(viewer)])
async def list_policies(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The policies of his projects, step by step."""
    sections = [
        {
            "id": project.id,
            "name": project.name or project.id,
            "edits": who.may_edit(project.id),
            "rows": [_row(deps, policy) for policy in deps.directory.policies_of(project.id)],
        }
        for project in seen_projects(deps, who)
    ]
    done = _DONE.get(request.query_params.get("done", ""), "")
    return await page("escalations.html", deps, request=request, sections=sections, done=done)


@router.get("/escalations/new", dependencies=[Depends(viewer)])
async def new_page(request: Request, deps: DependenciesDep, who: ViewerDep, project: str = "") -> Response:
    """The form of a new policy."""
    must_edit(who, project)
    values = {"repeat": 0} | values_of_rows([{"after": 15, "own": True}])
    form = new_form(_groups(deps, project, 1 + _EMPTY_STEPS), values, reader_of(request, deps).times.zone)
    return await _new(request, project, form)


@router.post("/escalations/new")
async def make(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str = "") -> Response:
    """Make a policy."""
    must_edit(form.viewer, project)
    typed = typed_form(_groups(deps, project, rows_sent(form, "after")), form, reader_of(request, deps).times.zone)
    sent = await send(request, form.viewer, project, typed, "POST", _API, shape=_body)
    if not sent.is_made:
        return await _new(request, project, sent.form, sent.status)
    return led_to(deps, "/escalations?done=made")


@router.get("/escalations/{id}/edit", dependencies=[Depends(viewer)])
async def edit_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """The form of a policy."""
    policy = await _policy(deps, who, id)
    groups = _groups(deps, policy.project, len(policy.steps) + _EMPTY_STEPS, policy)
    form = filled_form(groups, _values(policy), reader_of(request, deps).times.zone, policy.version)
    return await _edit(request, policy, form)


@router.post("/escalations/{id}/edit")
async def change(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change what the form says otherwise than the policy."""
    policy = await _policy(deps, form.viewer, id)
    groups, values = _groups(deps, policy.project, rows_sent(form, "after"), policy), _values(policy)
    typed = typed_form(groups, form, reader_of(request, deps).times.zone)
    known, together = Known(values, policy.version), partial(with_rows, names=typed.labels, rows=(_STEP,))
    path = f"{_API}/{policy.id}"
    sent = await save_changes(request, form.viewer, policy.project, typed, known, path, shape=_body, together=together)
    if not sent.is_made:
        return await _edit(request, policy, sent.form, sent.status)
    return led_to(deps, "/escalations?done=kept")


@router.get("/escalations/{id}/remove", dependencies=[Depends(viewer)])
async def remove_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """Ask whether a policy is to be removed."""
    policy = await _policy(deps, who, id)
    return await confirm_page(
        request,
        title=f"Delete the policy {policy.name}?",
        text="Nobody is told by it any more, of what is down now neither.",
        action=f"/escalations/{policy.id}/remove",
        button="Delete",
        back="/escalations",
    )


@router.post("/escalations/{id}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Remove a policy."""
    policy = await _policy(deps, form.viewer, id)
    must_be_made(await act(request, form.viewer, policy.project, "DELETE", f"{_API}/{policy.id}"))
    return led_to(deps, "/escalations?done=removed")


async def _policy(deps: Dependencies, who: Viewer, id: str) -> EscalationPolicy:
    return await editable(deps, who, "policy", deps.directory.policy, id)


def _body(values: Mapping[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in values.items() if not is_of_rows(name, _STEP)}
    if any(is_of_rows(name, _STEP) for name in values):
        body["steps"] = [
            {
                "after_minutes": row["after"],
                "alert_channel_ids": row["channels"],
                "own_channels": row["own"],
                "on_call": row["rotations"],
            }
            for row in rows_of_values(values, "after", _STEP[1:], MOST_STEPS)
        ]
    return body


def _values(policy: EscalationPolicy) -> dict[str, Any]:
    steps = [
        {"after": step.after, "channels": step.channels, "own": step.own, "rotations": step.on_call}
        for step in policy.steps
    ]
    return {"name": policy.name, "repeat": policy.repeat, "monitor_ids": policy.things} | values_of_rows(steps)


def _groups(deps: Dependencies, project: str, steps: int, policy: EscalationPolicy | None = None) -> tuple[Group, ...]:
    body = CreateEscalationPolicyBody
    channels = tuple(Option(one.id, one.name or one.kind) for one in deps.directory.channels_of(project))
    rotations = tuple(Option(one.id, one.name) for one in deps.directory.rotations_of(project))
    repeat_help = "How often all steps are gone through again. Empty: until somebody acknowledges."
    fields = (
        field_of(body, "name", "Name", required=True),
        field_of(body, "repeat", "Further rounds", help=repeat_help, empty=None),
    )

    def step(number: int) -> Group:
        own = (
            field_of(StepBody, "after_minutes", "After minutes", help="Empty: there is no such step."),
            Field(name="channels", label="Tell these channels", kind="several", options=channels),
            field_of(StepBody, "own_channels", "Tell the channels of the check or monitor again"),
            Field(name="rotations", label="Tell whoever is on call", kind="several", options=rotations),
        )
        named = tuple(replace(field, name=f"{name}_{number}") for field, name in zip(own, _STEP, strict=True))
        return Group(title=f"Step {number}", fields=named, closed=number > 1)

    things = [Option(one.id, monitor_thing(deps, one).name) for one in deps.directory.monitors_of(project)]
    things += [Option(one.id, check_thing(deps, one).name) for one in deps.directory.checks_of(project)]
    named = () if policy is None else policy.things
    covered = many_choices(body, "monitor_ids", "Checks and monitors", things, named)
    return (
        Group(title="", fields=fields),
        *groups_of_rows(step, steps, MOST_STEPS),
        Group(title="What it is for", fields=(covered,), help="Without any: all that no other policy names."),
    )


def _row(deps: Dependencies, policy: EscalationPolicy) -> dict[str, Any]:
    again = "until somebody acknowledges" if policy.repeat is None else f"{policy.repeat} more times"
    return {
        "id": policy.id,
        "name": policy.name,
        "things": len(policy.things),
        "steps": [{"after": step.after, "tells": _tells(deps, step)} for step in policy.steps],
        "again": "" if policy.repeat == 0 else again,
    }


def _tells(deps: Dependencies, step: Step) -> list[tuple[str, str]]:
    """(path, words) of whom a step tells."""
    channels = [found for id in step.channels if (found := deps.directory.channel(id)) is not None]
    rotations = [turns for id in step.on_call if (turns := deps.directory.rotation(id)) is not None]
    own = [("", "the channels of the check or monitor")] if step.own else []
    return [
        *((f"/channels/{one.id}", one.name or one.kind) for one in channels),
        *((f"/rotations/{one.id}", f"whoever is on call of {one.name}") for one in rotations),
        *own,
    ]


async def _new(request: Request, project: str, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title="New escalation policy",
        action=f"/escalations/new?project={project}",
        button="Create",
        back="/escalations",
        status=status,
    )


async def _edit(request: Request, policy: EscalationPolicy, form: Form, status: int = 200) -> Response:
    return await form_page(
        request,
        form,
        title=f"Edit {policy.name}",
        action=f"/escalations/{policy.id}/edit",
        button="Save",
        back="/escalations",
        status=status,
    )
