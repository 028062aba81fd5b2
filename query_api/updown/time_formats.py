"""Times as clients write them: ISO 8601, dates with names of months, Unix seconds, words such as `2 hours ago`. Pure.

A text names one moment or none; nothing is guessed (docs/decisions/0083-how-times-may-be-written.md):

- A date needs its year, month and day. One in digits begins with the year: `01/02/2024` is two dates, and refused.
- Without a time of day it is 00:00. What is smaller than a microsecond is cut off.
- Without a zone it is UTC, days that are named by words, too. `UTC+2` and `GMT+2` are two hours ahead of UTC, as
  `+02:00` is. Of a local time that a zone has twice, the first counts; one that it leaves out counts by the offset
  before it.
- A blank before an offset behind a time of day is a plus sign that was not encoded in its URL.
- Case does not matter, but for names of zones (`Europe/Paris`).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from query_api.errors import ValidationError
from query_api.updown.relative_times import day_named, shifted
from schemas.base import SECOND, Micros
from schemas.schedules import BadTimezone, zone
from schemas.times import LAST, micros_of, utc

_LONGEST = 100
_HINT = "send 2024-01-31T15:00:00Z, a date, Unix seconds, or words such as '2 hours ago' or 'tomorrow'"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?,? )?"
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = tuple(
    re.compile(form)
    for form in (
        r"(?P<year>\d{4})(?P<between>[-/.])(?P<month>\d{1,2})(?P=between)(?P<day>\d{1,2})(?!\d)",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?!\d)",
        rf"{_WEEKDAY}{_DAY}[ -](?:of )?{_MONTH}(?:, ?| |-)(?P<year>\d{{4}})(?!\d)",
        rf"{_WEEKDAY}{_MONTH}[ -]{_DAY}(?:, ?| |-)(?P<year>\d{{4}})(?![\d:])",
    )
)
# C and Ruby write the year last: behind the time of day, and behind the zone.
_YEAR_LAST = re.compile(
    rf"(?P<day_month>{_WEEKDAY}{_MONTH} {_DAY}) (?P<clock>\d{{1,2}}:[\d:]{{2,5}}(?: [a-z]+| ?[+-]\d{{4}})?)"
    r" (?P<year>\d{4})"
)

_SECOND = r"(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?"
_HALF = r" ?(?P<half>[ap])\.?m\b\.?"
_CLOCKS = tuple(
    re.compile(form)
    for form in (
        rf"(?: ?t ?|,? |,? at )(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::{_SECOND})?(?!\d)(?:{_HALF})?",
        rf"(?:,? |,? at )(?P<hour>\d{{1,2}}){_HALF}",
        rf"t(?P<hour>\d{{2}})(?:(?P<minute>\d{{2}})(?:{_SECOND})?)?(?!\d)",
    )
)
_OFFSET = re.compile(r" ?(?:utc|gmt)? ?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?")
_BLANK_OFFSET = re.compile(r"(?P<sign> )(?P<hours>\d{2}):?(?P<minutes>\d{2})")
# Browsers name the zone once more behind the offset.
_COMMENT = re.compile(r" \([^()]*\)\Z")
# The names that RFC 2822 gives a meaning. Others are of several zones (`IST`, `BST`).
_HOURS_AHEAD = {
    **dict.fromkeys(("z", "utc", "gmt", "ut"), 0),
    "edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8,
}  # fmt: skip

_SECONDS = re.compile(r"(?P<whole>\d{9,11})(?:\.(?P<fraction>\d{1,9}))?")
_MILLISECONDS = re.compile(r"\d{13}")

_Told = re.Match[str]


class NoTime(ValidationError):
    """A text that names no moment, or one that cannot be; it says what is wrong and what to send."""


def read_time(text: str, now: Micros) -> Micros:
    """The moment that a text names at `now`. Raises `NoTime`."""
    if len(text) > _LONGEST:
        raise NoTime(f"a time has at most {_LONGEST} characters")
    bare = _COMMENT.sub("", " ".join(text.split()))
    try:
        at = _moment(bare, now) if bare.isascii() else None
    except (ValueError, OverflowError) as wrong:
        raise NoTime(f"{wrong}: {_HINT}") from None
    if at is None:
        raise NoTime(f"not a time: {_HINT}")
    if not 0 <= at <= LAST:
        raise NoTime(f"not between 1970 and 9999: {_HINT}")
    return at


def _moment(bare: str, now: Micros) -> Micros | None:
    text = bare.lower()
    if match := _SECONDS.fullmatch(text):
        return int(match["whole"]) * SECOND + _micros(match)
    if _MILLISECONDS.fullmatch(text):
        return int(text) * 1_000
    if (at := shifted(text, now)) is not None:
        return at
    if match := _YEAR_LAST.fullmatch(text):
        bare = f"{bare[: match.end('day_month')]} {match['year']} {match['clock']}"
        text = bare.lower()
    if match := next(filter(None, (form.match(text) for form in _DATES)), None):
        day = _date(match)
        return _with_clock(lambda _: day, bare[match.end() :])
    if found := day_named(text):
        of_today, end = found
        return _with_clock(lambda there: of_today(utc(now).astimezone(there).date()), bare[end:])
    return None


def _with_clock(day: Callable[[tzinfo], date], rest: str) -> Micros | None:
    """The moment on a day that may depend on the zone, by the time of day and the zone that stand behind it."""
    lower = rest.lower()
    clock = next((found for form in _CLOCKS if (found := form.match(lower))), None)
    if (there := _zone(rest[clock.end() if clock else 0 :], clock is not None)) is None:
        return None
    since_midnight = _clock(clock) if clock else timedelta()
    # On the clock of that place, so 24:00 is 00:00 of the day after.
    local = datetime.combine(day(there), time()) + since_midnight
    return micros_of(local.replace(tzinfo=there))


def _date(told: _Told) -> date:
    parts = told.groupdict()
    month = int(parts["month"]) if parts.get("month") else _MONTHS.index(parts["name"][:3]) + 1
    day = date(int(parts["year"]), month, int(parts["day"]))
    if parts.get("weekday") not in (None, _WEEKDAYS[day.weekday()]):
        raise ValueError(f"{day} is another day of the week")
    return day


def _clock(told: _Told) -> timedelta:
    parts = told.groupdict()
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError("with am and pm, hours are from 1 to 12")
        hour = hour % 12 + 12 * (half == "p")
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise ValueError("there is no such time of day")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=_micros(told))


def _micros(told: _Told) -> Micros:
    fraction = told.groupdict().get("fraction") or ""
    return int(fraction.ljust(6, "0")[:6])


def _zone(rest: str, behind_clock: bool) -> tzinfo | None:
    """The zone that stands there, None if it is none."""
    name, lower = rest.strip(), rest.lower()
    if not name:
        return UTC
    match = _OFFSET.fullmatch(lower) or (_BLANK_OFFSET.fullmatch(lower) if behind_clock else None)
    if match:
        hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
        if hours > 23 or minutes > 59:
            raise ValueError("there is no such offset from UTC")
        return timezone((-1 if match["sign"] == "-" else 1) * timedelta(hours=hours, minutes=minutes))
    if (ahead := _HOURS_AHEAD.get(name.lower())) is not None:
        return timezone(timedelta(hours=ahead)) if ahead else UTC
    try:
        return zone(name)
    except BadTimezone:
        return None
