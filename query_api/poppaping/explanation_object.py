"""Explanations as the PoppaPing API shows them: why a thing was as it was at some time."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from query_api.http.field_types import Count, Time, Uuid, words
from query_api.poppaping.delivery_object import DeliveryObject
from schemas.base import Micros
from schemas.explanations import (
    DeadlinePart,
    ExpectedChange,
    ExplainedChange,
    ExplainedEvent,
    Explanation,
    RequestedNotice,
)
from schemas.times import exact_iso
from schemas.transitions import Reason, VisibleStatus

_STATUS = words(get_args(VisibleStatus))


class EventObject(Struct, kw_only=True, gc=False):
    """An event of a journal."""

    topic: str
    partition: Count
    offset: Count
    at: Annotated[Time, Meta(description="Time of the event, as its producer recorded it.")]
    appended_at: Annotated[Time, Meta(description="Time at which Kafka appended it.")]
    type: str
    text: Annotated[str, Meta(description="Description of the event.")]


class SentNotice(Struct, kw_only=True, gc=False):
    """A notice to an alert channel, and how it ended."""

    alert_channel_id: str
    alert_channel_name: Annotated[
        str | None, Meta(description="The kind if it has no name; null: the channel has been deleted.")
    ]
    event: str
    event_id: Uuid
    delivery_id: Uuid
    delivery: Annotated[
        DeliveryObject | None, Meta(description="Null: the channel does not take it, or history does not have it.")
    ]


class PartObject(Struct, kw_only=True, gc=False):
    """A value from which a deadline follows, or which bears on it."""

    name: str
    text: str
    at: Time | None


class ChangeObject(Struct, kw_only=True, gc=False):
    """A change of the status, or a further notice about an open incident."""

    at: Time
    detected_at: Annotated[Time, Meta(description="Partition time of the decision.")]
    was: Annotated[str, _STATUS]
    now: Annotated[str, _STATUS]
    reason: Annotated[str, words(get_args(Reason))] | None
    notice: Annotated[str | None, Meta(description="Of a notice without a change of the status.")]
    rule: Annotated[str, Meta(description="The rule behind the decision, as text.")]
    detail: str | None
    incident_id: Uuid | None
    silent: Annotated[bool, Meta(description="No notice was sent because of a mute.")]
    events: Annotated[list[EventObject], Meta(description="The events that led to it; the last one decided.")]
    computed_from: Annotated[list[PartObject], Meta(description="How the expired deadline was computed.")]
    sent: list[SentNotice]


class DeadlineObject(Struct, kw_only=True, gc=False):
    """What is decided next if nothing comes."""

    at: Time
    text: str
    computed_from: list[PartObject]


class ExpectedObject(Struct, kw_only=True, gc=False):
    """What would follow if nothing came."""

    at: Time
    status: Annotated[str | None, Meta(description="The new status; null: unchanged.")]
    notice: str | None
    alert_channel_ids: list[str]


class FoldedObject(Struct, kw_only=True, gc=False):
    """Which part of the journal was folded again."""

    topic: str
    partition: Count
    first_offset: Count
    last_offset: Annotated[int, Meta(description="Offset of the newest event at that time.")]
    upon: Annotated[str, Meta(description="Starting point of the folding: `beginning`, or the name of a snapshot.")]


class ExplanationObject(Struct, kw_only=True, gc=False):
    """Why a heartbeat check or a monitor was as it was at some time."""

    type: Literal["check", "monitor"]
    id: Uuid
    name: str
    at: Time
    status: Annotated[str, _STATUS] | None
    since: Time | None
    changes: Annotated[list[ChangeObject], Meta(description="The newest up to that time, oldest first.")]
    deadline: DeadlineObject | None
    next: list[ExpectedObject]
    folded: FoldedObject
    notes: Annotated[list[str], Meta(description="What the answer does not cover, and why.")]


def explanation_object(explanation: Explanation, sent: Mapping[str, SentNotice]) -> ExplanationObject:
    """The answer. sent: by delivery, those notices that are told of."""
    deadline, parts = explanation.deadline, [_part(each) for each in explanation.parts]
    folded = explanation.folded
    return ExplanationObject(
        type=explanation.kind,
        id=explanation.thing,
        name=explanation.name,
        at=exact_iso(explanation.at),
        status=explanation.status,
        since=_time(explanation.since),
        changes=[_change(each, sent) for each in explanation.changes],
        deadline=None
        if deadline is None
        else DeadlineObject(at=exact_iso(deadline.at), text=deadline.what, computed_from=parts),
        next=[_expected(each) for each in explanation.next],
        folded=FoldedObject(
            topic=folded.topic,
            partition=folded.partition,
            first_offset=folded.offset,
            last_offset=folded.last,
            upon=folded.start,
        ),
        notes=list(explanation.notes),
    )


def requested_of(explanation: Explanation) -> list[RequestedNotice]:
    """All notices that an explanation tells of."""
    return [each for change in explanation.changes for each in change.requested]


def _change(change: ExplainedChange, sent: Mapping[str, SentNotice]) -> ChangeObject:
    return ChangeObject(
        at=exact_iso(change.at),
        detected_at=exact_iso(change.detected_at),
        was=change.was,
        now=change.now,
        reason=change.reason,
        notice=change.notice or None,
        rule=change.rule,
        detail=change.detail or None,
        incident_id=change.incident,
        silent=change.silent,
        events=[event_object(each) for each in change.events],
        computed_from=[_part(each) for each in change.parts],
        sent=[sent[each.delivery] for each in change.requested if each.delivery in sent],
    )


def event_object(event: ExplainedEvent) -> EventObject:
    """An event of a journal as it is shown."""
    return EventObject(
        topic=event.topic,
        partition=event.partition,
        offset=event.offset,
        at=exact_iso(event.at),
        appended_at=exact_iso(event.appended),
        type=event.type,
        text=event.what,
    )


def _part(part: DeadlinePart) -> PartObject:
    return PartObject(name=part.name, text=part.value, at=_time(part.at))


def _expected(change: ExpectedChange) -> ExpectedObject:
    return ExpectedObject(
        at=exact_iso(change.at),
        status=change.status or None,
        notice=change.notice or None,
        alert_channel_ids=list(change.channels),
    )


def _time(at: Micros | None) -> str | None:
    return None if at is None else exact_iso(at)
