"""Decisions of the `projects` fold about mutes of tags, which every partition of `pings` gets. Pure.

The next tick after its end removes a mute, with an effect, so that a fold which did not see that time ends it then.
"""

from typing import Any

from processors.fold.contract import EVERY, Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import RequestRejected
from schemas.base import Micros
from schemas.definitions import Project
from schemas.incident_requests import TagMuteSet
from schemas.rejections import RejectionCode
from schemas.tag_mutes import MOST_TAG_MUTES, TagMute, TagMuted, TagUnmuted, is_tag, tag_mute_id, tag_mute_key
from schemas.ticks import NEVER
from schemas.topics import PINGS


class ProjectTagMutes:
    """The mutes of the tags of one partition's projects."""

    def __init__(self, view: View) -> None:
        self._view = view
        # By project, and until when: indexes that follow the view.
        self._of: dict[str, set[str]] = {}
        self._ends: dict[str, Micros] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, _key: str, old: Any, new: Any) -> None:
        if isinstance(old, TagMute):
            self._of[old.project].discard(old.id)
            self._ends.pop(old.id, None)
        if isinstance(new, TagMute):
            self._of.setdefault(new.project, set()).add(new.id)
            if isinstance(new.until, int):
                self._ends[new.id] = new.until

    def due(self) -> Micros:
        """When the first of them ends."""
        return min(self._ends.values(), default=NEVER)

    def tick(self, time: Micros) -> list[Effect]:
        """Forget those whose time has passed."""
        if time < self.due():
            return []
        over = sorted(id for id, end in self._ends.items() if end <= time)
        return [self._end(id, time, expired=True) for id in over]

    def set(self, request: TagMuteSet, project: Project, at: Micros) -> list[Effect]:
        if not is_tag(request.label):
            raise InvalidEvent("a tag has no blanks in it")
        id, until = tag_mute_id(project.id, request.label), request.until
        known: TagMute | None = self._view.get(tag_mute_key(id))
        if until is None or (isinstance(until, int) and until <= at):
            told = [] if known is None else [self._end(id, at, expired=False)]
            return [*told, decision(request, "removed", id)]
        if known is None and len(self._of.get(project.id, ())) >= MOST_TAG_MUTES:
            words = f"a project mutes at most {MOST_TAG_MUTES} tags at a time"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
        if known is not None and known.until == until:
            return [decision(request, "updated", id, known.version)]
        # It grows even over those that were forgotten, of which a copy may have been left behind.
        version = max(at, known.version + 1 if known is not None else 0)
        created = at if known is None else known.created
        mute = TagMute(id=id, project=project.id, version=version, created=created, label=request.label, until=until)
        self._view.put(tag_mute_key(id), mute)
        told = [Effect(PINGS, id, TagMuted(at=at, mute=mute), EVERY)]
        return [*told, decision(request, "made" if known is None else "updated", id, version)]

    def _end(self, id: str, at: Micros, expired: bool) -> Effect:
        self._view.delete(tag_mute_key(id))
        return Effect(PINGS, id, TagUnmuted(at=at, id=id, expired=expired), EVERY)
