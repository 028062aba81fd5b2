"""The clock of a process that makes events: Micros since the epoch, moved by tests of the whole system.

Only ingest, probers and the ticker read a clock; folds learn the time from ticks.
"""

import time

from infra.settings.settings import Settings
from schemas.base import SECOND, Micros

CLOCK_FILE = "clock"
# What differs by less between two looks was not set, but is how clocks are read and kept right.
_COARSE: Micros = 50_000


class Clock:
    """`now()` is the system's time plus `offset`; the offset is 0 unless `settings.test_clock` is on.

    `refresh` reads the offset, in seconds, from the file `clock` under `settings.data`; whoever ticks calls it at each
    tick, so that a tick and the pings around it agree. It also sees whether the system's clock was set back.

    set_back: by how much it was set back so far, in all.
    """

    def __init__(self, settings: Settings) -> None:
        self._file = settings.data / CLOCK_FILE if settings.test_clock else None
        self.offset: Micros = 0
        self.set_back: Micros = 0
        self._seen = _seen()
        self.refresh()

    def now(self) -> Micros:
        """The time, offset included."""
        return time.time_ns() // 1000 + self.offset

    def refresh(self) -> None:
        """Read the offset again. No file is no offset; one that is half written keeps the offset known before."""
        (real, monotonic), self._seen = self._seen, _seen()
        step = (self._seen[0] - real) - (self._seen[1] - monotonic)
        if step < -_COARSE:
            self.set_back -= step
        if self._file is None:
            return
        try:
            self.offset = round(float(self._file.read_text()) * SECOND)
        except FileNotFoundError:
            self.offset = 0
        except (OSError, ValueError, OverflowError):
            pass


def _seen() -> tuple[Micros, Micros]:
    """The system's time, and the time of a clock that nobody sets."""
    return time.time_ns() // 1000, time.monotonic_ns() // 1000
