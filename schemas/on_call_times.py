"""Who is on call at which time. Pure.

The contract:

- Turns and hours change by the clock of the rotation's zone. A time that the clock shows twice is the first of both;
  one that it skips is the moment of the change (`schemas.schedules.moment_of`). So handovers keep their order and
  follow each other without a gap, whatever the clock does: without hours there is always a turn, and hours that meet on
  the clock meet.
- Every function takes any time. Before 1970 and after the year 2299 it is as at the next time in between.
- What is asked about a span costs as much as the span is long: whoever asks bounds it.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from schemas.base import SECOND, Micros
from schemas.on_call import Handover, Hours, OnCallRotation
from schemas.schedules import DAY, END, EPOCH, moment_of
from schemas.times import read_day

_LAST_SECOND = (END - 1) * DAY
# How far around a time a shift is looked for, in days: first near, then far. Turns change at least once in 366 days.
_NEAR, _FAR = 16, 400


class Duty(NamedTuple):
    """Who is on call. No channels: nobody. turn: its number, from 0; None: nobody's, or an override."""

    channels: tuple[str, ...] = ()
    name: str = ""
    turn: int | None = None
    override: str = ""


NOBODY = Duty()


class Shift(NamedTuple):
    """A span, up to `end` (exclusive), with one duty."""

    start: Micros
    end: Micros
    duty: Duty


def on_call(rotation: OnCallRotation, at: Micros) -> Duty:
    """Who is on call at a time."""
    for override in reversed(rotation.overrides):
        if override.start <= at < override.end and override.channels:
            return Duty(override.channels, override.name, override=override.id)
    second = _second_of(at)
    if not rotation.turns or not _is_within_hours(rotation, second):
        return NOBODY
    place = _handovers_until(rotation.handover, rotation.tz, second) % len(rotation.turns)
    turn = rotation.turns[place]
    return Duty(turn.channels, turn.name, place)


def next_handover(rotation: OnCallRotation, at: Micros) -> Micros:
    """When the next turn begins after a time, whether anybody is on call then or not."""
    second = _second_of(at)
    number = _handovers_until(rotation.handover, rotation.tz, second)
    return _handover(rotation.handover, rotation.tz, number + 1) * SECOND


def shifts(rotation: OnCallRotation, start: Micros, end: Micros) -> Iterator[Shift]:
    """Who is on call from `start` to `end`, nobody among it, without a hole. The first and the last may be longer."""
    began, duty = start, on_call(rotation, start)
    for change in _changes(rotation, start, end):
        now = on_call(rotation, change)
        if now != duty:
            yield Shift(began, change, duty)
            began, duty = change, now
    if began < end:
        yield Shift(began, end, duty)


def gaps(rotation: OnCallRotation, start: Micros, end: Micros) -> list[Shift]:
    """The spans in which nobody is on call."""
    return [shift for shift in shifts(rotation, start, end) if not shift.duty.channels]


def shift_at(rotation: OnCallRotation, at: Micros) -> tuple[Micros | None, Micros | None]:
    """When the shift that a time is in began, and when it ends; None: not within 400 days."""
    for days in (_NEAR, _FAR):
        far = days * DAY * SECOND
        found = list(shifts(rotation, at - far, at + far))
        [(place, shift)] = [(place, each) for place, each in enumerate(found) if each.start <= at < each.end]
        is_whole = 0 < place < len(found) - 1
        if is_whole or days == _FAR:
            return (shift.start if place else None), (shift.end if place < len(found) - 1 else None)
    raise AssertionError("the last span that is looked at gives an answer")


def _second_of(at: Micros) -> int:
    return min(max(at // SECOND, 0), _LAST_SECOND)


def _handovers_until(handover: Handover, tz: str, second: int) -> int:
    """The number of the turn at a second, counted from the first day on; negative before it."""
    # A zone is at most a day ahead of UTC.
    number = (second // DAY + 1 - _day(handover.first)) // handover.every + 1
    while _handover(handover, tz, number) > second:
        number -= 1
    return number


def _handover(handover: Handover, tz: str, number: int) -> int:
    day = _day(handover.first) + number * handover.every
    return _moment(day * DAY + handover.minute * 60, tz)


def _is_within_hours(rotation: OnCallRotation, second: int) -> bool:
    day = second // DAY
    return not rotation.hours or any(
        start <= second < end
        for hours in rotation.hours
        for start, end in _openings(hours, rotation.tz, day - 2, day + 2)
    )


def _openings(hours: Hours, tz: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """When hours begin and end, of those that begin on these local days (numbered from 1970-01-01, a Thursday)."""
    end = hours.end * 60 + (DAY if hours.end <= hours.start else 0)
    for day in range(first, last):
        if (day + 3) % 7 in hours.days:
            yield _moment(day * DAY + hours.start * 60, tz), _moment(day * DAY + end, tz)


def _changes(rotation: OnCallRotation, start: Micros, end: Micros) -> list[Micros]:
    """The times after `start` and before `end` at which another duty may begin, in order."""
    tz, handover = rotation.tz, rotation.handover
    first, last = _second_of(start), _second_of(end)
    seconds: set[int] = set()
    for hours in rotation.hours:
        for opening in _openings(hours, tz, first // DAY - 2, last // DAY + 2):
            seconds.update(opening)
    if len(rotation.turns) > 1:
        number = _handovers_until(handover, tz, first) + 1
        while (second := _handover(handover, tz, number)) < last:
            seconds.add(second)
            number += 1
    times = {second * SECOND for second in seconds}
    for override in rotation.overrides:
        times.update((override.start, override.end))
    return sorted(time for time in times if start < time < end)


@lru_cache(maxsize=8192)
def _moment(local: int, tz: str) -> int:
    return moment_of(local, tz)


@lru_cache(maxsize=1024)
def _day(day: str) -> int:
    return read_day(day).toordinal() - EPOCH
