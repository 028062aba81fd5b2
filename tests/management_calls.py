"""Calls of the Management API, for its tests."""

from typing import Any

import httpx

from tests.harness import Harness

CHECKS = "/api/v3/checks/"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def made(harness: Harness, **fields: Any) -> dict[str, Any]:
    """A new check, as it is answered."""
    answer = await harness.client.post(CHECKS, json=fields)
    assert answer.status_code == 201, answer.text
    check: dict[str, Any] = answer.json()
    return check


async def seen(harness: Harness, id: str, version: int = 3) -> dict[str, Any]:
    """A check as it is read; nothing is held back."""
    answer = await harness.client.get(f"/api/v{version}/checks/{id}")
    assert answer.status_code == 200
    assert "Pingfold-Stale" not in answer.headers
    check: dict[str, Any] = answer.json()
    return check


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """The status and the words of a refusal."""
    return answer.status_code, answer.json()["error"]
