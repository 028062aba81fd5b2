"""Escalation policies over the API, in memory: making them, taking things down, and what is pending then."""

from typing import Any

from schemas.definitions import Channel
from schemas.deliveries import Delivery
from schemas.ids import new_id
from schemas.requests import ChannelCreate
from schemas.topics import DELIVERIES
from tests.harness import Harness
from tests.poppaping_client import V1, made

POLICIES = f"{V1}/escalation-policies"


def channel(harness: Harness, name: str) -> str:
    """A channel that has chosen nothing of what is down."""
    wanted = Channel(
        id=new_id(),
        project=harness.project,
        kind="webhook",
        url=f"https://{name}.test/",
        created=0,
        name=name,
        notices=("monitor.ssl_expiration",),
    )
    harness.request(harness.project, ChannelCreate(request=new_id(), at=harness.log.time, channel=wanted))
    return wanted.id


def step(minutes: int, *channels: str, own: bool = False) -> dict[str, Any]:
    return {"after_minutes": minutes, "alert_channel_ids": list(channels), "own_channels": own, "on_call": []}


async def policy(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.post(POLICIES, json={"name": "Night"} | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def down(harness: Harness, **fields: Any) -> str:
    id: str = (await made(harness, confirmations=1, **fields))["id"]
    harness.log.probe(id)
    harness.log.tick(60)
    harness.log.probe(id, ok=False)
    return id


def keep_down(harness: Harness, id: str, minutes: int) -> None:
    for _ in range(minutes):
        harness.log.tick(60)
        harness.log.probe(id, ok=False)


def sent(harness: Harness, to: str) -> list[str]:
    """The notices that are pending for a channel: nobody sends here."""
    records = (harness.log.records_of(DELIVERIES, number).values() for number in range(harness.log.partitions))
    pending = (record for some in records for record in some if isinstance(record, Delivery))
    return [delivery.notice for delivery in pending if delivery.channel == to]
