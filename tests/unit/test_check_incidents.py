"""Incidents of heartbeat checks in the PoppaPing API: listed for who asks, read, with all that monitors' have."""

from typing import Any

import pytest

from schemas.base import SECOND
from schemas.times import iso
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, V1, fault, made, with_key

INCIDENTS = f"{V1}/incidents"


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def check_down(harness: Harness, name: str, **fields: Any) -> str:
    id: str = (await harness.client.post("/api/v3/checks/", json={"name": name} | fields)).json()["uuid"]
    harness.log.ping(id, "fail")
    harness.log.tick(1)
    return id


async def monitor_down(harness: Harness, **fields: Any) -> str:
    id: str = (await made(harness, confirmations=1, **fields))["id"]
    harness.log.probe(id, ok=False)
    harness.log.tick(1)
    return id


async def listed(harness: Harness, query: str = "", status: int = 200) -> list[dict[str, Any]]:
    answer = await harness.client.get(f"{INCIDENTS}?{query}")
    assert answer.status_code == status, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    assert answer.json()["meta"]["total"] == len(found)
    return found


def things(found: list[dict[str, Any]]) -> list[str]:
    return [one["monitor_id"] for one in found]


async def test_a_check_that_is_down_is_listed_by_type_and_by_its_id(harness: Harness) -> None:
    monitor, check = await monitor_down(harness), await check_down(harness, "Nightly", tags="db night")
    assert things(await listed(harness)) == [monitor]
    for status in ("", "status=open&"):
        assert things(await listed(harness, f"{status}type=any")) == [check, monitor]
        assert things(await listed(harness, f"{status}type=heartbeat")) == [check]
        assert things(await listed(harness, f"{status}type=heartbeat&type=http")) == [check, monitor]
        assert things(await listed(harness, f"{status}type=heartbeat&type=tcp")) == [check]
        assert things(await listed(harness, f"{status}monitor_id={check}")) == [check]
        assert things(await listed(harness, f"{status}monitor_id={check}&type=http")) == []
        assert things(await listed(harness, f"{status}monitor_id={monitor}&type=heartbeat")) == []
        for search, expected in (("night", [check]), ("DB", [check]), ("example.com", [monitor]), ("x y", [])):
            assert things(await listed(harness, f"{status}type=any&search={search}")) == expected
    assert await listed(harness, "type=any&status=resolved") == []
    assert fault(await harness.client.get(f"{INCIDENTS}?type=pigeon")) == (400, "validation_error")


async def test_it_is_shown_as_a_monitors_is_open_and_over(harness: Harness) -> None:
    check = await check_down(harness, "Nightly")
    [opened] = await listed(harness, "type=heartbeat")
    assert (opened["monitor_type"], opened["monitor_name"], opened["status"]) == ("heartbeat", "Nightly", "open")
    path = f"{INCIDENTS}/{opened['id']}"
    assert (await harness.client.post(f"{path}/acknowledge", json={"by": "Ada"})).status_code == 200
    assert (await harness.client.post(f"{path}/comments", json={"by": "Bob", "comment": "why?"})).status_code == 201
    read = (await harness.client.get(path)).json()["data"]
    assert (await harness.client.get(f"{INCIDENTS}/{check}")).json()["data"] == read
    assert read["acknowledgement"]["by"] == "Ada"
    assert [(one["action"], one["by"]) for one in read["log"]] == [("acknowledged", "Ada"), ("commented", "Bob")]
    assert read["timeline"] == []
    harness.log.tick(60)
    harness.log.ping(check)
    [over] = await listed(harness, "type=heartbeat&status=resolved")
    assert (over["id"], over["status"], over["acknowledgement"]) == (opened["id"], "resolved", None)
    read = (await harness.client.get(path)).json()["data"]
    assert (read["status"], len(read["log"])) == ("resolved", 2)
    assert fault(await harness.client.post(f"{path}/acknowledge", json={})) == (409, "incident_resolved")
    assert fault(await harness.client.get(f"{INCIDENTS}/{check}")) == (404, "not_found")


async def test_pages_go_over_both_kinds(harness: Harness) -> None:
    for number in range(4):
        await check_down(harness, f"c{number}")
        await monitor_down(harness, name=f"m{number}", url=f"https://m{number}.example/")
    whole = await listed(harness, "type=any")
    assert len(whole) == 8
    answers = [await harness.client.get(f"{INCIDENTS}?type=any&per_page=3&page={page}") for page in (1, 2, 3)]
    assert [one for answer in answers for one in answer.json()["data"]] == whole


