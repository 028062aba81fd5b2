"""Descriptions of updown.io's events, in words. Pure.

Times are those of a wall clock in the receiver's zone, with the zone's short name. Durations are rounded to one unit,
as updown.io's are: 585 seconds are 10 minutes. Libraries for that round down (9 minutes), or bring the words of
hundreds of languages along.
"""

from schemas.base import Micros
from schemas.schedules import BadTimezone, zone
from schemas.times import utc

# Each unit in seconds, and how many of it are used at most: so many are one of the next.
_UNITS = (("second", 1, 60), ("minute", 60, 60), ("hour", 3_600, 24))
_DAY = 86_400


def clock(at: Micros, time_zone: str) -> str:
    """`12:16:44 (MSK)`."""
    try:
        moment = utc(at).astimezone(zone(time_zone))
    except BadTimezone:  # it was one when it was chosen
        moment = utc(at)
    return f"{moment:%H:%M:%S} ({moment.tzname()})"


def humanized(seconds: int) -> str:
    """`10 minutes`, `1 hour`."""
    for unit, size, most in _UNITS:
        if (count := round(seconds / size)) < most:
            return _many(count, unit)
    return _many(round(seconds / _DAY), "day")


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
