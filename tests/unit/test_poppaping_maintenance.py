"""Windows of maintenance over the API, in memory, and what they do to a monitor."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.base import SECOND
from tests.harness import Harness
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, V1, fault, made, seen, with_key

WINDOWS = f"{V1}/maintenance-windows"


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


def at(harness: Harness, seconds: int) -> str:
    return datetime.fromtimestamp(harness.log.time // SECOND + seconds, UTC).isoformat()


async def announced(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.post(WINDOWS, json={"name": "Deploy"} | fields)
    assert answer.status_code == 201, answer.text
    window: dict[str, Any] = answer.json()["data"]
    return window


async def test_a_failure_in_a_window_alerts_nobody(harness: Harness) -> None:
    harness.make_channel("hook")
    id = (await made(harness))["id"]
    harness.log.probe(id)
    window = await announced(harness, starts_at=at(harness, 10), ends_at=at(harness, 100))
    assert (window["active"], window["next_start_at"]) == (False, window["starts_at"])
    harness.log.tick(11)
    assert (await seen(harness, id))["current_status"] == "maintenance"
    assert (await harness.client.get(f"{WINDOWS}/{window['id']}")).json()["data"]["active_until"] == window["ends_at"]
    for _ in range(3):
        harness.log.tick(20)
        harness.log.probe(id, ok=False)
    assert (await harness.client.get(f"{V1}/incidents")).json()["data"] == []
    harness.log.tick(40)
    assert (await seen(harness, id))["current_status"] == "up"
    harness.log.probe(id, ok=False)
    harness.log.probe(id, ok=False)
    assert (await seen(harness, id))["current_status"] == "down"


async def test_a_window_recurs_and_is_changed_and_deleted(harness: Harness) -> None:
    id, other = (await made(harness))["id"], (await made(harness, name="other"))["id"]
    window = await announced(
        harness, schedule="0 2 * * 0", timezone="Europe/Riga", duration_minutes=120, monitor_ids=[id]
    )
    assert (window["schedule"], window["timezone"], window["duration_minutes"]) == ("0 2 * * 0", "Europe/Riga", 120)
    path = f"{WINDOWS}/{window['id']}"
    changed = (
        await harness.client.patch(path, json={"starts_at": at(harness, -5), "ends_at": at(harness, 500)})
    ).json()
    assert (changed["data"]["schedule"], changed["data"]["active"]) == (None, True)
    assert (await seen(harness, id))["current_status"] == "maintenance"
    assert (await seen(harness, other))["current_status"] == "pending"
    assert (await harness.client.patch(path, json={"name": "Move"})).json()["data"]["name"] == "Move"
    assert (await harness.client.get(WINDOWS)).json()["meta"]["total"] == 1
    assert (await harness.client.delete(path)).json() == {"data": {"id": window["id"], "deleted": True}}
    assert (await seen(harness, id))["current_status"] == "pending"
    for method in ("GET", "PATCH", "DELETE"):
        assert fault(await harness.client.request(method, path, json={})) == (404, "not_found")


async def test_nobody_sees_the_windows_of_others(harness: Harness) -> None:
    window = await announced(harness, starts_at=at(harness, 10), ends_at=at(harness, 100))
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(WINDOWS, headers=others)).json()["data"] == []
    answer = await harness.client.get(f"{WINDOWS}/{window['id']}", headers=others)
    assert fault(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "'starts_at'"),
        ({"starts_at": "2026-03-01T10:00:00+00:00"}, "'ends_at'"),
        ({"starts_at": "2026-03-01T10:00:00", "ends_at": "2026-03-01T11:00:00"}, "offset"),
        ({"starts_at": "2026-03-01T10:00:00Z", "ends_at": "2026-03-01T10:00:00Z"}, "must end after"),
        ({"starts_at": "soon", "ends_at": "later"}, "'starts_at'"),
        ({"schedule": "0 2 * *", "duration_minutes": 5}, "'schedule'"),
        ({"schedule": "0 2 * * *", "timezone": "Mars/Base", "duration_minutes": 5}, "'timezone'"),
        ({"schedule": "0 2 * * *"}, "'duration_minutes'"),
        ({"schedule": "0 2 * * *", "duration_minutes": 0}, "'duration_minutes'"),
        (
            {
                "schedule": "0 2 * * *",
                "duration_minutes": 5,
                "starts_at": "2026-03-01T10:00:00Z",
                "ends_at": "2026-03-01T11:00:00Z",
            },
            "either",
        ),
        (
            {"starts_at": "2026-03-01T10:00:00Z", "ends_at": "2026-03-01T11:00:00Z", "monitor_ids": [UNKNOWN]},
            "'monitor_ids'",
        ),
        ({"starts_at": "2026-03-01T10:00:00Z", "ends_at": "2026-03-01T11:00:00Z", "name": ""}, "'name'"),
    ],
)
async def test_what_is_wrong_is_said(harness: Harness, body: dict[str, Any], words: str) -> None:
    answer = await harness.client.post(WINDOWS, json={"name": "Deploy"} | body)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]
