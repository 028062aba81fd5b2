"""Which events led to a change: the one that decided it, and those that set what it was decided by. Pure.

What a change follows from may stand before the first event that was folded here. Then it is not named, and
`Causes.of` says so: whoever wants all of it begins earlier.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from processors.fold.contract import Record
from processors.refold.steps import Step
from schemas.base import Micros
from schemas.transitions import StatusChanged


class Earlier(NamedTuple):
    """A ping that a change follows from, and that stands before what was folded here. at: its time.

    definition: the record of the definition by which the change came, if that stands before, too: it is one of the
    events only when it is newer than the ping.
    """

    offset: int
    at: Micros
    definition: msgspec.Struct | None


class Named(NamedTuple):
    """The events of a change, in their order. earlier: one more. whole: all others are known."""

    records: tuple[Record, ...]
    whole: bool = True
    earlier: Earlier | None = None


class Causes(Protocol):
    """What is remembered of the events of one thing."""

    def of(self, change: StatusChanged, step: Step, records: Mapping[str, msgspec.Struct]) -> Named:
        """The events behind a change that `step` made; asked before `note`. records: all states after it."""

    def note(self, step: Step) -> None:
        """Remember what this event set."""


def named(step: Step, *records: Record | None) -> Named:
    """These events and the one of the step. None: an event that is not known here."""
    known = {each.offset: each for each in (*records, step.record) if each is not None}
    return Named(tuple(known[offset] for offset in sorted(known)), None not in records)


def changes_in(step: Step, thing: str, kind: type[Any]) -> list[Any]:
    """The effects of a step of this type that are about the thing, in order."""
    return [
        effect.value
        for effect in step.effects
        if isinstance(effect.value, kind) and getattr(effect.value, "thing", None) == thing
    ]
