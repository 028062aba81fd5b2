"""On-call rotations: people who are told by turns. An escalation policy names them (`schemas.escalations`). Pure.

`schemas.on_call_times` says who is on call at which time.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from schemas.base import SECOND, Fact, Micros
from schemas.schedules import BadTimezone, canonical_tz
from schemas.times import LAST, read_day

# So many a project may have. Each partition of two journals is told of each change of one.
MOST_ROTATIONS = 100
MOST_TURNS = 50
MOST_AT_ONCE = 10
MOST_HOURS = 14
# Those of one rotation, without those that are forgotten.
MOST_OVERRIDES = 200
# So many turns and overrides all rotations of a project may have together: a channel that is removed changes all.
MOST_TOGETHER = 2_000
# An override that ended so long ago is forgotten with the next change of its rotation.
KEPT: Micros = 31 * 86_400 * SECOND
LONGEST_OVERRIDE: Micros = 366 * 86_400 * SECOND
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
EveryDays = Annotated[int, Meta(ge=1, le=366)]
Minute = Annotated[int, Meta(ge=0, le=1_439)]
EndMinute = Annotated[int, Meta(ge=0, le=1_440)]
Weekdays = Annotated[tuple[Annotated[int, Meta(ge=0, le=6)], ...], Meta(min_length=1, max_length=7)]
Name = Annotated[str, Meta(max_length=200)]
RotationName = Annotated[str, Meta(min_length=1, max_length=200)]
Together = Annotated[tuple[str, ...], Meta(max_length=MOST_AT_ONCE)]


class Turn(Struct, frozen=True, omit_defaults=True, gc=False):
    """These channels are on call together. Without any, nobody is while it is their turn: they were removed."""

    channels: Together = ()
    name: Name = ""


class Handover(Struct, frozen=True, gc=False):
    """The first turn begins on the local day `first`, each further one so many days later, at this minute of the day.

    Before the first day the turns go on backwards: there is always one.
    """

    first: Day
    every: EveryDays
    minute: Minute


class Hours(Struct, frozen=True, gc=False):
    """On these days of the week (0: Monday) from a minute of the local day to another. One that is not later is of the
    next day."""

    days: Weekdays
    start: Minute
    end: EndMinute


class Override(Struct, frozen=True, omit_defaults=True, gc=False):
    """From `start` to `end` (exclusive) these channels are on call, whoever's turn it is, outside the hours, too.

    fetched: it is an event of the calendar that is fetched for the rotation.
    """

    id: str
    start: Micros
    end: Micros
    channels: Together = ()
    name: Name = ""
    fetched: bool = False


Turns = Annotated[tuple[Turn, ...], Meta(min_length=1, max_length=MOST_TURNS)]
AllHours = Annotated[tuple[Hours, ...], Meta(max_length=MOST_HOURS)]
Overrides = Annotated[tuple[Override, ...], Meta(max_length=MOST_OVERRIDES)]


class OnCallRotation(Fact, tag="on-call", frozen=True):
    """An on-call rotation. tz: the time zone of turns and hours.

    hours: when it is active; empty: always. overrides: if several overlap, the last one counts; fetched ones come
    first. link: how often the link to its calendar was replaced.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    name: RotationName
    tz: str
    handover: Handover
    turns: tuple[Turn, ...] = ()
    hours: AllHours = ()
    overrides: tuple[Override, ...] = ()
    link: int = 0


class OnCallDefined(Fact, tag="on-call.defined", frozen=True):
    """An on-call rotation was created or changed. Sent to every partition."""

    at: Micros
    rotation: OnCallRotation


class OnCallRemoved(Fact, tag="on-call.removed", frozen=True):
    """An on-call rotation was removed. Sent to every partition."""

    at: Micros
    id: str


class OnCallCopy(Fact, tag="on-call-definition", frozen=True):
    """A fold's own copy of an on-call rotation."""

    rotation: OnCallRotation


def on_call_key(rotation: str) -> str:
    """The key of a rotation, and of the own copy of a fold."""
    return f"on-call/{rotation}"


def fault_of_zone(tz: str) -> str:
    """What is wrong with the name of a time zone, in words; empty when nothing is."""
    try:
        canonical_tz(tz)
    except BadTimezone as error:
        return f"'{tz}' {error}"
    return ""


def fault_of_day(day: str) -> str:
    """What is wrong with the day on which the first turn begins, in words; empty when nothing is."""
    try:
        found = read_day(day)
    except ValueError:
        return f"'{day}' is not a day"
    return "" if _FIRST_DAY <= found < _LAST_DAY else f"{day} is not between {_FIRST_DAY} and {_LAST_DAY}"


def fault_of_override(override: Override) -> str:
    """What is wrong with an override, in words; empty when nothing is."""
    if not override.channels:
        return "an override needs somebody who is on call"
    if not 0 <= override.start < override.end:
        return "an override must end after it begins"
    if override.end - override.start > LONGEST_OVERRIDE or override.end > LAST:
        return "an override lasts at most 366 days"
    return ""
