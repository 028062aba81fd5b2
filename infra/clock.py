"""The one clock: every process reads the time here and nowhere else, and takes the clock as a parameter.

Folds read no clock: they learn the time from ticks. Durations are measured with the monotonic timers of `time` and of
the event loop, which nobody can set.

- `SystemClock`: the time of this machine.
- `OffsetClock`: the system's time plus the seconds in a file, for tests of the whole system (`PINGFOLD_TEST_CLOCK`).
- Tests of a part use a clock that they set by hand.

tests/unit/test_clock.py holds every module to it.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from schemas.base import SECOND, Micros

if TYPE_CHECKING:  # settings stand on parts that measure time
    from infra.settings.settings import Settings

CLOCK_FILE = "clock"
# A smaller difference between two readings is no setting of the clock, but how clocks are read and kept right.
_COARSE: Micros = 50_000


class Clock(Protocol):
    """A clock. Times are microseconds since the Unix epoch, UTC."""

    def now(self) -> Micros:
        """The time, the test clock's offset included: what events are dated with."""

    def real(self) -> Micros:
        """The machine's own time, without the offset: for what others compare with their clocks."""


class AdjustedClock(Clock, Protocol):
    """A clock for those who make events: it tells when it was moved.

    offset: what the test clock adds; 0 in production.
    set_back: by how much the machine's clock has been set back so far, in all, as `refresh` has noticed.
    """

    @property
    def offset(self) -> Micros: ...

    @property
    def set_back(self) -> Micros: ...

    def refresh(self) -> None:
        """Read the offset again, and notice whether the machine's clock was set back. Never raises."""


def _readings() -> tuple[Micros, Micros]:
    """The system's time, and the time of a timer that nobody sets."""
    return time.time_ns() // 1000, time.monotonic_ns() // 1000


class SystemClock:
    """The time of this machine."""

    def __init__(self) -> None:
        self.offset: Micros = 0
        self.set_back: Micros = 0
        self._seen = _readings()

    def now(self) -> Micros:
        return self.real() + self.offset

    def real(self) -> Micros:
        return time.time_ns() // 1000

    def refresh(self) -> None:
        (real, monotonic), self._seen = self._seen, _readings()
        step = (self._seen[0] - real) - (self._seen[1] - monotonic)
        if step < -_COARSE:
            self.set_back -= step


class OffsetClock(SystemClock):
    """The system's time, moved on by the seconds in `file`. No file: no offset.

    Whoever ticks calls `refresh` at each tick, so that a tick and the pings around it agree. A file that is half
    written keeps the offset known before.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self.refresh()

    def refresh(self) -> None:
        super().refresh()
        try:
            self.offset = round(float(self._file.read_text()) * SECOND)
        except FileNotFoundError:
            self.offset = 0
        except (OSError, ValueError, OverflowError):
            pass


SYSTEM_CLOCK = SystemClock()
"""What those are given who work by the machine's time alone; it has no offset."""


def clock_of(settings: "Settings") -> SystemClock:
    """The clock of a process with these settings."""
    return OffsetClock(settings.data / CLOCK_FILE) if settings.test_clock else SystemClock()
