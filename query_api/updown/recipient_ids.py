"""Recipients as the updown API names them: `<type>:<number>`."""

from collections.abc import Iterable

from schemas.definitions import Channel


def recipient_id(channel: Channel) -> str:
    """`email:1246848337`."""
    return f"{channel.kind}:{channel.number or channel.id}"


def named(ids: Iterable[str], channels: Iterable[Channel]) -> tuple[list[Channel], list[str]]:
    """The channels that ids name, each once, and the ids that name none of them."""
    known = {recipient_id(channel): channel for channel in channels}
    wanted = list(dict.fromkeys(ids))
    return [known[id] for id in wanted if id in known], [id for id in wanted if id not in known]
