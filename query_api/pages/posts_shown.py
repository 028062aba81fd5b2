"""The posts of a status page as the public sees them. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.base import Micros
from schemas.status_posts import PostState, StatusPost, StatusPostUpdate

STATE_WORDS: dict[PostState, str] = {
    "investigating": "Investigating",
    "identified": "Identified",
    "monitoring": "Monitoring",
    "resolved": "Resolved",
}


class ShownPost(NamedTuple):
    """A post, its newest update first. affected: names of components that are still there. revised: also by an edit."""

    id: str
    title: str
    state: PostState
    started: Micros
    resolved: Micros | None
    revised: Micros
    affected: tuple[str, ...]
    updates: tuple[StatusPostUpdate, ...]


def shown_posts(posts: Iterable[StatusPost], names: Mapping[str, str], since: Micros) -> tuple[ShownPost, ...]:
    """Those that are open, and those that were resolved after `since`, the newest first.

    names: of the components of the page, by their ids, which nobody is told.
    """
    found = [post for post in posts if post.resolved is None or post.resolved > since]
    found.sort(key=lambda post: (-post.created, post.id))
    return tuple(
        ShownPost(
            post.id,
            post.title,
            post.state,
            post.created,
            post.resolved,
            post.revised,
            tuple(names[id] for id in post.affected if id in names),
            post.updates[::-1],
        )
        for post in found
    )
