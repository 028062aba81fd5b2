"""Metrics of the updown API: what counts, in which form, for which times, and what is said of parameters."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.history.response_times import Figures, Measured, Place
from query_api.history.uptime import Span
from query_api.updown.metrics import by_time
from query_api.updown.time_range import TimeRange
from schemas.base import SECOND
from schemas.probes import Phases
from schemas.times import zulu
from schemas.topics import PROBE_RESULTS, TRANSITIONS
from tests.harness import Harness
from tests.measured_history import MemoryResponseTimes
from tests.memory_history import MemoryMonitorHistory
from tests.updown_client import CHECKS, fault, made, updown

HOUR = 3_600


@pytest.fixture
def harness() -> Harness:
    return updown(regions="fra,syd")


def id_of(harness: Harness) -> str:
    [monitor] = harness.log.directory.monitors_of(harness.project)
    return monitor.id


async def metrics(harness: Harness, token: str, query: str = "") -> dict[str, Any]:
    answer = await harness.client.get(f"{CHECKS}/{token}/metrics{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def probe(
    harness: Harness, response_ms: int | None, redirect_ms: int | None = None, wait: int = 60, **fields: Any
) -> None:
    """A result whose answer began after so long; None: it failed."""
    phases = Phases(
        redirect=None if redirect_ms is None else redirect_ms * 1_000,
        lookup=1_000,
        connect=20_000,
        tls=30_400,
        first_byte=None if response_ms is None else response_ms * 1_000,
    )
    harness.log.probe(id_of(harness), ok=response_ms is not None, phases=phases, took=5_000_000, **fields)
    pass_time(harness, wait)


def pass_time(harness: Harness, seconds: int) -> None:
    """One tick that is so long: a second each would take all too long."""
    harness.log.time += (seconds - 1) * SECOND
    harness.log.tick(1)


def probe_until(harness: Harness, status: str, response_ms: int | None) -> None:
    """Confirmations come soon one after the other."""
    for _ in range(20):
        probe(harness, response_ms, wait=5)
        state = harness.log.monitor_states.state(id_of(harness))
        if state is not None and state.status == status:
            return
    raise AssertionError(f"it is not {status} after 20 results")


async def test_a_fresh_check_has_no_samples(harness: Harness) -> None:
    token = (await made(harness))["token"]
    found = await metrics(harness, token)
    assert list(found) == ["uptime", "apdex", "timings", "requests"]
    assert (found["uptime"], found["apdex"]) == (100.0, None)
    assert set(found["timings"].values()) == {None}
    assert found["requests"]["samples"] == 0
    assert await metrics(harness, token, "?group=time") == {}
    assert await metrics(harness, token, "?group=host") == {}


async def test_what_answers_come_to(harness: Harness) -> None:
    token = (await made(harness, apdex_t=0.25))["token"]
    for response in (100, 125, 126, 250, 251, 1_000, 1_001, 5_000):
        probe(harness, response, redirect_ms=80)
    probe(harness, None)
    probe(harness, 99)  # a confirmation, which is no sample
    probe(harness, 200)
    found = await metrics(harness, token)
    assert found["requests"] == {
        "samples": 10,
        "failures": 1,
        "satisfied": 5,
        "tolerated": 2,
        "by_response_time": {
            "under125": 2, "under250": 5, "under500": 6, "under1000": 7, "under2000": 8, "under4000": 8,
        },
    }  # fmt: skip
    assert next(iter(found["requests"]["by_response_time"])) == "under125"
    assert found["apdex"] == 0.6
    assert found["timings"] == {
        "redirect": round(8 * 80 / 9), "namelookup": 1, "connection": 20, "handshake": 30,
        "response": round(8053 / 9), "total": round((8 * 80 + 9 * 51.4 + 8053) / 9),
    }  # fmt: skip
    # A new threshold applies to all that was recorded.
    assert (await harness.client.put(f"{CHECKS}/{token}", json={"apdex_t": 8})).status_code == 200
    found = await metrics(harness, token)
    assert (found["requests"]["satisfied"], found["requests"]["tolerated"], found["apdex"]) == (9, 0, 0.9)
    assert list(found["requests"]["by_response_time"]) == [f"under{125 << n}" for n in range(9)]
    assert found["requests"]["by_response_time"]["under8000"] == 9


async def test_by_hour_and_by_node(harness: Harness) -> None:
    token = (await made(harness))["token"]
    for number in range(150):
        probe(harness, 100 if number % 2 else 600)
    results = [one for _, one in harness.log.of(PROBE_RESULTS) if one["type"] == "probe.completed"]
    expected = Counter(zulu(one["slot"] // (HOUR * SECOND) * HOUR * SECOND) for one in results)
    hours = await metrics(harness, token, "?group=time&from=5+hours+ago")
    assert list(hours) == sorted(expected)
    assert {hour: one["requests"]["samples"] for hour, one in hours.items()} == expected
    assert all(one["apdex"] == pytest.approx(0.75, abs=0.02) for one in hours.values())
    days = await metrics(harness, token, "?group=time&from=50+days+ago")
    assert sum(one["requests"]["samples"] for one in days.values()) == 150
    assert all(day.endswith("T00:00:00Z") for day in days)
    hosts = await metrics(harness, token, "?group=host&from=5+hours+ago")
    assert list(hosts) == ["fra", "syd"]
    by_region = Counter(one["region"] for one in results)
    assert {code: one["requests"]["samples"] for code, one in hosts.items()} == by_region
    assert list(hosts["fra"]) == ["uptime", "apdex", "timings", "requests", "host"]
    assert list(hosts["fra"]["host"]) == ["ip", "city", "country", "country_code"]


async def test_nodes_are_those_of_the_file(tmp_path: Path) -> None:
    """`host` of each node that has samples: also of one without an IPv4 address, and of one that the file does not
    have."""
    file = tmp_path / "nodes.toml"
    file.write_text(
        '[fra]\nip = "192.0.2.10"\nip6 = "2001:db8::10"\ncity = "Frankfurt"\ncountry = "Germany"\ncountry_code = "DE"\n'
        '[syd]\nip6 = "2001:db8::20"\ncity = "Sydney"\n[hooks]\nip = "192.0.2.30"\n'
    )
    harness = updown(regions="fra,syd,tok", nodes=str(file))
    token = (await made(harness))["token"]
    for _ in range(12):
        probe(harness, 100)
    by_region = Counter(one["region"] for _, one in harness.log.of(PROBE_RESULTS) if one["type"] == "probe.completed")
    hosts = await metrics(harness, token, "?group=host")
    assert {code: one["requests"]["samples"] for code, one in hosts.items()} == by_region
    assert list(hosts) == ["fra", "syd", "tok"]
    assert [one["host"] for one in hosts.values()] == [
        {"ip": "192.0.2.10", "city": "Frankfurt", "country": "Germany", "country_code": "de"},
        {"ip": "2001:db8::20", "city": "Sydney", "country": None, "country_code": None},
        {"ip": None, "city": None, "country": None, "country_code": None},
    ]
    listed = (await harness.client.get("/api/nodes")).json()
    assert list(listed) == ["fra", "syd", "tok", "hooks"]
    assert {code: one["host"]["city"] for code, one in hosts.items()} == {code: listed[code]["city"] for code in hosts}


async def test_uptime_is_by_time_and_never_rounded_up(harness: Harness) -> None:
    token = (await made(harness, period=60))["token"]
    probe(harness, 100)
    probe_until(harness, "down", None)
    assert 99.9 < (await metrics(harness, token))["uptime"] < 100
    probe_until(harness, "up", 100)
    pass_time(harness, 3 * HOUR)
    [*_, told] = [
        one for key, one in harness.log.of(TRANSITIONS) if one["type"] == "status.changed" and one["was"] == "down"
    ]
    seconds = (told["at"] - told["since"]) / SECOND
    four_hours = await metrics(harness, token, "?from=4+hours+ago")
    assert four_hours["uptime"] == pytest.approx(100 - 100 * seconds / (4 * HOUR), abs=0.001)
    ages = await metrics(harness, token, "?from=1971-01-01")
    assert ages["uptime"] == 99.999
    assert (await metrics(harness, token, "?from=2+hours+ago"))["uptime"] == 100.0


async def test_an_outage_that_history_has_not_been_told_of_counts(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await made(harness))["token"]
    probe(harness, 100)
    probe_until(harness, "down", None)
    probe_until(harness, "up", 100)
    known, read = (await metrics(harness, token))["uptime"], MemoryResponseTimes.read

    async def late(self: MemoryResponseTimes, *asked: Any, **how: Any) -> Measured:
        return (await read(self, *asked, **how))._replace(downs=[])

    monkeypatch.setattr(MemoryResponseTimes, "read", late)
    assert (await metrics(harness, token))["uptime"] == known < 100
    assert min(hour["uptime"] for hour in (await metrics(harness, token, "?group=time")).values()) < 100


def test_each_hour_has_the_outages_that_touch_it() -> None:
    """Of any number: one over a whole hour, ones that end or begin where an hour does, one that another cuts."""
    minute = 60 * SECOND
    told = [(0, 90), (100, 120), (180, 190), (200, 320), (310, 330), (330, 330)]
    downs = [Span(start * minute, end * minute, "down") for start, end in told]
    figures = {Place(at * HOUR, "fra"): Figures(samples=1) for at in range(7)}
    wanted = TimeRange(0, 6 * HOUR * SECOND + 30 * minute)
    hours = by_time(Measured(figures, downs), downs, wanted, 500, HOUR)
    shares = [one.uptime for one in hours.values()]
    assert shares == pytest.approx([0, 100 * 10 / 60, 100, 100 * 10 / 60, 0, 100 * 30 / 60, 100], abs=0.001)


async def test_the_last_hour_stands_in_the_check_itself(harness: Harness) -> None:
    token = (await made(harness))["token"]
    assert "metrics" not in (await harness.client.get(f"{CHECKS}/{token}")).json()
    probe(harness, 4_000)
    pass_time(harness, 2 * HOUR)
    for response in (100, 300):
        probe(harness, response, slot=harness.log.time)
    check = (await harness.client.get(f"{CHECKS}/{token}?metrics=true")).json()
    assert check["metrics"] == {
        "apdex": 1.0,
        "timings": {
            "redirect": 0, "namelookup": 1, "connection": 20, "handshake": 30, "response": 200, "total": 251,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("from=soon", 'From is not valid: not a time: send 2024-01-31T15:00:00Z, a date, Unix seconds, or words such as'
         " '2 hours ago' or 'tomorrow' (given: \"soon\")"),
        ("to=2024-02-30", 'To is not valid: day is out of range for month: send 2024-01-31T15:00:00Z, a date, Unix'
         " seconds, or words such as '2 hours ago' or 'tomorrow' (given: \"2024-02-30\")"),
        ("from=tomorrow", 'From is in the future (given: "tomorrow")'),
        ("from=30+minutes+ago", "To must be an hour after from at least (given: null)"),
        ("from=2020-01-02&to=2020-01-01", 'To must be an hour after from at least (given: "2020-01-01")'),
        ("group=country", 'Group is not included in the list (given: "country")'),
        ("from[]=1", 'From is not valid: not a time (given: ["1"])'),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_parameters(harness: Harness, query: str, error: str) -> None:
    token = (await made(harness))["token"]
    assert fault(await harness.client.get(f"{CHECKS}/{token}/metrics?{query}")) == (400, error)


async def test_both_faults_are_told(harness: Harness) -> None:
    token = (await made(harness))["token"]
    status, error = fault(await harness.client.get(f"{CHECKS}/{token}/metrics?from=x&to=y"))
    assert status == 400
    assert error.startswith("From is not valid")
    assert ", To is not valid" in error


@pytest.mark.parametrize("of", ["metrics", "downtimes"])
async def test_what_is_not_there(harness: Harness, of: str) -> None:
    assert fault(await harness.client.get(f"{CHECKS}/zzzz/{of}"))[0] == 404
    token = (await made(harness))["token"]
    harness.client.headers["X-Api-Key"] = "ud_" + "o" * 24
    assert fault(await harness.client.get(f"{CHECKS}/{token}/{of}"))[0] == 404


class _Away(MemoryMonitorHistory):
    def _told(self, project: str) -> Any:
        raise ClickHouseUnavailable("away")


@pytest.mark.parametrize("of", ["metrics", "downtimes"])
async def test_without_history_there_is_no_answer_now(harness: Harness, of: str) -> None:
    token = (await made(harness))["token"]
    harness.app.state.deps = replace(harness.app.state.deps, monitor_history=None)
    answer = await harness.client.get(f"{CHECKS}/{token}/{of}")
    assert fault(answer) == (503, "History is not available now")
    assert answer.headers["Retry-After"] == "1"
