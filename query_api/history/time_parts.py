"""A span of time in parts, as days, months and quarters of an hour see it: which of them lie in which part. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import NamedTuple

from infra.clickhouse import uptime_days
from infra.clickhouse.uptime_days import QUARTERS
from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR
QUARTER: Micros = uptime_days.QUARTER * SECOND
_FIRST = date(1970, 1, 1)


class Slice(NamedTuple):
    """Places of a list, `length` of them from the `first` on, which is 1 at the beginning, that lie in a part."""

    first: int
    length: int
    part: int


class Parts:
    """The parts between borders, two or more in order. Days are numbers since 1970, UTC."""

    def __init__(self, borders: Sequence[Micros]) -> None:
        self.borders = borders
        self.start, self.end = borders[0], borders[-1]

    @property
    def is_one(self) -> bool:
        """Whether there is only one part."""
        return len(self.borders) == 2

    @property
    def in_quarters(self) -> tuple[tuple[Micros, Micros], ...]:
        """The quarter of an hour of each border, as its beginning and its end: days, months and quarters are the same
        wherever in their quarters the borders lie."""
        return tuple((border // QUARTER, -(-border // QUARTER)) for border in self.borders)

    @property
    def all_days(self) -> range:
        """The days that it touches."""
        return range(self.start // DAY, (self.end - 1) // DAY + 1)

    @cached_property
    def cut_days(self) -> list[int]:
        """The days of which only a part lies in it, or several parts."""
        return sorted({border // DAY for border in self.borders if border % DAY})

    @cached_property
    def months(self) -> dict[int, list[Slice]]:
        """The days that are whole, by month: the number of its first day, and slices of the list of its days."""
        cut, found = set(self.cut_days), dict[int, list[Slice]]()
        for day in self.all_days:
            if day in cut:
                continue
            number = (_FIRST + timedelta(days=day)).day
            slices = found.setdefault(day - number + 1, [])
            part = self._part(day * DAY)
            last = slices[-1] if slices else None
            if last is not None and last.part == part and last.first + last.length == number:
                slices[-1] = last._replace(length=last.length + 1)
            else:
                slices.append(Slice(number, 1, part))
        return found

    def quarters(self, day: int) -> list[Slice]:
        """The quarters of an hour of a day, each in the part in which it begins; the first part also has the quarter in
        which that begins itself."""
        begin = day * DAY
        first = max(0, (self.start - begin) // QUARTER)
        last = min(QUARTERS, -(-(self.end - begin) // QUARTER))
        found: list[Slice] = []
        while first < last:
            part = self._part(begin + first * QUARTER)
            after = min(last, max(first + 1, -(-(self.borders[part + 1] - begin) // QUARTER)))
            found.append(Slice(first + 1, after - first, part))
            first = after
        return found

    def _part(self, at: Micros) -> int:
        """The part that a moment is in; before the first, the first."""
        return max(0, bisect_left(self.borders, at + 1) - 1)
