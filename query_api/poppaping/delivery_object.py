"""Deliveries of an alert channel as the PoppaPing API shows them."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from query_api.history.deliveries import FinishedRow
from query_api.http.field_types import Count, Time, Uuid, words
from query_api.poppaping.responses import time
from schemas.deliveries import Delivery
from schemas.notices import NOTICES, UNCHOSEN
from schemas.transitions import Outcome

_WebhookId = Annotated[Uuid, Meta(description="The `webhook-id`, the same over retries, replays and channels.")]
_Event = Annotated[str, words([*NOTICES, *UNCHOSEN])]


class StartedDelivery(Struct, kw_only=True):
    """A delivery that is to be sent."""

    id: Uuid
    event: _Event
    event_id: _WebhookId
    status: Literal["pending"] = "pending"


class ReplayedDelivery(StartedDelivery, kw_only=True):
    """A delivery that is to be sent again."""

    replay_id: Annotated[Uuid, Meta(description="The id of this replay.")]


class ReplayedDeliveries(Struct):
    """How many deliveries are to be sent again."""

    replayed: Count
    more: Annotated[bool, Meta(description="Whether further deliveries are not sent again.")]


class DeliveryObject(Struct, kw_only=True, gc=False):
    """A notice to an alert channel."""

    id: Uuid
    event: _Event
    event_id: _WebhookId | None
    replay_id: Annotated[Uuid | None, Meta(description="Which replay this is; null: the first sending.")]
    status: Annotated[str, words(["pending", *get_args(Outcome)])]
    attempts: Count
    created_at: Annotated[Time | None, Meta(description="When the first attempt was due.")]
    finished_at: Time | None
    next_attempt_at: Annotated[
        Time | None, Meta(description="Null while an attempt is under way, and when the delivery is finished.")
    ]
    last_error: str | None
    told_in: Annotated[Uuid | None, Meta(description="Of a gathered one: the delivery of the list that tells of it.")]


def pending_delivery(delivery: Delivery) -> DeliveryObject:
    """A delivery that is not finished."""
    return DeliveryObject(
        id=delivery.id,
        event=delivery.notice,
        event_id=delivery.event,
        replay_id=delivery.replay or None,
        status="pending",
        attempts=delivery.attempt - (delivery.due is None),
        created_at=time(delivery.first_due),
        finished_at=None,
        next_attempt_at=time(delivery.due),
        last_error=delivery.error or None,
        told_in=None,
    )


def finished_delivery(row: FinishedRow) -> DeliveryObject:
    """A delivery that is finished, as history has it."""
    gathered = row.outcome == "gathered"
    return DeliveryObject(
        id=row.delivery,
        event=row.notice,
        event_id=row.event or None,
        replay_id=row.replay or None,
        status=row.outcome,
        attempts=row.attempts,
        created_at=time(row.began),
        finished_at=time(row.at),
        next_attempt_at=None,
        last_error=None if gathered else row.detail or None,
        told_in=row.detail.rpartition(" ")[2] if gathered else None,
    )
