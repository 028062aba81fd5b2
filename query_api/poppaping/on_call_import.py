"""Which events of an uploaded calendar become overrides of an on-call rotation: those that name somebody. Pure."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from query_api.calendar_files import Occurrence
from query_api.http.field_types import Count, Time
from query_api.poppaping.on_call_object import ShownOverride
from query_api.poppaping.responses import time
from schemas.definitions import Channel
from schemas.ids import derived_id
from schemas.on_call import MOST_AT_ONCE, OnCallRotation, Override, fault_of_override

# So many of those that are left out are told one by one.
MOST_TOLD = 50
_LONGEST_NAME = 200
_PREFIX = "on call:"


class LeftOutEvent(Struct, kw_only=True, gc=False):
    """An event that became no override."""

    summary: str
    line: Annotated[Count, Meta(description="The line of the file at which it begins.")]
    starts_at: Time
    reason: str


class ImportedOverrides(Struct, kw_only=True, gc=False):
    """What became of the events of a calendar."""

    overrides: list[ShownOverride]
    left_out: Annotated[list[LeftOutEvent], Meta(description=f"At most {MOST_TOLD}.")]
    left_out_total: Count


class Sorted(NamedTuple):
    """overrides: those that events became. left_out: the others, with the reason."""

    overrides: tuple[Override, ...]
    left_out: list[LeftOutEvent]


def overrides_of(found: Iterable[Occurrence], rotation: OnCallRotation, channels: Iterable[Channel]) -> Sorted:
    """The overrides that events mean. The same event gives the same id: uploaded again, it replaces what it was."""
    names = _Names(rotation, channels)
    overrides, left_out = [], []
    # A series says the same thousands of times, which may be long.
    named: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
    for event in found:
        said = event.summary, event.people
        if (people := named.get(said)) is None:
            people = named[said] = names.of(event)
        id = derived_id("override", rotation.id, event.uid, event.start)
        override = Override(id, event.start, event.end, people[:MOST_AT_ONCE], event.summary[:_LONGEST_NAME])
        fault = "" if people else "neither its summary nor an attendee names a turn or an alert channel"
        if not fault and len(people) > MOST_AT_ONCE:
            fault = f"it names more than {MOST_AT_ONCE} channels"
        if fault := fault or fault_of_override(override):
            summary = event.summary[:_LONGEST_NAME]
            left_out.append(LeftOutEvent(summary=summary, line=event.line, starts_at=time(event.start), reason=fault))
        else:
            overrides.append(override)
    return Sorted(tuple(overrides), left_out)


class _Names:
    """Whom a text names: a turn by its name, a channel by its name, id or address. What is not plain names nobody."""

    def __init__(self, rotation: OnCallRotation, channels: Iterable[Channel]) -> None:
        self._suffix = f"({rotation.name})".casefold()
        self._named: dict[str, set[tuple[str, ...]]] = {}
        self._turns: dict[str, set[tuple[str, ...]]] = {}
        for turn in rotation.turns:
            if turn.name and turn.channels:
                self._turns.setdefault(_plain(turn.name), set()).add(turn.channels)
        for channel in channels:
            for name in {channel.name, channel.id, *channel.addresses} - {""}:
                self._named.setdefault(_plain(name), set()).add((channel.id,))

    def of(self, event: Occurrence) -> tuple[str, ...]:
        """The channels that an event names."""
        summary = _plain(event.summary).removeprefix(_PREFIX).strip().removesuffix(self._suffix).strip()
        people = self._one(summary)
        if not people:
            parts = [self._one(part.strip()) for part in summary.split(",")]
            people = tuple(id for part in parts for id in part) if all(parts) else ()
        if not people:
            people = tuple(id for each in event.people for id in self._one(_plain(each)))
        return tuple(dict.fromkeys(people))

    def _one(self, name: str) -> tuple[str, ...]:
        for known in (self._turns, self._named):
            if found := known.get(name):
                return next(iter(found)) if len(found) == 1 else ()
        return ()


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
