"""How a channel does, and what it takes, in words for people. Pure."""

from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET

from query_api.web.shown.notice_words import NOTICE_WORDS as NOTICE_WORDS
from query_api.web.shown.sentences import clause
from query_api.web.shown.shown_times import ShownTimes
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.channels.reading import shown
from schemas.definitions import Channel
from schemas.deliveries import EndpointHealth
from schemas.mutes import is_muted

Look = Literal["up", "late", "down", "none"]


class ChannelState(NamedTuple):
    """look: a status of a thing that looks alike. word: for a badge. why: what is to be known of it; may be empty."""

    look: Look
    word: str
    why: str


def state_of(channel: Channel, health: EndpointHealth, times: ShownTimes) -> ChannelState:
    """How a channel does now."""
    if health.disabled:
        since = "" if health.disabled_at is None else f" since {times.clock(health.disabled_at)}"
        because = f": {clause(health.disabled_because)}" if health.disabled_because else ""
        return ChannelState("down", "disabled", f"Nothing is sent{since}{because}.")
    if channel.mute_until is not None and is_muted(channel.mute_until, times.now):
        until = "" if channel.mute_until == "forever" else f" until {times.clock(channel.mute_until)}"
        return ChannelState("none", "muted", f"Nothing is sent{until or ', until somebody ends it'}.")
    if channel.addresses and set(channel.addresses) <= set(channel.unconfirmed):
        return ChannelState("late", "unconfirmed", "Nothing is sent before the owner of its address has confirmed.")
    if health.failures:
        since = "" if health.failing_since is None else f" since {times.clock(health.failing_since)}"
        many = "1 attempt" if health.failures == 1 else f"{health.failures} attempts"
        return ChannelState("late", "failing", f"{many} failed{since}, and none succeeded.")
    if health.last_success is None:
        return ChannelState("none", "unused", "Nothing was sent yet.")
    return ChannelState("up", "works", f"It last took something {times.clock(health.last_success)}.")


def settings_of(channel: Channel) -> list[tuple[str, str]]:
    """Where it leads, and how: names and values, without secrets."""
    told: dict[str, Any] = msgspec.structs.asdict(shown(CHANNEL_KINDS[channel.kind], channel, "config"))
    return [(field_words(name), _text(value)) for name, value in told.items() if value is not UNSET]


def field_words(name: str) -> str:
    """The name of a field as a form has it."""
    words = name.replace("_", " ")
    return (words[:1].upper() + words[1:]).replace("Url", "URL").replace(" url", " URL").replace(" id", " ID")


def taken(channel: Channel) -> list[str]:
    """What it takes."""
    return [NOTICE_WORDS[notice] for notice in channel.notices]


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
