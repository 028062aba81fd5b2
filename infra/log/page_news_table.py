"""Posts and subscribers of status pages in memory, and the host names of pages: a part of the directory.

Written by the thread of a replica, read by the event loop: each change is one atomic change of a dictionary.
"""

from typing import ClassVar

from schemas.definitions import Definition
from schemas.page_subscribers import PageSubscriber
from schemas.status_posts import StatusPost


class PageNewsTable:
    """What is known of them, by id and by page."""

    KINDS: ClassVar[frozenset[str]] = frozenset({"status-post", "page-subscriber"})

    def __init__(self) -> None:
        self._posts: dict[str, StatusPost] = {}
        self._subscribers: dict[str, PageSubscriber] = {}
        # By page: ids of its posts, and of its subscribers. By host name: ids of pages.
        self._posts_of: dict[str, frozenset[str]] = {}
        self._subscribers_of: dict[str, dict[str, None]] = {}
        self._pages_with: dict[str, frozenset[str]] = {}
        self._domains: dict[str, str] = {}

    def apply(self, kind: str, id: str, definition: Definition | None) -> None:
        """Take what became of a post or a subscriber; None: it is gone."""
        if kind == "status-post":
            before = self._posts.get(id)
            if isinstance(definition, StatusPost):
                self._posts[id] = definition
                self._posts_of[definition.page] = self._posts_of.get(definition.page, frozenset()) | {id}
            elif before is not None:
                del self._posts[id]
                _discard(self._posts_of, before.page, id)
        elif isinstance(definition, PageSubscriber):
            self._subscribers[id] = definition
            self._subscribers_of.setdefault(definition.page, {})[id] = None
        elif (gone := self._subscribers.pop(id, None)) is not None:
            left = self._subscribers_of[gone.page]
            left.pop(id, None)
            if not left:
                del self._subscribers_of[gone.page]

    def set_domain(self, page: str, domain: str) -> None:
        """The host name of a page is this; empty: it has none."""
        before = self._domains.get(page, "")
        if before == domain:
            return
        if before:
            _discard(self._pages_with, before, page)
            del self._domains[page]
        if domain:
            self._pages_with[domain] = self._pages_with.get(domain, frozenset()) | {page}
            self._domains[page] = domain

    def pages_with(self, domain: str) -> frozenset[str]:
        """Ids of the pages with a host name."""
        return self._pages_with.get(domain, frozenset())

    def post(self, id: str) -> StatusPost | None:
        """The post with this id."""
        return self._posts.get(id)

    def posts_of(self, page: str) -> list[StatusPost]:
        """The posts of a page, the newest first."""
        found = (self._posts.get(id) for id in self._posts_of.get(page, frozenset()))
        return sorted((post for post in found if post is not None), key=lambda post: (-post.created, post.id))

    def subscriber(self, id: str) -> PageSubscriber | None:
        """The subscriber with this id."""
        return self._subscribers.get(id)

    def subscribers_of(self, page: str) -> list[PageSubscriber]:
        """The subscribers of a page, those that have not confirmed among them, by their addresses."""
        found = (self._subscribers.get(id) for id in list(self._subscribers_of.get(page, ())))
        return sorted((one for one in found if one is not None), key=lambda one: (one.address, one.id))


def _discard(table: dict[str, frozenset[str]], key: str, id: str) -> None:
    left = table.get(key, frozenset()) - {id}
    if left:
        table[key] = left
    else:
        table.pop(key, None)
