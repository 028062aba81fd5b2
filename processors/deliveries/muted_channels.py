"""Muted channels: which notices they do not get, and which they get after the mute. Pure.

The contract:

- A muted channel gets only what somebody requests (a test, a replay). Each notice ends at once as `muted`, so that the
  delivery log contains it. Earlier pending deliveries continue; what waits for the end of quiet hours also waits for
  the end of the mute.
- At the end of the mute, by time or by hand, the channel is notified of each incident that it missed during the mute,
  and that is still open. Only the fold of the check or monitor knows this: it is asked
  (`schemas.incidents.IncidentToTell`), and notifies this channel only, unless somebody has acknowledged the incident.
  Incidents that began and ended during the mute are not reported.
- The recovery from an earlier incident is always sent. It is stored, and sent at the end under the same id, as a
  `replay`; then it is handled like any other notice, also in digests and quiet hours.
- A notice that arrives after the end of the mute, but before the tick past it, ends the mute first. So no one is
  notified of a failure after its recovery.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from processors.deliveries.ends import finished
from processors.deliveries.pending import size_of
from processors.deliveries.retry_policy import MOST_PENDING_SIZE
from processors.fold.contract import Effect
from processors.fold.view import View
from processors.fold.wheel import Wheel
from schemas.base import SECOND, Micros
from schemas.deliveries import (
    MUTE,
    Delivery,
    Endpoint,
    EndpointHealth,
    KeptNotice,
    delivery_key,
    endpoint_key,
    health_key,
    kept_key,
    mute_key,
)
from schemas.gatherings import GatheredThing
from schemas.ids import derived_id, is_uuid
from schemas.incidents import IncidentToTell
from schemas.mutes import is_muted
from schemas.notices import AnyNotice
from schemas.times import read_iso
from schemas.topics import PINGS, PROBE_RESULTS

# So many notices are kept for a channel, with bodies of so many characters. Of those beyond nobody is told at the end.
MOST_KEPT = 10_000
MOST_KEPT_SIZE = MOST_PENDING_SIZE
MUTED = "the channel is muted"
# What is told to be over, and by which notice.
_OPENING: Mapping[AnyNotice, AnyNotice] = {
    "monitor.recovered": "monitor.down",
    "incident.resolved": "incident.created",
}


class Over(NamedTuple):
    """What a channel is told at the end of its mute: a delivery, and what a list says of it, if that is known."""

    delivery: Delivery
    thing: GatheredThing | None


class MutedChannels:
    """Those of one partition; beside the view, what is kept for each of them."""

    def __init__(self, view: View, wheel: Wheel) -> None:
        self._view, self._wheel = view, wheel
        self._kept: dict[str, dict[str, None]] = {}
        self._sizes: dict[str, int] = {}

    def follow(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        """A record changed from `old` to `new`."""
        if isinstance(old, KeptNotice):
            kept = self._kept[old.channel]
            del kept[key]
            self._sizes[old.channel] -= _size(old)
            if not kept:
                del self._kept[old.channel], self._sizes[old.channel]
        if isinstance(new, KeptNotice):
            self._kept.setdefault(new.channel, {})[key] = None
            self._sizes[new.channel] = self._sizes.get(new.channel, 0) + _size(new)
        if isinstance(new, Endpoint) and isinstance(new.mute_until, int):
            self._wheel.set(mute_key(new.id), new.mute_until)

    def is_there(self, key: str) -> bool:
        """Whether an entry of the wheel still means something."""
        return key.partition("/")[2] in self._kept

    def number(self, channel: str) -> int:
        """How many notices are kept for a channel."""
        return len(self._kept.get(channel, ()))

    def until(self, channel: str, now: Micros) -> bool:
        """Whether nothing is sent to a channel now."""
        endpoint = self._view.get(endpoint_key(channel))
        return isinstance(endpoint, Endpoint) and is_muted(endpoint.mute_until, now)

    def began(self, endpoint: Endpoint, now: Micros) -> Micros | None:
        """When the mute began that a channel has by the definition that comes now; None: it has none."""
        if not is_muted(endpoint.mute_until, now):
            return None
        health: EndpointHealth | None = self._view.get(health_key(endpoint.id))
        goes_on = self.until(endpoint.id, now) or endpoint.id in self._kept
        return health.muted_at if health is not None and health.muted_at is not None and goes_on else now

    def take(
        self, delivery: Delivery, thing: GatheredThing | None, data: Mapping[str, Any], now: Micros
    ) -> list[Effect]:
        """A delivery to a channel that is muted: it ends, and what the channel is to hear at the end is kept."""
        self._keep(delivery, thing, data)
        return [finished(delivery, "muted", 0, now, MUTED)]

    def end(self, channel: str, now: Micros) -> tuple[list[Effect], list[Over]]:
        """If a mute is over, what follows from that: what folds are asked, and what is to be sent now, oldest first."""
        if channel not in self._kept:
            return [], []
        if self.until(channel, now):
            endpoint: Endpoint = self._view.get(endpoint_key(channel))
            if isinstance(endpoint.mute_until, int):
                self._wheel.set(mute_key(channel), endpoint.mute_until)
            return [], []
        asked: list[Effect] = []
        over: list[KeptNotice] = []
        told: set[tuple[str, str]] = set()
        for key in sorted(self._kept[channel]):
            kept: KeptNotice = self._view.get(key)
            if kept.delivery is not None:
                over.append(kept)
            elif (kept.thing, kept.incident) not in told:
                told.add((kept.thing, kept.incident))
                event = IncidentToTell(at=now, incident=kept.incident, channel=channel)
                asked.append(Effect(PINGS if kept.of_check else PROBE_RESULTS, kept.thing, event))
        self.forget(channel)
        return asked, self._begun(over, now)

    def _begun(self, over: list[KeptNotice], now: Micros) -> list[Over]:
        """What is sent now: not what somebody has asked for meanwhile, and is pending."""
        begun: list[Over] = []
        deliveries = [(kept.delivery, kept.told) for kept in over if kept.delivery is not None]
        for delivery, thing in sorted(deliveries, key=lambda each: (each[0].first_due, each[0].id)):
            if self._view.get(delivery_key(delivery.id)) is None:
                replay = derived_id(delivery.id, "mute over", now)
                begun.append(Over(msgspec.structs.replace(delivery, first_due=now, replay=replay), thing))
        return begun

    def forget(self, channel: str) -> None:
        """The channel is removed, or its mute is over."""
        for key in sorted(self._kept.get(channel, ())):
            self._view.delete(key)

    def _keep(self, delivery: Delivery, thing: GatheredThing | None, data: Mapping[str, Any]) -> None:
        about, incident, of_check = _about(data)
        if not about or not incident:
            return
        channel, notice = delivery.channel, delivery.notice
        opening = _OPENING.get(notice)
        if opening is not None:
            known = kept_key(channel, derived_id(incident, opening))
            is_known = self._view.get(known) is not None
            self._view.delete(known)
            if self._began_within(channel, data, is_known):
                return  # nobody hears of either
        elif notice not in _OPENING.values():
            return
        key = kept_key(channel, derived_id(incident, notice))
        kept = KeptNotice(channel=channel, thing=about, incident=incident, of_check=of_check)
        if opening is not None:
            kept = msgspec.structs.replace(kept, delivery=delivery, told=thing)
        if self._view.get(key) is not None or not self._has_room(channel, kept):
            return
        self._view.put(key, kept)
        endpoint: Endpoint = self._view.get(endpoint_key(channel))
        if isinstance(endpoint.mute_until, int):
            self._wheel.set(mute_key(channel), endpoint.mute_until)

    def _has_room(self, channel: str, kept: KeptNotice) -> bool:
        size = self._sizes.get(channel, 0) + _size(kept)
        return self.number(channel) < MOST_KEPT and size <= MOST_KEPT_SIZE

    def _began_within(self, channel: str, data: Mapping[str, Any], is_known: bool) -> bool:
        """Whether an incident began within the mute, by the second; where times do not tell, whether that is kept."""
        health: EndpointHealth | None = self._view.get(health_key(channel))
        started = data["incident"].get("started_at")
        if health is None or health.muted_at is None or not isinstance(started, str):
            return is_known
        try:
            return read_iso(started) >= health.muted_at // SECOND * SECOND
        except (ValueError, OverflowError):
            return is_known


def is_mute(key: str) -> bool:
    """Whether an entry of the wheel is the end of a mute."""
    return key.startswith(f"{MUTE}/")


def _size(kept: KeptNotice) -> int:
    return 0 if kept.delivery is None else size_of(kept.delivery)


def _about(data: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The ids of the thing and the incident that a notice is about, "" without any; whether it is of a check."""
    monitor, incident = data.get("monitor"), data.get("incident")
    if not isinstance(monitor, dict) or not isinstance(incident, dict):
        return "", "", False
    thing, id = monitor.get("id"), incident.get("id")
    if not isinstance(thing, str) or not isinstance(id, str) or not is_uuid(thing) or not is_uuid(id):
        return "", "", False
    return thing, id, monitor.get("kind") == "heartbeat"
