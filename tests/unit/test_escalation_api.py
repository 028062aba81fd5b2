"""Escalation policies over the API, in memory: made, changed, removed, and what they do in whatever partition."""

from typing import Any

import pytest

from schemas.base import encode
from schemas.escalations import EscalationCopy, escalation_key
from schemas.ids import new_id
from schemas.requests import ChannelDelete
from schemas.topics import DELIVERIES, PINGS, PROBE_RESULTS, PROJECTS, TRANSITIONS
from tests.escalation_desk import POLICIES, channel, down, keep_down, policy, sent, step
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, V1, fault, made, with_key


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def test_a_channel_is_called_whatever_it_has_chosen(harness: Harness) -> None:
    called = [channel(harness, f"night-{number}") for number in range(4)]  # in both partitions
    await policy(harness, steps=[step(5, *called)])
    id = await down(harness, alert_channel_ids=[])
    keep_down(harness, id, 4)
    assert [sent(harness, each) for each in called] == [[]] * 4
    keep_down(harness, id, 2)
    assert [sent(harness, each) for each in called] == [["monitor.down"]] * 4
    harness.log.tick(60)
    harness.log.probe(id)
    assert [sorted(sent(harness, each)) for each in called] == [["monitor.down", "monitor.recovered"]] * 4


async def test_every_partition_of_both_journals_has_a_policy(harness: Harness) -> None:
    one = await policy(harness, steps=[step(5, own=True)])

    def copies() -> list[object]:
        places = [(journal, number) for journal in (PINGS, PROBE_RESULTS) for number in range(harness.log.partitions)]
        return [harness.log.records_of(*place).get(escalation_key(one["id"])) for place in places]

    assert all(isinstance(copy, EscalationCopy) for copy in copies())
    assert (await harness.client.delete(f"{POLICIES}/{one['id']}")).status_code == 200
    assert copies() == [None] * 4


async def test_read_changed_and_deleted(harness: Harness) -> None:
    night = channel(harness, "night")
    id = (await made(harness))["id"]
    one = await policy(harness, steps=[step(5, own=True), step(10, night)], repeat=None, monitor_ids=[id])
    assert (one["repeat"], one["monitor_ids"], one["steps"][1]) == (None, [id], step(10, night))
    path = f"{POLICIES}/{one['id']}"
    assert (await harness.client.get(path)).json()["data"] == one
    assert (await harness.client.get(POLICIES)).json()["data"] == [one]
    changed = await harness.client.patch(path, json={"repeat": 3, "name": "Day"})
    assert (changed.json()["data"]["repeat"], changed.json()["data"]["name"]) == (3, "Day")
    assert (await harness.client.patch(path, json=changed.json()["data"])).json() == changed.json()
    assert (await harness.client.delete(path)).json()["data"] == {"id": one["id"], "deleted": True}
    for method in ("GET", "PATCH", "DELETE"):
        assert fault(await harness.client.request(method, path, json={})) == (404, "not_found")


async def test_a_channel_that_is_removed_leaves_every_step(harness: Harness) -> None:
    night, day = channel(harness, "night"), channel(harness, "day")
    one = await policy(harness, steps=[step(5, night), step(10, night, day)])
    id = await down(harness, alert_channel_ids=[])
    keep_down(harness, id, 6)
    request = ChannelDelete(request=new_id(), at=harness.log.time, id=night)
    harness.log.send(PROJECTS.name, harness.project, encode(request))
    path = f"{POLICIES}/{one['id']}"
    shown = (await harness.client.get(path)).json()["data"]
    assert shown["steps"] == [step(5), step(10, day)]
    assert (await harness.client.patch(path, json=shown)).json()["data"] == shown
    keep_down(harness, id, 5)
    # What is open goes on where it was.
    assert sent(harness, day) == ["monitor.down"]
    requested = [key for key, value in harness.log.of(DELIVERIES) if value["type"] == "delivery.requested"]
    assert sorted(requested) == sorted([night, day])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"steps": [{"after_minutes": 5}]}, "each step needs"),
        ({"steps": [step(5, own=True), step(5, own=True)]}, "later than the one before"),
        ({"steps": [step(0, own=True)]}, "after_minutes"),
        ({"steps": [step(5, UNKNOWN)]}, "there is no alert channel"),
        ({"steps": [step(5, "x")]}, "there is no alert channel"),
        ({"steps": [], "monitor_ids": [UNKNOWN]}, "there is no monitor"),
        ({"steps": [], "repeat": -1}, "repeat"),
        ({"steps": [step(each, own=True) for each in range(1, 22)]}, "steps"),
        ({"steps": [], "name": ""}, "name"),
        ({}, "'steps' is required"),
        ({"steps": [], "every": 5}, "every"),
    ],
)
async def test_bad_bodies(harness: Harness, fields: dict[str, Any], words: str) -> None:
    answer = await harness.client.post(POLICIES, json={"name": "Night"} | fields)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"], answer.text


async def test_nobody_sees_or_calls_those_of_others(harness: Harness) -> None:
    night = channel(harness, "night")
    one = await policy(harness, steps=[step(5, night)])
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(POLICIES, headers=others)).json()["data"] == []
    answer = await harness.client.get(f"{POLICIES}/{one['id']}", headers=others)
    assert fault(answer) == (404, "not_found")
    body = {"name": "x", "steps": [step(5, night)]}
    assert fault(await harness.client.post(POLICIES, json=body, headers=others)) == (400, "validation_error")


async def test_a_project_has_only_so_many(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.projects.escalations.MOST_POLICIES", 1)
    await policy(harness, steps=[])
    answer = await harness.client.post(POLICIES, json={"name": "x", "steps": []})
    assert fault(answer) == (403, "plan_limit_reached")
    assert "at most" in answer.json()["message"]


async def test_a_check_of_the_policy_and_a_restart_of_everything(harness: Harness) -> None:
    night = channel(harness, "night")
    check = (await harness.client.post("/api/v3/checks/", json={"name": "Nightly"})).json()["uuid"]
    await policy(harness, steps=[step(5, night)], monitor_ids=[check])
    harness.log.ping(check, "fail")
    harness.log.tick(200)
    harness.log.restart()
    harness.log.tick(200)
    assert sent(harness, night) == ["monitor.down"]
    answer = await harness.client.post(f"{V1}/incidents/{check}/acknowledge", json={})
    assert answer.status_code == 200
    assert any(value.get("action") == "acknowledged" for _, value in harness.log.of(TRANSITIONS))


async def test_all_policies_together_name_only_so_many(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [(await made(harness, url=f"https://{name}.example/"))["id"] for name in ("a", "b")]
    one = await policy(harness, steps=[], monitor_ids=[first])
    monkeypatch.setattr("processors.projects.escalations.MOST_NAMED", 1)
    more = {"name": "x", "steps": [], "monitor_ids": [second]}
    path = f"{POLICIES}/{one['id']}"
    for method, place, body in (("POST", POLICIES, more), ("PATCH", path, {"monitor_ids": [first, second]})):
        answer = await harness.client.request(method, place, json=body)
        assert fault(answer) == (403, "plan_limit_reached")
        assert "at most 1 monitors and checks" in answer.json()["message"]
    assert (await harness.client.patch(path, json={"monitor_ids": [second]})).status_code == 200
    await policy(harness, steps=[])
