"""The requests of the journal `projects` about on-call rotations (`schemas.requests`). Pure."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from schemas.base import Fact
from schemas.on_call import AllHours, Handover, Overrides, RotationName, Turns
from schemas.request_base import Request

TimeZone = Annotated[str, Meta(max_length=100)]


class OnCallFields(Fact, tag=False, frozen=True):
    """The fields of an on-call rotation that a request sets; what is not set keeps its value or default."""

    name: RotationName | UnsetType = UNSET
    tz: TimeZone | UnsetType = UNSET
    handover: Handover | UnsetType = UNSET
    turns: Turns | UnsetType = UNSET
    hours: AllHours | UnsetType = UNSET


class OnCallCreate(Request, tag="on-call.create", frozen=True):
    """Makes an on-call rotation under the candidate `id`: with all fields but `hours`."""

    id: str
    fields: OnCallFields


class OnCallUpdate(Request, tag="on-call.update", frozen=True):
    id: str
    fields: OnCallFields


class OnCallDelete(Request, tag="on-call.delete", frozen=True):
    """Removes an on-call rotation; refused while an escalation policy names it."""

    id: str


class OnCallOverride(Request, tag="on-call.override", frozen=True):
    """Puts overrides into the rotation `id`, behind those that it has. One with a known id replaces that one."""

    id: str
    overrides: Overrides


class OnCallOverrideDelete(Request, tag="on-call.override-delete", frozen=True):
    """Removes an override of the rotation `id`."""

    id: str
    override: str


class OnCallRenewLink(Request, tag="on-call.renew-link", frozen=True):
    """Gives the calendar of the rotation `id` another link; the one that it had opens nothing any more."""

    id: str


OnCallRequest = OnCallCreate | OnCallUpdate | OnCallDelete | OnCallOverride | OnCallOverrideDelete | OnCallRenewLink
