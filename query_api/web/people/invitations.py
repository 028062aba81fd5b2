"""`/invitations/<token>`: where whoever is invited joins a project, with a password that he chooses if he is new.

The token is all that is needed, and opens nothing else. It opens once: not when the invitation was withdrawn, used, or
replaced by a newer one, nor after its end. Who is known already must be signed in with the mail address that is
invited, so that a link that went astray gives no stranger a role. Looking at the page changes nothing.
"""

from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from infra.secrets.people_tokens import Invitation
from query_api.actors import by_link
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.lookup import look_up
from query_api.http.refusals import ApiError, Unavailable
from query_api.http.route_index import include
from query_api.web.forms.forms import must_be_ours, one, raw, read_fields
from query_api.web.page import NoPage, page
from query_api.web.people.identity import identities_of, password_fault
from query_api.web.people.person_changes import NotChanged, ask_for, member_seen, person_seen
from query_api.web.people.sessions import session_of
from query_api.web.people.sign_in import error_words, led_to, signed_in
from query_api.web.viewer import Viewer, viewer_of
from schemas.ids import new_id
from schemas.people import Member, MemberAccept, PersonName

router = APIRouter(include_in_schema=False)

_CLOSED = "This invitation is not open: it was used or withdrawn, has expired, or the link is not complete."


def install(app: FastAPI) -> None:
    """Put the page into the application."""
    include(app, router)


@router.get("/invitations/{token}")
async def show(request: Request, deps: DependenciesDep, token: str) -> Response:
    """The form that accepts."""
    member = await _open(deps, token)
    return await (_page(request, deps, token, member) if member is not None else _closed(request, deps))


@router.post("/invitations/{token}")
async def accept(request: Request, deps: DependenciesDep, token: str) -> Response:
    """Join: with `name`, `password` and `repeated` of who is new; as who is signed in."""
    must_be_ours(request, deps)
    fields = read_fields(request, await request.body())
    member = await _open(deps, token)
    if member is None:
        return await _closed(request, deps)
    known = deps.directory.people.person(member.person)
    viewer = _viewer(request, deps)
    if known is not None and (viewer is None or viewer.person != known.id):
        return await _page(request, deps, token, member, 403)
    name, hashed = one(fields, "name"), ""
    if known is not None:
        name = known.name
    else:
        password, repeated = raw(fields, "password"), raw(fields, "repeated")
        faults = {
            "name_problem": _name_fault(name),
            "password_problem": password_fault(password, repeated, member.mail),
        }
        if any(faults.values()):
            return await _page(request, deps, token, member, 400, name=name, **faults)
        try:
            hashed = await identities_of(request).hashed(request, password)
        except ApiError as busy:
            return await _page(request, deps, token, member, busy.status, name=name, problem=error_words(busy))
    asked = MemberAccept(
        request=new_id(), at=deps.clock.now(), id=member.id, invitation=member.invitation, name=name, password=hashed
    )
    try:
        decision = await ask_for(deps, member.project, asked, by_link(request) if viewer is None else viewer.actor)
    except NotChanged as refused:
        return await _page(request, deps, token, member, refused.status, name=name, problem=refused.words)
    await person_seen(deps, member.person, decision.version)
    await member_seen(deps, member.id, member.version + 1)
    person = deps.directory.people.person(member.person)
    if known is not None or person is None or person.password != hashed:  # who came first has set the password
        return led_to(deps, "/")
    return await signed_in(request, deps, person)


async def _open(deps: Dependencies, token: str) -> Member | None:
    """What the token of an open invitation leads to. Raises `NoPage` when this process is behind and cannot tell."""
    said = deps.people_tokens.read_invitation(token)
    if said is None:
        return None
    try:
        return await look_up(deps, "the invitation", lambda: _invited(deps, said))
    except Unavailable:
        raise NoPage("Whether the invitation is open cannot be told now: try again in a moment.", 503) from None


def _invited(deps: Dependencies, said: Invitation) -> Member | None:
    member = deps.directory.people.member(said.member)
    if member is None or member.joined is not None or member.invitation != said.invitation:
        return None
    is_over = member.expires is None or member.expires <= deps.clock.now()
    return None if is_over or member.project not in deps.directory.projects else member


def _viewer(request: Request, deps: Dependencies) -> Viewer | None:
    session = session_of(request, deps)
    return None if session is None else viewer_of(request, deps, session)


async def _page(
    request: Request, deps: Dependencies, token: str, member: Member, status: int = 200, **more: Any
) -> Response:
    project = deps.directory.projects.get(member.project)
    if project is None:  # it was removed a moment ago
        return await _closed(request, deps)
    known = deps.directory.people.person(member.person)
    viewer = _viewer(request, deps)
    values: dict[str, Any] = {
        "token": token,
        "project": project.name,
        "mail": member.mail,
        "role": member.role,
        "is_new": known is None,
        "is_you": known is not None and viewer is not None and viewer.person == known.id,
        "viewer": viewer,
    }
    return await page("invitation.html", deps, status, request=request, **(values | more))


async def _closed(request: Request, deps: Dependencies) -> Response:
    return await page("invitation.html", deps, 404, request=request, closed=_CLOSED)


def _name_fault(name: str) -> str:
    try:
        msgspec.convert(name, PersonName)
    except msgspec.ValidationError:
        return "A name of 1 to 100 characters is needed."
    return ""
