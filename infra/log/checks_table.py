"""Checks in memory, by id and by slug: a part of the directory.

There may be very many, so they are stored packed, and unpacked on access. Written by the thread of a replica, read by
the event loop: each change is one atomic change of a dictionary.
"""

from collections.abc import Iterator

from schemas.definitions import Check
from schemas.packing import Packing

_checks = Packing(Check, ids=("project", "channels"), without=("id",))
_NO_SLUGS: dict[str, str | tuple[str, ...]] = {}


class _Members:
    """Ids in the order in which they came. What has left keeps its place until half of all has."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._left: set[str] = set()

    def add(self, id: str) -> None:
        if id in self._left:
            self._left.discard(id)
            self.ids = [other for other in self.ids if other != id]
        self.ids.append(id)

    def remove(self, id: str) -> None:
        self._left.add(id)
        if 2 * len(self._left) > len(self.ids):
            self.ids = [other for other in self.ids if other not in self._left]
            self._left.clear()


class ChecksTable:
    """The checks of all projects."""

    def __init__(self) -> None:
        self._checks: dict[str, bytes] = {}
        self._slugs: dict[str, dict[str, str | tuple[str, ...]]] = {}  # by project and slug: an id, or several
        self._members: dict[str, _Members] = {}  # by project
        self._homes: dict[str, int] = {}  # the partition of each project that has had a check

    def apply(self, partition: int, id: str, after: Check | None) -> bool:
        """Take what became of a check, read from a partition; None: it is gone. Whether it counts.

        The removal of an id from one project may be read after another project made a check with it, because each
        project has its own partition. Such a removal does not count.
        """
        before = self.check(id)
        if after is not None:
            self._homes[after.project] = partition
        elif before is not None and self._homes.get(before.project, partition) != partition:
            return False
        was = None if before is None else (before.project, before.slug)
        now = None if after is None else (after.project, after.slug)
        if was != now:
            if before is not None:
                self._remove_slug(before)
            if after is not None:
                self._add_slug(after, id)
        if before is not None and (after is None or after.project != before.project):
            self._members[before.project].remove(id)
        if after is None:
            self._checks.pop(id, None)
            return True
        self._checks[id] = _checks.pack(after)
        if before is None or after.project != before.project:
            self._members.setdefault(after.project, _Members()).add(id)
        return True

    def _remove_slug(self, check: Check) -> None:
        slugs = self._slugs.get(check.project, _NO_SLUGS)
        left = tuple(other for other in self.by_slug(check.project, check.slug) if other != check.id)
        if left:
            slugs[check.slug] = left[0] if len(left) == 1 else left
        else:
            slugs.pop(check.slug, None)

    def _add_slug(self, check: Check, id: str) -> None:
        """`id` is the very text that is the key of the check: one for all tables."""
        if check.slug:
            there = self.by_slug(check.project, check.slug)
            slugs = self._slugs.setdefault(check.project, {})
            slugs[check.slug] = (*there, id) if there else id

    def __contains__(self, id: str) -> bool:
        return id in self._checks

    def __len__(self) -> int:
        return len(self._checks)

    @property
    def newest(self) -> str | None:
        """The id of the check that came to be known last."""
        return next(reversed(self._checks), None)

    def ids(self) -> list[str]:
        """The ids of all checks, in the order in which they came to be known."""
        return list(self._checks)

    def check(self, id: str) -> Check | None:
        """The check with this id."""
        packed = self._checks.get(id)
        return None if packed is None else _checks.unpack(packed, id=id)

    def by_slug(self, project: str, slug: str) -> tuple[str, ...]:
        """Ids of the checks of a project with this slug, oldest position first; more than one is ambiguous."""
        found = self._slugs.get(project, _NO_SLUGS).get(slug, ())
        return (found,) if isinstance(found, str) else found

    def of_project(self, project: str) -> Iterator[Check]:
        """All checks of a project, in the order of their making."""
        members = self._members.get(project)
        for id in list(members.ids) if members is not None else ():
            check = self.check(id)
            if check is not None and check.project == project:
                yield check
