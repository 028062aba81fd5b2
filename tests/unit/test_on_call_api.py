"""On-call rotations over the API, in memory: made, changed, removed, overridden, asked, and used by policies."""

from typing import Any

import pytest

from schemas.base import SECOND, encode
from schemas.ids import new_id
from schemas.on_call import OnCallCopy, on_call_key
from schemas.requests import ChannelDelete
from schemas.times import iso, read_iso
from schemas.topics import PINGS, PROBE_RESULTS, PROJECTS
from tests.escalation_desk import POLICIES, channel, down, keep_down, policy, sent, step
from tests.harness import WRITE_KEY, Harness
from tests.on_call_desk import ON_CALL, on_call_step, read, rotation, turn
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, fault, with_key

HOUR = 3_600 * SECOND


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def test_whoever_is_on_call_is_called(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob)
    made = await policy(harness, steps=[on_call_step(5, one["id"])])
    assert made["steps"] == [{**step(5), "on_call": [one["id"]]}]
    id = await down(harness, alert_channel_ids=[])
    keep_down(harness, id, 6)
    assert (sent(harness, ada), sent(harness, bob)) == (["monitor.down"], [])


async def test_an_override_stands_in(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada)
    now = harness.log.time
    body = {"alert_channel_ids": [bob], "starts_at": iso(now - HOUR), "ends_at": iso(now + HOUR), "name": "Bob for Ada"}
    answer = await harness.client.post(f"{ON_CALL}/{one['id']}/overrides", json=body)
    made = answer.json()["data"]
    assert (answer.status_code, made["name"], made["alert_channel_ids"]) == (201, "Bob for Ada", [bob])
    shown = await read(harness, one["id"])
    assert shown["overrides"] == [made]
    assert shown["on_call"] == {
        "alert_channel_ids": [bob],
        "name": "Bob for Ada",
        "turn": None,
        "override_id": made["id"],
    }
    assert (shown["shift"]["starts_at"], shown["shift"]["ends_at"]) == (made["starts_at"], made["ends_at"])
    assert shown["next"]["alert_channel_ids"] == [ada]
    await policy(harness, steps=[on_call_step(5, one["id"])])
    id = await down(harness, alert_channel_ids=[])
    keep_down(harness, id, 6)
    assert (sent(harness, ada), sent(harness, bob)) == ([], ["monitor.down"])
    path = f"{ON_CALL}/{one['id']}/overrides/{made['id']}"
    assert (await harness.client.delete(path)).json()["data"] == {"id": made["id"], "deleted": True}
    assert fault(await harness.client.delete(path)) == (404, "not_found")
    assert (await read(harness, one["id"]))["on_call"]["alert_channel_ids"] == [ada]


async def test_every_partition_of_both_journals_has_a_rotation(harness: Harness) -> None:
    one = await rotation(harness, channel(harness, "ada"))

    def copies() -> list[object]:
        places = [(journal, number) for journal in (PINGS, PROBE_RESULTS) for number in range(harness.log.partitions)]
        return [harness.log.records_of(*place).get(on_call_key(one["id"])) for place in places]

    assert all(isinstance(copy, OnCallCopy) for copy in copies())
    assert (await harness.client.delete(f"{ON_CALL}/{one['id']}")).status_code == 200
    assert copies() == [None] * 4


async def test_read_changed_and_deleted(harness: Harness) -> None:
    ada = channel(harness, "ada")
    hours = [{"days": ["monday", "friday"], "start": "22:00", "end": "06:00"}]
    one = await rotation(harness, ada, hours=hours, handover={"every_days": 14, "weekday": "friday", "time": "17:30"})
    assert one["hours"] == hours
    handover = one["handover"]
    assert (handover["every_days"], handover["weekday"], handover["time"]) == (14, "friday", "17:30")
    path = f"{ON_CALL}/{one['id']}"
    assert await read(harness, one["id"]) == one
    listed = (await harness.client.get(ON_CALL)).json()["data"]
    assert [each["id"] for each in listed] == [one["id"]]
    changed = (await harness.client.patch(path, json={"name": "Nights", "hours": []})).json()["data"]
    assert (changed["name"], changed["hours"], changed["handover"]) == ("Nights", [], handover)
    # What was read can be sent back.
    assert (await harness.client.patch(path, json=changed)).json()["data"] == changed
    assert (await harness.client.delete(path)).json()["data"] == {"id": one["id"], "deleted": True}
    for method in ("GET", "PATCH", "DELETE"):
        assert fault(await harness.client.request(method, path, json={})) == (404, "not_found")


