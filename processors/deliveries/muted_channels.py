"""Channels that are muted: what is not sent to them, and what they are told when the mute is over. Pure.

The contract:

- While a channel is muted nothing is sent to it but what somebody asks for (a test, a replay). Each notice ends at once
  as `muted`, so that the log of the channel has it. What was pending before goes on.
- At the end, be it by its time or by hand, the channel is told of each incident that began within the mute and is still
  open. Only the fold of the thing knows that: it is asked (`schemas.incidents.IncidentToTell`), and tells this channel
  alone, unless somebody has acknowledged the incident. What began and ended within the mute is not told at all.
- What was told before is always told to be over: such a notice is kept, and sent at the end.
- A notice that comes after the end, but before the tick that passes it, ends the mute first. So nobody is told that
  something is down after they were told that it is up.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from processors.deliveries.ends import finished
from processors.fold.contract import Effect
from processors.fold.view import View
from processors.fold.wheel import Wheel
from schemas.base import Micros
from schemas.deliveries import MUTE, Delivery, Endpoint, KeptNotice, endpoint_key, kept_key, mute_key
from schemas.ids import derived_id, is_uuid
from schemas.incidents import IncidentToTell
from schemas.mutes import is_muted
from schemas.notices import AnyNotice
from schemas.topics import PINGS, PROBE_RESULTS

# So many notices are kept for a channel. Of those beyond nobody is told at the end.
MOST_KEPT = 10_000
MUTED = "the channel is muted"
# What is told to be over, and by which notice.
_OPENING: Mapping[AnyNotice, AnyNotice] = {
    "monitor.recovered": "monitor.down",
    "incident.resolved": "incident.created",
}


class MutedChannels:
    """Those of one partition; beside the view, what is kept for each of them."""

    def __init__(self, view: View, wheel: Wheel) -> None:
        self._view, self._wheel = view, wheel
        self._kept: dict[str, dict[str, None]] = {}

    def follow(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        """A record changed from `old` to `new`."""
        if isinstance(old, KeptNotice):
            kept = self._kept[old.channel]
            del kept[key]
            if not kept:
                del self._kept[old.channel]
        if isinstance(new, KeptNotice):
            self._kept.setdefault(new.channel, {})[key] = None
        if isinstance(new, Endpoint) and isinstance(new.mute_until, int):
            self._wheel.set(mute_key(new.id), new.mute_until)

    def is_there(self, key: str) -> bool:
        """Whether an entry of the wheel still means something."""
        return key.partition("/")[2] in self._kept

    def until(self, channel: str, now: Micros) -> bool:
        """Whether nothing is sent to a channel now."""
        endpoint = self._view.get(endpoint_key(channel))
        return isinstance(endpoint, Endpoint) and is_muted(endpoint.mute_until, now)

    def take(self, delivery: Delivery, data: Mapping[str, Any], now: Micros) -> list[Effect]:
        """A delivery to a channel that is muted: it ends, and what the channel is to hear at the end is kept."""
        self._keep(delivery, data)
        return [finished(delivery, "muted", 0, now, MUTED)]

    def end(self, channel: str, now: Micros) -> tuple[list[Effect], list[Delivery]]:
        """If a mute is over, what follows from that: what folds are asked, and what is to be sent now."""
        if channel not in self._kept:
            return [], []
        if self.until(channel, now):
            endpoint: Endpoint = self._view.get(endpoint_key(channel))
            if isinstance(endpoint.mute_until, int):
                self._wheel.set(mute_key(channel), endpoint.mute_until)
            return [], []
        asked: list[Effect] = []
        over: list[Delivery] = []
        told: set[tuple[str, str]] = set()
        for key in sorted(self._kept[channel]):
            kept: KeptNotice = self._view.get(key)
            if kept.delivery is not None:
                over.append(msgspec.structs.replace(kept.delivery, first_due=now))
            elif (kept.thing, kept.incident) not in told:
                told.add((kept.thing, kept.incident))
                event = IncidentToTell(at=now, incident=kept.incident, channel=channel)
                asked.append(Effect(PINGS if kept.of_check else PROBE_RESULTS, kept.thing, event))
        self.forget(channel)
        return asked, over

    def forget(self, channel: str) -> None:
        """The channel is removed, or its mute is over."""
        for key in sorted(self._kept.get(channel, ())):
            self._view.delete(key)

    def _keep(self, delivery: Delivery, data: Mapping[str, Any]) -> None:
        thing, incident, of_check = _about(data)
        if not thing or not incident:
            return
        channel, notice = delivery.channel, delivery.notice
        opening = _OPENING.get(notice)
        if opening is not None:
            known = kept_key(channel, derived_id(incident, opening))
            if self._view.get(known) is not None:
                self._view.delete(known)  # it began within the mute: nobody hears of either
                return
        elif notice not in _OPENING.values():
            return
        key = kept_key(channel, derived_id(incident, notice))
        if self._view.get(key) is None and len(self._kept.get(channel, ())) < MOST_KEPT:
            over = None if opening is None else delivery
            kept = KeptNotice(channel=channel, thing=thing, incident=incident, of_check=of_check, delivery=over)
            self._view.put(key, kept)
            endpoint: Endpoint = self._view.get(endpoint_key(channel))
            if isinstance(endpoint.mute_until, int):
                self._wheel.set(mute_key(channel), endpoint.mute_until)


def is_mute(key: str) -> bool:
    """Whether an entry of the wheel is the end of a mute."""
    return key.startswith(f"{MUTE}/")


def _about(data: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The ids of the thing and the incident that a notice is about, "" without any; whether it is of a check."""
    monitor, incident = data.get("monitor"), data.get("incident")
    if not isinstance(monitor, dict) or not isinstance(incident, dict):
        return "", "", False
    thing, id = monitor.get("id"), incident.get("id")
    if not isinstance(thing, str) or not isinstance(id, str) or not is_uuid(thing) or not is_uuid(id):
        return "", "", False
    return thing, id, monitor.get("kind") == "heartbeat"
