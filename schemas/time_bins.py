"""A span of time cut at the hours, days, weeks or months of a time zone. Pure.

Days, weeks (from Monday) and months begin as those of reports do (`schemas.report_periods`): with the first moment that
the day has. An hour begins where clocks of the zone show a whole one, so where they are moved by half an hour there is
one of half an hour. No part is empty; the first and the last are cut by the span itself.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

from schemas.base import SECOND, Micros
from schemas.report_periods import day_begins
from schemas.schedules import zone
from schemas.times import utc

BinKind = Literal["hour", "day", "week", "month"]

_HOUR = 3_600
_DAY = timedelta(days=1)


def borders(by: BinKind | None, tz: str, start: Micros, end: Micros, most: int) -> list[Micros]:
    """Where the parts of [start, end) begin, and last `end`. by: None: it is one part.

    Raises `ValueError` when there are more than `most` parts, and `schemas.schedules.BadTimezone`.
    """
    found = [start]
    for border in _within(by, tz, start):
        if border >= end:
            break
        if border > found[-1]:
            if len(found) >= most:
                raise ValueError(f"more than {most} parts")
            found.append(border)
    return [*found, end]


def _within(by: BinKind | None, tz: str, start: Micros) -> Iterator[Micros]:
    """Borders in order, from one that may be before `start` on, without an end."""
    if by is None:
        return
    if by == "hour":
        yield from _hours(tz, start)
        return
    # No zone is ahead of UTC, or behind it, by more than a day.
    day = utc(start).date() - _DAY
    first = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[by]
    while True:
        yield day_begins(tz, first)
        first = _next(by, first)


def _next(by: BinKind, first: date) -> date:
    if by == "month":
        return (first + 31 * _DAY).replace(day=1)
    return first + (7 * _DAY if by == "week" else _DAY)


def _hours(tz: str, start: Micros) -> Iterator[Micros]:
    its, at = zone(tz), start // SECOND
    while True:
        local = utc(at * SECOND).astimezone(its)
        yield (at := at + _HOUR - (local.minute * 60 + local.second)) * SECOND
