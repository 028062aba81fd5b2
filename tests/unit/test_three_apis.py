"""One thing seen through three APIs: whichever of them made it, all show it once, change it and delete it.

Monitors are known to the PoppaPing and the updown API, heartbeat checks to the Management and the updown API.
"""

from collections import Counter
from typing import Any

import httpx
import pytest

from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.topics import PINGS, PROBE_RESULTS, TRANSITIONS
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.updown_client import UPDOWN_KEY, updown

UPDOWN, POPPAPING, MANAGEMENT = "/api/checks", "/api/v1/monitors", "/api/v3/checks"
KEYS = {
    UPDOWN: {"X-Api-Key": UPDOWN_KEY},
    POPPAPING: {"Authorization": f"Bearer {POP_KEY}"},
    MANAGEMENT: {"X-Api-Key": WRITE_KEY},
}
INCIDENTS = "/api/v1/incidents"


@pytest.fixture
def harness() -> Harness:
    return updown()


async def ask(harness: Harness, method: str, api: str, path: str = "", body: Any = None) -> httpx.Response:
    answer = await harness.client.request(method, f"{api}{path}", headers=KEYS[api], json=body)
    assert answer.status_code < 300, answer.text
    return answer


async def list_of(harness: Harness, api: str) -> list[dict[str, Any]]:
    path = "/" if api == MANAGEMENT else ""
    told = (await ask(harness, "GET", api, path)).json()
    found: list[dict[str, Any]] = told if api == UPDOWN else told["data"] if api == POPPAPING else told["checks"]
    return found


async def names(harness: Harness) -> dict[str, Counter[str]]:
    """What each API lists, by name."""
    return {
        UPDOWN: Counter(one["alias"] for one in await list_of(harness, UPDOWN)),
        POPPAPING: Counter(one["name"] for one in await list_of(harness, POPPAPING)),
        MANAGEMENT: Counter(one["name"] for one in await list_of(harness, MANAGEMENT)),
    }


async def made(harness: Harness, api: str, kind: str, name: str) -> Monitor | Check:
    """A monitor or a heartbeat check made by one API, as it is defined."""
    url = f"https://{name}.example.com/"
    if api == UPDOWN and kind == "monitor":
        answer = (await ask(harness, "POST", UPDOWN, body={"url": url, "alias": name})).json()
    elif api == UPDOWN:
        answer = (await ask(harness, "POST", UPDOWN, body={"type": "pulse", "period": 120, "alias": name})).json()
    elif api == POPPAPING:
        id = (await ask(harness, "POST", POPPAPING, body={"url": url, "name": name})).json()["data"]["id"]
        monitor = harness.log.directory.monitor(id)
        assert monitor is not None
        return monitor
    else:
        id = (await ask(harness, "POST", MANAGEMENT, "/", {"name": name, "timeout": 60, "grace": 60})).json()["uuid"]
        check = harness.log.directory.check(id)
        assert check is not None
        return check
    thing = harness.log.directory.by_token(answer["token"])
    assert thing is not None
    return thing


async def test_each_thing_is_listed_once_whichever_api_made_it(harness: Harness) -> None:
    for api, kind, name in (
        (UPDOWN, "monitor", "a"),
        (MANAGEMENT, "check", "b"),
        (POPPAPING, "monitor", "c"),
        (UPDOWN, "check", "d"),
    ):
        await made(harness, api, kind, name)
        harness.log.tick(1)
    assert await names(harness) == {
        UPDOWN: Counter("abcd"),
        POPPAPING: Counter("ac"),
        MANAGEMENT: Counter("bd"),
    }
    listed = await list_of(harness, UPDOWN)
    assert len({one["token"] for one in listed}) == 4
    assert [one["alias"] for one in listed] == list("abcd")  # oldest first, of both kinds
    assert [one["type"] for one in listed] == ["https", "pulse", "https", "pulse"]


