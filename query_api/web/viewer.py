"""Who looks at a page, and what he may see and change.

A person shows the session that his sign-in began (`query_api.web.people.sessions`). Whoever shows none is led to
`/sign-in`, and from there to where he wanted to go; a form that he sent is carried through. The owner of the instance
signs in as `admin` with the admin password: `admin_password` of credentials.json, or `PINGFOLD_ADMIN_PASSWORD`. Scripts
show it by HTTP Basic, with any user name; what shows `Authorization` is answered 401, never led elsewhere. Once the
owner has one-time codes, that is not enough: then only a session counts. Without such a password and without people
there are no pages (404).

What a person may do follows from his roles in the projects, looked up for every request: who is taken out of a project
sees nothing of it from then on.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from infra.secrets.basic_auth import is_same_password
from infra.secrets.people_tokens import Session
from query_api.actors import address_of
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.errors import QueryApiError
from query_api.http.refusals import ApiError
from query_api.pages.guessing import PasswordGuessLimiter
from query_api.pages.page_password import given_password
from query_api.web.people.sessions import session_of
from schemas.actors import Actor
from schemas.people import OWNER, Person, Role

ADMIN = "admin"

ASK = {"WWW-Authenticate": 'Basic realm="Pingfold", charset="UTF-8"'}
NEEDED = "the admin password is needed: admin_password in credentials.json, or PINGFOLD_ADMIN_PASSWORD"
_CODES = "the owner of the instance has one-time codes, so the password alone opens nothing: sign in at /sign-in"


class SignInNeeded(QueryApiError):
    """Ends a request of nobody known: he is asked to sign in. body: the form that he sent."""

    def __init__(self, body: bytes = b"") -> None:
        super().__init__("nobody is signed in")
        self.body = body


@dataclass(frozen=True)
class Viewer:
    """Whoever looks at a page. projects: those he may see; editable: those he may change; owned: those whose people he
    may invite and remove; actor: who his changes are made by.

    person: his id; empty: the owner of the instance. session: None when he shows the admin password by HTTP Basic.
    form: the mark of the form that he sends (`query_api.sent_form`); empty: he sends none.
    """

    name: str
    projects: tuple[str, ...]
    editable: frozenset[str]
    actor: Actor
    owned: frozenset[str] = frozenset()
    person: str = ""
    session: Session | None = None
    form: str = ""

    def may_see(self, project: str) -> bool:
        """Whether pages show him what is in a project."""
        return project in self.projects

    def may_edit(self, project: str) -> bool:
        """Whether forms let him change what is in a project."""
        return project in self.editable

    @property
    def is_owner_of_instance(self) -> bool:
        """Whether he is the one whose password is a setting."""
        return not self.person

    def may_own(self, project: str) -> bool:
        """Whether he says who else may see and change a project."""
        return project in self.owned

    def role(self, project: str) -> Role | None:
        """What he is in a project; None: nothing."""
        if project in self.owned:
            return "owner"
        if project in self.editable:
            return "editor"
        return "viewer" if project in self.projects else None


async def viewer(request: Request, deps: DependenciesDep) -> Viewer:
    """Whoever is signed in; pages find him in `request.state.viewer`, too. Raises `SignInNeeded`; `ApiError` where a
    password is shown that is wrong."""
    found = await _signed_in(request, deps)
    request.state.viewer = found
    return found


async def _signed_in(request: Request, deps: Dependencies) -> Viewer:
    _must_have_pages(deps)
    shows_password = request.headers.get("authorization") is not None
    if shows_password and not deps.directory.people.owner().totp:
        _must_know(request, deps)
        return admin_viewer(request, deps, None)
    session = session_of(request, deps)
    found = None if session is None else viewer_of(request, deps, session)
    if found is None and shows_password:
        raise ApiError(403, _CODES)
    if found is None:
        raise SignInNeeded(await request.body() if request.method == "POST" else b"")
    return found


ViewerDep = Annotated[Viewer, Depends(viewer)]


def viewer_of(request: Request, deps: Dependencies, session: Session) -> Viewer | None:
    """Whose session it is; None when it has ended."""
    person = deps.directory.people.person(session.person)
    if person is None or session.stamp != stamp_of(deps, person):
        return None
    nonce = session.nonce.hex()
    if any(one.nonce == nonce for one in person.ended):
        return None
    if person.id != OWNER:
        return _person_viewer(request, deps, person, session)
    return None if deps.admin_password is None else admin_viewer(request, deps, session)


def stamp_of(deps: Dependencies, person: Person) -> bytes:
    """The stamp of sessions of a person; that of the owner of the instance changes with his password, too."""
    if person.id == OWNER:
        return deps.people_tokens.stamp_of(f"admin {person.epoch} {deps.admin_password or ''}")
    return person.epoch.to_bytes(8)


def _person_viewer(request: Request, deps: Dependencies, person: Person, session: Session) -> Viewer:
    known = deps.directory.projects
    memberships = deps.directory.people.memberships_of(person.id)
    roles = {one.project: one.role for one in memberships if one.joined is not None and one.project in known}
    return Viewer(
        person.name,
        tuple(project for project in known if project in roles),
        frozenset(project for project, role in roles.items() if role != "viewer"),
        Actor(kind="person", key=person.id, user=person.mail, address=address_of(request)),
        frozenset(project for project, role in roles.items() if role == "owner"),
        person=person.id,
        session=session,
    )


def admin_viewer(request: Request, deps: Dependencies, session: Session | None) -> Viewer:
    """The owner of the instance, who may do everything."""
    projects = tuple(deps.directory.projects)
    actor = Actor(kind="admin", address=address_of(request))
    name = deps.directory.people.owner().name
    return Viewer(name, projects, frozenset(projects), actor, frozenset(projects), session=session)


def guess_admin_password(request: Request, deps: Dependencies, given: str) -> bool:
    """Whether it is the admin password. Ends the request with 429 after too many that were wrong."""
    guesses: PasswordGuessLimiter = request.app.state.admin_guesses
    guesses.begin("dashboard", request)
    if deps.admin_password is None or not is_same_password(given, deps.admin_password):
        guesses.wrong("dashboard", request)
        return False
    guesses.right("dashboard", request)
    return True


def _must_have_pages(deps: Dependencies) -> None:
    if not deps.admin_password and not deps.directory.people:
        raise ApiError(404, "not found")


def _must_know(request: Request, deps: Dependencies) -> None:
    given = given_password(request.headers.get("authorization"))
    if given is None or not guess_admin_password(request, deps, given):
        raise ApiError(401, NEEDED, ASK)
