"""What every partition of checks and monitors learns about a channel: the notices that it takes, its name. Pure.

It is derived from the view, not from the request: whatever an event has changed about a channel is compared with the
state before, so that no kind of request can be forgotten. Channels of older versions are announced by ticks, the oldest
first, a bounded number per tick.
"""

from heapq import nsmallest

from msgspec.structs import replace

from processors.fold.contract import EVERY, Effect
from processors.fold.view import View
from processors.projects.channels import name_of, note_of
from schemas.base import Micros
from schemas.definitions import Channel, definition_key
from schemas.deliveries import DeliveryRequested
from schemas.mutes import is_muted
from schemas.notice_choices import NoticesChosen
from schemas.ticks import NEVER
from schemas.topics import PINGS, PROBE_RESULTS

# So many channels of older versions are told of by one tick.
AT_ONCE = 200


class ProjectChannelNotes:
    """The channels of one partition's projects."""

    def __init__(self, view: View) -> None:
        self._view = view
        # Keys of those that the folds were not told of: an index that follows the view.
        self._untold: set[str] = set()
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, _: object, new: object) -> None:
        if isinstance(new, Channel) and not new.noted:
            self._untold.add(key)
        else:
            self._untold.discard(key)

    def due(self) -> Micros:
        """At once while there is one that the folds were not told of."""
        return 0 if self._untold else NEVER

    def tick(self) -> None:
        """Note some of what older versions have made; `told` tells of them."""
        waiting = [(self._view.get(key).created, key) for key in self._untold]
        for _, key in nsmallest(AT_ONCE, waiting):
            channel: Channel = self._view.get(key)
            self._view.put(definition_key(channel), replace(channel, noted=True))

    def told(self, at: Micros) -> list[Effect]:
        """What follows from what the event in hand has made of channels, if they are to be known otherwise."""
        effects: list[Effect] = []
        for key, old in self._view.touched().items():
            new = self._view.get(key)
            channel = new if isinstance(new, Channel) else old
            if not isinstance(channel, Channel):
                continue
            if isinstance(new, Channel) and not new.noted:
                new = replace(new, noted=True)
                self._view.put(key, new)
            before = note_of(old, at) if isinstance(old, Channel) and old.noted else NoticesChosen(at=at)
            after = note_of(new, at) if isinstance(new, Channel) else NoticesChosen(at=at)
            if before != after:
                effects += [Effect(journal, channel.id, after, EVERY) for journal in (PINGS, PROBE_RESULTS)]
        return effects

    def name_of(self, channel: str, request: DeliveryRequested) -> str:
        """What a channel is called that is sent a request of the fold of projects; empty: it is not sent it."""
        found = self._view.get(f"channel/{channel}")
        if not isinstance(found, Channel) or is_muted(found.mute_until, request.at):
            return ""
        return name_of(found)
