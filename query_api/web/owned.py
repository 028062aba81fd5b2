"""What a page is about: something of a project that its viewer may see. What he may not see is not there for him."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from query_api.dependencies import Dependencies
from query_api.http.lookup import look_up
from query_api.http.refusals import Unavailable
from query_api.web.page import NoPage
from query_api.web.viewer import Viewer
from schemas.definitions import Project
from schemas.ids import is_uuid


class OfProject(Protocol):
    @property
    def project(self) -> str: ...


T = TypeVar("T", bound=OfProject)


async def owned(deps: Dependencies, who: Viewer, what: str, find: Callable[[str], T | None], id: str) -> T:
    """What `find` has under an id, if the viewer may see its project. Raises `NoPage`, which calls it `what`."""
    id = id.lower()
    try:
        found = await look_up(deps, f"the {what}", lambda: find(id)) if is_uuid(id) else None
    except Unavailable:
        raise NoPage(f"Whether there is such a {what} cannot be told now.", 503) from None
    if found is None or not who.may_see(found.project):
        raise no_such(what)
    return found


def no_such(what: str) -> NoPage:
    """The error for what is not there for a viewer; also for a form that was sent twice, whose thing is deleted."""
    return NoPage(f"There is no such {what}: it was deleted, or the address is wrong.")


def seen_projects(deps: Dependencies, who: Viewer) -> list[Project]:
    """The projects that a viewer may see, by their names."""
    known = deps.directory.projects
    return sorted((known[id] for id in who.projects if id in known), key=lambda one: (one.name.casefold(), one.id))


def seen_project(deps: Dependencies, who: Viewer, id: str) -> Project:
    """A project that the viewer may see. Raises `NoPage`."""
    project = deps.directory.projects.get(id)
    if project is None or not who.may_see(id):
        raise NoPage("There is no such project.")
    return project
