"""Who else was told: the channels that one notice goes to are named in the notice itself. Pure.

The requests for one notice are made channel by channel, wherever a fold tells something. Here they are looked at
together, when an event has been folded, so that no kind of notice can forget it: those of the same transition are told
by the same notice. Named are the channels that take it and are sent it now, as far as the fold knows; the others of a
version that did not tell their names are left out, never guessed.

`data.notified` of a notice has the first `MOST_NAMED` of them (id and name), whoever it goes to, and how many `more`
there are. Where fewer than two are told there is nothing to say.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from processors.fold.choices import Choices
from processors.fold.contract import Effect
from processors.fold.partition_time import time_of
from processors.fold.view import View
from schemas.deliveries import DeliveryRequested
from schemas.topics import DELIVERIES

# One more than a message names, which does not name the channel that it goes to.
MOST_NAMED = 11

# What a channel is called, if it is sent the request; empty: it is not, or that is not known.
NameOf = Callable[[str, DeliveryRequested], str]


def with_others(effects: Iterable[Effect], name_of: NameOf) -> list[Effect]:
    """The effects of an event, with the channels that are told together in each request for a delivery."""
    effects = list(effects)
    requests: dict[str, list[tuple[str, DeliveryRequested]]] = {}
    for topic, key, value, _ in effects:
        if topic is DELIVERIES and isinstance(value, DeliveryRequested):
            requests.setdefault(value.transition, []).append((key, value))
    told = {transition: found for transition, asked in requests.items() if (found := _told(asked, name_of))}
    if not told:
        return effects
    named: list[Effect] = []
    shared: DeliveryRequested | None = None
    made: DeliveryRequested | None = None
    for effect in effects:
        value = effect.value
        if isinstance(value, DeliveryRequested) and (notified := told.get(value.transition)) is not None:
            # Channels beside each other share one request, and go on sharing it.
            if made is None or value is not shared:
                shared, made = value, replace(value, data=value.data | {"notified": notified})
            effect = effect._replace(value=made)
        named.append(effect)
    return named


def name_in(choices: Choices, view: View) -> NameOf:
    """The names that a partition of checks or monitors has."""
    time = time_of(view)

    def name_of(channel: str, request: DeliveryRequested) -> str:
        is_told = request.anyway or choices.takes(channel, request.notices)
        return choices.name(channel, time) if is_told else ""

    return name_of


def _told(asked: Sequence[tuple[str, DeliveryRequested]], name_of: NameOf) -> dict[str, Any] | None:
    """`notified` of one notice; None: fewer than two are told."""
    if len(asked) < 2:
        return None
    names: dict[str, str] = {}
    for channel, request in asked:
        if channel not in names and (name := name_of(channel, request)):
            names[channel] = name
    if len(names) < 2:
        return None
    channels = [{"id": id, "name": name} for id, name in list(names.items())[:MOST_NAMED]]
    return {"channels": channels, "more": len(names) - len(channels)}
