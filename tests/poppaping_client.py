"""A client of the PoppaPing API v1 over the real folds, in memory."""

from typing import Any

import httpx

from tests.harness import POP_KEY, Harness

LIMIT_HEADERS = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
V1 = "/api/v1"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
OTHERS_KEY = "p" * 32  # of the harness's other project
BODY = {"name": "Production API", "url": "https://api.example.com/health", "interval_seconds": 60}


def with_key(harness: Harness, key: str = POP_KEY) -> Harness:
    del harness.client.headers["X-Api-Key"]
    harness.client.headers["Authorization"] = f"Bearer {key}"
    return harness


async def made(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.post(f"{V1}/monitors", json=BODY | fields)
    assert answer.status_code == 201, answer.text
    monitor: dict[str, Any] = answer.json()["data"]
    return monitor


async def seen(harness: Harness, id: str) -> dict[str, Any]:
    answer = await harness.client.get(f"{V1}/monitors/{id}")
    assert answer.status_code == 200, answer.text
    monitor: dict[str, Any] = answer.json()["data"]
    return monitor


def fault(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "message"}
    assert body["message"]
    return answer.status_code, body["error"]