async def test_more_things_than_one_question_holds(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        check = await check_down(harness, f"c{number}")
        harness.log.ping(check)
        harness.log.tick(1)
        harness.log.ping(check, "fail")
    whole = await listed(harness, "type=heartbeat")
    assert len(whole) == 10
    resolved = [one for one in whole if one["status"] == "resolved"]
    monkeypatch.setattr("query_api.poppaping.incidents.MOST_IDS", 2)
    assert await listed(harness, "type=heartbeat") == whole
    assert await listed(harness, "type=heartbeat&status=resolved") == resolved
    answers = [await harness.client.get(f"{INCIDENTS}?type=heartbeat&per_page=3&page={page}") for page in (1, 2, 3, 4)]
    assert [one for answer in answers for one in answer.json()["data"]] == whole
    deep = await harness.client.get(f"{INCIDENTS}?type=heartbeat&page=1000000")
    assert fault(deep) == (400, "validation_error")


async def test_where_its_escalation_stands(harness: Harness) -> None:
    called = harness.make_channel("night")
    step = {"after_minutes": 5, "alert_channel_ids": [called], "own_channels": False}
    later = {"after_minutes": 15, "alert_channel_ids": [], "own_channels": True}
    policy = (
        await harness.client.post(f"{V1}/escalation-policies", json={"name": "Night", "steps": [step, later]})
    ).json()["data"]
    check = await check_down(harness, "Nightly")
    told = harness.log.time - SECOND
    [opened] = await listed(harness, "type=heartbeat")
    assert opened["escalation"] == {
        "policy_id": policy["id"],
        "policy": "Night",
        "steps_passed": 0,
        "next_step_at": iso(told + 300 * SECOND),
        "called_channel_ids": [],
    }
    harness.log.tick(301)
    [opened] = await listed(harness, "type=heartbeat")
    assert (opened["escalation"]["steps_passed"], opened["escalation"]["called_channel_ids"]) == (1, [called])
    assert opened["escalation"]["next_step_at"] == iso(told + 900 * SECOND)
    path = f"{INCIDENTS}/{check}"
    for method, following in (("POST", None), ("DELETE", iso(harness.log.time + 600 * SECOND))):
        answer = await harness.client.request(method, f"{path}/acknowledge", json={"by": "Ada"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["escalation"]["next_step_at"] == following
    harness.log.ping(check)
    [over] = await listed(harness, "type=heartbeat")
    assert over["escalation"] is None


async def test_nobody_sees_those_of_others(harness: Harness) -> None:
    check = await check_down(harness, "Nightly")
    [opened] = await listed(harness, "type=heartbeat")
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(f"{INCIDENTS}?type=any", headers=others)).json()["data"] == []
    assert (await harness.client.get(f"{INCIDENTS}?monitor_id={check}", headers=others)).json()["data"] == []
    for id in (check, opened["id"], UNKNOWN, "x"):
        assert fault(await harness.client.get(f"{INCIDENTS}/{id}", headers=others)) == (404, "not_found")


async def test_what_this_process_has_just_acknowledged_is_waited_for(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ping that failed is stored, and the fold comes to it while the request waits."""
    checks = [(await harness.client.post("/api/v3/checks/", json={"name": name})).json()["uuid"] for name in "ab"]
    wait = harness.log.wait

    async def folded_meanwhile(condition: Any, timeout: float) -> bool:
        harness.log.held.discard("pings")
        harness.log.fold()
        return await wait(condition, timeout)

    monkeypatch.setattr(harness.log, "wait", folded_meanwhile)
    for check, (method, action, status) in zip(checks, (("POST", "/acknowledge", 200), ("GET", "", 200)), strict=True):
        harness.log.held.add("pings")
        harness.log.ping(check, "fail")
        answer = await harness.client.request(method, f"{INCIDENTS}/{check}{action}")
        assert answer.status_code == status, answer.text
        assert answer.json()["data"]["monitor_id"] == check


async def test_a_key_that_may_not_read_incidents(harness: Harness) -> None:
    assert POP_KEY  # the harness's key has all scopes
    del harness.client.headers["Authorization"], harness.client.headers["X-Api-Key"]
    assert fault(await harness.client.get(f"{INCIDENTS}?type=any")) == (401, "unauthorized")
