"""Pulse checks of the updown API over the real folds, in memory (docs/compatibility/updown.md, "Pulse")."""

from typing import Any

import httpx
import pytest

from infra.settings.settings import Settings
from schemas.base import SECOND, encode
from schemas.definitions import Check
from schemas.schedules import Cron, Simple
from schemas.tokens import pulse_key
from tests.harness import WRITE_KEY, Harness
from tests.updown_client import CHECKS, FIELDS, OTHERS_KEY, UPDOWN_KEY, UPDOWN_READ_KEY, fault, seen, show, updown

MANAGED = "/api/v3/checks/"


@pytest.fixture
def harness() -> Harness:
    return updown()


async def made(harness: Harness, **parameters: Any) -> dict[str, Any]:
    answer = await harness.client.post(CHECKS, json={"type": "pulse"} | parameters)
    assert answer.status_code == 201, answer.text
    check: dict[str, Any] = answer.json()
    return check


async def changed(harness: Harness, token: str, /, **parameters: Any) -> dict[str, Any]:
    answer = await harness.client.put(f"{CHECKS}/{token}", json=parameters)
    assert answer.status_code == 200, answer.text
    check: dict[str, Any] = answer.json()
    return check


async def managed(harness: Harness, method: str = "GET", path: str = MANAGED, **fields: Any) -> httpx.Response:
    headers = {"X-Api-Key": WRITE_KEY}
    return await harness.client.request(method, path, headers=headers, json=fields or None)


def check_of(harness: Harness, token: str) -> Check:
    check = harness.log.directory.by_token(token)
    assert isinstance(check, Check)
    return check


async def test_the_life_of_a_pulse_check(harness: Harness) -> None:
    check = await made(harness, period=90, alias="Backup")
    assert list(check) == FIELDS
    token = check["token"]
    id = check_of(harness, token).id
    assert check["url"] == f"{Settings(_env_file=None).base_url}/pulse/{token}/{pulse_key(id)}"
    hidden = check | {"url": f"{Settings(_env_file=None).base_url}/pulse/{token}/********"}
    assert check == check | {
        "type": "pulse",
        "alias": "Backup",
        "period": 90,
        "enabled": True,
        "down": False,
        "last_check_at": None,
        "next_check_at": None,
        "uptime": 100.0,
        "recipients": [],
        "last_status": None,
    }
    assert await seen(harness, token) == hidden
    assert (await harness.client.get(CHECKS)).json() == [hidden]
    more = await changed(harness, token, period="25 hours", alias="", token=token, published=True)
    assert more == check | {"period": 90_000, "alias": None}
    gone = await harness.client.delete(f"{CHECKS}/{token}")
    assert gone.json() == {"deleted": True}
    assert fault(await harness.client.get(f"{CHECKS}/{token}")) == (404, "Check not found")
    assert (await harness.client.get(CHECKS)).json() == []


async def test_its_url_is_shown_only_to_who_makes_or_changes_it(harness: Harness) -> None:
    check = await made(harness)
    token, key = check["token"], check["url"].rpartition("/")[2]
    show(harness, UPDOWN_READ_KEY)
    for path in (CHECKS, f"{CHECKS}/{token}", f"{CHECKS}/{token}?metrics=true"):
        answer = await harness.client.get(path)
        assert answer.status_code == 200
        assert key not in answer.text
    assert key not in (await managed(harness)).text


async def test_down_at_the_end_of_the_period_and_up_with_a_pulse(harness: Harness) -> None:
    token = (await made(harness, period=90))["token"]
    id = check_of(harness, token).id
    harness.log.tick(300)
    assert (await seen(harness, token))["down"] is False  # nothing is expected before the first pulse
    harness.log.ping(id)
    harness.log.tick(89)
    up = await seen(harness, token)
    assert (up["down"], up["error"], up["down_since"]) == (False, None, None)
    assert up["next_check_at"] > up["last_check_at"] == up["up_since"]
    harness.log.tick(2)
    down = await seen(harness, token)
    assert (down["down"], down["up_since"], down["next_check_at"]) == (True, None, None)
    assert down["down_since"] == up["next_check_at"]
    assert "No ping for 1 minute 30 seconds" in down["error"] or "No ping" in down["error"]
    assert "late limit" not in down["error"]
    harness.log.ping(id)
    again = await seen(harness, token)
    assert (again["down"], again["error"]) == (False, None)


