"""The clock of a process that makes events: Micros since the epoch, moved by tests of the whole system (DESIGN 2).

Only ingest, probers and the ticker read a clock; folds learn the time from ticks.
"""

import time

from infra.settings import Settings
from schemas.base import SECOND, Micros

CLOCK_FILE = "clock"


class Clock:
    """`now()` is the system's time plus `offset`; the offset is 0 unless `settings.test_clock` is on.

    `refresh` reads the offset, in seconds, from the file `clock` under `settings.data`; whoever ticks calls it at each
    tick, so that a tick and the pings around it agree.
    """

    def __init__(self, settings: Settings) -> None:
        self._file = settings.data / CLOCK_FILE if settings.test_clock else None
        self.offset: Micros = 0
        self.refresh()

    def now(self) -> Micros:
        """The time, offset included."""
        return time.time_ns() // 1000 + self.offset

    def refresh(self) -> None:
        """Read the offset again. No file is no offset; one that is half written keeps the offset known before."""
        if self._file is None:
            return
        try:
            self.offset = round(float(self._file.read_text()) * SECOND)
        except FileNotFoundError:
            self.offset = 0
        except (OSError, ValueError, OverflowError):
            pass
