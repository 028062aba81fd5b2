"""The audit trail of what people ask of a channel's deliveries: tests, and sending again. Pure."""

from typing import Literal

from processors.fold.audit import command_of, entry
from processors.fold.contract import Context, Effect
from processors.fold.view import View
from schemas.base import Micros
from schemas.deliveries import Delivery, DeliveryReplayed, DeliveryRequested, Endpoint, delivery_key, endpoint_key
from schemas.topics import DELIVERIES
from schemas.transitions import FieldChange


def asked_for(
    view: View,
    event: DeliveryRequested | DeliveryReplayed,
    action: Literal["tested", "replayed"],
    delivery: Delivery,
    now: Micros,
    context: Context,
) -> list[Effect]:
    """The entry for a delivery that somebody asked for; none when it came to nothing."""
    endpoint = view.get(endpoint_key(delivery.channel))
    if not isinstance(endpoint, Endpoint) or view.get(delivery_key(delivery.id)) is None:
        return []
    told = (FieldChange(field="delivery", new=delivery.id), FieldChange(field="event", new=delivery.notice))
    command = command_of(event, event.actor, delivery.channel, now)
    return [entry(command, context, DELIVERIES, action, project=endpoint.project, kind="channel", changes=told)]
