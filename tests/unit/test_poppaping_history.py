"""Uptime and incidents of the PoppaPing API: the form of the answers, and pages over what states and history know."""

from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest

from query_api.history.behind import Behind
from query_api.history.monitors import IncidentRow, Observed
from schemas.base import Micros
from tests.harness import Harness
from tests.memory_history import MemoryMonitorHistory
from tests.poppaping_client import V1, fault, made, with_key


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


class BehindHistory(MemoryMonitorHistory):
    """Has not been told of some incidents yet."""

    missing: frozenset[str] = frozenset()

    def _told(self, project: str) -> dict[str, IncidentRow]:
        return {id: row for id, row in super()._told(project).items() if id not in self.missing}


async def listed(harness: Harness, query: str, per_page: int) -> list[dict[str, Any]]:
    """Every page, one after the other; each says how many there are in all."""
    found: list[dict[str, Any]] = []
    for page in count(1):
        answer = await harness.client.get(f"{V1}/incidents?{query}&per_page={per_page}&page={page}")
        body = answer.json()
        if not body["data"]:
            assert body["meta"]["total"] == len(found)
            break
        found += body["data"]
    return found


@pytest.mark.parametrize("seed", range(5))
async def test_every_incident_is_on_one_page_however_far_behind_history_is(harness: Harness, seed: int) -> None:
    random = Random(seed)
    history = BehindHistory(harness.log)
    harness.app.state.deps = replace(harness.app.state.deps, monitor_history=history)
    monitors = [(await made(harness, name=f"{n}", confirmations=1))["id"] for n in range(5)]
    for _ in range(12):
        for id in random.sample(monitors, 3):
            harness.log.probe(id, ok=random.random() < 0.5)
        harness.log.tick(60)
    whole = await listed(harness, "", 100)
    opened, resolved = ([one for one in whole if one["status"] == status] for status in ("open", "resolved"))
    assert opened
    assert resolved
    history.missing = frozenset(one["id"] for one in random.sample(opened, (len(opened) + 1) // 2))
    for per_page in (1, 2, 3, 7):
        assert await listed(harness, "", per_page) == whole
        assert await listed(harness, "status=open", per_page) == opened
        assert await listed(harness, "status=resolved", per_page) == resolved
    for id in monitors:
        assert await listed(harness, f"monitor_id={id}", 2) == [one for one in whole if one["monitor_id"] == id]
    for one in whole:
        read = (await harness.client.get(f"{V1}/incidents/{one['id']}")).json()["data"]
        assert read | one == read


async def test_incidents_of_a_removed_monitor_are_gone(harness: Harness) -> None:
    id = (await made(harness, confirmations=1))["id"]
    harness.log.probe(id, ok=False)
    [incident] = await listed(harness, "", 10)
    await harness.client.delete(f"{V1}/monitors/{id}")
    assert await listed(harness, "", 10) == []
    assert fault(await harness.client.get(f"{V1}/incidents/{incident['id']}")) == (404, "not_found")


async def test_uptime_by_count_and_by_time_are_told_apart(harness: Harness) -> None:
    id = (await made(harness, confirmations=1, timeout_seconds=60))["id"]
    uptime = (await harness.client.get(f"{V1}/monitors/{id}/uptime")).json()["data"]
    assert set(uptime.values()) == {id, "30d", 0, None}
    harness.log.probe(id)
    for ok in (True, True, False, False, True, True):
        harness.log.tick(60)
        harness.log.probe(id, ok=ok)
    rows = await MemoryMonitorHistory(harness.log).results(id, 0, 10)
    _, up_again, _, down, *_, first = (row.at for row in rows)
    uptime = (await harness.client.get(f"{V1}/monitors/{id}/uptime?period=24h")).json()["data"]
    assert uptime == {
        "monitor_id": id,
        "period": "24h",
        "uptime_percentage": 71.43,
        "total_checks": 7,
        "up_checks": 5,
        "down_checks": 2,
        "avg_response_time_ms": 142.0,
        "p50_response_time_ms": 142.0,
        "p95_response_time_ms": 142.0,
        "p99_response_time_ms": 142.0,
        "uptime_time_weighted": round(100 - 100 * (up_again - down) / (harness.log.time - first), 2),
    }


class LateSpans(MemoryMonitorHistory):
    """The newest span is not written until it was waited for; late: not even then."""

    late = False
    written = True

    async def caught_up(self) -> None:
        if self.late:
            raise Behind
        self.written = True

    async def observed(self, monitor: str, start: Micros) -> Observed:
        found = await super().observed(monitor, start)
        return found if self.written else found._replace(spans=found.spans[:-1])


async def test_a_span_that_has_just_ended_is_waited_for(harness: Harness) -> None:
    """Without it an outage that is over would not count; a figure that may be wrong is not told."""
    history = LateSpans(harness.log)
    harness.app.state.deps = replace(harness.app.state.deps, monitor_history=history)
    id = (await made(harness, confirmations=1, timeout_seconds=60))["id"]

    async def by_time() -> float | None:
        told = (await harness.client.get(f"{V1}/monitors/{id}/uptime?period=24h")).json()["data"]
        found: float | None = told["uptime_time_weighted"]
        return found

    for ok in (True, False, True):
        harness.log.probe(id, ok=ok)
        harness.log.tick(60)
    expected = await by_time()
    assert expected is not None
    assert expected < 100
    history.written = False
    assert await by_time() == expected
    assert history.written
    history.written, history.late = False, True
    assert await by_time() is None
    history.written = True
    assert await by_time() == expected
