"""The definitions of one type, by project: an index that follows the view. And what channels a project has. Pure."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from processors.fold.view import View
from processors.projects.index import RequestRejected
from schemas.definitions import Channel
from schemas.escalations import EscalationPolicy
from schemas.message_templates import MessageTemplate
from schemas.on_call import OnCallRotation
from schemas.rejections import RejectionCode

Kept = TypeVar("Kept", EscalationPolicy, MessageTemplate, OnCallRotation)


class OfProjects(Generic[Kept]):
    """Of one partition. kind: their type."""

    def __init__(self, view: View, kind: type[Kept]) -> None:
        self._view = view
        self._kind: type[Any] = kind
        self._keys: dict[str, set[str]] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: object, new: object) -> None:
        if isinstance(old, self._kind):
            self._keys[old.project].discard(key)
        if isinstance(new, self._kind):
            self._keys.setdefault(new.project, set()).add(key)

    def count(self, project: str) -> int:
        """How many a project has."""
        return len(self._keys.get(project, ()))

    def of(self, project: str) -> list[Kept]:
        """Those of a project, by id."""
        found: list[Any] = [self._view.get(key) for key in sorted(self._keys.get(project, ()))]
        return found

    def beside(self, one: Kept) -> list[Kept]:
        """The others of its project."""
        return [other for other in self.of(one.project) if other.id != one.id]


def must_be_channels(view: View, project: str, ids: Iterable[str]) -> None:
    """Raises `RequestRejected` for the first of them that is no channel of the project."""
    for id in ids:
        channel = view.get(f"channel/{id}")
        if not isinstance(channel, Channel) or channel.project != project:
            raise RequestRejected(RejectionCode.CHANNEL_IDENTIFIER_INVALID, id)
