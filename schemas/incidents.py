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
    """Somebody acknowledged an incident: repeated alerts and the escalation stop. Keyed by the check or monitor.

    request: id of the request. by: name of the person. until: end of a snooze; None: the end of the
    incident.
    """

    at: Micros
    incident: str
    request: str
    by: By = ""
    comment: Comment = ""
    until: SnoozeTime = None
    actor: Actor | None = None


class IncidentReleased(Fact, tag="incident.released", frozen=True):
    """An acknowledgement was withdrawn. Keyed by the check or monitor. by: name of the person."""

    at: Micros
    incident: str
    by: By = ""
    comment: Comment = ""
    actor: Actor | None = None


class IncidentCommented(Fact, tag="incident.commented", frozen=True):
    """Somebody commented on an open incident. Keyed by the check or monitor."""

    at: Micros
    incident: str
    comment: Comment
    by: By = ""
    actor: Actor | None = None


class IncidentToTell(Fact, tag="incident.tell", frozen=True):
    """A channel was unmuted that missed the notice of an incident: if the incident is still open and not acknowledged,
    this channel is notified. Keyed by the check or monitor; by the fold of deliveries.
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
