"""What a partition knows about channels: the notices that they take, their names, their repeat intervals. Pure.

The fold of projects informs every partition, in the order of its decisions (`schemas.notice_choices`). Indexes beside
the view have the channels of each opt-in notice, and those with repeats. They follow the view, so they need no rollback
when an event is undone, and a restart rebuilds them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from processors.fold.contract import Context, InvalidEvent
from processors.fold.partition_time import counts_at
from processors.fold.view import View
from schemas.base import Micros
from schemas.mutes import is_muted
from schemas.notice_choices import ChoiceCopy, NoticesChosen, choice_key, choice_of
from schemas.notices import Notice

_PREFIX = choice_key("")


class Repeat(NamedTuple):
    """A channel is told again after so many minutes; since when it wants that, 0: nobody noted it."""

    minutes: int
    since: Micros = 0


class Choices:
    """What channels chose, as the view of a partition has it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._channels: dict[Notice, set[str]] = {}
        self._repeats: dict[str, Repeat] = {}
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: object, new: object) -> None:
        if isinstance(old, ChoiceCopy):
            channel = key.removeprefix(_PREFIX)
            for notice in choice_of(old.notices):
                self._channels[notice].discard(channel)
            self._repeats.pop(channel, None)
        if isinstance(new, ChoiceCopy):
            channel = key.removeprefix(_PREFIX)
            for notice in choice_of(new.notices):
                self._channels.setdefault(notice, set()).add(channel)
            if new.repeat is not None:
                self._repeats[channel] = Repeat(new.repeat, new.repeat_since)

    def heard(self, event: NoticesChosen, context: Context) -> bool:
        """Take what a channel chose; whether it repeats otherwise than before. Raises `InvalidEvent`."""
        channel = context.key
        if not channel:
            raise InvalidEvent("the key, a channel id, is missing")
        if context.retried:  # the order in which it was decided is gone
            return False
        known, before = self._repeats.get(channel), self.repeat(channel)
        if event.notices or event.name:
            copy = ChoiceCopy(notices=event.notices, name=event.name, repeat=event.repeat, mute_until=event.mute_until)
            if event.repeat is not None:
                if known is not None and known.minutes == event.repeat:
                    since = known.since
                else:
                    since = counts_at(self._view, event.at)
                copy = replace(copy, repeat_since=since)
            self._view.put(choice_key(channel), copy)
        else:
            self._view.delete(choice_key(channel))
        return self.repeat(channel) != before

    def of(self, channels: Iterable[str], notice: Notice) -> tuple[str, ...]:
        """Those of the channels that take a notice of `TOLD_IF_CHOSEN`, in their order."""
        taking = self._channels.get(notice)
        return tuple(channel for channel in channels if channel in taking) if taking else ()

    def repeat(self, channel: str) -> int | None:
        """After how many minutes a channel is told again; None: it is not."""
        repeat = self._repeats.get(channel)
        return None if repeat is None else repeat.minutes

    def repeating(self, own: Iterable[str], called: Iterable[str]) -> dict[str, Repeat]:
        """Those channels that are told again that something is down, and how often.

        own: they are told if they take it; called: in any case.
        """
        if not self._repeats:
            return {}
        found = {channel: repeat for channel in called if (repeat := self._repeats.get(channel)) is not None}
        for channel in own:
            repeat = self._repeats.get(channel)
            if repeat is not None and self.takes(channel, ("monitor.down",)):
                found[channel] = repeat
        return found

    def takes(self, channel: str, notices: Iterable[str]) -> bool:
        """Whether a channel is known to take one of these notices."""
        copy = self._view.get(choice_key(channel))
        return isinstance(copy, ChoiceCopy) and not frozenset(copy.notices).isdisjoint(notices)

    def name(self, channel: str, time: Micros) -> str:
        """What a channel is called that is sent what it takes; empty: it is sent nothing now, or is not known."""
        copy = self._view.get(choice_key(channel))
        return "" if not isinstance(copy, ChoiceCopy) or is_muted(copy.mute_until, time) else copy.name


def correct_choices(view: View, time: Micros) -> None:
    """The partition's time is taken back to `time`: what a channel wants since later, it wants since then."""
    for key, record in sorted(view.items_but_packed()):
        if isinstance(record, ChoiceCopy) and record.repeat_since > time:
            view.put(key, replace(record, repeat_since=time))
