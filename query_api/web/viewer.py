"""Who looks at a page, and what he may see and change.

The owner shows the admin password by HTTP Basic, with any user name: `admin_password` of credentials.json, or
`PINGFOLD_ADMIN_PASSWORD`. Without one there are no pages (404).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from infra.secrets.basic_auth import is_same_password
from query_api.actors import address_of
from query_api.dependencies import Dependencies, DependenciesDep
from query_api.http.refusals import ApiError
from query_api.pages.guessing import PasswordGuessLimiter
from query_api.pages.page_password import given_password
from schemas.actors import Actor

_ASK = {"WWW-Authenticate": 'Basic realm="Pingfold", charset="UTF-8"'}
_NEEDED = "the admin password is needed: admin_password in credentials.json, or PINGFOLD_ADMIN_PASSWORD"


@dataclass(frozen=True)
class Viewer:
    """Whoever looks at a page. projects: those he may see; editable: those he may change; actor: who his changes are
    made by."""

    name: str
    projects: tuple[str, ...]
    editable: frozenset[str]
    actor: Actor

    def may_see(self, project: str) -> bool:
        """Whether pages show him what is in a project."""
        return project in self.projects

    def may_edit(self, project: str) -> bool:
        """Whether forms let him change what is in a project."""
        return project in self.editable


async def viewer(request: Request, deps: DependenciesDep) -> Viewer:
    """Whoever shows the admin password; after too many that were wrong nobody of that address for a while."""
    _must_know(request, deps)
    projects = tuple(deps.directory.projects)
    actor = Actor(kind="admin", address=address_of(request))
    return Viewer("admin", projects, frozenset(projects), actor)


ViewerDep = Annotated[Viewer, Depends(viewer)]


def _must_know(request: Request, deps: Dependencies) -> None:
    wanted = deps.admin_password
    guesses: PasswordGuessLimiter = request.app.state.admin_guesses
    if not wanted:
        raise ApiError(404, "not found")
    given = given_password(request.headers.get("authorization"))
    if given is None:
        raise ApiError(401, _NEEDED, _ASK)
    guesses.begin("dashboard", request)
    if not is_same_password(given, wanted):
        guesses.wrong("dashboard", request)
        raise ApiError(401, _NEEDED, _ASK)
    guesses.right("dashboard", request)
