"""The progress of reading a backlog: position, end and estimated time, logged every few seconds."""

import time
from collections.abc import Callable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_SAY_SECONDS = 5.0


class CatchingUp:
    """From `begin` to `end`, by the reader's own count of offsets.

    `moved` is called by the reader, from one thread; the rest from any. It says in the log how far the reader is, once
    it has taken longer than a few seconds. `clock` is monotonic.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic, **details: Any) -> None:
        self._what, self._details, self._clock = what, details, clock
        self._began = self._said_at = clock()
        self._begin: int | None = None
        self.position = self.end = 0

    def expect(self, end: int) -> None:
        """So far it will go."""
        self.end = end

    def moved(self, position: int) -> None:
        """Everything before `position` has been read."""
        if self._begin is None:
            self._begin, self._began = position, self._clock()  # what compaction has taken away took no time
        self.position = position
        now = self._clock()
        if now - self._said_at >= _SAY_SECONDS:
            self._said_at = now
            left = self.seconds_left()
            log.info(
                self._what,
                **self._details,
                position=position,
                end=self.end,
                about_seconds_left=None if left is None else round(left),
            )

    @property
    def left(self) -> int:
        """Offsets that are still to be read."""
        return max(0, self.end - self.position)

    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace so far; None while that is not known."""
        begin, seconds = self._begin, self._clock() - self._began
        if begin is None or self.position <= begin or seconds <= 0:
            return None
        return self.left * seconds / (self.position - begin)
