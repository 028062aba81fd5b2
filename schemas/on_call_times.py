"""Who is on call at which time. Pure.

The contract:

- Turns and hours change by the clock of the rotation's zone. A time that the clock shows twice is the first of both;
  one that it skips is the moment of the change (`schemas.schedules.moment_of`). So handovers keep their order and
  follow each other without a gap, whatever the clock does: without hours there is always a turn, and hours that meet on
  the clock meet.
- Every function takes any time. Before 1970 and after the year 2299 it is as at the next time in between.
- What is asked about a span costs as much as the span is long: whoever asks bounds it.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

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
    second = _second_of(at)
    return duty_when(rotation, at, _is_open(_open_times(rotation, second, second), second))


def duty_when(rotation: OnCallRotation, at: Micros, is_open: bool) -> Duty:
    """Who is on call at a time of which it is known whether it lies in the hours (`is_open`)."""
    for override in reversed(rotation.overrides):
        if override.start <= at < override.end and override.channels:
            return Duty(override.channels, override.name, override=override.id)
    if not rotation.turns or not is_open:
        return NOBODY
    place = _handovers_until(rotation.handover, rotation.tz, _second_of(at)) % len(rotation.turns)
    turn = rotation.turns[place]
    return Duty(turn.channels, turn.name, place)


def next_handover(rotation: OnCallRotation, at: Micros) -> Micros:
    """When the next turn begins after a time, whether anybody is on call then or not."""
    second = _second_of(at)
    number = _handovers_until(rotation.handover, rotation.tz, second)
    return _handover(rotation.handover, rotation.tz, number + 1) * SECOND


def shifts(rotation: OnCallRotation, start: Micros, end: Micros) -> Iterator[Shift]:
    """Who is on call from `start` to `end`, nobody among it, without a hole. The first and the last may be longer."""
    near = tuple(each for each in rotation.overrides if each.start < end and each.end > start)
    rotation = replace(rotation, overrides=near)
    times = _open_times(rotation, _second_of(start), _second_of(end))

    def duty_at(at: Micros) -> Duty:
        return duty_when(rotation, at, _is_open(times, _second_of(at)))

    began, duty = start, duty_at(start)
    for change in _changes(rotation, start, end, times):
        now = duty_at(change)
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


class _Times(NamedTuple):
    """Spans that do not touch each other: where each begins, in order, and where it ends."""

    starts: list[int]
    ends: list[int]


def _open_times(rotation: OnCallRotation, first: int, last: int) -> _Times | None:
    """When the hours are, as far as they matter from a second to another; None: always."""
    if not rotation.hours:
        return None
    times = _Times([], [])
    days = first // DAY - 2, last // DAY + 2
    for start, end in sorted(span for hours in rotation.hours for span in _openings(hours, rotation.tz, *days)):
        if times.ends and start <= times.ends[-1]:
            times.ends[-1] = max(times.ends[-1], end)
        elif start < end:
            times.starts.append(start)
            times.ends.append(end)
    return times


def _is_open(times: _Times | None, second: int) -> bool:
    if times is None:
        return True
    place = bisect_right(times.starts, second) - 1
    return place >= 0 and second < times.ends[place]


def _openings(hours: Hours, tz: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """When hours begin and end, of those that begin on these local days (numbered from 1970-01-01, a Thursday)."""
    end = hours.end * 60 + (DAY if hours.end <= hours.start else 0)
    for day in range(first, last):
        if (day + 3) % 7 in hours.days:
            yield _moment(day * DAY + hours.start * 60, tz), _moment(day * DAY + end, tz)


def _changes(rotation: OnCallRotation, start: Micros, end: Micros, open_times: _Times | None) -> list[Micros]:
    """The times after `start` and before `end` at which another duty may begin, in order."""
    tz, handover = rotation.tz, rotation.handover
    first, last = _second_of(start), _second_of(end)
    seconds = set() if open_times is None else {*open_times.starts, *open_times.ends}
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
