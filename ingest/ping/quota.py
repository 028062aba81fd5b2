"""Quotas of a project or check: bytes of ping bodies per day, and checks created by pings per hour; per process.

They keep one client from filling the disk. They never refuse a status signal: above the bytes per day it is recorded
without its body. Memory is bounded by the projects and checks that sent pings on that day.
"""

from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR


class CalendarQuota:
    """At most `most` units of each owner in each calendar day or hour (`span`, UTC); None is no limit."""

    def __init__(self, most: int | None, span: Micros) -> None:
        self._most, self._span = most, span
        self._spent: dict[str, int] = {}
        self._current: Micros = 0

    def spend(self, owner: str, units: int, now: Micros) -> bool:
        """Whether so much may still be used; it is counted if so."""
        if self._most is None:
            return True
        if now // self._span != self._current:
            self._spent, self._current = {}, now // self._span
        spent = self._spent.get(owner, 0)
        if spent + units > self._most:
            return False
        self._spent[owner] = spent + units
        return True
