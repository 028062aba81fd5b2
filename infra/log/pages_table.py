"""Status pages in memory: a part of the directory.

Written by the thread of a replica, read by the event loop: each change is one atomic change of a dictionary.
"""

from schemas.status_pages import StatusPage

# So many characters of an id stand in the addresses of pages.
_START = 8


class PagesTable:
    """The status pages of all projects, by id and by the beginning of their id."""

    def __init__(self) -> None:
        self._pages: dict[str, StatusPage] = {}
        self._starting: dict[str, tuple[str, ...]] = {}

    def set(self, id: str, page: StatusPage | None) -> None:
        """Take what became of a page; None: it is gone."""
        start = id[:_START]
        if page is not None:
            if id not in self._pages:
                self._starting[start] = (*self._starting.get(start, ()), id)
            self._pages[id] = page
        elif id in self._pages:
            left = tuple(other for other in self._starting[start] if other != id)
            if left:
                self._starting[start] = left
            else:
                del self._starting[start]
            del self._pages[id]

    def page(self, id: str) -> StatusPage | None:
        """The page with this id."""
        return self._pages.get(id)

    def starting(self, start: str) -> list[StatusPage]:
        """The pages whose id begins with these 8 characters, oldest first."""
        found = (self._pages.get(id) for id in self._starting.get(start, ()))
        return sorted((page for page in found if page is not None), key=lambda page: (page.created, page.id))

    def all(self) -> list[StatusPage]:
        """The pages of all projects."""
        return list(self._pages.values())
