"""`/people`: who may see and change which project. Owners of a project invite, give roles, and take out.

An invitation is a link with an end, which opens once. It is mailed where Pingfold sends mail, within the limits of
requests to confirm; the owner may pass it on himself in any case. It is shown to owners as long as it is open, and to
nobody else.
"""

from typing import Any, get_args

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from infra.secrets.people_tokens import INVITATIONS, Invitation
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms.forms import PostedForm, PostedFormDep
from query_api.web.page import NoPage, page
from query_api.web.people.everybody import overview
from query_api.web.people.person_changes import NotChanged, ask_for, member_seen
from query_api.web.people.sign_in import led_to
from query_api.web.viewer import Viewer, ViewerDep
from schemas.ids import new_id
from schemas.languages.catalogues import LANGUAGES
from schemas.people import (
    INVITATION_VALID,
    Member,
    MemberChange,
    MemberInvite,
    MemberRemove,
    MemberRequest,
    PersonMail,
    Role,
    member_id,
)
from schemas.recipients import normalized
from schemas.times import to_second

router = APIRouter(include_in_schema=False)

ROLES: tuple[Role, ...] = get_args(Role)


def install(app: FastAPI) -> None:
    """Put the pages into the application."""
    include(app, router)


@router.get("/people")
async def people_page(request: Request, deps: DependenciesDep, viewer: ViewerDep) -> Response:
    """The projects that he sees, with how many are in each; the owner of the instance sees everybody, too."""
    if len(viewer.projects) == 1 and not viewer.is_owner_of_instance:
        return led_to(deps, f"/people/{viewer.projects[0]}")
    return await overview(request, deps, viewer)


@router.get("/people/{project}")
async def members_page(request: Request, deps: DependenciesDep, viewer: ViewerDep, project: str) -> Response:
    """Who is in a project."""
    return await _members(request, deps, viewer, project)


@router.post("/people/{project}/invite")
async def invite(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str) -> Response:
    """Invite `mail` as `role`; where mail can be sent, by a mail in `language`."""
    _must_own(form.viewer, project)
    try:
        mail = msgspec.convert(form.one("mail"), PersonMail)
    except msgspec.ValidationError:
        given = {name: form.one(name) for name in ("mail", "role", "language")}
        words = "This is no mail address that can be invited: one such as ann@example.org is expected."
        return await _members(request, deps, form.viewer, project, 400, mail_problem=words, given=given)
    at = deps.clock.now()
    asked = MemberInvite(
        request=new_id(),
        at=at,
        mail=normalized(mail),
        role=_role(form),
        expires=at + INVITATION_VALID,
        site="" if deps.settings.mail_needs else deps.settings.base_url,
        language=_language(form),
    )
    return await _change(request, deps, form, project, asked)


@router.post("/people/{project}/{member}/role")
async def change_role(
    request: Request, deps: DependenciesDep, form: PostedFormDep, project: str, member: str
) -> Response:
    """Give somebody another `role`."""
    _must_own(form.viewer, project)
    asked = MemberChange(request=new_id(), at=deps.clock.now(), id=member, role=_role(form))
    return await _change(request, deps, form, project, asked)


@router.post("/people/{project}/{member}/remove")
async def remove(request: Request, deps: DependenciesDep, form: PostedFormDep, project: str, member: str) -> Response:
    """Take somebody out of a project, or withdraw his invitation."""
    _must_own(form.viewer, project)
    return await _change(request, deps, form, project, MemberRemove(request=new_id(), at=deps.clock.now(), id=member))


def invitation_url(deps: Dependencies, member: Member) -> str:
    """The link of an invitation that is open; empty: there is none."""
    if member.expires is None or member.expires <= deps.clock.now():
        return ""
    token = deps.people_tokens.invitation_token(Invitation(member.id, member.invitation, member.expires))
    return f"{deps.settings.base_url}{INVITATIONS}{token}"


async def _change(
    request: Request, deps: Dependencies, form: PostedForm, project: str, asked: MemberRequest
) -> Response:
    try:
        decision = await ask_for(deps, project, asked, form.viewer.actor, form.viewer.form)
    except NotChanged as refused:
        return await _members(request, deps, form.viewer, project, refused.status, problem=refused.words)
    gone = decision.outcome == "removed"
    await member_seen(deps, decision.id, decision.version, gone=gone)
    has_left = gone and decision.id == member_id(project, form.viewer.person)
    return led_to(deps, "/people" if has_left else f"/people/{project}")


async def _members(
    request: Request, deps: Dependencies, viewer: Viewer, project: str, status: int = 200, **more: Any
) -> Response:
    known = deps.directory.projects.get(project)
    if not viewer.may_see(project) or known is None:
        raise NoPage("There is no such project, or you are not in it.")
    owns = viewer.may_own(project)
    members = [member for member in deps.directory.people.members_of(project) if owns or member.joined is not None]
    rows = [_row(deps, viewer, member) for member in members]
    name = known.name
    values: dict[str, Any] = {
        "project": project,
        "name": name,
        "owns": owns,
        "rows": rows,
        "roles": ROLES,
        "languages": {} if deps.settings.mail_needs else LANGUAGES,
    }
    return await page("members.html", deps, status, request=request, **values, **more)


def _row(deps: Dependencies, viewer: Viewer, member: Member) -> dict[str, Any]:
    person = deps.directory.people.person(member.person)
    return {
        "id": member.id,
        "mail": member.mail,
        "name": "" if member.joined is None or person is None else person.name,
        "role": member.role,
        "is_you": member.person == viewer.person,
        "joined": "" if member.joined is None else f"{to_second(member.joined)} UTC",
        "link": invitation_url(deps, member) if viewer.may_own(member.project) else "",
        "expires": "" if member.expires is None else f"{to_second(member.expires)} UTC",
        "mailed": "" if member.mailed is None else f"{to_second(member.mailed)} UTC",
        "codes": person is not None and bool(person.totp),
    }


def _must_own(viewer: Viewer, project: str) -> None:
    if not viewer.may_see(project):
        raise ApiError(404, "not found")
    if not viewer.may_own(project):
        raise ApiError(403, "only owners of the project invite people and change what they may do")


def _language(form: PostedForm) -> str:
    chosen = form.one("language")
    if chosen and chosen not in LANGUAGES:
        raise ApiError(400, f"language: one of {', '.join(LANGUAGES)} is expected")
    return chosen


def _role(form: PostedForm) -> Role:
    found = next((role for role in ROLES if role == form.one("role")), None)
    if found is None:
        raise ApiError(400, f"role: one of {', '.join(ROLES)} is expected")
    return found
