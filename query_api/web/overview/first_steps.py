"""What somebody does first in a new Pingfold: each step with the page that does it."""

from typing import NamedTuple
from urllib.parse import urlencode

from query_api.dependencies import Dependencies
from query_api.web.viewer import Viewer


class FirstStep(NamedTuple):
    """path: of the page, below the site's root; words: of its link; about: what comes of it."""

    path: str
    words: str
    about: str


def first_steps(deps: Dependencies, who: Viewer, project: str) -> tuple[FirstStep, ...]:
    """The steps of whoever may change a project; none for others. project: that of the page; empty: all.

    Whom to tell comes first: what is made afterwards has the channel without a further step.
    """
    if not who.editable:
        return ()
    named = {"project": project} if who.may_edit(project) else {}
    channels, monitors, checks = (_path(path, named) for path in ("/channels/new", "/monitors/new", "/checks/new"))
    watch = (
        FirstStep(monitors, "Watch a site or a server", "It is probed, every minute unless you say otherwise."),
        FirstStep(checks, "Watch a job", "It pings a URL when it has run; its page has the lines to paste."),
    )
    if has_channels(deps, who):
        return watch
    tell = FirstStep(channels, "Say who is told", "A mail address, a chat, a pager or a program of yours.")
    return (tell, *watch)


def has_channels(deps: Dependencies, who: Viewer) -> bool:
    """Whether anybody is told of anything, in the projects that he may change."""
    return any(deps.directory.channels_of(project) for project in who.editable)


def _path(path: str, named: dict[str, str]) -> str:
    return f"{path}?{urlencode(named)}" if named else path
