"""Reports a role's own clock skew in heartbeats, and logs a warning while it is large.

The heartbeats are appended through the same sink as the role's events. So a role that has nothing else to append still
measures its clock.
"""

import asyncio
import contextlib
import time

import structlog

from infra.clock import AdjustedClock
from infra.clock_skew.reports import TELL_SECONDS, Level, clock_fault, level_of
from infra.log.ports import MeasuredLogWriter
from infra.log.sink import NotStored, Position
from schemas.base import SECOND, Micros, encode
from schemas.ticks import Heartbeat
from schemas.topics import HEARTBEATS

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 60.0


class ClockWatch:
    """Of the process `name` of a role. Call `look` every second, or have `keep_looking` do so."""

    def __init__(self, sink: MeasuredLogWriter, clock: AdjustedClock, role: str, name: str) -> None:
        self._sink, self._clock, self._role, self._name = sink, clock, role, name
        self._epoch = clock.real()
        self._level, self._is_known = Level.FINE, False
        self._told_at = self._warned_at = -_AGAIN_SECONDS

    async def keep_looking(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self.look(time.monotonic())
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._tell(closing=True)

    def look(self, now: float) -> None:
        """Tell of our clock when it is time to, and when that is news. now: of a monotonic clock."""
        skew = self._sink.skew
        before, self._level = self._level, level_of(skew)
        is_news = self._level is not before or self._is_known is (skew is None)
        if is_news or now - self._told_at >= TELL_SECONDS:
            self._told_at, self._is_known = now, skew is not None
            self._tell()
        if self._level is Level.FINE:
            if before is not Level.FINE:
                log.info("clock.right_again", role=self._name)
        elif self._level > before or now - self._warned_at >= _AGAIN_SECONDS:
            self._warned_at = now
            self._warn(skew or 0)

    def _warn(self, skew: Micros) -> None:
        fault = clock_fault(self._role, self._name, skew)
        if fault is not None:
            level = log.error if fault.grave else log.warning
            level("clock.wrong", role=self._name, seconds=round(skew / SECOND, 1), what=fault.what, do=fault.do)

    def _tell(self, closing: bool = False) -> None:
        now, skew = self._clock.now(), self._sink.skew
        beat = Heartbeat(
            role=self._role,
            slot=self._name,
            epoch=self._epoch,
            at=now,
            now=now,
            offset=self._clock.offset,
            closing=closing,
            skew=skew,
        )
        with contextlib.suppress(NotStored):
            self._sink.put(HEARTBEATS, self._name, encode(beat), 0).add_done_callback(_seen)


def _seen(stored: asyncio.Future[Position]) -> None:
    """Whether it is stored: others will miss it, and hear the next one."""
    if not stored.cancelled():
        stored.exception()
