"""Reports over the API, in memory: what they say, and what is refused."""

from typing import Any

import httpx
import pytest

from infra.clickhouse.client import ClickHouseUnavailable
from infra.secrets.secrets import hash_api_key
from schemas.base import SECOND
from schemas.definitions import ApiKey, KeyScope
from schemas.ids import new_id
from schemas.requests import KeyCreate
from schemas.times import iso
from tests.escalation_desk import policy
from tests.harness import WRITE_KEY, Harness
from tests.on_call_desk import on_call_step, rotation
from tests.poppaping_client import OTHERS_KEY, V1, fault, made, with_key

REPORTS = f"{V1}/reports"
DAY = 86_400


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def report(harness: Harness, **query: str) -> dict[str, Any]:
    answer = await harness.client.get(REPORTS, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def since(harness: Harness, start: int) -> dict[str, Any]:
    return await report(harness, **{"from": iso(start)})


async def down_and_up(harness: Harness, id: str) -> None:
    """A monitor is seen up, goes down for a minute, and is up again."""
    for ok in (True, False, True):
        harness.log.probe(id, ok=ok)
        harness.log.tick(60)


async def test_a_project_without_things(harness: Harness) -> None:
    found = await report(harness)
    assert found["monitors"] == []
    assert found["monitors_total"] == 0
    assert found["uptime_percentage"] is None
    assert found["incidents"] == {
        "count": 0, "longest_seconds": 0, "total_seconds": 0, "previous_count": 0, "previous_total_seconds": 0,
    }  # fmt: skip
    assert (found["period"], found["timezone"], found["complete"]) == ("week", "UTC", True)
    # The harness begins on Sunday, 2025-06-15.
    assert (found["from"], found["to"]) == ("2025-06-02T00:00:00+00:00", "2025-06-09T00:00:00+00:00")
    assert found["previous"] == {"from": "2025-05-26T00:00:00+00:00", "to": "2025-06-02T00:00:00+00:00"}


async def test_uptime_and_incidents_of_a_span(harness: Harness) -> None:
    start = harness.log.time
    id = (await made(harness, confirmations=1, alert_channel_ids=[]))["id"]
    await down_and_up(harness, id)
    found = await since(harness, start)
    [row] = found["monitors"]
    assert (row["monitor_id"], row["name"], row["kind"]) == (id, "Production API", "http")
    assert row["incidents"] == 1
    assert row["down_seconds"] == row["longest_incident_seconds"] == found["incidents"]["total_seconds"] > 0
    assert 0 < row["uptime_percentage"] < 100
    assert row["uptime_percentage"] == found["uptime_percentage"]
    assert row["previous_uptime_percentage"] is None
    assert row["p50_response_time_ms"] == row["p95_response_time_ms"] == 142
    assert found["slowest"] == [{"monitor_id": id, "name": "Production API", "p50": 142, "p95": 142}]
    [incident] = found["unacknowledged"]
    assert incident["resolved_at"] is not None
    assert found["unacknowledged_total"] == found["incidents"]["count"] == 1
    assert found["flappiest"] == []


async def test_against_the_span_before(harness: Harness) -> None:
    id = (await made(harness, confirmations=1))["id"]
    begin = harness.log.time
    await down_and_up(harness, id)
    middle = harness.log.time
    harness.log.probe(id)
    harness.log.tick(middle / SECOND - begin / SECOND)
    found = await report(harness, **{"from": iso(middle), "to": iso(harness.log.time)})
    assert found["previous"]["from"] == iso(begin)
    assert found["incidents"]["count"] == 0
    assert found["incidents"]["previous_count"] == 1
    assert found["previous_uptime_percentage"] < found["uptime_percentage"] == 100


async def test_what_goes_down_often_is_told_first(harness: Harness) -> None:
    start = harness.log.time
    well, flaps = [(await made(harness, confirmations=1, name=name))["id"] for name in ("a", "b")]
    harness.log.probe(well)
    await down_and_up(harness, flaps)
    await down_and_up(harness, flaps)
    found = await since(harness, start)
    assert [row["monitor_id"] for row in found["monitors"]] == [flaps, well]
    assert found["flappiest"] == [{"monitor_id": flaps, "name": "b", "incidents": 2}]


async def test_heartbeat_checks_have_runs(harness: Harness) -> None:
    start = harness.log.time
    answer = await harness.client.post("/api/v3/checks/", json={"name": "backup", "timeout": 60, "grace": 60})
    check = answer.json()["uuid"]
    for seconds in (10, 20, 30):
        harness.log.ping(check, "start")
        harness.log.tick(seconds)
        harness.log.ping(check)
    harness.log.tick(200)
    found = await since(harness, start)
    [row] = found["monitors"]
    assert (row["kind"], row["name"], row["incidents"]) == ("heartbeat", "backup", 1)
    assert (row["p50_run_seconds"], row["p95_run_seconds"]) == (20, 30)
    assert row["p50_response_time_ms"] is None
    assert found["slowest_runs"] == [{"monitor_id": check, "name": "backup", "p50": 20, "p95": 30}]


async def test_acknowledged_incidents_are_not_told(harness: Harness) -> None:
    start = harness.log.time
    one, two = [(await made(harness, confirmations=1, name=name))["id"] for name in ("a", "b")]
    for id in (one, two):
        harness.log.probe(id)
    harness.log.tick(60)
    for id in (one, two):
        harness.log.probe(id, ok=False)
    harness.log.tick(5)
    answer = await harness.client.post(f"{V1}/incidents/{one}/acknowledge", json={})
    assert answer.status_code == 200, answer.text
    found = await since(harness, start)
    assert [each["monitor_id"] for each in found["unacknowledged"]] == [two]
    assert found["unacknowledged"][0]["resolved_at"] is None
    assert found["incidents"]["count"] == 2


async def test_things_that_would_tell_nobody(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    told = (await made(harness, name="told", alert_channel_ids=[hook]))["id"]
    silent = (await made(harness, name="silent", alert_channel_ids=[]))["id"]
    called = (await made(harness, name="called", alert_channel_ids=[]))["id"]
    paused = (await made(harness, name="paused", alert_channel_ids=[], paused=True))["id"]
    policy = {
        "name": "x",
        "steps": [{"after_minutes": 1, "alert_channel_ids": [hook]}],
        "monitor_ids": [called],
    }
    assert (await harness.client.post(f"{V1}/escalation-policies", json=policy)).status_code == 201
    found = await since(harness, harness.log.time - SECOND)
    assert found["without_channel"] == [] == found["monitors"]  # they were made later
    harness.log.tick(10)
    found = await since(harness, harness.log.time - 5 * SECOND)
    assert found["without_channel"] == [{"monitor_id": silent, "name": "silent"}]
    assert found["without_channel_total"] == 1
    assert {row["monitor_id"] for row in found["monitors"]} == {told, silent, called, paused}
    # A channel that has chosen nothing of what is down tells nobody; one that is removed does not, either.
    change = {"events": ["monitor.ssl_expiration"]}
    assert (await harness.client.patch(f"{V1}/alert-channels/{hook}", json=change)).status_code == 200
    found = await since(harness, harness.log.time - 5 * SECOND)
    assert {each["name"] for each in found["without_channel"]} == {"told", "silent"}
    assert (await harness.client.delete(f"{V1}/alert-channels/{hook}")).status_code == 200
    found = await since(harness, harness.log.time - 5 * SECOND)
    assert {each["name"] for each in found["without_channel"]} == {"told", "silent", "called"}


async def test_a_thing_that_only_a_rotation_is_called_for_tells_somebody(harness: Harness) -> None:
    ada = harness.make_channel("ada")
    called = (await made(harness, name="called", alert_channel_ids=[]))["id"]
    one = await rotation(harness, ada)
    await policy(harness, steps=[on_call_step(5, one["id"])], monitor_ids=[called])
    harness.log.tick(10)
    found = await since(harness, harness.log.time - 5 * SECOND)
    assert found["without_channel"] == []
    # One whose turns have no channel left calls nobody.
    assert (await harness.client.delete(f"{V1}/alert-channels/{ada}")).status_code == 200
    found = await since(harness, harness.log.time - 5 * SECOND)
    assert [each["name"] for each in found["without_channel"]] == ["called"]


async def test_names_may_hold_anything(harness: Harness) -> None:
    start = harness.log.time
    for name in ("<script>alert(1)</script>", "'); DROP TABLE spans; --", "a\u202eb", "{{ 7 * 7 }}", "ü" * 200):
        await made(harness, name=name, url=f"https://x{len(name)}.example/")
    harness.log.tick(5)
    found = await since(harness, start)
    assert found["monitors_total"] == 5


async def test_of_another_project_nothing_is_told(harness: Harness) -> None:
    start = harness.log.time
    await down_and_up(harness, (await made(harness, confirmations=1))["id"])
    answer = await harness.client.get(
        REPORTS, params={"from": iso(start)}, headers={"Authorization": f"Bearer {OTHERS_KEY}"}
    )
    found = answer.json()["data"]
    assert (found["monitors"], found["incidents"]["count"], found["unacknowledged"]) == ([], 0, [])


async def test_periods_end_by_the_calendar_of_a_time_zone(harness: Harness) -> None:
    found = await report(harness, period="month", at="2025-04-01T00:00:00+03:00", timezone="Europe/Riga")
    assert (found["from"], found["to"]) == ("2025-02-28T22:00:00+00:00", "2025-03-31T21:00:00+00:00")
    assert found["previous"]["from"] == "2025-01-31T22:00:00+00:00"
    same = await report(harness, period="month", at="2025-04-01", timezone="Europe/Riga")
    assert same["to"] == found["to"]
    # The sign of an offset that a client did not write as %2B.
    answer = await harness.client.get(f"{REPORTS}?period=week&at=2025-06-09T00:00:00+00:00")
    assert answer.json()["data"]["to"] == "2025-06-09T00:00:00+00:00"
    zone = await report(harness, **{"from": "2025-06-01", "to": "2025-06-02", "timezone": "America/New_York"})
    assert zone["from"] == "2025-06-01T04:00:00+00:00"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("period=year", "period"),
        ("period=week&from=2025-01-01", "either"),
        ("at=2025-01-01&to=2025-01-02", "either"),
        ("to=2025-01-01", "'from' is required"),
        ("from=2025-01-02&to=2025-01-01", "later"),
        ("from=2025-01-01&to=2025-01-01", "later"),
        ("from=1975-01-01&to=2025-01-01", "400 days"),
        ("from=0001-01-01&to=9999-12-31", "since 1970"),
        ("from=1969-12-31&to=1970-01-05", "since 1970"),
        ("from=2999-01-01&to=2999-01-02", "has passed"),
        ("at=2999-01-01", "has passed"),
        ("period=month&at=9990-01-01", "has passed"),
        ("at=yesterday", "ISO 8601"),
        ("at=", "ISO 8601"),
        ("at=9999-12-31T23:59:59-12:00", "since 1970"),
        ("at=2200-01-01", "has passed"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("timezone=Europe/Atlantis", "IANA"),
        ("timezone=../../etc/passwd", "IANA"),
        ("perod=week", "did you mean 'period'"),
    ],
)
async def test_what_makes_no_sense_is_refused(harness: Harness, query: str, word: str) -> None:
    answer = await harness.client.get(f"{REPORTS}?{query}")
    assert fault(answer) == (400, "validation_error")
    assert word in answer.json()["message"]


async def test_a_span_that_is_not_over_is_not_complete(harness: Harness) -> None:
    now = harness.log.time
    query = {"from": iso(now - DAY * SECOND), "to": iso(now + DAY * SECOND)}
    assert (await report(harness, **query))["complete"] is False
    assert (await report(harness))["complete"] is True
    harness.report_history.written = False
    assert (await report(harness))["complete"] is False


async def test_without_history_there_is_no_report(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ClickHouseUnavailable("it is away")

    monkeypatch.setattr(harness.report_history, "times", away)
    assert fault(await harness.client.get(REPORTS)) == (503, "unavailable")
    without = with_key(Harness(history=False))
    assert fault(await without.client.get(REPORTS)) == (503, "unavailable")


async def test_a_key_needs_the_scope(harness: Harness) -> None:
    answer: httpx.Response = await harness.client.get(REPORTS, headers={"Authorization": "Bearer none"})
    assert answer.status_code == 401


async def test_causes_are_told_to_those_who_may_read_incidents(harness: Harness) -> None:
    start = harness.log.time
    await down_and_up(harness, (await made(harness, confirmations=1))["id"])
    whole = await since(harness, start)
    assert all(one["cause"] for one in whole["unacknowledged"])
    assert whole["unacknowledged"]
    scoped: tuple[tuple[tuple[KeyScope, ...], bool], ...]
    scoped = ((("monitors:read",), False), (("monitors:read", "incidents:read"), True))
    for scopes, told in scoped:
        key = "-".join(scopes)
        made_key = ApiKey(
            id=new_id(),
            project=harness.project,
            kind="poppaping",
            hash=hash_api_key(key),
            prefix="k",
            created=0,
            scopes=scopes,
        )
        harness.request(harness.project, KeyCreate(request=new_id(), at=harness.log.time, key=made_key))
        query = {"from": iso(start), "to": iso(harness.log.time)}
        shown = await harness.client.get(f"{V1}/reports", params=query, headers={"Authorization": f"Bearer {key}"})
        assert [bool(one["cause"]) for one in shown.json()["data"]["unacknowledged"]] == [told]
