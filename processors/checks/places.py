"""Which checks of a partition are of a project, and which of them have a tag: an index beside the view. Pure.

It is made when it is asked for the first time, which most partitions are never, and follows the view from then on, so
it stands the undoing of an event. Definitions are kept packed: only what is needed of each is decoded.
"""

from collections.abc import Set as AbstractSet

import msgspec
from msgspec import Struct

from processors.checks.packed_records import part_of_check
from processors.fold.view import View
from schemas.check_states import DefinitionCopy

_PREFIX = "definition/"


class _Place(Struct, gc=False):
    project: str
    tags: str = ""


_place = part_of_check(_Place)


class CheckPlaces:
    """The checks of a partition by project and tag."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._of_project: dict[str, set[str]] | None = None
        self._tagged: dict[tuple[str, str], set[str]] = {}
        view.listeners.append(self._changed)

    def of_project(self, project: str) -> AbstractSet[str]:
        """The ids of the checks of a project; to be read only."""
        return self._places().get(project, frozenset())

    def tagged(self, project: str, tag: str) -> AbstractSet[str]:
        """The ids of those of them that have a tag; to be read only."""
        self._places()
        return self._tagged.get((project, tag), frozenset())

    def _places(self) -> dict[str, set[str]]:
        if self._of_project is None:
            self._of_project = {}
            for key, packed in self._view.packed_items(DefinitionCopy):
                self._add(key, _place(packed))
        return self._of_project

    def _changed(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if self._of_project is None or not key.startswith(_PREFIX):
            return
        if isinstance(old, DefinitionCopy):
            self._remove(key, old)
        if isinstance(new, DefinitionCopy):
            self._add(key, _Place(new.check.project, new.check.tags))

    def _add(self, key: str, place: _Place) -> None:
        check = key.removeprefix(_PREFIX)
        assert self._of_project is not None
        self._of_project.setdefault(place.project, set()).add(check)
        for tag in place.tags.split():
            self._tagged.setdefault((place.project, tag), set()).add(check)

    def _remove(self, key: str, copy: DefinitionCopy) -> None:
        check, project = key.removeprefix(_PREFIX), copy.check.project
        assert self._of_project is not None
        self._of_project[project].discard(check)
        for tag in set(copy.check.tags.split()):
            tagged = self._tagged[project, tag]
            tagged.discard(check)
            if not tagged:
                del self._tagged[project, tag]
