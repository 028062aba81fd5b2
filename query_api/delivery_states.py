"""Pending deliveries and the health of channels as the API sees them: the newest records of `delivery-states`, packed.

Fed by a replica's thread, read by the event loop. A fold writes a partition's own record last in each transaction, so
whoever sees `applied` at an offset sees the deliveries, too.
"""

from typing import NamedTuple

import msgspec

from schemas.base import Micros
from schemas.deliveries import Delivery, EndpointHealth
from schemas.ticks import PROGRESS_KEY, Progress


class _Of(msgspec.Struct):
    channel: str
    first_due: Micros
    replay: str = ""


class Pending(NamedTuple):
    """A delivery that is not finished; `delivery` reads all of it."""

    first_due: Micros
    id: str
    replay: str
    packed: bytes

    @property
    def delivery(self) -> Delivery:
        return _delivery(self.packed)


_of = msgspec.json.Decoder(_Of).decode
_delivery = msgspec.json.Decoder(Delivery).decode
_health = msgspec.json.Decoder(EndpointHealth).decode
_progress = msgspec.json.Decoder(Progress).decode


class DeliveryStates:
    """What is pending of each channel, how each channel does, and how far each partition has been folded."""

    def __init__(self) -> None:
        self._pending: dict[str, dict[str, Pending]] = {}
        self._channel_of: dict[str, str] = {}
        self._health: dict[str, bytes] = {}
        self._applied: dict[int, int] = {}

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        """Take one record."""
        kind, _, id = key.partition("/")
        if kind == "delivery":
            if value is not None:
                of = _of(value)
                self._channel_of[id] = of.channel
                self._pending.setdefault(of.channel, {})[id] = Pending(of.first_due, id, of.replay, value)
            elif (ended := self._channel_of.pop(id, None)) is not None:
                self._pending.get(ended, {}).pop(id, None)
        elif kind == "health":
            if value is None:
                self._health.pop(id, None)
                self._pending.pop(id, None)
            else:
                self._health[id] = value
        elif key == PROGRESS_KEY and value is not None:
            self._applied[partition] = _progress(value).applied

    def pending(self, channel: str) -> list[Pending]:
        """What is not finished, newest first."""
        return sorted(list(self._pending.get(channel, {}).values()), reverse=True)

    def delivery(self, channel: str, id: str) -> Delivery | None:
        """The delivery of a channel with this id, if it is not finished."""
        pending = self._pending.get(channel, {}).get(id)
        return None if pending is None else pending.delivery

    def health(self, channel: str) -> EndpointHealth:
        """The counters of a channel; those of a new one before the fold has seen it."""
        value = self._health.get(channel)
        return EndpointHealth() if value is None else _health(value)

    def applied(self, partition: int) -> int:
        """Offset of the last event of the journal that is in the states of this partition; -1 before the first."""
        return self._applied.get(partition, -1)
