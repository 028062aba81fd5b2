"""In which project something new is made: the one that is named, or the only one; else the reader chooses."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from fastapi import Request, Response

from query_api.dependencies import Dependencies
from query_api.web.forms.saving import must_edit
from query_api.web.page import NoPage, page
from query_api.web.viewer import Viewer


class Choice(NamedTuple):
    """A link of a page that asks for one thing. help: about what is chosen."""

    path: str
    words: str
    help: str = ""


def chosen_project(viewer: Viewer, named: str) -> str:
    """The project; empty: the reader has to choose. Raises `NoPage` for one that he may not change."""
    editable = [project for project in viewer.projects if viewer.may_edit(project)]
    if named:
        must_edit(viewer, named)
        return named
    if not editable:
        raise NoPage("Only owners and editors of a project make things in it.", 403)
    return editable[0] if len(editable) == 1 else ""


async def ask_for_project(
    request: Request, deps: Dependencies, viewer: Viewer, path: str, query: Mapping[str, str] | None = None
) -> Response:
    """The page that asks, and leads to `path` with the project in its query."""
    choices = [
        Choice(
            f"{path}?{urlencode({**(query or {}), 'project': project})}",
            deps.directory.projects[project].name or project,
        )
        for project in viewer.projects
        if viewer.may_edit(project)
    ]
    return await page("choose.html", deps, request=request, title="In which project?", choices=choices)