async def test_without_a_day_the_first_turn_is_on_call_now(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    for handover in ({}, {"every_days": 1}, {"every_days": 3, "time": "23:59"}, {"weekday": "sunday", "time": "00:00"}):
        one = await rotation(harness, ada, bob, handover=handover)
        assert one["on_call"]["alert_channel_ids"] == [ada], handover
        assert one["on_call"]["turn"] == 1
    one = await rotation(harness, ada, bob, handover={"starts_on": "2024-01-01"})
    assert one["handover"] == {"every_days": 7, "weekday": "monday", "time": "09:00", "starts_on": "2024-01-01"}


async def test_who_is_on_call_at_a_time_and_in_a_span(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob, handover={"starts_on": "2026-03-23", "time": "02:30"})
    for at, who in (("2026-03-30T00:29:59Z", ada), ("2026-03-30T00:30:00Z", bob), ("2026-03-30T02:30:00+02:00", bob)):
        assert (await read(harness, one["id"], f"?at={at}"))["on_call"]["alert_channel_ids"] == [who], at
    span = "?from=2026-03-22T00:00:00Z&to=2026-04-07T00:00:00Z"
    answer = await harness.client.get(f"{ON_CALL}/{one['id']}/schedule{span}")
    assert [(shift["starts_at"], shift["alert_channel_ids"]) for shift in answer.json()["data"]] == [
        ("2026-03-22T00:00:00+00:00", [bob]),
        ("2026-03-23T01:30:00+00:00", [ada]),
        ("2026-03-30T00:30:00+00:00", [bob]),
        ("2026-04-06T00:30:00+00:00", [ada]),
    ]
    assert answer.json()["meta"]["total"] == 4
    for query in ("?at=soon", "?at=1969-01-01T00:00:00Z"):
        assert fault(await harness.client.get(f"{ON_CALL}/{one['id']}{query}")) == (400, "validation_error")
    for query in ("?from=2026-01-01&to=2026-01-01", "?from=2026-01-01&to=2026-12-01", "?to=x"):
        assert fault(await harness.client.get(f"{ON_CALL}/{one['id']}/schedule{query}")) == (400, "validation_error")


async def test_gaps_are_told(harness: Harness) -> None:
    ada = channel(harness, "ada")
    weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    one = await rotation(harness, ada, hours=[{"days": weekdays, "start": "00:00", "end": "24:00"}])
    assert len(one["gaps"]) in (4, 5)
    assert all(read_iso(gap["ends_at"]) - read_iso(gap["starts_at"]) <= 48 * HOUR for gap in one["gaps"])
    [warning] = one["warnings"]
    assert "nobody is on call" in warning
    assert (await rotation(harness, ada))["warnings"] == []


async def test_a_channel_that_is_removed_leaves_turns_and_overrides(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob)
    now = harness.log.time
    body = {"alert_channel_ids": [ada], "starts_at": iso(now), "ends_at": iso(now + HOUR)}
    await harness.client.post(f"{ON_CALL}/{one['id']}/overrides", json=body)
    request = ChannelDelete(request=new_id(), at=now, id=ada)
    harness.log.send(PROJECTS.name, harness.project, encode(request))
    shown = await read(harness, one["id"])
    assert shown["turns"] == [turn("Person 0"), turn("Person 1", bob)]
    assert shown["overrides"] == []
    assert any("no channel left" in warning for warning in shown["warnings"])
    assert (await harness.client.patch(f"{ON_CALL}/{one['id']}", json=shown)).json()["data"] == shown


async def test_a_rotation_that_a_policy_names_stays(harness: Harness) -> None:
    one = await rotation(harness, channel(harness, "ada"))
    made = await policy(harness, steps=[on_call_step(5, one["id"])])
    answer = await harness.client.delete(f"{ON_CALL}/{one['id']}")
    assert fault(answer) == (409, "conflict")
    assert "'Night'" in answer.json()["message"]
    await harness.client.patch(f"{POLICIES}/{made['id']}", json={"steps": [step(5, own=True)]})
    assert (await harness.client.delete(f"{ON_CALL}/{one['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"timezone": "Mars/Olympus"}, "time zone"),
        ({"turns": []}, "turns"),
        ({"turns": [turn("x")]}, "each turn needs"),
        ({"turns": [turn("x", UNKNOWN)]}, "there is no alert channel"),
        ({"turns": [turn("x", "y")]}, "there is no alert channel"),
        ({"handover": {"every_days": 0}}, "every_days"),
        ({"handover": {"every_days": 3, "weekday": "monday"}}, "whole weeks"),
        ({"handover": {"weekday": "moonday"}}, "weekday"),
        ({"handover": {"starts_on": "2026-02-30"}}, "not a day"),
        ({"handover": {"starts_on": "1850-01-01"}}, "not between"),
        ({"handover": {"starts_on": "2026-01-06", "weekday": "monday"}}, "is a tuesday"),
        ({"handover": {"time": "24:00"}}, "time"),
        ({"hours": [{"start": "9", "end": "17:00"}]}, "start"),
        ({"hours": [{"start": "09:00", "end": "17:00", "days": []}]}, "days"),
        ({"name": ""}, "name"),
        ({"zone": "UTC"}, "zone"),
    ],
)
async def test_bad_bodies(harness: Harness, fields: dict[str, Any], words: str) -> None:
    given = {"name": "Primary", "turns": [turn("Ada", channel(harness, "ada"))]}
    answer = await harness.client.post(ON_CALL, json=given | fields)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"], answer.text


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "end after it begins"),
        ("2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "at most 366 days"),
        ("2026-01-01T00:00:00", "2026-01-02T00:00:00Z", "offset"),
        ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "over already"),
    ],
)
async def test_bad_overrides(harness: Harness, start: str, end: str, words: str) -> None:
    ada = channel(harness, "ada")
    one = await rotation(harness, ada)
    path = f"{ON_CALL}/{one['id']}/overrides"
    answer = await harness.client.post(path, json={"alert_channel_ids": [ada], "starts_at": start, "ends_at": end})
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"], answer.text