async def test_enabled(harness: Harness) -> None:
    off = await made(harness, enabled=False)
    token = off["token"]
    assert off["enabled"] is False
    assert (await seen(harness, token))["enabled"] is False
    assert (await changed(harness, token, alias="x"))["enabled"] is False
    assert (await changed(harness, token, enabled=True))["enabled"] is True
    before = len(harness.log.records["pings", 0]) + len(harness.log.records["pings", 1])
    assert (await changed(harness, token, enabled="1"))["enabled"] is True
    assert len(harness.log.records["pings", 0]) + len(harness.log.records["pings", 1]) == before
    assert (await changed(harness, token, enabled="false"))["enabled"] is False


@pytest.mark.parametrize(
    ("period", "seconds"),
    [(15, 15), ("15", 15), ("1 month", 2_678_400), (90.0, 90), ("daily", 86_400), (None, 60), ("", 60)],
)
async def test_periods(harness: Harness, period: object, seconds: int) -> None:
    check = await made(harness, period=period)
    assert check["period"] == seconds
    assert check_of(harness, check["token"]).schedule == Simple(seconds)
    assert check_of(harness, check["token"]).late_limit == 0


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"period": 14}, "Period must be from 15 seconds to 1 month (given: 14)"),
        ({"period": "5 weeks"}, 'Period must be from 15 seconds to 1 month (given: "5 weeks")'),
        ({"period": "soon"}, 'Period is not a duration (given: "soon")'),
        ({"period": True}, "Period is not a duration (given: true)"),
        ({"period": [60]}, "Period is not a duration (given: [60])"),
        ({"period": -60}, "Period is not a duration (given: -60)"),
        ({"alias": "a" * 101}, f'Alias is too long (maximum is 100 characters) (given: "{"a" * 101}")'),
        ({"recipients": ["email:1"]}, 'Recipients is not included in the list (given: ["email:1"])'),
        ({"enabled": "perhaps"}, 'Enabled is not included in the list (given: "perhaps")'),
        (
            {"period": 14, "enabled": 7},
            "Period must be from 15 seconds to 1 month (given: 14), Enabled is not included in the list (given: 7)",
        ),
    ],
)
async def test_what_is_refused_makes_nothing(harness: Harness, parameters: dict[str, Any], words: str) -> None:
    assert fault(await harness.client.post(CHECKS, json={"type": "pulse"} | parameters)) == (400, words)
    assert (await harness.client.get(CHECKS)).json() == []
    token = (await made(harness))["token"]
    assert fault(await harness.client.put(f"{CHECKS}/{token}", json=parameters)) == (400, words)
    assert check_of(harness, token).version == 1


async def test_the_type_of_a_check_stays(harness: Harness) -> None:
    token = (await made(harness))["token"]
    refused = await harness.client.put(f"{CHECKS}/{token}", json={"type": "https", "url": "https://a.example/"})
    assert fault(refused) == (400, 'Type cannot be changed from pulse (given: "https")')
    assert (await changed(harness, token, type="pulse", url="https://a.example/"))["type"] == "pulse"
    monitor = await harness.client.post(CHECKS, json={"url": "https://shop.example.com/"})
    refused = await harness.client.put(f"{CHECKS}/{monitor.json()['token']}", json={"type": "pulse"})
    assert fault(refused) == (400, 'Type cannot be changed to pulse (given: "pulse")')


async def test_recipients(harness: Harness) -> None:
    first, second = harness.make_channel("first"), harness.make_channel("second")
    ids = {id: f"webhook:{harness.log.directory.channel(id).number}" for id in (first, second)}  # type: ignore[union-attr]
    check = await made(harness)
    assert sorted(check["recipients"]) == sorted(ids.values())
    some = await changed(harness, check["token"], recipients=[ids[second]])
    assert some["recipients"] == [ids[second]]
    assert check_of(harness, check["token"]).channels == (second,)
    assert (await changed(harness, check["token"], recipients=[""]))["recipients"] == []
    assert (await made(harness, recipients=[]))["recipients"] == []


