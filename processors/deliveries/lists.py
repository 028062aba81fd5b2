"""The body of a digest, rendered when it is sent, or when it ends otherwise. Pure.

`data.digest` has the time of the first notice (`from`), the number of notices, their number by event (`counts`; for
each named monitor or check by its newest notice), the named monitors and checks, the number of notices of others
(`more`), and if some of those are down, the start of the first downtime (`more_since`).
"""

from typing import Any

from msgspec.structs import replace

from processors.fold.view import View
from processors.sender.notice_body import render_body
from schemas.base import Micros
from schemas.deliveries import Delivery
from schemas.gatherings import GatheredThing, Gathering, gathering_key, quiet_key
from schemas.notices import DIGEST
from schemas.times import iso


def gathering_of(view: View, waiting: Delivery) -> tuple[str, Gathering] | None:
    """What was gathered that a waiting delivery tells of, and its key."""
    for key in (gathering_key(waiting.channel), quiet_key(waiting.channel)):
        gathering = view.get(key)
        if isinstance(gathering, Gathering) and gathering.waiting == waiting.id:
            return key, gathering
    return None


def with_body(view: View, delivery: Delivery, now: Micros) -> Delivery:
    """A delivery as it is sent: a list that has grown until now is rendered."""
    if delivery.attempt or delivery.notice != DIGEST or (found := gathering_of(view, delivery)) is None:
        return delivery
    key, gathering = found
    why = "quiet hours" if key == quiet_key(delivery.channel) else "storm"
    return replace(delivery, body=render_body(DIGEST, now, _data_of(gathering, why)))


def _data_of(gathering: Gathering, why: str) -> dict[str, Any]:
    """`data` of a list."""
    things = list(gathering.things.values())
    counts = dict(gathering.left)
    for thing in things:
        counts[thing.notice] = counts.get(thing.notice, 0) + 1
    digest = {
        "why": why,
        "from": iso(gathering.began),
        "notices": gathering.total,
        "counts": dict(sorted(counts.items())),
        "things": [_shown(thing) for thing in things],
        "more": sum(gathering.left.values()),
    }
    if gathering.left_since:
        digest["more_since"] = iso(gathering.left_since)
    return {"monitor": None, "incident": None, "digest": digest}


def _shown(thing: GatheredThing) -> dict[str, Any]:
    told: dict[str, Any] = {
        "event": thing.notice,
        "first_event": thing.first or thing.notice,
        "at": iso(thing.at),
        "monitor": {"id": thing.thing, "name": thing.name, "kind": thing.kind},
        "cause": thing.cause,
        "incident": {"id": thing.incident, "started_at": thing.since} if thing.incident else None,
    }
    return told | ({"escalation": {"policy": thing.escalation}} if thing.escalation else {})
