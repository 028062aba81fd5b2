"""A channel was given up: the other channels of its project are told, so that somebody knows. Pure.

Channels that are disabled themselves are not told. When a great many are given up, as when a mail server was away for
days, nobody is flooded: of one project `MOST_A_DAY` are told of within a day, each to `MOST_TOLD` channels.
"""

from typing import Any

from msgspec.structs import replace

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.index import ProjectIndex
from schemas.base import SECOND, Micros
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel, definition_key
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.requests import ChannelDisabled
from schemas.topics import DELIVERIES

MOST_A_DAY = 10
MOST_TOLD = 100
_DAY: Micros = 86_400 * SECOND


def tell_of_disabled(view: View, index: ProjectIndex, project: str, event: ChannelDisabled) -> list[Effect]:
    """Note that the channel is disabled, and request one notice of it for each of the others."""
    channel = view.get(f"channel/{event.channel}")
    if not isinstance(channel, Channel) or channel.project != project:
        return []  # removed meanwhile
    view.put(definition_key(channel), replace(channel, disabled_at=event.at))
    channels: list[Channel] = [view.get(f"channel/{id}") for id in index.channels(project)]
    ago = [event.at - each.disabled_at for each in channels if each.disabled_at is not None]
    if sum(1 for age in ago if 0 <= age < _DAY) > MOST_A_DAY:
        return []
    transition = derived_id(channel.id, "disabled", event.at)
    request = DeliveryRequested(
        transition=transition, at=event.at, notices=("channel.disabled",), data=_data(channel, event)
    )
    others = [each.id for each in channels if each.disabled_at is None]
    return [Effect(DELIVERIES, id, request) for id in others[:MOST_TOLD]]


def _data(channel: Channel, event: ChannelDisabled) -> dict[str, Any]:
    """What identifies the channel to people. Of its address only the host: the rest may be a secret.

    `monitor` is there for receivers that read of every notice which thing it is about.
    """
    told = CHANNEL_KINDS[channel.kind].redact(channel)
    name = f"Alert channel {channel.name or told or channel.id}"
    return {
        "channel": {
            "id": channel.id,
            "name": channel.name,
            "channel_type": channel.kind,
            "host": told,
            "failures": event.failures,
        },
        "monitor": {"id": channel.id, "name": name, "url": "/", "kind": "channel", "current_status": "down"},
        "incident": None,
        "detail": event.because,
    }
