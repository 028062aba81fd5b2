"""Notices to a project about its channels: a channel was disabled, or requests to it fail. Pure.

- When a channel is disabled, the other channels are notified, except those that are disabled themselves.
- When many consecutive requests to a channel have failed, and its kind has this warning, the project's mail channels
  with a confirmed address are warned. Without such a channel there is no warning.

The number of notices is bounded, for example after a mail server was down for days: per project at most `MOST_A_DAY`
channels within a day, each reported to `MOST_TOLD` channels.
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
from schemas.notices import AnyNotice
from schemas.requests import ChannelDisabled, ChannelFailing
from schemas.topics import DELIVERIES

MOST_A_DAY = 10
MOST_TOLD = 100
_DAY: Micros = 86_400 * SECOND


def tell_of_disabled(view: View, index: ProjectIndex, project: str, event: ChannelDisabled) -> list[Effect]:
    """Note that the channel is disabled, and request one notice of it for each of the others."""
    channel, others = _noted(view, index, project, event, disabled_at=event.at)
    if channel is None:
        return []
    transition = derived_id(channel.id, "disabled", event.at)
    detail = f"{event.because}; it was removed" if event.removed else event.because
    return _told(others, channel, event, transition, "channel.disabled", detail)


def warn_of_failing(view: View, index: ProjectIndex, project: str, event: ChannelFailing) -> list[Effect]:
    """Note that the channel fails, and request a mail of it for each channel that has somebody to read it."""
    channel, others = _noted(view, index, project, event, failing_at=event.at)
    if channel is None:
        return []
    readers = [each for each in others if _is_read(each) and each.id != channel.id]
    transition = derived_id(channel.id, "failing", event.failures, event.at)
    detail = f"the last {event.failures} requests failed; the newest: {event.because}"
    return _told(readers, channel, event, transition, "channel.failing", detail)


def _noted(
    view: View, index: ProjectIndex, project: str, event: ChannelDisabled | ChannelFailing, **news: Micros
) -> tuple[Channel | None, list[Channel]]:
    """Record the news; the channel that it is of, as it was, and those of the project that are not disabled.

    None: it was removed meanwhile, or there was too much news.
    """
    channel = view.get(f"channel/{event.channel}")
    if not isinstance(channel, Channel) or channel.project != project:
        return None, []
    view.put(definition_key(channel), replace(channel, **news))
    channels: list[Channel] = [view.get(f"channel/{id}") for id in index.channels(project)]
    if _is_flood(channels, event.at):
        return None, []
    return channel, [each for each in channels if each.disabled_at is None]


def _is_flood(channels: list[Channel], at: Micros) -> bool:
    """Whether there was news of so many of these channels that nobody wants more of it."""
    newest = [max(each.disabled_at or 0, each.failing_at or 0) for each in channels]
    return sum(1 for news in newest if news and 0 <= at - news < _DAY) > MOST_A_DAY


def _is_read(channel: Channel) -> bool:
    """Whether it is sent by mail to somebody who agreed."""
    return CHANNEL_KINDS[channel.kind].by_mail and bool(set(channel.addresses) - set(channel.unconfirmed))


def _told(
    to: list[Channel],
    channel: Channel,
    event: ChannelDisabled | ChannelFailing,
    transition: str,
    notice: AnyNotice,
    detail: str,
) -> list[Effect]:
    data = _data(channel, event, detail)
    request = DeliveryRequested(transition=transition, at=event.at, notices=(notice,), data=data)
    return [Effect(DELIVERIES, each.id, request) for each in to[:MOST_TOLD]]


def _data(channel: Channel, event: ChannelDisabled | ChannelFailing, detail: str) -> dict[str, Any]:
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
        "detail": detail,
    }
