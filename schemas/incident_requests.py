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
    """The fields of an escalation policy that a request sets; what is not set keeps its value or default."""

    name: PolicyName | UnsetType = UNSET
    steps: Steps | UnsetType = UNSET
    repeat: Repeat | UnsetType = UNSET
    things: Annotated[tuple[str, ...], Meta(max_length=10_000)] | UnsetType = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class EscalationCreate(Request, tag="escalation.create", frozen=True):
    """Makes an escalation policy under the candidate `id`."""

    id: str
    fields: EscalationFields


class EscalationUpdate(Request, tag="escalation.update", frozen=True):
    id: str
    fields: EscalationFields


class EscalationDelete(Request, tag="escalation.delete", frozen=True):
    id: str


class TagMuteSet(Request, tag="tag-mute.set", frozen=True):
    """Mutes a tag of the project's checks, or until another time. None: it is not muted any more; a time that is not
    later than the request means that, too."""

    label: Tag
    until: TagMuteUntil | None = None


class IncidentAcknowledge(Request, tag="incident.acknowledge", frozen=True):
    """Acknowledges an open incident of a check or a monitor (`thing`). The first that comes counts,
    and the same `by` may change it.

    by: who, in words. until: a snooze; None: to the end of the incident.
    """

    kind: ThingType
    thing: str
    incident: str
    by: By = ""
    comment: Comment = ""
    until: SnoozeTime = None


class IncidentRelease(Request, tag="incident.release", frozen=True):
    """Gives back the acknowledgement of an open incident of a check or a monitor, whoever it is of."""

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
