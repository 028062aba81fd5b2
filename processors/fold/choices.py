"""The channels that take notices which are told only where somebody takes them (`schemas.notice_choices`). Pure.

The fold of projects tells every partition what a channel chose, in the order in which it was decided. An index beside
the view knows the channels of each notice; it follows the view, so it stands the undoing of an event, and a restart
builds the same one.
"""

from collections.abc import Iterable

from processors.fold.contract import Context, InvalidEvent
from processors.fold.view import View
from schemas.notice_choices import ChoiceCopy, NoticesChosen, choice_key, choice_of
from schemas.notices import Notice

_PREFIX = choice_key("")


class Choices:
    """What channels chose, as the view of a partition has it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._channels: dict[Notice, set[str]] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: object, new: object) -> None:
        if isinstance(old, ChoiceCopy):
            for notice in old.notices:
                self._channels[notice].discard(key.removeprefix(_PREFIX))
        if isinstance(new, ChoiceCopy):
            for notice in new.notices:
                self._channels.setdefault(notice, set()).add(key.removeprefix(_PREFIX))

    def heard(self, event: NoticesChosen, context: Context) -> None:
        """Take what a channel chose. Raises `InvalidEvent`."""
        if not context.key:
            raise InvalidEvent("the key, a channel id, is missing")
        if context.retried:  # the order in which it was decided is gone
            return
        chosen = choice_of(event.notices)
        if chosen:
            self._view.put(choice_key(context.key), ChoiceCopy(notices=chosen))
        else:
            self._view.delete(choice_key(context.key))

    def of(self, channels: Iterable[str], notice: Notice) -> tuple[str, ...]:
        """Those of the channels that take the notice, in their order."""
        taking = self._channels.get(notice)
        return tuple(channel for channel in channels if channel in taking) if taking else ()