async def test_nobody_sees_or_names_those_of_others(harness: Harness) -> None:
    ada = channel(harness, "ada")
    one = await rotation(harness, ada)
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(ON_CALL, headers=others)).json()["data"] == []
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/schedule"), ("DELETE", "/overrides/x")):
        answer = await harness.client.request(method, f"{ON_CALL}/{one['id']}{path}", headers=others, json={})
        assert fault(answer) == (404, "not_found"), (method, path)
    body = {"name": "x", "steps": [on_call_step(5, one["id"])]}
    answer = await harness.client.post(POLICIES, json=body, headers=others)
    assert fault(answer) == (400, "validation_error")
    assert "there is no on-call rotation" in answer.json()["message"]


async def test_limits(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = channel(harness, "ada")
    one = await rotation(harness, ada)
    monkeypatch.setattr("processors.projects.on_call.MOST_ROTATIONS", 1)
    monkeypatch.setattr("processors.projects.on_call.MOST_OVERRIDES", 2)
    answer = await harness.client.post(ON_CALL, json={"name": "x", "turns": [turn("Ada", ada)]})
    assert fault(answer) == (403, "plan_limit_reached")
    now = harness.log.time
    path = f"{ON_CALL}/{one['id']}/overrides"

    async def add(start: int) -> int:
        body = {"alert_channel_ids": [ada], "starts_at": iso(start), "ends_at": iso(start + 60 * SECOND)}
        return (await harness.client.post(path, json=body)).status_code

    assert [await add(now) for _ in range(3)] == [201, 201, 403]
    asked = len(harness.log.of(PROJECTS))
    assert (await harness.client.delete(f"{path}/{'x' * 3_000}")).status_code == 404
    assert len(harness.log.of(PROJECTS)) == asked  # what is no id is not put into the log
    # Those that ended long ago make room.
    monkeypatch.setattr("processors.projects.on_call.KEPT", 0)
    harness.log.tick(61)
    assert await add(harness.log.time) == 201
    assert len((await read(harness, one["id"]))["overrides"]) == 1


async def test_all_rotations_together_are_bounded(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob)
    monkeypatch.setattr("processors.projects.on_call.MOST_TOGETHER", 4)
    body = {"name": "x", "turns": [turn("Ada", ada)] * 3}
    assert fault(await harness.client.post(ON_CALL, json=body)) == (403, "plan_limit_reached")
    await rotation(harness, ada)
    path = f"{ON_CALL}/{one['id']}"
    now = harness.log.time
    override = {"alert_channel_ids": [ada], "starts_at": iso(now), "ends_at": iso(now + HOUR)}
    assert (await harness.client.post(f"{path}/overrides", json=override)).status_code == 201
    assert (await harness.client.post(f"{path}/overrides", json=override)).status_code == 403
    # What does not grow may be changed, and what shrinks makes room.
    change = {"turns": [turn("Bob", bob), turn("Ada", ada)]}
    assert (await harness.client.patch(path, json=change)).status_code == 200
    assert (await harness.client.patch(path, json={"turns": [turn("Bob", bob)]})).status_code == 200
    assert (await harness.client.post(f"{path}/overrides", json=override)).status_code == 201


async def test_a_restart_of_everything_in_the_middle_of_an_escalation(harness: Harness) -> None:
    ada = channel(harness, "ada")
    one = await rotation(harness, ada)
    check = (await harness.client.post("/api/v3/checks/", json={"name": "Nightly"})).json()["uuid"]
    await policy(harness, steps=[on_call_step(5, one["id"])], monitor_ids=[check])
    harness.log.ping(check, "fail")
    harness.log.tick(200)
    harness.log.restart()
    harness.log.tick(200)
    assert sent(harness, ada) == ["monitor.down"]


async def test_a_list_shows_the_next_overrides_and_how_many_there_are(harness: Harness) -> None:
    ada = channel(harness, "ada")
    one = await rotation(harness, ada)
    for number in range(25):
        start = harness.log.time + number * 3_600 * SECOND
        body = {"alert_channel_ids": [ada], "starts_at": iso(start), "ends_at": iso(start + 3_600 * SECOND)}
        answer = await harness.client.post(f"{ON_CALL}/{one['id']}/overrides", json=body)
        assert answer.status_code == 201, answer.text
    harness.log.tick(2 * 3_600)
    [listed] = (await harness.client.get(ON_CALL)).json()["data"]
    assert (len(listed["overrides"]), listed["overrides_total"]) == (20, 25)
    whole = await read(harness, one["id"])
    assert len(whole["overrides"]) == 25
    assert listed["overrides"] == whole["overrides"][2:22]
    # What was read can be sent back.
    assert (await harness.client.patch(f"{ON_CALL}/{one['id']}", json=listed)).status_code == 200
