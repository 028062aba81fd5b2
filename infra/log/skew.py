"""The difference between a process's clock and Kafka's, measured with the records that it appends.

A record is appended after it was handed over and before its delivery report. So each report gives a lower and an upper
bound of the skew (our clock minus Kafka's). A delay widens the bounds, but never makes them wrong: a record that waited
40 s for a broker shows that our clock may be right.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from schemas.base import Micros

# A measurement makes room for a less exact one after this long.
_GOOD_SECONDS = 30.0


class _Bounds(NamedTuple):
    low: Micros
    high: Micros
    at: float


class Skew:
    """`note` may be called in any thread. monotonic: in seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._bounds: _Bounds | None = None

    def note(self, handed_over: Micros, appended: Micros, reported: Micros) -> None:
        """A record was handed over and reported on at these times of our clock, and appended at this one of Kafka's."""
        now, known = self._monotonic(), self._bounds
        new = _Bounds(handed_over - appended, reported - appended, now)
        if new.high < new.low:  # our clock was set back in between
            return
        if (
            known is None
            or new.high - new.low <= known.high - known.low
            or new.high < known.low  # they contradict each other: a clock was set since
            or new.low > known.high
            or now - known.at > _GOOD_SECONDS
        ):
            self._bounds = new

    @property
    def value(self) -> Micros | None:
        """So far our clock is ahead of Kafka's (negative: behind) at least; 0: it may be right; None: not known."""
        bounds = self._bounds
        if bounds is None:
            return None
        return max(bounds.low, 0) or min(bounds.high, 0)
