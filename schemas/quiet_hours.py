"""Quiet hours of a channel: when what can wait waits. Pure.

They are local times of a zone, from the data of the package `tzdata` alone. Where the clock is put forward, a time that
is left out is as long after the last one before as it would have been; of a time that there is twice, the first counts.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

from schemas.base import SECOND, Micros
from schemas.schedules import BadTimezone, canonical_tz, zone
from schemas.times import micros_of, read_clock

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z", examples=["22:00"])]
# Hours that touch are one time, which has an end within these.
_MOST_SPANS = 9
_BEYOND = 253_402_000_000 * SECOND


class QuietHours(Struct, frozen=True, omit_defaults=True, gc=False):
    """From a time of the day to another; to the next day, when that is no later. days: those on which they begin."""

    start: Annotated[ClockTime, Meta(description="Local time, `22:00`.")] = field(name="from")
    end: Annotated[ClockTime, Meta(description="Local time; not after `from`: on the next day.")] = field(name="to")
    days: Annotated[
        tuple[Day, ...], Meta(min_length=1, max_length=7, description="On which they begin; all, if left out.")
    ] = DAYS
    time_zone: Annotated[str, Meta(max_length=64, description="IANA time zone, such as `Europe/Paris`.")] = "UTC"


def fault_of(quiet: QuietHours) -> str:
    """What is wrong with quiet hours, in words that follow their name; empty when nothing is."""
    try:
        canonical_tz(quiet.time_zone)
    except BadTimezone as bad:
        return f"have a time_zone that {bad}"
    if quiet.start == quiet.end and set(quiet.days) == set(DAYS):
        return "must end: 'from' and 'to' must differ where all days are chosen"
    return ""


def quiet_until(quiet: QuietHours, at: Micros) -> Micros | None:
    """The end of the quiet time in which `at` is; None: it is in none."""
    until: Micros | None = None
    for _ in range(_MOST_SPANS):
        end = _end_of(quiet, at if until is None else until)
        if end is None:
            return until
        until = end
    return until


def _end_of(quiet: QuietHours, at: Micros) -> Micros | None:
    if not 0 <= at < _BEYOND or fault_of(quiet):
        return None
    tz = zone(quiet.time_zone)
    today = datetime.fromtimestamp(at // SECOND, UTC).astimezone(tz).date()
    start, end = read_clock(quiet.start), read_clock(quiet.end)
    ends: list[Micros] = []
    for back in (0, 1):
        day = today - timedelta(days=back)
        if DAYS[day.weekday()] not in quiet.days:
            continue
        last = day if end > start else day + timedelta(days=1)
        begins, over = (micros_of(datetime.combine(on, clock, tz)) for on, clock in ((day, start), (last, end)))
        if begins <= at < over:
            ends.append(over)
    return max(ends, default=None)
