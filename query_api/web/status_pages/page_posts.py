"""`/status-pages/ID/posts` and `/status-pages/ID/subscribers`: what is written on a status page, and who is mailed it.

Each change is the request of the PoppaPing API that a program would make. A form that writes a post holds a key of its
own, so that it writes one however often it is sent. Addresses are shown to editors only.
"""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.route_index import include
from query_api.pages.posts_shown import STATE_WORDS
from query_api.web.api_call import Method, call_api
from query_api.web.forms.forms import PostedForm, PostedFormDep
from query_api.web.page import NoPage, page
from query_api.web.people.sign_in import led_to
from query_api.web.status_pages.page_editor import PAGES_API, seen_page
from query_api.web.viewer import Viewer, ViewerDep
from schemas.ids import new_id
from schemas.public_names import public_name
from schemas.status_pages import StatusPage

router = APIRouter(include_in_schema=False)

_MOST_SHOWN = 100
_MEANWHILE = "The post has been changed since you opened this page. What it says now is below; send yours again."


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/status-pages/{id}/posts")
async def posts_page(request: Request, deps: DependenciesDep, viewer: ViewerDep, id: str) -> Response:
    """The posts, the newest first, and for editors the forms that write them."""
    return await _posts(request, deps, viewer, seen_page(deps, viewer, id))


@router.post("/status-pages/{id}/posts")
async def write_post(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str) -> Response:
    """Write a post."""
    found = seen_page(deps, form.viewer, id)
    body = {"title": form.one("title"), "affected": form.all("affected")} | _said(form)
    return await _ask(request, deps, form, found, "POST", "posts", body, once=form.once or new_id())


@router.post("/status-pages/{id}/posts/{post}/updates")
async def write_update(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str, post: str) -> Response:
    """Tell what became of it, unless somebody has done so since the form was opened."""
    found = seen_page(deps, form.viewer, id)
    version = form.one("version")
    based_on = int(version) if version.isascii() and version.isdigit() and len(version) < 12 else 0
    return await _ask(request, deps, form, found, "POST", f"posts/{post}/updates", _said(form), post, based_on=based_on)


@router.post("/status-pages/{id}/posts/{post}/updates/{number}")
async def edit_update(
    request: Request, deps: DependenciesDep, form: PostedFormDep, id: str, post: str, number: str
) -> Response:
    """Mend what an update says."""
    found = seen_page(deps, form.viewer, id)
    return await _ask(request, deps, form, found, "PATCH", f"posts/{post}/updates/{number}", {"text": form.one("text")})


@router.post("/status-pages/{id}/posts/{post}/delete")
async def delete_post(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str, post: str) -> Response:
    """Delete a post."""
    found = seen_page(deps, form.viewer, id)
    return await _ask(request, deps, form, found, "DELETE", f"posts/{post}")


@router.get("/status-pages/{id}/subscribers")
async def subscribers_page(request: Request, deps: DependenciesDep, viewer: ViewerDep, id: str) -> Response:
    """How many there are, and for editors who they are."""
    found = seen_page(deps, viewer, id)
    subscribers = deps.directory.page_news.subscribers_of(found.id)
    return await page(
        "status_page_subscribers.html",
        deps,
        request=request,
        viewer=viewer,
        found=found,
        edits=viewer.may_edit(found.project),
        confirmed=sum(one.confirmed is not None for one in subscribers),
        waiting=sum(one.confirmed is None for one in subscribers),
        subscribers=subscribers,
        mails=deps.settings.mail_needs is None,
    )


@router.post("/status-pages/{id}/subscribers/{subscriber}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, id: str, subscriber: str) -> Response:
    """Remove a subscriber."""
    found = seen_page(deps, form.viewer, id)
    _must_edit(form.viewer, found)
    path = f"{PAGES_API}/{found.id}/subscribers/{subscriber}"
    answer = await call_api(request, form.viewer, found.project, "DELETE", path)
    if not answer.is_made and answer.status != 404:  # that it is gone is what was wanted
        raise NoPage(f"The subscriber was not removed: {answer.words}", answer.status)
    return led_to(deps, f"/status-pages/{found.id}/subscribers")


def _must_edit(viewer: Viewer, found: StatusPage) -> None:
    if not viewer.may_edit(found.project):
        raise NoPage("Only owners and editors of the project write on its status pages.", 403)


def _said(form: PostedForm) -> dict[str, Any]:
    return {"text": form.one("text"), "status": form.one("status"), "notify": bool(form.one("notify"))}


def _typed(form: PostedForm, post: str = "") -> dict[str, Any]:
    """What is shown again. post: the one whose form it was; empty: that of a new one."""
    return {"post": post, "title": form.one("title"), "affected": form.all("affected")} | _said(form)


async def _ask(
    request: Request,
    deps: Dependencies,
    form: PostedForm,
    found: StatusPage,
    method: Method,
    path: str,
    body: dict[str, Any] | None = None,
    post: str = "",
    based_on: int | None = None,
    once: str = "",
) -> Response:
    _must_edit(form.viewer, found)
    to, headers = f"{PAGES_API}/{found.id}/{path}", {"Idempotency-Key": once} if once else {}
    answer = await call_api(request, form.viewer, found.project, method, to, body, based_on=based_on, **headers)
    if answer.overtaken:
        return await _posts(request, deps, form.viewer, found, 409, _MEANWHILE, _typed(form, post))
    if not answer.is_made:
        return await _posts(request, deps, form.viewer, found, answer.status, answer.words, _typed(form, post))
    return led_to(deps, f"/status-pages/{found.id}/posts")


async def _posts(
    request: Request,
    deps: Dependencies,
    viewer: Viewer,
    found: StatusPage,
    status: int = 200,
    problem: str = "",
    typed: dict[str, Any] | None = None,
) -> Response:
    posts = deps.directory.page_news.posts_of(found.id)
    return await page(
        "status_page_posts.html",
        deps,
        status,
        request=request,
        viewer=viewer,
        found=found,
        edits=viewer.may_edit(found.project),
        posts=posts[:_MOST_SHOWN],
        more=max(0, len(posts) - _MOST_SHOWN),
        states=STATE_WORDS,
        names=_names(deps, found),
        problem=problem,
        typed=typed or {"post": "", "notify": True},
        once=new_id(),
    )


def _names(deps: Dependencies, found: StatusPage) -> dict[str, str]:
    """The components that are there, by their ids."""
    names = {}
    for one in found.components:
        thing = deps.directory.monitor(one.id) if one.kind == "monitor" else deps.directory.check(one.id)
        if thing is not None:
            names[one.id] = one.name or public_name(thing) or one.id
    return names
