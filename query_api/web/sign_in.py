"""`/sign-in` and `/sign-out`. Whoever needs a session is led here, and to where he wanted to go afterwards.

The owner of the instance signs in as `admin`. Wrong is wrong: the page never says whether it is the name or the
password, and takes as long for a name that nobody has. Guesses are slowed down for each address and each name
(`query_api.pages.guessing`). A sign-in begins a new session, whatever cookie the browser had.
"""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms import (
    PostedFormDep,
    carried,
    carry,
    local_path,
    must_be_ours,
    one,
    read_fields,
)
from query_api.web.page import page
from query_api.web.sessions import begin_session, cookie, session_of
from query_api.web.viewer import (
    ADMIN,
    SignInNeeded,
    ViewerDep,
    admin_stamp,
    guess_admin_password,
    viewer_of,
)

router = APIRouter(include_in_schema=False)

_WRONG = "The name or the password is wrong."
_SEE_OTHER = 303


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    app.add_exception_handler(SignInNeeded, _ask_to_sign_in)
    include(app, router)


@router.get("/sign-in")
async def sign_in_page(request: Request, deps: DependenciesDep, next: str = "/") -> Response:
    """The form. Who is signed in already is led on."""
    session = session_of(request, deps)
    if session is not None and viewer_of(request, deps, session) is not None:
        return _to(deps, local_path(next))
    return await _form(deps, next=local_path(next))


@router.post("/sign-in")
async def sign_in(request: Request, deps: DependenciesDep) -> Response:
    """Begin a session: `name`, `password`; `next` says where to go then, `carried` is a form to be sent then."""
    must_be_ours(request, deps)
    fields = read_fields(request, await request.body())
    name, password = one(fields, "name"), next((value for name, value in fields if name == "password"), "")
    shown = {"name": name, "next": local_path(one(fields, "next")), "carried": one(fields, "carried")}
    if not name or not password:
        return await _form(deps, 400, **shown, problem="Name and password are needed.")
    try:
        right = name.lower() == ADMIN and guess_admin_password(request, deps, password)
    except ApiError as slowed:
        return await _form(deps, slowed.status, **shown, problem=_sentence(slowed), headers=slowed.headers)
    if not right:
        return await _form(deps, 403, **shown, problem=_WRONG)
    return await _signed_in(request, deps, "", admin_stamp(deps, password), shown["next"], shown["carried"])


@router.get("/sign-out")
async def sign_out_page(deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """The button that signs out: a link alone must not."""
    return await page("sign_out.html", deps, viewer=viewer)


@router.post("/sign-out")
async def sign_out(deps: DependenciesDep, form: PostedFormDep) -> Response:
    """The browser forgets the session."""
    return _with_cookie(_to(deps, "/sign-in"), cookie(deps, None))


async def _signed_in(
    request: Request, deps: Dependencies, person: str, stamp: bytes, next: str, packed: str
) -> Response:
    """Give the browser a session, and lead it on, or to the form that it had sent without one."""
    session, header = begin_session(deps, person, stamp)
    viewer = viewer_of(request, deps, session)
    waiting = carried(deps, packed)
    if waiting is None or viewer is None:
        return _with_cookie(_to(deps, next), header)
    path, fields = waiting
    answer = await page("send_again.html", deps, viewer=viewer, path=path, fields=fields)
    return _with_cookie(answer, header)


async def _ask_to_sign_in(request: Request, needed: Exception) -> Response:
    """The answer to a request without a session: a page is left for the form, a sent form is carried through it."""
    assert isinstance(needed, SignInNeeded)
    deps: Dependencies = request.app.state.deps
    path = request.url.path
    if request.method != "POST":
        wanted = f"{path}?{request.url.query}" if request.url.query else path
        return _to(deps, f"/sign-in?next={quote(local_path(wanted), safe='/')}")
    must_be_ours(request, deps)
    packed = carry(deps, path, read_fields(request, needed.body))
    problem = "Your session has ended. Sign in again: what you entered is kept and can be sent then."
    if not packed:
        problem = "Your session has ended, and what you entered is too long to be kept. Go back to copy it first."
    return await _form(deps, 403, next=local_path(path), carried=packed, problem=problem)


async def _form(
    deps: Dependencies, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    answer = await page("sign_in.html", deps, status, **values)
    answer.headers.update(headers or {})
    return answer


def _to(deps: Dependencies, path: str) -> Response:
    return RedirectResponse(f"{deps.settings.root}{path}", _SEE_OTHER, {"Cache-Control": "no-store"})


def _with_cookie(answer: Response, header: str) -> Response:
    answer.headers["Set-Cookie"] = header
    return answer


def _sentence(error: ApiError) -> str:
    words = error.error or ""
    return f"{words[:1].upper()}{words[1:]}."
