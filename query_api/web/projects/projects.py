"""`/projects`: the projects of this instance; `/projects/<id>`: its ping key, secrets, metrics and badges.

The owner of the instance makes projects, by the fold of projects itself. What is rotated is asked of the APIs as the
viewer. A new secret is shown once, in the answer to the form that made it.
"""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from infra.secrets.secrets import new_ping_key, new_webhook_secret, of_project
from query_api.commands import wait_until
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.api_call import call_api
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import must_edit
from query_api.web.owned import seen_project, seen_projects
from query_api.web.page import page
from query_api.web.people.person_changes import NotChanged, ask_for
from query_api.web.people.sign_in import led_to
from query_api.web.viewer import Viewer, ViewerDep, viewer
from schemas.definitions import Project
from schemas.ids import is_uuid, new_id
from schemas.requests import DAY, ProjectCreate

router = APIRouter(include_in_schema=False)

LONGEST_NAME = 100
# So many badges are shown; the API lists all.
_MOST_BADGES = 50
_DONE = {
    "made": "The project was created. Create a channel next, so that somebody is told.",
    "reports": "The changes were saved.",
    "report-sent": "The report is on its way.",
    "name": "The project was renamed.",
    "ping-key": "The ping key is another one. Pings with the former one are taken for 24 hours more.",
}


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/projects", dependencies=[Depends(viewer)])
async def list_projects(request: Request, deps: DependenciesDep, who: ViewerDep) -> Response:
    """The projects that he sees."""
    return await _listed(request, deps, who, {"id": new_id(), "name": ""})


@router.post("/projects")
async def make_project(request: Request, deps: DependenciesDep, form: PostedFormDep) -> Response:
    """Make a project with a `name`. A form that is sent twice makes one: its `id` comes from the page."""
    who, given = form.viewer, {"id": form.one("id"), "name": form.one("name")}
    if not _may_make(who):
        raise ApiError(403, "only the owner of the instance makes projects")
    if not is_uuid(given["id"]):
        raise ApiError(400, "the form is not one of ours: open its page again")
    if not 1 <= len(given["name"]) <= LONGEST_NAME:
        words = f"A name of 1 to {LONGEST_NAME} characters is expected."
        return await _listed(request, deps, who, given, 400, name_problem=words)
    id, now = given["id"], deps.clock.now()
    project = Project(
        id=id,
        name=given["name"],
        ping_key=new_ping_key(),
        created=now,
        webhook_secret=deps.encrypt(new_webhook_secret(), of_project(id)),
    )
    try:
        await ask_for(deps, id, ProjectCreate(request=new_id(), at=now, project=project), who.actor)
    except NotChanged as refused:
        return await _listed(request, deps, who, given, refused.status, problem=refused.words)
    await wait_until(deps.definitions_replica, lambda: id in deps.directory.projects)
    return led_to(deps, f"/projects/{id}?done=made")


@router.get("/projects/{id}", dependencies=[Depends(viewer)])
async def project_page(request: Request, deps: DependenciesDep, who: ViewerDep, id: str) -> Response:
    """One project."""
    project = seen_project(deps, who, id)
    return await _shown(request, deps, who, project, done=_DONE.get(request.query_params.get("done", ""), ""))


@router.post("/projects/{id}/name")
async def rename(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Give the project another name."""
    project, name = seen_project(deps, form.viewer, id), form.one("name")
    must_edit(form.viewer, project.id)
    if not 1 <= len(name) <= LONGEST_NAME:
        words = f"A name of 1 to {LONGEST_NAME} characters is expected."
        return await _shown(request, deps, form.viewer, project, 400, name=name, name_problem=words)
    answer = await call_api(request, form.viewer, project.id, "POST", "/api/v3/project/rename", {"name": name})
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, project, answer.status, name=name, problem=answer.words)
    return led_to(deps, f"/projects/{project.id}?done=name")


@router.post("/projects/{id}/ping-key")
async def rotate_ping_key(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Give the project another ping key."""
    project = seen_project(deps, form.viewer, id)
    path = "/api/v3/project/rotate-ping-key"
    answer = await call_api(request, form.viewer, project.id, "POST", path, {"overlap": DAY})
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, project, answer.status, problem=answer.words)
    return led_to(deps, f"/projects/{project.id}?done=ping-key")


@router.post("/projects/{id}/webhook-secret")
async def rotate_secret(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Give the webhooks of the project another secret; the answer shows it."""
    project = seen_project(deps, form.viewer, id)
    path = "/api/v3/project/rotate-webhook-secret"
    answer = await call_api(request, form.viewer, project.id, "POST", path, {"overlap": DAY})
    if not answer.is_made:
        return await _shown(request, deps, form.viewer, project, answer.status, problem=answer.words)
    return await _shown(request, deps, form.viewer, project, secret=answer.content["secret"])


async def _listed(
    request: Request, deps: Dependencies, who: Viewer, given: dict[str, str], status: int = 200, **more: Any
) -> Response:
    rows = [
        {
            "id": project.id,
            "name": project.name or project.id,
            "role": who.role(project.id),
            "checks": sum(1 for _ in deps.directory.checks_of(project.id)),
            "monitors": len(deps.directory.monitors_of(project.id)),
            "channels": len(deps.directory.channels_of(project.id)),
            "people": len(deps.directory.people.members_of(project.id)),
        }
        for project in seen_projects(deps, who)
    ]
    shown = {"rows": rows, "makes": _may_make(who), "given": given, "longest": LONGEST_NAME, **more}
    return await page("projects.html", deps, status, request=request, **shown)


async def _shown(
    request: Request, deps: Dependencies, who: Viewer, project: Project, status: int = 200, **more: Any
) -> Response:
    now = deps.directory.projects.get(project.id, project)
    answer = await call_api(request, who, project.id, "GET", "/api/v3/badges/")
    badges = list(answer.content["badges"].items()) if answer.is_made else []
    site = deps.settings.base_url
    more = {"name": now.name, "longest": LONGEST_NAME} | more
    return await page(
        "project.html",
        deps,
        status,
        request=request,
        project=now,
        role=who.role(project.id),
        edits=who.may_edit(project.id),
        ping_url=f"{site}/ping/{now.ping_key}/",
        formers=[one for one in now.former_ping_keys if one.until > deps.clock.now()],
        metrics_url=f"{site}/projects/{project.id}/metrics/",
        badges=badges[:_MOST_BADGES],
        more_badges=max(0, len(badges) - _MOST_BADGES),
        badges_missing="" if answer.is_made else answer.words,
        **more,
    )


def _may_make(who: Viewer) -> bool:
    return not who.person
