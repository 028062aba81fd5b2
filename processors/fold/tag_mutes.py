"""The mutes of tags that a partition knows, and which of them cover a check. Pure.

The contract:

- A mute covers every check that has its tag, for as long as it has it, from the event that tells of the mute on. It
  ends with the tick that passes its time, or with the event that it was lifted.
- Of a check that several mutes cover, its own among them, nobody is told until the last of them has ended. Then what
  holds for its own mute holds for it (`processors.fold.mutes`).
"""

from processors.fold.contract import Context, InvalidEvent
from processors.fold.view import View
from schemas.base import Micros
from schemas.mutes import is_muted
from schemas.tag_mutes import TagMute, TagMuteCopy, TagMuted, TagUnmuted, tag_mute_key

TagEvent = TagMuted | TagUnmuted


class TagMutes:
    """The own copies of the mutes in a partition, by project and tag: an index that follows the view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[str, dict[str, TagMute]] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, _key: str, old: object, new: object) -> None:
        if isinstance(old, TagMuteCopy):
            self._known[old.mute.project].pop(old.mute.label, None)
        if isinstance(new, TagMuteCopy):
            self._known.setdefault(new.mute.project, {})[new.mute.label] = new.mute

    def of(self, project: str, tags: str) -> list[TagMute]:
        """The mutes of the tags of a check, those whose time has passed among them."""
        known = self._known.get(project)
        if not known:
            return []
        found = (known.get(label) for label in dict.fromkeys(tags.split()))
        return [mute for mute in found if mute is not None]

    def covers(self, project: str, tags: str, time: Micros) -> bool:
        """Whether one of them counts at this time."""
        return any(is_muted(mute.until, time) for mute in self.of(project, tags))

    def heard(self, event: TagEvent, context: Context) -> TagMute | None:
        """Take an event; the mute that it is about, None when it changes nothing. Raises `InvalidEvent`."""
        id = event.id if isinstance(event, TagUnmuted) else event.mute.id
        if context.key != id:
            raise InvalidEvent("the key of the mute of a tag must be its id")
        known = self._view.get(tag_mute_key(id))
        copy = known if isinstance(known, TagMuteCopy) else None
        if context.retried:
            return None
        if isinstance(event, TagUnmuted):
            self._view.delete(tag_mute_key(id))
            return None if copy is None else copy.mute
        if copy is not None and copy.mute.version >= event.mute.version:
            return None
        self._view.put(tag_mute_key(id), TagMuteCopy(mute=event.mute))
        return event.mute
