"""The requests of the journal `projects` about on-call rotations (`schemas.requests`). Pure."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from schemas.base import Fact
from schemas.on_call import AllHours, Handover, Overrides, RotationName, Turns
from schemas.request_base import Request

TimeZone = Annotated[str, Meta(max_length=100)]


class OnCallFields(Fact, tag=False, frozen=True):
    """The fields of an on-call rotation that a request sets; fields that are left out keep their value or default."""

    name: RotationName | UnsetType = UNSET
    tz: TimeZone | UnsetType = UNSET
    handover: Handover | UnsetType = UNSET
    turns: Turns | UnsetType = UNSET
    hours: AllHours | UnsetType = UNSET


class OnCallCreate(Request, tag="on-call.create", frozen=True):
    """Creates an on-call rotation with the candidate `id`; all fields except `hours` are required."""

    id: str
    fields: OnCallFields


class OnCallUpdate(Request, tag="on-call.update", frozen=True):
    id: str
    fields: OnCallFields


class OnCallDelete(Request, tag="on-call.delete", frozen=True):
    """Deletes an on-call rotation; refused while an escalation policy names it."""

    id: str


class OnCallOverride(Request, tag="on-call.override", frozen=True):
    """Appends overrides to the rotation `id`. An override with a known id replaces that one."""

    id: str
    overrides: Overrides


class OnCallOverrideDelete(Request, tag="on-call.override-delete", frozen=True):
    """Removes an override of the rotation `id`."""

    id: str
    override: str


class OnCallRenewLink(Request, tag="on-call.renew-link", frozen=True):
    """Replaces the link of the calendar of the rotation `id`. The old link stops working."""

    id: str


OnCallRequest = OnCallCreate | OnCallUpdate | OnCallDelete | OnCallOverride | OnCallOverrideDelete | OnCallRenewLink
