"""Downtimes of the updown API: pages, times, what decided them, and what history does not know yet."""

import re
from typing import Any

import pytest

from query_api.history.deciding_results import DecidingResults
from query_api.history.monitors import IncidentRow, Which
from query_api.updown.downtimes import downtime_object
from schemas.base import SECOND, Micros
from schemas.probes import FamilyResult, Phases
from tests.harness import Harness
from tests.memory_history import MemoryMonitorHistory
from tests.updown_client import CHECKS, URL, fault, made, updown

INCIDENT = "0b95ceb4-4efc-44b7-96db-9da6c017e0ab"


@pytest.fixture
def harness() -> Harness:
    return updown()


def id_of(harness: Harness) -> str:
    [monitor] = harness.log.directory.monitors_of(harness.project)
    return monitor.id


def probe(harness: Harness, ok: bool, until: str = "") -> None:
    """A result after a moment; or so many of them, until the monitor is so."""
    id = id_of(harness)
    for _ in range(30):
        harness.log.tick(5)
        harness.log.probe(id, ok=ok, address="1.1.1.1", phases=Phases(lookup=1_000, connect=2_500, first_byte=90_000))
        state = harness.log.monitor_states.state(id)
        if not until or (state is not None and state.status == until):
            return
    raise AssertionError("it is not so after 30 results")


