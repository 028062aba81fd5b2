"""The requests of the journal `projects` about open incidents, escalation policies and muted tags. Pure."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from schemas.base import Fact
from schemas.escalations import PolicyName, Repeat, Steps
from schemas.incidents import By, Comment, SnoozeTime, ThingType
from schemas.managed import ManagedBy
from schemas.request_base import Request
from schemas.tag_mutes import Tag, TagMuteUntil


class EscalationFields(Fact, tag=False, frozen=True):
    """The fields of an escalation policy that a request sets; fields that are left out keep their value or default."""

    name: PolicyName | UnsetType = UNSET
    steps: Steps | UnsetType = UNSET
    repeat: Repeat | UnsetType = UNSET
    things: Annotated[tuple[str, ...], Meta(max_length=10_000)] | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class EscalationCreate(Request, tag="escalation.create", frozen=True):
    """Creates an escalation policy with the candidate `id`."""

    id: str
    fields: EscalationFields


class EscalationUpdate(Request, tag="escalation.update", frozen=True):
    id: str
    fields: EscalationFields


class EscalationDelete(Request, tag="escalation.delete", frozen=True):
    id: str


class TagMuteSet(Request, tag="tag-mute.set", frozen=True):
    """Mutes a tag of the project's checks, or changes the end of the mute. None, or a time that is not later than the
    request: unmutes it."""

    label: Tag
    until: TagMuteUntil | None = None


class IncidentAcknowledge(Request, tag="incident.acknowledge", frozen=True):
    """Acknowledges an open incident of a check or a monitor (`thing`). The first that comes counts,
    and the same `by` may change it.

    by: name of the person. until: end of a snooze; None: the end of the incident.
    """

    kind: ThingType
    thing: str
    incident: str
    by: By = ""
    comment: Comment = ""
    until: SnoozeTime = None


class IncidentRelease(Request, tag="incident.release", frozen=True):
    """Withdraws the acknowledgement of an open incident of a check or monitor, also that of somebody else."""

    kind: ThingType
    thing: str
    incident: str
    by: By = ""
    comment: Comment = ""


class IncidentComment(Request, tag="incident.comment", frozen=True):
    """Comments on an open incident of a check or a monitor."""

    kind: ThingType
    thing: str
    incident: str
    comment: Comment
    by: By = ""
