"""Pending deliveries and the health of channels as the API sees them: the newest records of `delivery-states`, packed.

Fed by a replica's thread, read by the event loop. A fold writes a partition's own record last in each transaction, so
whoever sees `applied` at an offset sees the deliveries, too.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from schemas.base import Micros
from schemas.deliveries import MAILBOX, Delivery, EndpointHealth, Mailbox
from schemas.ticks import PROGRESS_KEY, Progress


class _Of(msgspec.Struct):
    channel: str
    first_due: Micros
    due: Micros | None = None
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
_mailbox = msgspec.json.Decoder(Mailbox).decode
_progress = msgspec.json.Decoder(Progress).decode


class DeliveryStates:
    """What is pending of each channel, how each channel does, and how far each partition has been folded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._to_send: set[str] = set()  # deliveries that the sender is to attempt now
        self._attempted_at = clock()  # when the last of them was attempted, or the first of them came
        self._pending: dict[str, dict[str, Pending]] = {}
        self._channel_of: dict[str, str] = {}
        self._health: dict[str, bytes] = {}
        self._blocked: set[str] = set()
        self._applied: dict[int, int] = {}

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        """Take one record."""
        kind, _, id = key.partition("/")
        if kind == "delivery":
            of = None if value is None else _of(value)
            self._note_attempt(id, of is not None and of.due is None)
            if of is not None and value is not None:
                self._channel_of[id] = of.channel
                self._pending.setdefault(of.channel, {})[id] = Pending(of.first_due, id, of.replay, value)
            elif (ended := self._channel_of.pop(id, None)) is not None:
                pending = self._pending.get(ended, {})
                pending.pop(id, None)
                if not pending:
                    self._pending.pop(ended, None)
        elif kind == "health":
            if value is None:
                self._health.pop(id, None)
                self._to_send.difference_update(self._pending.pop(id, ()))
            else:
                self._health[id] = value
        elif kind == MAILBOX:
            if value is not None and _mailbox(value).blocked_at is not None:
                self._blocked.add(id)
            else:
                self._blocked.discard(id)
        elif key == PROGRESS_KEY and value is not None:
            self._applied[partition] = _progress(value).applied

    def _note_attempt(self, id: str, to_send: bool) -> None:
        if id in self._to_send or not self._to_send:
            self._attempted_at = self._clock()
        if to_send:
            self._to_send.add(id)
        else:
            self._to_send.discard(id)

    def unattempted(self, now: float) -> float:
        """Seconds for which deliveries have been due without a single attempt; 0: none is due."""
        return now - self._attempted_at if self._to_send else 0.0

    def pending(self, channel: str) -> list[Pending]:
        """What is not finished, newest first."""
        return sorted(list(self._pending.get(channel, {}).values()), reverse=True)

    def count(self, channel: str) -> int:
        """How many are not finished."""
        return len(self._pending.get(channel, ()))

    def delivery(self, channel: str, id: str) -> Delivery | None:
        """The delivery of a channel with this id, if it is not finished."""
        pending = self._pending.get(channel, {}).get(id)
        return None if pending is None else pending.delivery

    def health(self, channel: str) -> EndpointHealth:
        """The counters of a channel; those of a new one before the fold has seen it."""
        value = self._health.get(channel)
        return EndpointHealth() if value is None else _health(value)

    def is_blocked(self, mailbox: str) -> bool:
        """Whether the owner of a mailbox wants no request to confirm."""
        return mailbox in self._blocked

    def applied(self, partition: int) -> int:
        """Offset of the last event of the journal that is in the states of this partition; -1 before the first."""
        return self._applied.get(partition, -1)
