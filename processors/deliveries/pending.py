"""Which deliveries of a channel are pending, and which of them is the oldest: an index beside the view. Pure."""

import heapq
from collections.abc import Set as AbstractSet

import msgspec

from processors.fold.view import View
from schemas.base import Micros
from schemas.deliveries import Delivery

_SLACK = 64
_NONE: AbstractSet[str] = frozenset()


class PendingDeliveries:
    """Follows the view, undone changes among them, so that it always says what the view holds.

    The order by age is kept only for channels that were asked for their oldest, which few are.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._keys: dict[str, set[str]] = {}
        self._bytes: dict[str, int] = {}
        self._by_age: dict[str, list[tuple[Micros, str]]] = {}

    def __contains__(self, channel: str) -> bool:
        return channel in self._keys

    def follow(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        """A record changed from `old` to `new`."""
        if isinstance(old, Delivery):
            self._bytes[old.channel] -= size_of(old)
        if isinstance(new, Delivery):
            channel = new.channel
            self._keys.setdefault(channel, set()).add(key)
            self._bytes[channel] = self._bytes.get(channel, 0) + size_of(new)
            if (by_age := self._by_age.get(channel)) is not None:
                heapq.heappush(by_age, (new.first_due, key))
                if len(by_age) > 2 * len(self._keys[channel]) + _SLACK:
                    self._by_age[channel] = self._sorted(channel)
        elif isinstance(old, Delivery):
            keys = self._keys[old.channel]
            keys.discard(key)
            if not keys:
                del self._keys[old.channel], self._bytes[old.channel]
                self._by_age.pop(old.channel, None)

    def of(self, channel: str) -> AbstractSet[str]:
        """The keys of the deliveries of a channel."""
        return self._keys.get(channel, _NONE)

    def size(self, channel: str) -> int:
        """Characters in the bodies of a channel's deliveries, and in what words them."""
        return self._bytes.get(channel, 0)

    def oldest(self, channel: str) -> Delivery | None:
        """The delivery of a channel that was due first; of those due at once the one with the least key."""
        if channel not in self._keys:
            return None
        by_age = self._by_age.get(channel)
        if by_age is None:
            by_age = self._by_age[channel] = self._sorted(channel)
        while by_age:
            first_due, key = by_age[0]
            delivery = self._view.get(key)
            if isinstance(delivery, Delivery) and delivery.first_due == first_due:
                return delivery
            heapq.heappop(by_age)
        return None

    def _sorted(self, channel: str) -> list[tuple[Micros, str]]:
        return sorted((self._view.get(key).first_due, key) for key in self._keys[channel])


def size_of(delivery: Delivery) -> int:
    """Characters in the body of a delivery, and in what words it."""
    wording = delivery.wording
    return len(delivery.body) + (0 if wording is None else len(wording.title) + len(wording.text))
