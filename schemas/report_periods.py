"""The periods that reports are of: weeks from Monday and months, by the calendar of a time zone. Pure.

A period is named by its kind and the date on which it ends, `2025-06-16`: it ends when that day begins. Where a day has
no midnight, because clocks go forward then, it begins with the first moment that it has. So periods follow each other
without a gap and without an overlap, whatever clocks do, and a later date never begins earlier.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from schemas.base import SECOND, Micros
from schemas.schedules import zone
from schemas.times import LAST, day_text, micros_of, read_day, utc

PeriodKind = Literal["week", "month"]
PERIODS: tuple[PeriodKind, ...] = ("week", "month")

_DAY = timedelta(days=1)
# Every zone is less than a day from UTC, so years at the ends of the calendar are never computed with.
_FIRST, _LAST = 2 * 86_400 * SECOND, LAST - 400 * 86_400 * SECOND


class Period(NamedTuple):
    """A week or a month, from `start` to `end`, which is not in it any more. label: the date on which it ends."""

    kind: PeriodKind
    start: Micros
    end: Micros
    label: str


def newest_period(kind: PeriodKind, tz: str, at: Micros) -> Period:
    """The newest period that has ended at `at`. Raises `schemas.schedules.BadTimezone`."""
    at = min(max(at, _FIRST + 62 * 86_400 * SECOND), _LAST)
    # One day later than UTC says: no zone is ahead by more. From there back to the first that has begun.
    end = _first_day(kind, utc(at).date() + _DAY)
    while day_begins(tz, end) > at:
        end = _before(kind, end)
    return _period(kind, tz, end)


def period_after(kind: PeriodKind, tz: str, label: str) -> Period:
    """The first period whose date is later than `label`. Raises `BadTimezone`."""
    return _period(kind, tz, _after(kind, _first_day(kind, read_day(label))))


def period_before(period: Period, tz: str) -> Period:
    """The period that ends where this one begins."""
    return _period(period.kind, tz, _before(period.kind, read_day(period.label)))


def _period(kind: PeriodKind, tz: str, end: date) -> Period:
    return Period(kind, day_begins(tz, _before(kind, end)), day_begins(tz, end), day_text(end))


def _first_day(kind: PeriodKind, day: date) -> date:
    """The day on which the period began that a day is in."""
    return day - timedelta(days=day.weekday()) if kind == "week" else day.replace(day=1)


def _before(kind: PeriodKind, first: date) -> date:
    return first - 7 * _DAY if kind == "week" else (first - _DAY).replace(day=1)


def _after(kind: PeriodKind, first: date) -> date:
    return first + 7 * _DAY if kind == "week" else (first + 31 * _DAY).replace(day=1)


@lru_cache(10_000)
def day_begins(tz: str, day: date) -> Micros:
    """The first moment of a day. Raises `BadTimezone`."""
    # Of a midnight that is not there, Python takes the offset before the change: that is the moment of the change.
    return micros_of(datetime(day.year, day.month, day.day, tzinfo=zone(tz)))
