"""Windows of maintenance over the API, in memory, and what they do to a monitor."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.base import SECOND
from schemas.check_states import visible_status
from schemas.ids import new_id
from schemas.maintenance import Once
from schemas.requests import MaintenanceCreate, MaintenanceEnd, MaintenanceFields
from tests.harness import WRITE_KEY, Harness
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


# ---- checks and tags; begun, extended and ended by hooks


async def checked(harness: Harness, **fields: Any) -> str:
    body = {"timeout": 300, "grace": 60} | fields
    answer = await harness.client.post("/api/v3/checks/", json=body, headers={"X-Api-Key": WRITE_KEY})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["uuid"]
    return id


async def of_management(harness: Harness, id: str) -> str:
    answer = await harness.client.get(f"/api/v3/checks/{id}", headers={"X-Api-Key": WRITE_KEY})
    status: str = answer.json()["status"]
    return status


def shown(harness: Harness, id: str) -> str:
    state = harness.log.states.state(id)
    assert state is not None
    return visible_status(state)


async def act(harness: Harness, id: str, what: str, **body: Any) -> Any:
    return await harness.client.post(f"{WINDOWS}/{id}/{what}", json=body or None)


async def test_a_deployment_begins_extends_and_ends_a_window_over_a_tag(harness: Harness) -> None:
    harness.make_channel("hook")
    web, db = await checked(harness, tags="web eu", channels="*"), await checked(harness, tags="db", channels="*")
    monitor = (await made(harness))["id"]
    for id in (web, db):
        harness.log.ping(id)
    window = await announced(harness, duration="10m", tags=["web", "later"])
    assert (window["active"], window["tags"], window["covers_checks"]) == (True, ["later", "web"], True)
    assert (shown(harness, web), shown(harness, db)) == ("maintenance", "up")
    assert (await seen(harness, monitor))["current_status"] == "pending"
    assert await of_management(harness, web) == "up"

    harness.log.tick(300)
    first = (await act(harness, window["id"], "extend", minutes=5)).json()["data"]
    assert first["active_until"] == at(harness, 600)
    harness.log.tick(360)
    harness.log.ping(web, "fail")
    assert shown(harness, web) == "maintenance"
    assert await of_management(harness, web) == "up"
    ended = (await act(harness, window["id"], "end")).json()["data"]
    assert (ended["active"], ended["ended_at"]) == (False, at(harness, 0))
    assert (shown(harness, web), shown(harness, db)) == ("down", "down")
    again = await act(harness, window["id"], "end")
    assert (again.status_code, again.json()["data"]["ended_at"]) == (200, ended["ended_at"])
    late = await act(harness, window["id"], "extend", minutes=5)
    assert fault(late) == (409, "window_not_open")
    assert ended["ended_at"] in late.json()["message"]


async def test_maintenance_is_no_flip_and_what_comes_of_it_is(harness: Harness) -> None:
    new, up = await checked(harness), await checked(harness, name="up")
    harness.log.ping(up)
    window = await announced(harness, duration="10m")
    harness.log.tick(5)
    harness.log.ping(new)
    harness.log.ping(up, "fail")
    await act(harness, window["id"], "end")
    headers = {"X-Api-Key": WRITE_KEY}
    found = []
    for id in (new, up):
        found.append(
            [
                one["up"]
                for one in (await harness.client.get(f"/api/v3/checks/{id}/flips/", headers=headers)).json()["flips"]
            ]
        )
    assert found == [[1], [0, 1]]


async def test_a_hook_that_is_tried_again_begins_one_window(harness: Harness) -> None:
    body = {"name": "Deploy", "duration": "10m", "key": "pipeline-1"}
    answers = await asyncio.gather(*(harness.client.post(WINDOWS, json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    [id] = {answer.json()["data"]["id"] for answer in answers}
    plain = {name: body[name] for name in ("name", "duration")}
    header = await harness.client.post(WINDOWS, json=plain, headers={"Idempotency-Key": "pipeline-1"})
    assert (header.status_code, header.json()["data"]["id"]) == (200, id)
    other = await harness.client.post(WINDOWS, json=plain, headers={"Idempotency-Key": "pipeline-2"})
    assert (other.status_code, other.json()["data"]["key"]) == (201, "pipeline-2")
    await act(harness, id, "end")
    harness.log.tick(1)
    assert (await harness.client.post(WINDOWS, json=body)).json()["data"]["id"] != id
    assert (await harness.client.get(WINDOWS)).json()["meta"]["total"] == 3
    await harness.client.delete(f"{WINDOWS}/{id}")
    assert (await harness.client.post(WINDOWS, json=body)).status_code == 200


async def test_of_extensions_the_later_end_counts(harness: Harness) -> None:
    window = await announced(harness, duration="10m")
    soon, later = at(harness, 1_200), at(harness, 3_000)
    ends = [(await act(harness, window["id"], "extend", until=until)).json()["data"] for until in (soon, later, soon)]
    assert [one["active_until"] for one in ends] == [soon, later, later]
    both = await asyncio.gather(*(act(harness, window["id"], "extend", duration="15m") for _ in range(2)))
    assert {answer.json()["data"]["active_until"] for answer in both} <= {at(harness, 3_900), at(harness, 4_800)}


async def test_only_what_is_open_of_one_that_recurs_is_extended_and_ended(harness: Harness) -> None:
    """The clock of the harness stands at 15:06:40."""
    window = await announced(harness, schedule="*/5 * * * *", duration_minutes=3)
    assert window["active_until"] == "2025-06-15T15:08:00+00:00"
    longer = (await act(harness, window["id"], "extend", minutes=1)).json()["data"]
    assert longer["active_until"] == "2025-06-15T15:09:00+00:00"
    assert (longer["duration_minutes"], longer["next_start_at"]) == (3, "2025-06-15T15:10:00+00:00")
    ended = (await act(harness, window["id"], "end")).json()["data"]
    assert (ended["active"], ended["ended_at"]) == (False, at(harness, 0))
    harness.log.tick(240)
    then = (await harness.client.get(f"{WINDOWS}/{window['id']}")).json()["data"]
    assert then["active_until"] == "2025-06-15T15:13:00+00:00"
    for _ in range(2):
        harness.log.tick(200)
        assert (await act(harness, window["id"], "end")).status_code == 200


async def test_what_is_sent_back_as_it_was_read_changes_no_times(harness: Harness) -> None:
    window = await announced(harness, schedule="*/5 * * * *", duration_minutes=3)
    path = f"{WINDOWS}/{window['id']}"
    longer = (await act(harness, window["id"], "extend", minutes=1)).json()["data"]
    renamed = (await harness.client.patch(path, json=longer | {"name": "Longer"})).json()["data"]
    assert (renamed["name"], renamed["active_until"]) == ("Longer", longer["active_until"])
    ended = (await act(harness, window["id"], "end")).json()["data"]
    renamed = (await harness.client.patch(path, json=ended | {"name": "Over"})).json()["data"]
    assert (renamed["name"], renamed["active"], renamed["ended_at"]) == ("Over", False, ended["ended_at"])
    changed = (await harness.client.patch(path, json=ended | {"duration_minutes": 4})).json()["data"]
    assert (changed["active"], changed["duration_minutes"]) == (True, 4)


async def test_one_that_has_not_begun_is_not_extended_or_ended(harness: Harness) -> None:
    window = await announced(harness, starts_at=at(harness, 100), ends_at=at(harness, 200))
    for what, body in (("extend", {"minutes": 5}), ("end", {})):
        answer = await act(harness, window["id"], what, **body)
        assert fault(answer) == (409, "window_not_open")
        assert window["starts_at"] in answer.json()["message"]
    assert fault(await act(harness, UNKNOWN, "end")) == (404, "not_found")


async def test_it_ends_in_another_process_just_before(harness: Harness) -> None:
    window = await announced(harness, duration="10m")
    harness.log.tick(1)
    request = MaintenanceEnd(request=new_id(), at=harness.log.time, id=window["id"], partitions=2)
    harness.log.overtaking.append((harness.project, request))
    assert fault(await act(harness, window["id"], "extend", minutes=5)) == (409, "window_not_open")


async def test_what_names_nothing_covers_all_and_older_ones_only_monitors(harness: Harness) -> None:
    check, monitor = await checked(harness), (await made(harness))["id"]
    fields = MaintenanceFields(name="old", window=Once(harness.log.time, harness.log.time + 900 * SECOND))
    old = new_id()
    request = MaintenanceCreate(request=new_id(), at=harness.log.time, id=old, partitions=2, fields=fields)
    harness.request(harness.project, request)
    assert (shown(harness, check), (await seen(harness, monitor))["current_status"]) == ("new", "maintenance")
    told = (await harness.client.get(f"{WINDOWS}/{old}")).json()["data"]
    assert told["covers_checks"] is False
    assert (await harness.client.patch(f"{WINDOWS}/{old}", json=told | {"name": "New"})).status_code == 200
    await harness.client.patch(f"{WINDOWS}/{old}", json={"tags": ["nothing"]})
    assert (shown(harness, check), (await seen(harness, monitor))["current_status"]) == ("new", "pending")
    await harness.client.patch(f"{WINDOWS}/{old}", json={"tags": None})
    assert (shown(harness, check), (await seen(harness, monitor))["current_status"]) == ("maintenance", "maintenance")
    await harness.client.delete(f"{WINDOWS}/{old}")
    assert shown(harness, check) == "new"


async def test_a_check_is_named_and_found_again(harness: Harness) -> None:
    one, other = await checked(harness), await checked(harness, name="other")
    window = await announced(harness, duration="1h 30m", check_ids=[one, one])
    assert window["check_ids"] == [one]
    assert (shown(harness, one), shown(harness, other)) == ("maintenance", "new")


NOW: dict[str, Any] = {"duration": "30m"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"duration": "forever"}, "'duration'"),
        ({"duration": "59s"}, "'duration'"),
        ({"duration": "8d"}, "'duration'"),
        ({"duration": "soon"}, "'duration'"),
        ({"duration": 30}, "'duration'"),
        (NOW | {"schedule": "0 2 * * *", "duration_minutes": 5}, "'duration'"),
        (NOW | {"check_ids": [UNKNOWN]}, "there is no check"),
        (NOW | {"check_ids": ["x" * 5_000]}, "there is no check"),
        (NOW | {"tags": ["two words"]}, "'tags"),
        (NOW | {"tags": [""]}, "'tags"),
        (NOW | {"tags": ["web\n"]}, "'tags"),
        (NOW | {"tags": "web"}, "'tags'"),
        (NOW | {"tags": ["x"] * 10_001}, "'tags'"),
        (NOW | {"key": ""}, "'key'"),
        (NOW | {"key": "x" * 201}, "'key'"),
        ({"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2126-01-01T00:00:00Z"}, "366 days"),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "must end after"),
    ],
)
async def test_what_is_wrong_with_a_window_over_checks_is_said(
    harness: Harness, body: dict[str, Any], words: str
) -> None:
    answer = await harness.client.post(WINDOWS, json={"name": "Deploy"} | body)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "one of"),
        ({"minutes": 5, "duration": "5m"}, "one of"),
        ({"minutes": 0}, "'minutes'"),
        ({"minutes": 10_081}, "'minutes'"),
        ({"duration": "forever"}, "'duration'"),
        ({"until": "2020-01-01T00:00:00Z"}, "to come"),
        ({"until": "2025-07-01T00:00:00"}, "offset"),
        ({"until": "2125-07-01T00:00:00Z"}, "366 days"),
    ],
)
async def test_what_is_wrong_with_an_extension_is_said(harness: Harness, body: dict[str, Any], words: str) -> None:
    window = await announced(harness, duration="10m")
    answer = await harness.client.post(f"{WINDOWS}/{window['id']}/extend", json=body)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]


async def test_things_and_windows_of_others_are_not_there(harness: Harness) -> None:
    check = await checked(harness)
    window = await announced(harness, duration="10m", check_ids=[check], key="mine")
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    for what in ("extend", "end"):
        answer = await harness.client.post(f"{WINDOWS}/{window['id']}/{what}", json={"minutes": 5}, headers=others)
        assert fault(answer) == (404, "not_found")
    named = await harness.client.post(WINDOWS, json={"name": "x", **NOW, "check_ids": [check]}, headers=others)
    assert fault(named) == (400, "validation_error")
    same = await harness.client.post(WINDOWS, json={"name": "x", **NOW, "key": "mine"}, headers=others)
    assert same.status_code == 201
    too_long = await harness.client.post(WINDOWS, json={"name": "x", **NOW}, headers={"Idempotency-Key": "x" * 201})
    assert fault(too_long) == (400, "validation_error")