@pytest.mark.parametrize("made_by", [UPDOWN, POPPAPING])
@pytest.mark.parametrize("deleted_by", [UPDOWN, POPPAPING])
async def test_a_monitor_through_both_its_apis(harness: Harness, made_by: str, deleted_by: str) -> None:
    monitor = await made(harness, made_by, "monitor", "shop")
    token, id = monitor.token, monitor.id
    await ask(harness, "PUT", UPDOWN, f"/{token}", {"period": 300, "enabled": False})
    seen = (await ask(harness, "GET", POPPAPING, f"/{id}")).json()["data"]
    assert (seen["name"], seen["interval_seconds"], seen["paused"]) == ("shop", 300, True)
    await ask(harness, "PATCH", POPPAPING, f"/{id}", {"name": "store", "interval_seconds": 60})
    await ask(harness, "POST", POPPAPING, f"/{id}/resume")
    checked = (await ask(harness, "GET", UPDOWN, f"/{token}")).json()
    assert (checked["alias"], checked["period"], checked["enabled"]) == ("store", 60, True)
    await ask(harness, "DELETE", deleted_by, f"/{token if deleted_by == UPDOWN else id}")
    assert await names(harness) == {UPDOWN: Counter(), POPPAPING: Counter(), MANAGEMENT: Counter()}
    removed = [key for key, value in harness.log.of(PROBE_RESULTS) if value["type"] == "monitor.removed"]
    assert removed == [id]


@pytest.mark.parametrize("made_by", [UPDOWN, MANAGEMENT])
@pytest.mark.parametrize("deleted_by", [UPDOWN, MANAGEMENT])
async def test_a_heartbeat_check_through_both_its_apis(harness: Harness, made_by: str, deleted_by: str) -> None:
    check = await made(harness, made_by, "check", "backup")
    token, id = check.token, check.id
    await ask(harness, "PUT", UPDOWN, f"/{token}", {"period": "2 hours", "enabled": False})
    seen = (await ask(harness, "GET", MANAGEMENT, f"/{id}")).json()
    assert (seen["name"], seen["timeout"], seen["late_limit"], seen["status"]) == ("backup", 7_200, 0, "paused")
    await ask(harness, "POST", MANAGEMENT, f"/{id}", {"name": "dump", "timeout": 600, "late_limit": 60})
    await ask(harness, "POST", MANAGEMENT, f"/{id}/resume", {})
    checked = (await ask(harness, "GET", UPDOWN, f"/{token}")).json()
    assert (checked["alias"], checked["period"], checked["enabled"]) == ("dump", 660, True)
    await ask(harness, "DELETE", deleted_by, f"/{token if deleted_by == UPDOWN else id}")
    assert await names(harness) == {UPDOWN: Counter(), POPPAPING: Counter(), MANAGEMENT: Counter()}
    removed = [key for key, value in harness.log.of(PINGS) if value["type"] == "check.removed"]
    assert removed == [id]


async def test_a_monitor_has_one_history_and_one_incident(harness: Harness) -> None:
    monitor = await made(harness, UPDOWN, "monitor", "shop")
    for _ in range(20):
        state = harness.log.monitor_states.state(monitor.id)
        if state is not None and state.status == "down":
            break
        harness.log.probe(monitor.id, ok=False)
        harness.log.tick(10)
    [incident] = (await ask_incidents(harness))["data"]
    assert incident["monitor_id"] == monitor.id
    assert (await ask(harness, "GET", UPDOWN, f"/{monitor.token}")).json()["down"] is True
    assert (await ask(harness, "GET", POPPAPING, f"/{monitor.id}")).json()["data"]["current_status"] == "down"
    assert went_down(harness, monitor.id) == 1


async def test_a_heartbeat_check_has_one_history(harness: Harness) -> None:
    check = await made(harness, UPDOWN, "check", "backup")
    harness.log.ping(check.id)
    harness.log.tick(130)
    seen = (await ask(harness, "GET", MANAGEMENT, f"/{check.id}")).json()
    assert (seen["status"], seen["n_pings"]) == ("down", 1)
    assert (await ask(harness, "GET", UPDOWN, f"/{check.token}")).json()["down"] is True
    assert len((await ask(harness, "GET", MANAGEMENT, f"/{check.id}/flips/")).json()["flips"]) == 2
    assert went_down(harness, check.id) == 1


async def ask_incidents(harness: Harness) -> Any:
    answer = await harness.client.get(INCIDENTS, headers=KEYS[POPPAPING])
    assert answer.status_code == 200
    return answer.json()


def went_down(harness: Harness, thing: str) -> int:
    told = [value for key, value in harness.log.of(TRANSITIONS) if key == thing and value["type"] == "status.changed"]
    return sum(one["now"] == "down" for one in told)
