"""Repeats per channel: a channel may be told again of an incident until somebody acknowledges it. Pure.

The contract:

- A channel says after how many minutes (`schemas.notice_choices`). Its repeats come at multiples of that, counted from
  when people were told that the thing is down, or were told again: at the end of a mute or a snooze, or when an
  acknowledgement was given back. A channel that came to repeat so only later counts from then.
- Told again are the channels of the thing that take `monitor.down`, and those that an escalation has called.
- Each repeat is passed once. Of several that one tick passes, as after an outage, each channel is told once; when that
  is more than a minute late, what follows is counted from then.
- What an escalation tells in the same tick is not told twice.
- They end with the incident and with its acknowledgement. While nobody is to be told, none is passed.
- A policy that is changed moves no repeat.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from msgspec.structs import replace

from processors.fold.choices import Repeat
from schemas.base import Micros
from schemas.escalations import MINUTE, Escalating

# Repeats that are passed later than that were held up, and so are those after them.
LATE: Micros = MINUTE


class Repeating(Protocol):
    """Who knows which channels repeat (`processors.fold.choices.Choices`)."""

    def repeating(self, own: Iterable[str], called: Iterable[str]) -> dict[str, Repeat]:
        """Those of the channels that are told again, and how often."""


def repeat_due(stands: Escalating, own: Iterable[str], choices: Repeating) -> Micros | None:
    """When a channel is to be told again; None: none is."""
    repeating = choices.repeating(own, stands.told)
    return min((_next(stands, repeat) for repeat in set(repeating.values())), default=None)


def pass_repeats(
    stands: Escalating, own: Iterable[str], choices: Repeating, time: Micros, just_told: AbstractSet[str] = frozenset()
) -> tuple[Escalating, Mapping[str, int], Micros]:
    """Pass all that is due by `time`: where it stands then, the channels that are told, with their minutes, and when
    the first of them was due. just_told: those that were told in the same tick, perhaps for the first time."""
    repeating = choices.repeating(own, stands.told)
    due = {channel: at for channel, repeat in repeating.items() if (at := _next(stands, repeat)) <= time}
    if not due:
        return stands, {}, time
    told = {channel: repeating[channel] for channel in due if channel not in just_told}
    newest = max((_newest(stands, repeat, time) for repeat in told.values()), default=time)
    began = time if time - newest > LATE else _began(stands)
    first = min((due[channel] for channel in told), default=time)
    return replace(stands, began=began, repeated=time), {each: told[each].minutes for each in told}, first


def _began(stands: Escalating) -> Micros:
    """Versions that knew of no repeats did not note it."""
    return stands.began or stands.last


def _next(stands: Escalating, repeat: Repeat) -> Micros:
    """The first multiple that was not passed."""
    began, step = max(_began(stands), repeat.since), repeat.minutes * MINUTE
    return began + (max(0, stands.repeated - began) // step + 1) * step


def _newest(stands: Escalating, repeat: Repeat, time: Micros) -> Micros:
    """The last multiple that is due by `time`."""
    began, step = max(_began(stands), repeat.since), repeat.minutes * MINUTE
    return began + (time - began) // step * step