async def test_others_do_not_find_it(harness: Harness) -> None:
    token = (await made(harness))["token"]
    show(harness, OTHERS_KEY)
    assert (await harness.client.get(CHECKS)).json() == []
    for method in ("GET", "PUT", "DELETE"):
        assert fault(await harness.client.request(method, f"{CHECKS}/{token}")) == (404, "Check not found")
    show(harness, UPDOWN_READ_KEY)
    for method, path in (("POST", CHECKS), ("PUT", f"{CHECKS}/{token}"), ("DELETE", f"{CHECKS}/{token}")):
        assert (await harness.client.request(method, path, json={"type": "pulse"})).status_code == 403
    show(harness, UPDOWN_KEY)
    assert len((await harness.client.get(CHECKS)).json()) == 1


@pytest.mark.parametrize(
    ("fields", "period"),
    [
        ({"timeout": 3_600, "grace": 300}, 3_900),
        ({"timeout": 3_600, "grace": 300, "late_limit": 60}, 3_660),
        ({"schedule": "0 2 * * *", "tz": "UTC", "grace": 600}, 87_000),
    ],
)
async def test_a_check_that_was_made_elsewhere_keeps_its_schedule(
    harness: Harness, fields: dict[str, Any], period: int
) -> None:
    await managed(harness, "POST", name="Job", **fields)
    [check] = (await harness.client.get(CHECKS)).json()
    assert (check["type"], check["alias"], check["period"]) == ("pulse", "Job", period)
    before = check_of(harness, check["token"])
    again = await changed(harness, check["token"], **check)  # what was read is sent back
    assert again | {"url": ""} == check | {"url": ""}
    assert check_of(harness, check["token"]) == before
    assert isinstance(before.schedule, Simple | Cron)
    assert (await changed(harness, check["token"], period=period + 60))["period"] == period + 60
    after = check_of(harness, check["token"])
    assert (after.schedule, after.late_limit, after.grace) == (Simple(period + 60), 0, before.grace)


async def test_a_gap_anywhere_since_the_last_pulse_accuses_nobody(harness: Harness) -> None:
    """Its period has all the tolerance in it: nobody knows when the pulse would have come."""
    token = (await made(harness, period=90))["token"]
    id = check_of(harness, token).id
    harness.log.tick(1)
    harness.log.ping(id)
    harness.log.tick(20)
    harness.log.time += 10 * SECOND  # no source is heard for ten seconds, long before the deadline
    harness.log.tick(80)
    check = await seen(harness, token)
    assert check["down"] is False
    state = harness.log.states.state(id)
    assert state is not None
    assert state.unobserved


async def test_what_has_no_token_yet_is_not_listed(harness: Harness) -> None:
    """As a check of an older version, until the ticker has told how many partitions there are."""
    named = await made(harness)
    nameless = Check(id="5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", project=harness.project, version=1, created=0)
    harness.log.directory.apply(0, f"check/{nameless.id}", encode(nameless))
    assert [check["token"] for check in (await harness.client.get(CHECKS)).json()] == [named["token"]]
    assert (await harness.client.get(f"{CHECKS}/{nameless.id}")).status_code == 404


async def test_its_downtimes_and_metrics(harness: Harness) -> None:
    token = (await made(harness, period=90))["token"]
    id = check_of(harness, token).id
    harness.log.ping(id)
    harness.log.tick(100)
    [open_one] = (await harness.client.get(f"{CHECKS}/{token}/downtimes")).json()
    assert (open_one["ended_at"], open_one["duration"]) == (None, None)
    assert open_one["error"].startswith("No ping for")
    harness.log.ping(id)
    [ended] = (await harness.client.get(f"{CHECKS}/{token}/downtimes")).json()
    assert (ended["id"], ended["started_at"], ended["duration"]) == (open_one["id"], open_one["started_at"], 10)
    metrics = (await harness.client.get(f"{CHECKS}/{token}/metrics")).json()
    assert metrics["requests"]["samples"] == 0
    assert 99 < metrics["uptime"] < 100
    assert "metrics" in (await harness.client.get(f"{CHECKS}/{token}?metrics=true")).json()


async def test_mute_until(harness: Harness) -> None:
    check = await made(harness, mute_until="recovery")
    token = check["token"]
    assert check["mute_until"] == "recovery"
    assert (await seen(harness, token))["mute_until"] == "recovery"
    assert (await changed(harness, token, alias="x"))["mute_until"] == "recovery"
    assert (await changed(harness, token, mute_until=None))["mute_until"] is None
    assert check_of(harness, token).mute_until is None
    status, words = fault(await harness.client.put(f"{CHECKS}/{token}", json={"mute_until": "never ever"}))
    assert (status, words.partition(" ")[0], words.count("never ever")) == (400, "Mute", 1)
