"""Everybody who signs in, for the owner of the instance: what they are where, and taking one of them out altogether.

Whoever is removed is taken out of his projects first and is no person any more at last. So when it stops halfway he is
still listed, and may be removed again. His sessions end at once; what he has done stays in the audit trail.
"""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.http.route_index import include
from query_api.web.forms.forms import PostedFormDep
from query_api.web.page import page
from query_api.web.people.person_changes import NotChanged, ask_for, member_seen, person_gone
from query_api.web.people.sign_in import led_to
from query_api.web.viewer import Viewer
from schemas.ids import new_id
from schemas.people import OWNER, Member, MemberRemove, Person, PersonRemove
from schemas.rejections import RejectionCode

router = APIRouter(include_in_schema=False)


def install(app: FastAPI) -> None:
    """Put the route into the application."""
    include(app, router)


async def overview(
    request: Request, deps: Dependencies, viewer: Viewer, status: int = 200, problem: str = ""
) -> Response:
    """The projects that somebody sees; for the owner of the instance everybody, too."""
    projects = [
        {"id": id, "name": project.name, "role": viewer.role(id), "people": _joined(deps, id)}
        for id in viewer.projects
        if (project := deps.directory.projects.get(id)) is not None
    ]
    people = [_row(deps, person) for person in deps.directory.people.everybody()] if viewer.is_owner_of_instance else []
    return await page("people.html", deps, status, request=request, projects=projects, people=people, problem=problem)


@router.post("/people/{person}/delete")
async def delete(request: Request, deps: DependenciesDep, form: PostedFormDep, person: str) -> Response:
    """Take a person out of all projects, and forget him. `sure` must be given."""
    if not form.viewer.is_owner_of_instance:
        raise ApiError(403, "only the owner of the instance removes people altogether")
    if person == OWNER:
        raise ApiError(400, "the owner of the instance is not removed")
    if not form.one("sure"):
        return await overview(request, deps, form.viewer, 400, "Nobody was removed: say that you are sure.")
    try:
        for member in deps.directory.people.memberships_of(person):
            await _take_out(deps, form.viewer, member)
        asked = PersonRemove(request=new_id(), at=deps.clock.now())
        decision = await ask_for(deps, person, asked, form.viewer.actor)
    except NotChanged as refused:
        return await overview(request, deps, form.viewer, refused.status, refused.words)
    await person_gone(deps, person, decision.version)
    return led_to(deps, "/people")


async def _take_out(deps: Dependencies, viewer: Viewer, member: Member) -> None:
    asked = MemberRemove(request=new_id(), at=deps.clock.now(), id=member.id)
    try:
        decision = await ask_for(deps, member.project, asked, viewer.actor)
    except NotChanged as refused:
        if refused.code is not RejectionCode.PERSON_NOT_FOUND:
            raise
        return  # somebody else was faster
    await member_seen(deps, member.id, decision.version, gone=True)


def _joined(deps: Dependencies, project: str) -> int:
    return sum(member.joined is not None for member in deps.directory.people.members_of(project))


def _row(deps: Dependencies, person: Person) -> dict[str, Any]:
    known = deps.directory.projects
    memberships = [one for one in deps.directory.people.memberships_of(person.id) if one.project in known]
    return {
        "id": person.id,
        "mail": person.mail,
        "name": person.name,
        "how": "password" if person.password else "provider" if person.subject else "nothing yet",
        "codes": bool(person.totp),
        "projects": [
            {"id": one.project, "name": known[one.project].name, "role": one.role, "joined": one.joined is not None}
            for one in memberships
        ],
    }
