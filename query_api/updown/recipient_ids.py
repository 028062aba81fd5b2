"""Recipients as the updown API names them: `<type>:<number>`."""

from collections.abc import Iterable, Mapping

from schemas.channels.kind import ChannelKind
from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel

# The kinds of channels that this API makes, by what it calls them.
RECIPIENT_KINDS: Mapping[str, ChannelKind] = {
    kind.recipient_type: kind for kind in CHANNEL_KINDS.values() if kind.recipient_type and kind.by_value
}
# What it knows, and only lists: such a channel needs more than one value.
LISTED_ONLY: Mapping[str, ChannelKind] = {
    kind.recipient_type: kind for kind in CHANNEL_KINDS.values() if kind.recipient_type and not kind.by_value
}


def recipient_type(channel: Channel) -> str:
    """`email`, `webhook`; a kind that only other APIs make has its own name."""
    return CHANNEL_KINDS[channel.kind].recipient_type or channel.kind


def recipient_id(channel: Channel) -> str:
    """`email:1246848337`."""
    return f"{recipient_type(channel)}:{channel.number or channel.id}"


def named(ids: Iterable[str], channels: Iterable[Channel]) -> tuple[list[Channel], list[str]]:
    """The channels that ids name, each once, and the ids that name none of them."""
    known = {recipient_id(channel): channel for channel in channels}
    wanted = list(dict.fromkeys(ids))
    return [known[id] for id in wanted if id in known], [id for id in wanted if id not in known]
