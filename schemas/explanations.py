"""Why a thing was as it was at some time: what an explanation tells (`processors/explain/`).

Times are in Micros. The APIs write them as texts.
"""

from typing import Literal

from msgspec import Struct

from schemas.base import Micros
from schemas.transitions import Reason, VisibleStatus

ThingKind = Literal["check", "monitor"]


class ExplainedEvent(Struct, frozen=True):
    """An event of a journal. at: when it came about; appended: the time of its record. what: in words."""

    topic: str
    partition: int
    offset: int
    at: Micros
    appended: Micros
    type: str
    what: str


class RequestedNotice(Struct, frozen=True):
    """What a channel was to be told. event, delivery: the ids under which it was sent."""

    channel: str
    notice: str
    event: str
    delivery: str


class DeadlinePart(Struct, frozen=True):
    """One value from which a deadline follows, or which bears on it. at: when it is a time."""

    name: str
    value: str = ""
    at: Micros | None = None


class ExplainedChange(Struct, frozen=True):
    """A change of the status, or a notice about an open incident, and what made it.

    at: its time; detected_at: the partition's time when the fold decided it. was, now: the status before and after it.
    notice: what people are told again of an incident; "" for a change of the status. rule: by which it was decided, in
    words. events: what led to it, the one that decided it last. parts: what the deadline was computed from that it
    passed. silent: nobody was told, because of a mute.
    """

    id: str
    n: int
    at: Micros
    detected_at: Micros
    was: VisibleStatus
    now: VisibleStatus
    rule: str
    events: tuple[ExplainedEvent, ...]
    reason: Reason | None = None
    notice: str = ""
    incident: str | None = None
    detail: str = ""
    silent: bool = False
    requested: tuple[RequestedNotice, ...] = ()
    parts: tuple[DeadlinePart, ...] = ()


class ExplainedDeadline(Struct, frozen=True):
    """What the fold decides next if nothing comes. what: in words."""

    at: Micros
    what: str


class ExpectedChange(Struct, frozen=True):
    """What follows if no event comes. status: the new one; "": it stays, and `notice` is told to `channels`."""

    at: Micros
    status: VisibleStatus | Literal[""]
    notice: str
    channels: tuple[str, ...]


class FoldedFrom(Struct, frozen=True):
    """Where the journal was folded again from. start: `beginning`, or the name of the snapshot."""

    topic: str
    partition: int
    offset: int
    last: int
    start: str


class Explanation(Struct, frozen=True):
    """The answer. status: None: the thing did not exist at that time.

    since: when the status began. changes: the newest ones up to that time, oldest first. parts: how the deadline is
    computed. notes: what the answer does not cover, and why.
    """

    kind: ThingKind
    thing: str
    project: str
    name: str
    at: Micros
    status: VisibleStatus | None
    since: Micros | None
    changes: tuple[ExplainedChange, ...]
    deadline: ExplainedDeadline | None
    parts: tuple[DeadlinePart, ...]
    next: tuple[ExpectedChange, ...]
    folded: FoldedFrom
    notes: tuple[str, ...] = ()
