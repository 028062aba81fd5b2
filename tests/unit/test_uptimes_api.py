"""Uptimes and run times of any span over the API, in memory: what they say, and what is refused."""

from itertools import pairwise
from typing import Any

import pytest

from schemas.base import SECOND
from schemas.times import iso
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import OTHERS_KEY, V1, fault, made, with_key

UPTIME, RUN_TIMES = f"{V1}/uptime", f"{V1}/run-times"
FIGURES = {
    "uptime_time_weighted", "up_seconds", "down_seconds", "not_observed_seconds", "uptime_percentage", "total_checks",
    "up_checks", "down_checks",
}  # fmt: skip


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


async def read(harness: Harness, url: str = UPTIME, **query: Any) -> dict[str, Any]:
    answer = await harness.client.get(url, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def test_a_project_without_things(harness: Harness) -> None:
    found = await read(harness)
    assert found["things"] == []
    assert found["together"]["uptime_time_weighted"] is found["together"]["uptime_percentage"] is None
    assert (found["things_total"], found["timezone"], found["complete"]) == (0, "UTC", True)
    assert (await read(harness, RUN_TIMES))["checks"] == []


async def test_by_time_and_by_count(harness: Harness) -> None:
    id = (await made(harness, confirmations=1))["id"]
    start = harness.log.time
    for ok in (True, False, True, True):
        harness.log.probe(id, ok=ok)
        harness.log.tick(60)
    found = await read(harness, **{"from": iso(start)})
    [thing] = found["things"]
    assert (thing["monitor_id"], thing["name"], thing["kind"], thing["parts"]) == (id, "Production API", "http", None)
    assert (thing["total_checks"], thing["up_checks"], thing["down_checks"]) == (4, 3, 1)
    assert thing["uptime_percentage"] == 75
    assert thing["uptime_time_weighted"] == round(
        100 * thing["up_seconds"] / (thing["up_seconds"] + thing["down_seconds"]), 3
    )
    assert 0 < thing["down_seconds"] <= 120
    assert {name: thing[name] for name in FIGURES} == {name: found["together"][name] for name in FIGURES}


async def test_parts_are_those_of_the_time_zone(harness: Harness) -> None:
    """Hours of a zone that begin a quarter before those of UTC; together they are the whole."""
    id = (await made(harness, confirmations=1))["id"]
    for ok in (True, False, True, True):
        harness.log.probe(id, ok=ok)
        harness.log.tick(900)
    query = {"from": "2025-06-15T20:45", "to": "2025-06-15T23:00", "timezone": "Asia/Kathmandu", "by": "hour"}
    found = await read(harness, **query)
    [thing] = found["things"]
    assert (found["from"], found["to"]) == ("2025-06-15T15:00:00+00:00", "2025-06-15T17:15:00+00:00")
    borders = [f"2025-06-15T{clock}:00+00:00" for clock in ("15:00", "15:15", "16:15", "17:15")]
    assert [(part["from"], part["to"]) for part in thing["parts"]] == list(pairwise(borders))
    assert thing["parts"] == found["together"]["parts"]
    for name in ("up_seconds", "down_seconds", "total_checks", "up_checks"):
        assert sum(part[name] for part in thing["parts"]) == pytest.approx(thing[name])
    assert thing["down_seconds"] > 0
    days = await read(harness, **{"from": "2025-06-10", "timezone": "Asia/Kathmandu", "by": "day"})
    assert [part["from"][11:16] for part in days["together"]["parts"]] == ["18:15"] * 6
    weeks = await read(harness, **{"from": "2025-06-01", "by": "week"})
    assert [part["from"][:10] for part in weeks["together"]["parts"]] == ["2025-06-01", "2025-06-02", "2025-06-09"]


async def test_of_some_things_only(harness: Harness) -> None:
    id = (await made(harness, name="b"))["id"]
    other = (await made(harness, name="a"))["id"]
    checks = {}
    for name, tags in (("backup", "db nightly"), ("report", "nightly"), ("mail", "")):
        answer = await harness.client.post(
            "/api/v3/checks/", json={"name": name, "tags": tags}, headers={"X-Api-Key": WRITE_KEY}
        )
        checks[name] = answer.json()["uuid"]
    names = [one["name"] for one in (await read(harness))["things"]]
    assert names == ["a", "b", "backup", "mail", "report"]
    for wanted, expected in ((["nightly"], ["backup", "report"]), (["nightly", "db"], ["backup"]), (["x"], [])):
        assert [one["name"] for one in (await read(harness, tag=wanted))["things"]] == expected
        assert [one["name"] for one in (await read(harness, RUN_TIMES, tag=wanted))["checks"]] == expected
    found = await read(harness, thing=[id, checks["mail"], id])
    assert [(one["name"], one["kind"]) for one in found["things"]] == [("b", "http"), ("mail", "heartbeat")]
    assert (await read(harness, RUN_TIMES, thing=other))["checks"] == []


async def test_run_times_by_hour(harness: Harness) -> None:
    headers = {"X-Api-Key": WRITE_KEY}
    id = (await harness.client.post("/api/v3/checks/", json={"name": "backup"}, headers=headers)).json()["uuid"]
    harness.log.tick(2_400)
    begin = harness.log.time
    for seconds in (10, 20, 30, 1_200):
        harness.log.ping(id, "start")
        harness.log.tick(seconds)
        harness.log.ping(id)
    query = {"from": iso(begin), "to": iso(harness.log.time + 3_600 * SECOND), "by": "hour"}
    [check] = (await read(harness, RUN_TIMES, **query))["checks"]
    first, *_ = parts = [part for part in check["parts"] if part["runs"]]
    assert [part["runs"] for part in parts] == [3, 1]
    assert (first["p50_run_seconds"], first["p99_run_seconds"], first["longest_run_seconds"]) == (20, 30, 30)
    assert (first["avg_run_seconds"], parts[1]["longest_run_seconds"]) == (20, 1_200)
    [whole] = (await read(harness, RUN_TIMES, **{"from": iso(begin)}))["checks"][0]["parts"]
    assert (whole["runs"], whole["p50_run_seconds"], whole["p95_run_seconds"]) == (4, 20, 1_200)


async def test_pings_of_a_check_count_as_what_they_say(harness: Harness) -> None:
    headers = {"X-Api-Key": WRITE_KEY}
    id = (await harness.client.post("/api/v3/checks/", json={"name": "backup"}, headers=headers)).json()["uuid"]
    for kind in ("success", "fail", "log", "start", "success"):
        harness.log.ping(id, kind)
        harness.log.tick(60)
    [thing] = (await read(harness))["things"]
    assert (thing["total_checks"], thing["up_checks"], thing["uptime_percentage"]) == (3, 2, 66.667)
    assert thing["down_seconds"] > 0


@pytest.mark.parametrize("url", [UPTIME, RUN_TIMES])
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"from": "2025-06-20", "to": "2025-06-15"}, "from"),
        ({"from": "2025-06-15", "to": "2025-06-15"}, "to"),
        ({"from": "1900-01-01"}, "from"),
        ({"from": "1970-01-02"}, "3660 days"),
        ({"from": "3000-01-01"}, "from"),
        ({"from": "2025-06-14", "to": "2525-06-14"}, "3660 days"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2025-06-15"}, "from"),
        ({"from": "2025-06-14", "period": "7d"}, "period"),
        ({"period": "1y"}, "period"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"by": "second"}, "by"),
        ({"from": "2016-01-01", "by": "hour"}, "by"),
        ({"from": ""}, "from"),
    ],
)
async def test_what_is_refused(harness: Harness, url: str, query: dict[str, str], word: str) -> None:
    answer = await harness.client.get(url, params=query)
    assert fault(answer) == (400, "validation_error")
    assert word in answer.json()["message"]


async def test_too_many_figures_are_refused(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_api.poppaping.uptime_ranges.MOST_FIGURES", 5)
    await made(harness)
    answer = await harness.client.get(UPTIME, params={"from": "2025-06-10", "by": "day"})
    assert fault(answer) == (400, "validation_error")
    assert "fewer things" in answer.json()["message"]


async def test_things_of_others_are_not_there(harness: Harness) -> None:
    id = (await made(harness))["id"]
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    for thing in (id, "x", ""):
        answer = await harness.client.get(UPTIME, params={"thing": thing}, headers=others)
        assert fault(answer) == (404, "not_found"), thing
    assert (await harness.client.get(UPTIME, headers=others)).json()["data"]["things"] == []


async def test_history_behind_is_told(harness: Harness) -> None:
    await made(harness)
    harness.uptime_history.written = False
    assert (await read(harness))["complete"] is False
