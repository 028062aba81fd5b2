"""Incidents as the PoppaPing API shows them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from query_api.http.field_types import Time, Uuid
from query_api.poppaping.responses import time
from query_api.poppaping.results import ResultObject
from schemas.incidents import Acknowledged

# The most results of an incident that are shown with it, and the most entries of its log.
TIMELINE = 500
MOST_SAID = 100


class Acknowledgement(Struct, kw_only=True, gc=False):
    """Somebody takes care of an incident."""

    by: Annotated[str, Meta(description="Who, in words.")]
    acknowledged_at: Time
    comment: str
    until: Annotated[Time | None, Meta(description="A snooze: it counts until then. Null: to the end of the incident.")]


class IncidentObject(Struct, kw_only=True, gc=False):
    """A time in which a monitor was down."""

    id: Uuid
    monitor_id: Uuid
    started_at: Annotated[Time, Meta(description="When the first failing result was probed.")]
    resolved_at: Time | None
    cause: str
    status: Literal["open", "resolved"]
    partial: Annotated[bool, Meta(description="Only one address family has been found failing. Pingfold's own.")]
    acknowledgement: Annotated[
        Acknowledgement | None,
        Meta(description="Of an open incident: who takes care of it; null: nobody. Pingfold's own."),
    ]


class Said(Struct, kw_only=True, gc=False):
    """What somebody said of an incident."""

    at: Time
    action: Literal["acknowledged", "commented"]
    by: str
    comment: str


class IncidentDetails(IncidentObject, kw_only=True, gc=False):
    """An incident with its results."""

    timeline: Annotated[list[ResultObject], Meta(description=f"The results during it, at most {TIMELINE}.")]
    log: Annotated[
        list[Said],
        Meta(description=f"Acknowledgements and comments, oldest first, the newest {MOST_SAID}. Pingfold's own."),
    ]


def acknowledgement_of(acknowledged: Acknowledged | None) -> Acknowledgement | None:
    """As the API shows it."""
    if acknowledged is None:
        return None
    return Acknowledgement(
        by=acknowledged.by,
        acknowledged_at=time(acknowledged.at),
        comment=acknowledged.comment,
        until=time(acknowledged.until),
    )
