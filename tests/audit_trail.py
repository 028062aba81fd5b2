"""The audit trail as the Management API shows it."""

from typing import Any

from tests.harness import POP_KEY, WRITE_KEY, Harness

AUDIT = "/api/v3/audit/"
CLIENT = "203.0.113.9"
BEARER = {"Authorization": f"Bearer {POP_KEY}", "X-Forwarded-For": CLIENT}


async def trail(harness: Harness, key: str = WRITE_KEY, **query: Any) -> list[dict[str, Any]]:
    answer = await harness.client.get(AUDIT, params=query, headers={"X-Api-Key": key})
    assert answer.status_code == 200, answer.text
    assert answer.json()["complete"] is True
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries
