"""What one project may have written in a day, and how many checks its pings may make in an hour, in one process.

Both are there so that one who sends without end fills nobody's disk. A status signal is never refused for them: over
the bytes of a day it is kept without its body. Memory is bounded by the projects that sent in the day.
"""

from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR


class Allowance:
    """`most` units for each project in a `span` (UTC); 0 is no limit."""

    def __init__(self, most: int, span: Micros) -> None:
        self._most, self._span = most, span
        self._spent: dict[str, int] = {}
        self._current: Micros = 0

    def spend(self, project: str, units: int, now: Micros) -> bool:
        """Whether so much may still be used; it is counted if so."""
        if not self._most:
            return True
        if now // self._span != self._current:
            self._spent, self._current = {}, now // self._span
        spent = self._spent.get(project, 0)
        if spent + units > self._most:
            return False
        self._spent[project] = spent + units
        return True
