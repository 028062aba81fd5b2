"""What people do about an incident while it is open: they acknowledge it, or comment on it. Pure.

The fold of the thing decides: the first acknowledgement counts, and only while the incident is open. Who has it may
change it, and it can be given back. What others say of an incident that is acknowledged, or is over, changes nothing
(`processors.fold.acknowledgements`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.mutes import MuteTime

ThingType = Literal["check", "monitor"]
By = Annotated[str, Meta(max_length=100)]
Comment = Annotated[str, Meta(max_length=1_000)]
SnoozeTime = MuteTime | None


class IncidentAcknowledged(Fact, tag="incident.acknowledged", frozen=True):
    """Somebody takes care of an incident: it is not repeated, and nobody else is called. Keyed by the thing.

    request: id of the request. by: who, in words. until: a snooze: from then on it is as if nobody had; None: to its
    end.
    """

    at: Micros
    incident: str
    request: str
    by: By = ""
    comment: Comment = ""
    until: SnoozeTime = None
    actor: Actor | None = None


class IncidentReleased(Fact, tag="incident.released", frozen=True):
    """An acknowledgement is given back: from now on it is as if nobody had. Keyed by the thing. by: who, in words."""

    at: Micros
    incident: str
    by: By = ""
    comment: Comment = ""
    actor: Actor | None = None


class IncidentCommented(Fact, tag="incident.commented", frozen=True):
    """Somebody says something about an open incident. Keyed by the thing."""

    at: Micros
    incident: str
    comment: Comment
    by: By = ""
    actor: Actor | None = None


class IncidentToTell(Fact, tag="incident.tell", frozen=True):
    """A channel was muted when people were told of an incident, and is not any more: if it is still open, and nobody
    has acknowledged it, this channel is told. Keyed by the thing; by the fold of deliveries.
    """

    at: Micros
    incident: str
    channel: str


class Acknowledged(Struct, frozen=True, omit_defaults=True, gc=False):
    """Of the open incident, in the state of its thing. Fields as of the event."""

    at: Micros
    request: str
    by: str = ""
    comment: str = ""
    until: Micros | None = None


IncidentEvent = IncidentAcknowledged | IncidentReleased | IncidentCommented


def changes_own(said: Acknowledged, by: str, comment: str, until: Micros | None) -> bool:
    """Whether an acknowledgement changes one that counts already: one of the same name that says something else."""
    if not by or by != said.by:
        return False
    return until != said.until or (bool(comment) and comment != said.comment)