async def downtimes(harness: Harness, token: str, query: str = "") -> list[dict[str, Any]]:
    answer = await harness.client.get(f"{CHECKS}/{token}/downtimes{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_one_that_is_open_and_one_that_is_over(harness: Harness) -> None:
    token = (await made(harness))["token"]
    assert await downtimes(harness, token) == []
    probe(harness, True)
    probe(harness, False, until="down")
    [opened] = await downtimes(harness, token)
    assert list(opened) == ["id", "details_url", "error", "started_at", "ended_at", "duration", "partial"]
    assert re.fullmatch("[0-9a-f]{24}", opened["id"])
    assert opened["details_url"].endswith(f"/downtimes/{opened['id']}")
    assert opened["error"] == "Connection timeout (30 seconds)"
    assert (opened["ended_at"], opened["duration"], opened["partial"]) == (None, None, None)
    probe(harness, True, until="up")
    [ended] = await downtimes(harness, token)
    assert (ended["id"], ended["started_at"], ended["partial"]) == (opened["id"], opened["started_at"], False)
    assert ended["duration"] > 0
    probe(harness, False, until="down")
    newest, oldest = await downtimes(harness, token)
    assert oldest == ended
    assert newest["started_at"] > ended["ended_at"]


@pytest.mark.parametrize(
    ("started", "ended", "texts", "duration"),
    [
        # As updown.io has answered: times are cut, what lies between them is rounded.
        (58_000_000, 164_000_000, ("00:00:58", "00:02:44"), 106),
        (58_900_000, 203_800_000, ("00:00:58", "00:03:23"), 145),
        (100_000, 1_900_000, ("00:00:00", "00:00:01"), 2),
        (0, 499_999, ("00:00:00", "00:00:00"), 0),
    ],
)
def test_times_are_cut_and_durations_rounded(
    started: Micros, ended: Micros, texts: tuple[str, str], duration: int
) -> None:
    shown = downtime_object(IncidentRow(INCIDENT, "m", started, ended, "Cause"), "https://x")
    assert (shown.started_at, shown.ended_at) == tuple(f"1970-01-01T{text}Z" for text in texts)
    assert shown.duration == duration
    assert shown.id == INCIDENT.replace("-", "")[:24]


async def test_pages_are_of_a_hundred(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    token = (await made(harness))["token"]
    rows = [IncidentRow(f"{n:032x}", id_of(harness), n * SECOND, n * SECOND + 1, "") for n in reversed(range(250))]

    async def incidents(self: Any, which: Which, skip: int, limit: int) -> list[IncidentRow]:
        return [row for row in rows if row.id not in which.without][skip : skip + limit]

    monkeypatch.setattr(MemoryMonitorHistory, "incidents", incidents)
    pages = [await downtimes(harness, token, f"?page={page}") for page in range(1, 5)]
    assert [len(page) for page in pages] == [100, 100, 50, 0]
    assert [one["started_at"] for page in pages for one in page] == sorted(
        (one["started_at"] for page in pages for one in page), reverse=True
    )
    # With one that is open, all move on by one.
    probe(harness, False, until="down")
    pages = [await downtimes(harness, token, f"?page={page}") for page in range(1, 5)]
    assert [len(page) for page in pages] == [100, 100, 51, 0]
    assert len({one["id"] for page in pages for one in page}) == 251
    assert pages[0][0]["ended_at"] is None


async def test_what_history_has_not_been_told(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage that is over by the state is shown as over, and the one that is open is never missing."""
    token = (await made(harness))["token"]
    probe(harness, False, until="down")
    told = await MemoryMonitorHistory(harness.log).incidents(Which(harness.project, [id_of(harness)]), 0, 9)
    probe(harness, True, until="up")
    [known] = await downtimes(harness, token)

    async def behind(self: Any, which: Which, skip: int, limit: int) -> list[IncidentRow]:
        return [row for row in told if row.id not in which.without][skip : skip + limit]

    monkeypatch.setattr(MemoryMonitorHistory, "incidents", behind)
    assert await downtimes(harness, token) == [known]
    probe(harness, False, until="down")
    opened, ended = await downtimes(harness, token)
    assert opened["ended_at"] is None
    assert ended["id"] == known["id"]
    assert ended["ended_at"] is not None


async def test_with_the_results_that_decided(harness: Harness) -> None:
    token = (await made(harness))["token"]
    for _ in range(8):
        probe(harness, True)
    probe(harness, False, until="down")
    for _ in range(5):
        probe(harness, False)
    probe(harness, True, until="up")
    harness.log.tick(5)
    [downtime] = await downtimes(harness, token, "?results=true")
    assert list(downtime)[-2:] == ["down_results", "up_results"]
    down, up = downtime["down_results"], downtime["up_results"]
    assert len(down) == len(up) == 5
    assert down[-1]["status"] == "down"
    assert up[-1]["status"] == "up"
    assert [one["request"]["sent_at"] for one in down] == sorted(one["request"]["sent_at"] for one in down)
    assert len({one["id"] for one in down}) == len({one["id"] for one in up}) == 5
    one = up[-1]
    assert list(one) == ["id", "status", "details_url", "request", "response", "ipv4", "ipv6"]
    assert one["request"]["http_version"] == "1.1"
    assert (one["request"]["node"], one["response"]["final_url"]) == ("local", URL)
    assert one["response"]["ip"] == "1.1.1.1"
    assert one["ipv4"]["timings"] == {
        "namelookup": 1.0, "connection": 2.5, "handshake": 0.0, "response": 90.0, "total": 142.0,
    }  # fmt: skip
    assert one["ipv6"] is None
    assert "down_results" not in (await downtimes(harness, token, "?results=false"))[0]


async def test_both_families_where_both_were_asked(harness: Harness) -> None:
    token = (await made(harness))["token"]
    well = FamilyResult(family="ipv4", ok=True, took=2_000, status=200, address="1.1.1.1", phases=Phases(connect=500))
    broken = FamilyResult(family="ipv6", ok=False, took=3_000, failure="connect", address="fd00::1")
    for _ in range(20):
        harness.log.tick(5)
        harness.log.probe(
            id_of(harness), ok=False, families=(well, broken), family_down="ipv6", method="HEAD", http_version="1.0",
            url="https://user:secret@shop.example.com/there", address="fd00::1",
        )  # fmt: skip
        state = harness.log.monitor_states.state(id_of(harness))
        if state is not None and state.status == "down":
            break
    [downtime] = await downtimes(harness, token, "?results=1")
    one = downtime["down_results"][-1]
    assert (one["request"]["http_method"], one["request"]["http_version"]) == ("HEAD", "1.0")
    assert one["response"]["final_url"] == "https://shop.example.com/there"
    assert one["response"]["ip"] is None  # a private one
    assert {name: one["ipv4"][name] for name in ("status", "ip", "code")} == {
        "status": "up", "ip": "1.1.1.1", "code": 200,
    }  # fmt: skip
    assert one["ipv4"]["timings"]["connection"] == 0.5
    assert (one["ipv6"]["status"], one["ipv6"]["ip"]) == ("down", None)
    probe(harness, True, until="up")
    assert [one["partial"] for one in await downtimes(harness, token)] == [True]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("page=0", 'Page must be a number from 1 to 1000000 (given: "0")'),
        ("page=-1", 'Page must be a number from 1 to 1000000 (given: "-1")'),
        ("page=x", 'Page must be a number from 1 to 1000000 (given: "x")'),
        ("page=" + "0" * 19 + "1" * 30, f'Page must be a number from 1 to 1000000 (given: "{"0" * 19 + "1" * 30}")'),
        ("page=" + "9" * 30, f'Page must be a number from 1 to 1000000 (given: "{"9" * 30}")'),
        ("page[]=1", 'Page must be a number from 1 to 1000000 (given: ["1"])'),
        ("results=maybe", 'Results must be true or false (given: "maybe")'),
    ],
)
async def test_what_is_wrong_with_parameters(harness: Harness, query: str, error: str) -> None:
    token = (await made(harness))["token"]
    assert fault(await harness.client.get(f"{CHECKS}/{token}/downtimes?{query}")) == (400, error)


async def test_a_check_that_waits_for_pulses(harness: Harness) -> None:
    """It has downtimes as any other; what decides them are pulses, not requests of ours."""
    answer = await harness.client.post(CHECKS, json={"type": "pulse", "period": 60, "alias": "backup"})
    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    [check] = harness.log.directory.checks_of(harness.project)
    harness.log.ping(check.id)
    harness.log.tick(90)
    [opened] = await downtimes(harness, token, "?results=true")
    assert (opened["ended_at"], opened["down_results"], opened["up_results"]) == (None, [], [])
    harness.log.ping(check.id)
    harness.log.tick(1)
    [ended] = await downtimes(harness, token)
    assert ended["id"] == opened["id"]
    assert ended["duration"] == 30
    metrics = (await harness.client.get(f"{CHECKS}/{token}/metrics?from=2+hours+ago")).json()
    assert metrics["uptime"] == pytest.approx(100 - 100 * 30 / 7_200, abs=0.001)
    assert (metrics["apdex"], metrics["requests"]["samples"]) == (None, 0)
    check_object = (await harness.client.get(f"{CHECKS}/{token}?metrics=true")).json()
    assert check_object["metrics"]["apdex"] is None


class _Rows:
    """A ClickHouse that answers one question after the other."""

    def __init__(self, *answers: list[tuple[Any, ...]]) -> None:
        self._answers = iter(answers)

    async def rows(self, _query: str, _parameters: Any) -> list[tuple[Any, ...]]:
        return next(self._answers)


async def test_what_decided_is_of_the_time_before_each_change() -> None:
    def row(at: int, took: int = 0) -> tuple[Any, ...]:
        return at, 0, "fra", at, 1, 200, took, "", "", "", "", "", -1, -1, -1, -1, -1

    ats = [(9, 0), (10, 0), (15, 0), (20, 0), (21, 0), (21, 1), (22, 0), (50, 0)]
    results = [row(at * SECOND, took) for at, took in reversed(ats)]
    changes = [("a", 1, 20 * SECOND), ("a", 0, 23 * SECOND), ("b", 1, 55 * SECOND)]

    async def read(most: int) -> dict[str, tuple[list[int], list[int]]]:
        clickhouse: Any = _Rows(changes, results)
        found = await DecidingResults(clickhouse).read("m", ["a", "b"], 10 * SECOND, most)
        return {
            id: ([one.at // SECOND for one in each.down], [one.at // SECOND for one in each.up])
            for id, each in found.items()
        }

    assert await read(9) == {"a": ([10, 15, 20, 21], [15, 20, 21, 21, 22]), "b": ([50], [])}
    assert await read(2) == {"a": ([20, 21], [21, 22]), "b": ([50], [])}
