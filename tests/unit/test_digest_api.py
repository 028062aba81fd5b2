"""Lists and quiet hours of a channel in the APIs and on the command line, over the real folds, in memory."""

from typing import Any

import pytest

from schemas.base import encode
from schemas.deliveries import DeliveryRequested
from schemas.notices import NOTICES
from schemas.quiet_hours import DAYS
from schemas.topics import DELIVERIES
from tests.gathering_driver import about
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_channels import CHANNELS, data, made, open_api

NTFY = {"channel_type": "ntfy", "server": "https://ntfy.example", "topic": "alerts"}
QUIET = {"from": "22:00", "to": "07:00", "days": ["mon", "fri"], "time_zone": "Europe/Berlin"}


@pytest.fixture
def api() -> Harness:
    return open_api()


async def test_a_channel_says_whether_it_has_lists(api: Harness) -> None:
    hook, chat = await made(api), data(await api.client.post(CHANNELS, json=NTFY), 201)
    assert (chat["digest"], chat["quiet_hours"]) == (True, None)
    assert data(await api.client.get(f"{CHANNELS}/{hook}"))["digest"] is False
    changed = data(await api.client.patch(f"{CHANNELS}/{hook}", json={"digest": True}))
    assert changed["digest"] is True
    assert data(await api.client.patch(f"{CHANNELS}/{hook}", json={"name": "x"}))["digest"] is True
    assert data(await api.client.patch(f"{CHANNELS}/{hook}", json={"digest": None}))["digest"] is False
    assert data(await api.client.post(CHANNELS, json=NTFY | {"digest": False}), 201)["digest"] is False


async def test_quiet_hours_are_set_changed_and_ended(api: Harness) -> None:
    chat = data(await api.client.post(CHANNELS, json=NTFY | {"quiet_hours": QUIET}), 201)
    assert chat["quiet_hours"] == QUIET
    where = f"{CHANNELS}/{chat['id']}"
    every_day = {"from": "23:00", "to": "06:30"}
    changed = data(await api.client.patch(where, json={"quiet_hours": every_day}))["quiet_hours"]
    assert {name: changed[name] for name in every_day} == every_day
    assert data(await api.client.patch(where, json={"name": "x"}))["quiet_hours"] == changed
    # What was read can be sent back.
    assert data(await api.client.patch(where, json=data(await api.client.get(where))))["quiet_hours"] == changed
    assert data(await api.client.patch(where, json={"quiet_hours": None}))["quiet_hours"] is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"digest": "yes"}, "'digest'"),
        ({"quiet_hours": QUIET | {"from": "24:00"}}, "'quiet_hours.from'"),
        ({"quiet_hours": QUIET | {"from": "7:00"}}, "'quiet_hours.from'"),
        ({"quiet_hours": {"from": "22:00"}}, "'quiet_hours"),
        ({"quiet_hours": QUIET | {"days": []}}, "'quiet_hours.days'"),
        ({"quiet_hours": QUIET | {"days": ["caturday"]}}, "'quiet_hours.days[0]'"),
        ({"quiet_hours": QUIET | {"until": "08:00"}}, "until"),
        ({"quiet_hours": QUIET | {"time_zone": "Mars/Base"}}, "'quiet_hours' have a time_zone that"),
        ({"quiet_hours": {"from": "22:00", "to": "22:00"}}, "'quiet_hours' must end"),
        ({"quiet_hours": {"from": "22:00", "to": "22:00", "days": list(DAYS)}}, "'quiet_hours' must end"),
    ],
)
async def test_what_is_not_taken_says_why(api: Harness, fields: dict[str, Any], words: str) -> None:
    answer = await api.client.post(CHANNELS, json=NTFY | fields)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    chat = data(await api.client.post(CHANNELS, json=NTFY), 201)
    answer = await api.client.patch(f"{CHANNELS}/{chat['id']}", json=fields)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


@pytest.mark.parametrize("fields", [{"digest": True}, {"quiet_hours": QUIET}])
async def test_what_is_told_one_by_one_has_no_lists(api: Harness, fields: dict[str, Any]) -> None:
    pager = {"channel_type": "pagerduty", "routing_key": "a" * 32}
    answer = await api.client.post(CHANNELS, json=pager | fields)
    assert answer.status_code == 400
    assert "'pagerduty'" in answer.json()["message"]
    assert data(await api.client.post(CHANNELS, json=pager | {"digest": False}), 201)["digest"] is False


async def test_the_management_api_takes_and_shows_them(api: Harness) -> None:
    headers = {"X-Api-Key": WRITE_KEY}
    body = {"kind": "ntfy", "server": "https://ntfy.example", "topic": "alerts"}
    answer = await api.client.post("/api/v3/channels/", json=body, headers=headers)
    assert (answer.status_code, answer.json()["digest"], answer.json()["quiet_hours"]) == (201, True, None)
    wanted = body | {"digest": False, "quiet_hours": QUIET}
    answer = await api.client.post("/api/v3/channels/", json=wanted, headers=headers)
    assert (answer.json()["digest"], answer.json()["quiet_hours"]) == (False, QUIET)
    listed = (await api.client.get("/api/v3/channels/?details=1", headers=headers)).json()["channels"]
    assert {one["digest"] for one in listed} == {True, False}
    bad = await api.client.post("/api/v3/channels/", json=body | {"quiet_hours": {}}, headers=headers)
    assert bad.status_code == 400


async def test_what_waits_is_pending_and_a_list_can_be_read(api: Harness) -> None:
    id = data(await api.client.post(CHANNELS, json=NTFY | {"events": list(NOTICES)}), 201)["id"]
    for number in range(2):
        event = DeliveryRequested(
            transition=f"t{number}",
            at=api.log.time,
            notices=("monitor.down",),
            data=about(f"m{number}", "monitor.down", api.log.time),
        )
        api.log.send(DELIVERIES.name, id, encode(event))
    shown = data(await api.client.get(f"{CHANNELS}/{id}/deliveries"))
    waiting = next(one for one in shown if one["next_attempt_at"])
    assert (waiting["event"], waiting["status"], waiting["attempts"]) == ("monitor.down", "pending", 0)
    event = DeliveryRequested(
        transition="t3", at=api.log.time, notices=("monitor.down",), data=about("m3", "monitor.down", api.log.time)
    )
    api.log.send(DELIVERIES.name, id, encode(event))
    shown = data(await api.client.get(f"{CHANNELS}/{id}/deliveries"))
    pending = {one["event"]: one for one in shown if one["status"] == "pending"}
    assert sorted(pending) == ["channel.digest", "monitor.down"]
    gathered = [one for one in shown if one["status"] == "gathered"]
    assert [(one["told_in"], one["last_error"]) for one in gathered] == [(pending["channel.digest"]["id"], None)] * 2
