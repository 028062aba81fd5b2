"""`Idempotency-Key`: a request that makes something, sent twice, makes one thing."""

from typing import Any

import pytest

from schemas.ids import is_uuid
from tests.harness import OTHER_KEY, POP_KEY, WRITE_KEY, Harness

V1, V3 = "/api/v1", "/api/v3"
_HOOK = "https://hooks.example.com/a"


@pytest.fixture
def harness() -> Harness:
    return Harness()


def _bodies(harness: Harness) -> dict[str, dict[str, Any]]:
    channel = harness.make_channel("ops")
    step = {"after_minutes": 5, "alert_channel_ids": [channel]}
    return {
        f"{V3}/checks/": {"name": "Backup"},
        f"{V3}/channels/": {"kind": "webhook", "url": _HOOK},
        f"{V1}/monitors": {"name": "Shop", "url": "https://shop.example.com/"},
        f"{V1}/alert-channels": {"name": "Hook", "channel_type": "webhook", "url": _HOOK},
        f"{V1}/status-pages": {"title": "Shop"},
        f"{V1}/escalation-policies": {"name": "Nights", "steps": [step]},
        f"{V1}/message-templates": {"name": "Short", "title": "{{ what }}"},
        f"{V1}/on-call": {"name": "Ops", "turns": [{"alert_channel_ids": [channel]}], "handover": {"time": "09:00"}},
    }


_PATHS = sorted(_bodies(Harness()))


def _id(answer: dict[str, Any]) -> str:
    said = answer.get("data", answer)
    return str(said.get("id") or said["uuid"])


@pytest.mark.parametrize("path", _PATHS)
async def test_a_key_makes_one_thing(harness: Harness, path: str) -> None:
    body, key = _bodies(harness)[path], POP_KEY if path.startswith(V1) else WRITE_KEY
    said = {"X-Api-Key": key}
    made = await harness.client.post(path, json=body, headers=said | {"Idempotency-Key": "a"})
    again = await harness.client.post(path, json=body, headers=said | {"Idempotency-Key": "a"})
    other = await harness.client.post(path, json=body, headers=said | {"Idempotency-Key": "b"})
    without = await harness.client.post(path, json=body, headers=said)
    assert [one.status_code for one in (made, again, other, without)] == [201, 200, 201, 201], made.text
    assert _id(made.json()) == _id(again.json())
    assert len({_id(one.json()) for one in (made, other, without)}) == 3
    assert is_uuid(_id(made.json()))
    for wrong in ("", "x" * 201):
        answer = await harness.client.post(path, json=body, headers=said | {"Idempotency-Key": wrong})
        assert (answer.status_code, "'Idempotency-Key' must have 1 to 200 characters" in answer.text) == (400, True)


async def test_a_key_is_of_its_project(harness: Harness) -> None:
    """And nobody can tell the id, which pings a check, from key and project alone: it is of this instance."""
    ids = set()
    for instance in (harness, Harness()):
        for key in (WRITE_KEY, OTHER_KEY):
            headers = {"X-Api-Key": key, "Idempotency-Key": "nightly"}
            answer = await instance.client.post(f"{V3}/checks/", json={"name": "a"}, headers=headers)
            ids.add(answer.json()["uuid"])
    assert len(ids) == 2  # both instances have the same secret here


async def test_what_is_there_stays_as_it_was_changed(harness: Harness) -> None:
    headers = {"Idempotency-Key": "once"}
    made = (await harness.client.post(f"{V3}/checks/", json={"name": "a"}, headers=headers)).json()
    await harness.client.post(f"{V3}/checks/{made['uuid']}", json={"name": "b"})
    again = await harness.client.post(f"{V3}/checks/", json={"name": "a"}, headers=headers)
    assert (again.status_code, again.json()["name"]) == (200, "b")
