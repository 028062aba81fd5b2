"""On-call rotations over the API, in memory: making and reading them."""

from typing import Any

from tests.harness import Harness
from tests.poppaping_client import V1

ON_CALL = f"{V1}/on-call"


def turn(name: str, *channels: str) -> dict[str, Any]:
    return {"name": name, "alert_channel_ids": list(channels)}


async def rotation(harness: Harness, *channels: str, **fields: Any) -> dict[str, Any]:
    """One of a day each, whose first turn is on call now."""
    turns = [turn(f"Person {place}", each) for place, each in enumerate(channels)]
    given = {"name": "Primary", "timezone": "Europe/Berlin", "handover": {"every_days": 1}, "turns": turns}
    answer = await harness.client.post(ON_CALL, json=given | fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def read(harness: Harness, id: str, query: str = "") -> dict[str, Any]:
    answer = await harness.client.get(f"{ON_CALL}/{id}{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


def on_call_step(minutes: int, *rotations: str) -> dict[str, Any]:
    return {"after_minutes": minutes, "on_call": list(rotations)}
