"""Heartbeats of sources: what this source knows about the others.

Each source appends a heartbeat once a second to a topic with a retention of one hour, and consumes that topic. A
heartbeat is a low watermark, like a tick: every ping or gap from before `at` precedes it in the log. So a source can
pass on the heartbeats of others in its own ticks, and need not append a tick to every partition each second. A source
that starts learns the last watermark of the previous epoch of its slot.

`heard` is called in the thread of a replica, everything else in the event loop.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from schemas.base import SECOND, Micros
from schemas.ticks import Heartbeat, Relayed

ROLE = "ingest"
# What is older was not heard because nothing is read, not because nothing is said.
STALE_SECONDS = 3.0
SILENT_SECONDS = 2.0
# So long others are ticked for, until every partition has retired the source that is silent.
MOURNED_SECONDS = 70.0

_decode = msgspec.json.Decoder(Heartbeat).decode


class _Last(NamedTuple):
    beat: Heartbeat
    at: float  # by the monotonic clock


class OtherSources:
    """`slot`: whose process this is. `now`: a monotonic clock, in seconds."""

    def __init__(self, slot: str, now: Callable[[], float] = time.monotonic) -> None:
        self._slot, self._now = slot, now
        self._last: dict[str, _Last] = {}
        self._began: float | None = None
        self._before: _Last | None = None

    def apply(self, partition: int, key: str, value: bytes | None) -> None:
        """A record of the topic."""
        if value is None:
            return
        beat = _decode(value)
        last = self._last.get(beat.slot)
        if beat.role == ROLE and (last is None or beat.epoch >= last.beat.epoch):
            self._last[beat.slot] = _Last(beat, self._now())

    def begin(self, real: Micros) -> None:
        """All that was there has been heard: how far the source before this one came, and which others live.

        When those were heard of last is told by their own clocks, which may differ from ours, `real`, by seconds: one
        that is dead may be thought to live for so long, and is retired so much later.
        """
        self._began = now = self._now()
        for slot, (beat, _) in self._last.copy().items():
            self._last[slot] = _Last(beat, now - max(0, real - (beat.now - beat.offset)) / SECOND)
        self._before = self._last.get(self._slot)

    @property
    def newest_epoch(self) -> int:
        """The newest epoch of a source in our slot, 0 when none is known."""
        last = self._last.get(self._slot)
        return 0 if last is None else last.beat.epoch

    def predecessor(self, epoch: int) -> Relayed | None:
        """How far the source before `epoch` came in the same slot; None when it is not known, or has closed."""
        before = self._before
        if before is None or before.beat.closing or before.beat.epoch >= epoch:
            return None
        return self._relayed(before)

    @property
    def is_followed(self) -> bool:
        """Whether the topic is being read: our own heartbeats come back."""
        if self._began is None:
            return False
        own = self._last.get(self._slot)
        return self._now() - max(self._began, 0.0 if own is None else own.at) <= STALE_SECONDS

    def others(self) -> tuple[Relayed, ...]:
        """The other sources that live, or did until a moment ago, in the order of their slots."""
        return tuple(map(self._relayed, self._living()))

    def _relayed(self, last: _Last) -> Relayed:
        beat, at = last
        age = max(0, round((self._now() - at) * SECOND))
        return Relayed(slot=beat.slot, epoch=beat.epoch, at=beat.at, now=beat.now, offset=beat.offset, age=age)

    def is_one_silent(self) -> bool:
        """Whether another source has ceased to be heard of, and may not be retired everywhere yet."""
        return any(self._now() - at > SILENT_SECONDS for _, at in self._living())

    def _living(self) -> Iterator[_Last]:
        if not self.is_followed:
            return
        for slot, last in sorted(self._last.copy().items()):
            if slot != self._slot and not last.beat.closing and self._now() - last.at <= MOURNED_SECONDS:
                yield last
