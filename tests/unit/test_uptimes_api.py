"""Uptimes and run times of any span over the API, in memory: what they say, and what is refused."""

from typing import Any

import pytest

from schemas.times import iso
from tests.harness import Harness
from tests.poppaping_client import V1, made, with_key

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
