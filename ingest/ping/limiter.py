"""The rate limit of pings: a number of pings per check in any 60 s, per process.

Only accepted requests count. Memory is bounded by the checks pinged within the last two minutes: the table has two
generations, and the older one is dropped as a whole. Timestamps are tuples of numbers, which Python's garbage collector
does not traverse: lists of 200,000 checks would delay every request by a tenth of a second.
"""

from schemas.base import SECOND, Micros

WINDOW: Micros = 60 * SECOND


class Limiter:
    """`limit` pings per check in a sliding window; 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[str, tuple[Micros, ...]] = {}
        self._old: dict[str, tuple[Micros, ...]] = {}
        self._turned: Micros = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def admit(self, check: str, now: Micros) -> bool:
        """Whether a ping may be accepted now; one that may is counted."""
        if not self._limit:
            return True
        if not 0 <= now - self._turned < WINDOW:  # also when the clock was set back
            self._old, self._young, self._turned = self._young, {}, now
        stamps = self._young.get(check)
        if stamps is None:
            stamps = self._old.pop(check, ())
        # A stamp that lies ahead is of a clock that was set back since.
        while stamps and not 0 <= now - stamps[0] < WINDOW:
            stamps = stamps[1:]
        admitted = len(stamps) < self._limit
        self._young[check] = (*stamps, now) if admitted else stamps
        return admitted

    def forget(self, check: str, at: Micros) -> None:
        """Take back what `admit` counted at `at`: the ping was not stored after all."""
        for table in (self._young, self._old):
            stamps = table.get(check, ())
            if at in stamps:
                first = stamps.index(at)
                table[check] = stamps[:first] + stamps[first + 1 :]
                return
