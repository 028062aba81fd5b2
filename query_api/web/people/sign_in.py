"""`/sign-in` and `/sign-out`. Whoever needs a session is led here, and to where he wanted to go afterwards.

The owner of the instance signs in as `admin`. Wrong is wrong: the page never says whether it is the name or the
password, and takes as long for a name that nobody has. Guesses are slowed down for each address and each name
(`query_api.pages.guessing`). A sign-in begins a new session, whatever cookie the browser had.
"""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from infra.secrets.people_tokens import HalfSignIn
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms.forms import (
    PostedFormDep,
    carried,
    carry,
    local_path,
    must_be_ours,
    one,
    raw,
    read_fields,
)
from query_api.web.page import page
from query_api.web.people.identity import Identities, identities_of
from query_api.web.people.person_changes import NotChanged, ask_for, person_seen
from query_api.web.people.sessions import begin_session, cookie, session_of
from query_api.web.shown.sentences import sentence
from query_api.web.viewer import (
    ADMIN,
    SignInNeeded,
    Viewer,
    ViewerDep,
    guess_admin_password,
    stamp_of,
    viewer_of,
)
from schemas.base import SECOND, Micros
from schemas.ids import new_id
from schemas.people import Person, SessionEnd

router = APIRouter(include_in_schema=False)

_WRONG = "The name or the password is wrong."
_NOT_ENDED = (
    "You are signed out in this browser, but the session could not be ended for whoever may have a copy of its cookie. "
    "Sign in later, and out again."
)
_SEE_OTHER = 303
# So long the second step may follow the first.
_HALF_VALID: Micros = 300 * SECOND


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    app.state.identities = Identities(deps)
    app.add_exception_handler(SignInNeeded, _ask_to_sign_in)
    include(app, router)


@router.get("/sign-in")
async def sign_in_page(request: Request, deps: DependenciesDep, next: str = "/") -> Response:
    """The form. Who is signed in already is led on."""
    session = session_of(request, deps)
    if session is not None and viewer_of(request, deps, session) is not None:
        return led_to(deps, local_path(next))
    return await sign_in_form(request, deps, next=local_path(next))


@router.post("/sign-in")
async def sign_in(request: Request, deps: DependenciesDep) -> Response:
    """Begin a session: `name`, `password`; `next` says where to go then, `carried` is a form to be sent then."""
    must_be_ours(request, deps)
    fields = read_fields(request, await request.body())
    name, password = one(fields, "name"), raw(fields, "password")
    shown: dict[str, Any] = {"name": name, "next": local_path(one(fields, "next")), "carried": one(fields, "carried")}
    if not name or not password:
        return await sign_in_form(request, deps, 400, **shown, problem="Name and password are needed.")
    try:
        if name.lower() == ADMIN:
            person = deps.directory.people.owner() if guess_admin_password(request, deps, password) else None
        else:
            person = await identities_of(request).with_password(request, name, password)
    except ApiError as slowed:
        return await sign_in_form(
            request, deps, slowed.status, **shown, problem=error_words(slowed), headers=slowed.headers
        )
    if person is None:
        return await sign_in_form(request, deps, 403, **shown, problem=_WRONG)
    if person.totp:
        half = HalfSignIn(person.id, stamp_of(deps, person), deps.clock.now() + _HALF_VALID)
        return await _code_form(request, deps, 200, half=deps.people_tokens.half_token(half), **_after(shown))
    return await signed_in(request, deps, person, **_after(shown))


@router.post("/sign-in/code")
async def second_step(request: Request, deps: DependenciesDep) -> Response:
    """The code of whoever has shown his password: `half` says who that is."""
    must_be_ours(request, deps)
    fields = read_fields(request, await request.body())
    token = one(fields, "half")
    after: dict[str, Any] = {"next": local_path(one(fields, "next")), "packed": one(fields, "carried")}
    half = deps.people_tokens.read_half(token)
    person = None if half is None else deps.directory.people.person(half.person)
    if half is None or person is None or half.stamp != stamp_of(deps, person) or deps.clock.now() >= half.expires:
        again: dict[str, Any] = {"next": after["next"], "carried": after["packed"]}
        return await sign_in_form(request, deps, 403, **again, problem="This took too long. Please sign in again.")
    try:
        right = await identities_of(request).is_code(request, person, one(fields, "code"))
    except ApiError as slowed:
        return await _code_form(
            request, deps, slowed.status, token, **after, problem=error_words(slowed), headers=slowed.headers
        )
    except NotChanged:
        words = "The code cannot be checked now. Please try again in a moment."
        return await _code_form(request, deps, 503, token, **after, problem=words, headers={"Retry-After": "1"})
    if not right:
        return await _code_form(request, deps, 403, token, **after, problem="This code is wrong, or was used.")
    return await signed_in(request, deps, person, **after)


