"""`/status-pages`: the status pages of the projects that somebody sees, and the editor of each.

A change is the request of the PoppaPing API that a program would make. What was typed is kept when it is refused, and
when somebody else has changed the page meanwhile, which is said then; to save again is to mean it. A preview is the
page as the public would see it, of what is typed and not saved.
"""

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.pages import status_formats
from query_api.pages.drawing import SAFE_WITH_FORM
from query_api.pages.status_board import address, board_of
from query_api.web.api_call import call_api
from query_api.web.forms.forms import PostedFormDep
from query_api.web.forms.saving import must_edit, saved
from query_api.web.owned import no_such
from query_api.web.page import NoPage, page
from query_api.web.people.sign_in import led_to
from query_api.web.status_pages.page_form import PageForm, of_page, posted, with_row
from query_api.web.viewer import Viewer, ViewerDep
from schemas.ids import new_id
from schemas.page_looks import InvalidLook, checked_logo
from schemas.public_names import public_name
from schemas.requests import StatusPageFields
from schemas.status_pages import StatusPage

router = APIRouter(include_in_schema=False)

PAGES_API = "/api/v1/status-pages"
# So many things stand in the list of what may be added.
MOST_CHOICES = 1_000
_MEANWHILE = (
    "Somebody else has changed this page meanwhile. What you typed is below: save again to put it in place of that."
)


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/status-pages")
async def pages_list(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """All status pages, by project."""
    projects = [
        {
            "id": id,
            "name": deps.directory.projects[id].name or id,
            "edits": viewer.may_edit(id),
            "pages": [_listed(deps, each) for each in deps.directory.pages_of(id)],
        }
        for id in viewer.projects
    ]
    return await page("status_pages.html", deps, request=request, viewer=viewer, projects=projects)


@router.get("/status-pages/new/{project}")
async def new_page(request: Request, deps: DependenciesDep, viewer: ViewerDep, project: str) -> Response:
    """The form of a new page."""
    must_edit(viewer, project)
    return await _shown(request, deps, viewer, project, None, PageForm({}, "", (), once=new_id()))


@router.post("/status-pages/new/{project}")
async def make_page(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str) -> Response:
    """Make the page that the form says, or show it, or take one more thing into the form."""
    must_edit(form.viewer, project)
    return await _take(request, deps, form, project, None)


@router.get("/status-pages/{id}")
async def edit_page(request: Request, deps: DependenciesDep, viewer: ViewerDep, id: str) -> Response:
    """The form of a page that is there."""
    found = seen_page(deps, viewer, id)
    must_edit(viewer, found.project)
    return await _shown(request, deps, viewer, found.project, found, of_page(found))


@router.post("/status-pages/{id}")
async def change_page(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Change the page as the form says, or show that, or take one more thing into the form."""
    found = seen_page(deps, form.viewer, id)
    must_edit(form.viewer, found.project)
    return await _take(request, deps, form, found.project, found)


@router.post("/status-pages/{id}/delete")
async def delete_page(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Delete a page, with its posts and its subscribers; the form says so by the title of the page."""
    found = seen_page(deps, form.viewer, id)
    must_edit(form.viewer, found.project)
    if form.raw("title") != found.title:
        words = "Type the title of the page to delete it: nothing was deleted."
        return await _shown(request, deps, form.viewer, found.project, found, of_page(found), 400, problem=words)
    answer = await call_api(request, form.viewer, found.project, "DELETE", f"{PAGES_API}/{found.id}")
    if not answer.is_made:
        raise NoPage(f"The page was not deleted: {answer.words}", answer.status)
    return led_to(deps, "/status-pages")


def seen_page(deps: Dependencies, viewer: Viewer, id: str) -> StatusPage:
    """A page of a project that he sees. Raises `NoPage`."""
    found = deps.directory.page(id)
    if found is None or not viewer.may_see(found.project):
        raise no_such("status page")
    return found


async def _take(
    request: Request, deps: Dependencies, form: PostedFormDep, project: str, found: StatusPage | None
) -> Response:
    typed, viewer = posted(form), form.viewer
    if form.one("do") == "add":
        return await _shown(request, deps, viewer, project, found, with_row(typed, form.one("add")))
    try:
        body = typed.body()
    except ValueError as error:
        return await _shown(request, deps, viewer, project, found, typed, 400, problem=str(error))
    if form.one("do") == "preview":
        return await _preview(request, deps, viewer, project, found, typed, body)
    if found is not None and found.version != typed.based_on:
        return await _meanwhile(request, deps, viewer, found, typed)
    # A slug that is left out is made of the title; an empty one of a page that is there means none.
    if found is None and not body["slug"]:
        del body["slug"]
    method, path = ("POST", PAGES_API) if found is None else ("PATCH", f"{PAGES_API}/{found.id}")
    # A page is made once. Of two who save in the same moment, the second is refused by the fold.
    once = {"Idempotency-Key": typed.once} if found is None and typed.once else {}
    based_on = None if found is None else found.version
    answer = await call_api(
        request, viewer, project, "POST" if method == "POST" else "PATCH", path, body, based_on=based_on, **once
    )
    if answer.overtaken and found is not None:
        return await _meanwhile(request, deps, viewer, found, typed)
    if not answer.is_made:
        return await _shown(request, deps, viewer, project, found, typed, answer.status, problem=answer.words)
    return saved(deps, f"/status-pages/{answer.content['data']['id']}")


async def _meanwhile(
    request: Request, deps: Dependencies, viewer: Viewer, found: StatusPage, typed: PageForm
) -> Response:
    """The form as it was typed, over the page as it is now."""
    now = deps.directory.page(found.id) or found
    again = typed._replace(based_on=now.version)
    return await _shown(request, deps, viewer, found.project, now, again, 409, problem=_MEANWHILE)


async def _preview(
    request: Request,
    deps: Dependencies,
    viewer: Viewer,
    project: str,
    found: StatusPage | None,
    typed: PageForm,
    body: dict[str, Any],
) -> Response:
    """The page as the public would see it."""
    try:
        fields = msgspec.convert(
            body | {"components": [{**one, "kind": one["type"]} for one in body["components"]]}, StatusPageFields
        )
        checked_logo(body["logo"])
    except (msgspec.ValidationError, InvalidLook) as error:
        words = f"There is no preview: {error}"
        return await _shown(request, deps, viewer, project, found, typed, 400, problem=words)
    wanted = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not msgspec.UNSET}
    now = deps.clock.now()
    base = found or StatusPage(id="preview", project=project, version=0, created=now, revised=now, title="")
    board = await board_of(deps, msgspec.structs.replace(base, **wanted))
    settings = deps.settings
    made = await asyncio.to_thread(status_formats.html, board, settings.site_name, settings.base_url)
    return Response(made, 200, SAFE_WITH_FORM | {"Cache-Control": "no-store"}, "text/html; charset=utf-8")


async def _shown(
    request: Request,
    deps: Dependencies,
    viewer: Viewer,
    project: str,
    found: StatusPage | None,
    form: PageForm,
    status: int = 200,
    problem: str = "",
) -> Response:
    choices, more = _choices(deps, project)
    field = problem.removeprefix("Field '").partition("'")[0] if problem.startswith("Field '") else ""
    return await page(
        "status_page_edit.html",
        deps,
        status,
        request=request,
        viewer=viewer,
        project=project,
        found=found,
        public=f"{deps.settings.root}/status/{address(found)}" if found is not None else "",
        outside=f"{deps.settings.base_url}/status/{address(found)}" if found is not None else "",
        everybody=found is not None and not found.password and not found.private,
        form=form,
        names=choices,
        more=more,
        problem=problem,
        wrong=field.partition(".")[0].partition("[")[0],
    )


def _choices(deps: Dependencies, project: str) -> tuple[dict[str, str], int]:
    """What may stand on a page, by `kind/id`, and how many more there are than are listed."""
    monitors, checks = deps.directory.monitors_of(project), list(deps.directory.checks_of(project))
    found = {f"monitor/{each.id}": public_name(each) or each.id for each in monitors}
    found |= {f"check/{each.id}": each.name or each.slug or each.id for each in checks}
    return dict(list(found.items())[:MOST_CHOICES]), max(0, len(found) - MOST_CHOICES)


def _listed(deps: Dependencies, one: StatusPage) -> dict[str, Any]:
    news = deps.directory.page_news
    return {
        "id": one.id,
        "title": one.title,
        "address": address(one),
        "domain": one.domain,
        "closed": bool(one.password) or one.private,
        "things": len(one.components),
        "open": sum(post.resolved is None for post in news.posts_of(one.id)),
        "subscribers": sum(each.confirmed is not None for each in news.subscribers_of(one.id)),
    }
