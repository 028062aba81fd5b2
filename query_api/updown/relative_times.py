"""Times told from now on: `2 hours ago`, `in 3 days`, `now-1h`, `next week`, and days by their names. Pure.

Seconds to weeks have one length, and may have a fraction. Months and years are those of the calendar, in UTC: a day
that a month lacks is its last one (31 January and a month: the last of February).
"""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

from schemas.base import SECOND, Micros
from schemas.times import micros_of, utc

_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_MONTHS = {
    **dict.fromkeys(("mo", "month", "months"), 1),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), 12),
}
_UNITS = "|".join(sorted(_SECONDS | _MONTHS, key=len, reverse=True))
_AMOUNT = rf"(?:\d{{1,9}}(?:\.\d{{1,6}})? ?|(?:an?|one) )(?:{_UNITS})"
_AMOUNTS = rf"(?P<amounts>{_AMOUNT}(?:(?:,? and |, ?| ?){_AMOUNT}){{0,6}})"
_EACH = re.compile(rf"(?:(?P<number>\d+(?:\.\d+)?) ?|(?:an?|one) )(?P<unit>{_UNITS})(?![a-z])")

# Whether the moment is after now, by the words around the amounts; without any it might be either.
_FORMS = (
    (re.compile(rf"in {_AMOUNTS}"), 1),
    (re.compile(rf"{_AMOUNTS} (?:from now|later|hence)"), 1),
    (re.compile(rf"{_AMOUNTS} ago"), -1),
    (re.compile(rf"(?:now ?)?\+ ?{_AMOUNTS}"), 1),
    (re.compile(rf"(?:now ?)?- ?{_AMOUNTS}"), -1),
)
_NEIGHBOUR = re.compile(r"(?P<which>next|last) (?P<unit>second|minute|hour|day|week|month|year)")

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            ("monday", "mon"), ("tuesday", "tue"), ("wednesday", "wed"), ("thursday", "thu"), ("friday", "fri"),
            ("saturday", "sat"), ("sunday", "sun"),
        )
    )
    for name in names
}  # fmt: skip
_DAY_NAME = re.compile(
    rf"(?P<day>{'|'.join(_DAYS)})|(?P<which>(?:next|this|last|on) )?(?P<weekday>{'|'.join(_WEEKDAYS)})(?![a-z])"
)


def shifted(text: str, now: Micros) -> Micros | None:
    """The moment that a text in lower case tells from now, None if it tells none. Raises `ValueError` or
    `OverflowError` when no date can hold it."""
    if text == "now":
        return now
    if match := _NEIGHBOUR.fullmatch(text):
        return _added(now, [(Fraction(1 if match["which"] == "next" else -1), match["unit"])])
    for form, sign in _FORMS:
        if match := form.fullmatch(text):
            each = _EACH.finditer(match["amounts"])
            return _added(now, [(sign * Fraction(one["number"] or 1), one["unit"]) for one in each])
    return None


def day_named(text: str) -> tuple[Callable[[date], date], int] | None:
    """What makes of today the day that a text in lower case begins with, and how many characters name it; None when it
    begins with none. A weekday is the next one, never today."""
    if (match := _DAY_NAME.match(text)) is None:
        return None
    if name := match["day"]:
        days = _DAYS[name]
        return lambda today: today + timedelta(days), match.end()
    wanted, back = _WEEKDAYS[match["weekday"]], match["which"] == "last "

    def day(today: date) -> date:
        ahead = (wanted - today.weekday() - 1) % 7 + 1
        return today + timedelta(ahead - 7 if back and ahead < 7 else -7 if back else ahead)

    return day, match.end()


def _added(now: Micros, amounts: list[tuple[Fraction, str]]) -> Micros:
    months = sum((number * _MONTHS[unit] for number, unit in amounts if unit in _MONTHS), Fraction(0))
    seconds = sum((number * _SECONDS[unit] for number, unit in amounts if unit in _SECONDS), Fraction(0))
    if months.denominator != 1:
        raise ValueError("months and years are whole ones")
    return _months_later(now, int(months)) + int(seconds * SECOND)


def _months_later(at: Micros, months: int) -> Micros:
    if not months:
        return at
    moment = utc(at)
    years, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= years <= 9_999:
        raise OverflowError("too far away")
    day = min(moment.day, calendar.monthrange(years, month + 1)[1])
    return micros_of(moment.replace(year=years, month=month + 1, day=day)) + at % SECOND
