"""`/account`: what a person changes of himself: name, password, and where he is signed in.

Whoever changes the password shows the old one. That ends all his sessions, but for the one that he does it in. The
password of the owner of the instance is a setting; everything else he has as others do.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms.forms import PostedForm, PostedFormDep
from query_api.web.page import page
from query_api.web.people.identity import identities_of, password_fault
from query_api.web.people.person_changes import NotChanged, ask_for, person_seen
from query_api.web.people.sessions import begin_session, cookie
from query_api.web.people.sign_in import error_words, led_to, with_cookie
from query_api.web.viewer import Viewer, ViewerDep, guess_admin_password, stamp_of
from schemas.duration_words import duration_words
from schemas.ids import new_id
from schemas.people import OWNER, Person, PersonName, PersonUpdate

router = APIRouter(include_in_schema=False)

WRONG_PASSWORD = "This is not your password."


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


async def own_form(deps: DependenciesDep, form: PostedFormDep) -> tuple[Person, PostedForm]:
    """A person, and the form that he sends about himself."""
    return own_person(deps, form.viewer), form


OwnForm = Annotated[tuple[Person, PostedForm], Depends(own_form)]


def own_person(deps: Dependencies, viewer: Viewer) -> Person:
    """The person that looks. Raises `ApiError` when he was removed a moment ago."""
    person = deps.directory.people.person(viewer.person or OWNER)
    if person is None:
        raise ApiError(403, "you are not known here any more")
    return person


async def has_password(request: Request, deps: Dependencies, person: Person, password: str) -> bool:
    """Whether it is the password that he signs in with. Raises `ApiError` 429 and 503."""
    if person.id == OWNER:
        return guess_admin_password(request, deps, password)
    return await identities_of(request).with_password(request, person.mail, password) is not None


@router.get("/account")
async def account_page(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """The forms."""
    return await _page(request, deps, viewer)


@router.post("/account/name")
async def change_name(request: Request, deps: DependenciesDep, own: OwnForm) -> Response:
    """Another `name`."""
    person, form = own
    name = form.one("name")
    try:
        msgspec.convert(name, PersonName)
    except msgspec.ValidationError:
        words = "A name of 1 to 100 characters is needed."
        return await _page(request, deps, form.viewer, 400, name_problem=words, name=name)
    try:
        await change_person(deps, form.viewer, person, name=name)
    except NotChanged as refused:
        return await _page(request, deps, form.viewer, refused.status, problem=refused.words, name=name)
    return led_to(deps, "/account")


@router.post("/account/password")
async def change_password(request: Request, deps: DependenciesDep, own: OwnForm) -> Response:
    """Another password: `old_password`, `password`, `repeated`."""
    person, form = own
    if person.id == OWNER:
        raise ApiError(403, "the password of the owner of the instance is a setting")
    password = form.raw("password")
    if fault := password_fault(password, form.raw("repeated"), person.mail):
        return await _page(request, deps, form.viewer, 400, password_problem=fault)
    identities = identities_of(request)
    try:
        if not await has_password(request, deps, person, form.raw("old_password")):
            return await _page(request, deps, form.viewer, 403, old_problem=WRONG_PASSWORD)
        hashed = await identities.hashed(request, password)
        changed = await change_person(deps, form.viewer, person, password=hashed)
    except ApiError as slowed:
        return await _page(request, deps, form.viewer, slowed.status, old_problem=error_words(slowed))
    except NotChanged as refused:
        return await _page(request, deps, form.viewer, refused.status, problem=refused.words)
    return with_cookie(led_to(deps, "/account"), renewed(deps, changed))


@router.post("/account/sign-out-everywhere")
async def sign_out_everywhere(request: Request, deps: DependenciesDep, own: OwnForm) -> Response:
    """End every session of his, this one too."""
    person, form = own
    try:
        await change_person(deps, form.viewer, person, sign_out=True)
    except NotChanged as refused:
        return await _page(request, deps, form.viewer, refused.status, problem=refused.words)
    return with_cookie(led_to(deps, "/sign-in"), cookie(deps, None))


async def change_person(deps: Dependencies, viewer: Viewer, person: Person, **fields: Any) -> Person:
    """Change fields of a person as he was shown; the person as he is then. Raises `NotChanged`."""
    request = PersonUpdate(request=new_id(), at=deps.clock.now(), based_on=person.version, **fields)
    decision = await ask_for(deps, person.id, request, viewer.actor)
    await person_seen(deps, person.id, decision.version)
    changed = deps.directory.people.person(person.id)
    if changed is None or changed.version < decision.version:
        raise NotChanged(503, "The change is made, but cannot be shown yet. Look again in a moment.")
    return changed


def renewed(deps: Dependencies, person: Person) -> str:
    """The `Set-Cookie` of a session that goes on where the others of the person have ended."""
    return begin_session(deps, person.id, stamp_of(deps, person))[1]


async def _page(request: Request, deps: Dependencies, viewer: Viewer, status: int = 200, **more: Any) -> Response:
    person, known = own_person(deps, viewer), deps.directory.projects
    projects = [{"id": id, "name": known[id].name, "role": viewer.role(id)} for id in viewer.projects if id in known]
    values: dict[str, Any] = {
        "mail": person.mail,
        "name": person.name,
        "has_password": bool(person.password),
        "provider": deps.settings.oidc_name if deps.settings.oidc_issuer is not None else "",
        "codes": bool(person.totp),
        "recovery_left": len(person.recovery),
        "idle": duration_words(deps.settings.session_idle),
        "longest": duration_words(deps.settings.session_longest),
        "projects": projects,
    }
    return await page("account.html", deps, status, request=request, **(values | more))