@router.get("/sign-out")
async def sign_out_page(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """The button that signs out: a link alone must not."""
    return await page("sign_out.html", deps, request=request)


@router.post("/sign-out")
async def sign_out(request: Request, deps: DependenciesDep, form: PostedFormDep) -> Response:
    """End the session, also for whoever has copied its cookie, and have the browser forget it."""
    try:
        await _end_session(deps, form.viewer)
    except NotChanged:
        answer = await sign_in_form(request, deps, 503, next="/", problem=_NOT_ENDED)
        return with_cookie(answer, cookie(deps, None))
    return with_cookie(led_to(deps, "/sign-in"), cookie(deps, None))


async def _end_session(deps: Dependencies, viewer: Viewer) -> None:
    session = viewer.session
    if session is None:  # of HTTP Basic
        return
    until = session.began + deps.settings.session_longest * SECOND
    request = SessionEnd(request=new_id(), at=deps.clock.now(), nonce=session.nonce.hex(), until=until)
    decision = await ask_for(deps, session.person, request, viewer.actor)
    await person_seen(deps, session.person, decision.version)


async def signed_in(
    request: Request, deps: Dependencies, person: Person, next: str = "/", packed: str = ""
) -> Response:
    """Give the browser a new session, and lead it on, or to the form that it had sent without one."""
    session, header = begin_session(deps, person.id, stamp_of(deps, person))
    viewer = viewer_of(request, deps, session)
    waiting = carried(deps, packed)
    if waiting is None or viewer is None:
        return with_cookie(led_to(deps, next), header)
    path, fields = waiting
    answer = await page("send_again.html", deps, request=request, viewer=viewer, path=path, fields=fields)
    return with_cookie(answer, header)


async def _ask_to_sign_in(request: Request, needed: Exception) -> Response:
    """The answer to a request without a session: a page is left for the form, a sent form is carried through it."""
    assert isinstance(needed, SignInNeeded)
    deps: Dependencies = request.app.state.deps
    path = request.url.path
    if request.method != "POST":
        wanted = f"{path}?{request.url.query}" if request.url.query else path
        return led_to(deps, f"/sign-in?next={quote(local_path(wanted), safe='/')}")
    must_be_ours(request, deps)
    packed = carry(deps, path, read_fields(request, needed.body))
    problem = "Your session has ended. Sign in again: what you entered is kept and can be sent then."
    if not packed:
        problem = "Your session has ended, and what you entered is too long to be kept. Go back to copy it first."
    return await sign_in_form(request, deps, 403, next=local_path(path), carried=packed, problem=problem)


async def sign_in_form(
    request: Request, deps: Dependencies, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """The form that asks to sign in, with what went wrong."""
    provider = deps.settings.oidc_name if deps.settings.oidc_issuer is not None else ""
    answer = await page("sign_in.html", deps, status, request=request, provider=provider, **values)
    answer.headers.update(headers or {})
    return answer


def led_to(deps: Dependencies, path: str) -> Response:
    """The answer that leads a browser to a path of this site."""
    return RedirectResponse(f"{deps.settings.root}{path}", _SEE_OTHER, {"Cache-Control": "no-store"})


def with_cookie(answer: Response, header: str) -> Response:
    """The answer, with a `Set-Cookie` header."""
    answer.headers["Set-Cookie"] = header
    return answer


async def _code_form(
    request: Request,
    deps: Dependencies,
    status: int,
    half: str,
    next: str,
    packed: str,
    headers: dict[str, str] | None = None,
    problem: str = "",
) -> Response:
    answer = await page(
        "sign_in_code.html", deps, status, request=request, half=half, next=next, carried=packed, problem=problem
    )
    answer.headers.update(headers or {})
    return answer


def _after(shown: dict[str, Any]) -> dict[str, Any]:
    return {"next": shown["next"], "packed": shown["carried"]}


def error_words(error: ApiError) -> str:
    """An error as a page tells it."""
    return sentence(error.error or "")
