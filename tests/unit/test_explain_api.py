"""Explanations by the PoppaPing API: what is told of checks, monitors and incidents, and what is refused."""

from typing import Any

import pytest

from pingfold.commands.explanation_text import lines_of
from query_api.explaining import NotExplained
from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryAttempted
from schemas.times import exact_iso, to_second
from schemas.topics import DELIVERIES
from tests.harness import WRITE_KEY, Harness
from tests.memory import START
from tests.poppaping_client import OTHERS_KEY, UNKNOWN, V1, fault, made, with_key


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


async def check(harness: Harness, **fields: Any) -> str:
    body = {"name": "Nightly backup", "slug": "nightly-backup", "timeout": 3_600, "grace": 600} | fields
    headers = {"X-Api-Key": WRITE_KEY, "Authorization": ""}
    answer = await harness.client.post("/api/v3/checks/", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["uuid"])


async def explained(harness: Harness, thing: str, **query: str) -> dict[str, Any]:
    answer = await harness.client.get(f"{V1}/explain/{thing}", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["data"]
    return told


async def test_why_a_check_is_down(harness: Harness) -> None:
    id = await check(harness)
    pinged = harness.log.ping(id)
    at = harness.log.time
    harness.log.tick(4_260)
    told = await explained(harness, "nightly-backup")
    assert (told["type"], told["id"], told["name"], told["status"]) == ("check", id, "Nightly backup", "down")
    assert told["since"] == exact_iso(at + 4_200 * SECOND)
    up, late, down = told["changes"]
    assert [each["now"] for each in (up, late, down)] == ["up", "late", "down"]
    ping, tick = down["events"]
    assert (ping["offset"], ping["type"], tick["type"]) == (pinged.offset, "ping.received", "tick")
    parts = {part["name"]: part for part in down["computed_from"]}
    assert parts["expected"]["at"] == exact_iso(at + 3_600 * SECOND)
    assert parts["deadline"]["at"] == exact_iso(at + 4_200 * SECOND)
    assert parts["late limit"]["text"] == "10 min"
    assert told["deadline"]["text"] == "people are reminded that it is still down"
    before = await explained(harness, id, at=exact_iso(at + 4_000 * SECOND))
    assert (before["status"], before["deadline"]["at"]) == ("late", exact_iso(at + 4_200 * SECOND))
    assert before["next"][0]["status"] == "down"
    assert [part["name"] for part in before["deadline"]["computed_from"]][:2] == ["schedule", "newest success"]


async def test_what_was_sent_and_how_it_ended(harness: Harness) -> None:
    channel = harness.make_channel("hook")
    id = await check(harness, channels=channel)
    harness.log.ping(id)
    harness.log.ping(id, "fail", exitstatus=3)
    harness.log.tick(1)
    told = await explained(harness, id)
    down = told["changes"][-1]
    assert down["rule"] == "The job reported a failure: a check goes down at once."
    assert down["detail"] == "Exit status 3"
    [sent] = [each for each in down["sent"] if each["event"] == "monitor.down"]
    assert (sent["alert_channel_id"], sent["delivery"]["status"]) == (channel, "pending")
    assert (await explained(harness, sent["delivery_id"]))["changes"][-1] == down
    attempt = DeliveryAttempted(delivery=sent["delivery_id"], attempt=1, at=harness.log.time, status=200)
    harness.log.send(DELIVERIES.name, channel, encode(attempt))
    ended = await explained(harness, sent["delivery_id"])
    [sent] = [each for each in ended["changes"][-1]["sent"] if each["event"] == "monitor.down"]
    assert (sent["delivery"]["status"], sent["delivery"]["attempts"]) == ("delivered", 1)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "delivered after 1 attempt at 2"),
        (500, "pending after 1 attempt and sent next at 2"),
    ],
)
async def test_what_was_sent_in_words(harness: Harness, status: int, words: str) -> None:
    channel = harness.make_channel("")
    id = await check(harness, channels=channel)
    harness.log.ping(id, "fail")
    harness.log.tick(1)
    told = await explained(harness, id)
    assert "      told: webhook: monitor.down, pending after 0 attempts" in [*lines_of(told)]
    [sent] = [each for each in told["changes"][-1]["sent"] if each["event"] == "monitor.down"]
    attempt = DeliveryAttempted(delivery=sent["delivery_id"], attempt=1, at=harness.log.time, status=status)
    harness.log.send(DELIVERIES.name, channel, encode(attempt))
    lines = [*lines_of(await explained(harness, id))]
    assert [line for line in lines if line.startswith(f"      told: webhook: monitor.down, {words}")]


async def test_why_a_monitor_is_down_and_its_incident(harness: Harness) -> None:
    id = (await made(harness, confirmations=2))["id"]
    harness.log.probe(id)
    for _ in range(4):
        harness.log.tick(60)
        harness.log.probe(id, ok=False)
        if harness.log.monitor_states.state(id).status == "down":  # type: ignore[union-attr]
            break
    told = await explained(harness, id)
    assert (told["type"], told["status"]) == ("monitor", "down")
    down = told["changes"][-1]
    assert down["rule"] == "Results that failed: 2, from 1 of 1 regions. Needed: 2, and a majority of the regions (1)."
    assert [each["type"] for each in down["events"]] == ["probe.completed"] * 2
    assert "failed after 142 ms: Connection timed out" in down["events"][0]["text"]
    [incident] = (await harness.client.get(f"{V1}/incidents")).json()["data"]
    assert (await explained(harness, incident["id"]))["changes"][-1] == down
    harness.log.tick(60)
    harness.log.probe(id)
    harness.log.tick(600)
    over = await explained(harness, incident["id"])
    [ended] = [each for each in over["changes"] if each["was"] == "down"]
    assert (ended["now"], ended["incident_id"]) == ("up", incident["id"])
    # At that very moment the next slot may have been the one that stayed empty.
    assert over["since"] == ended["at"]
    assert over["status"] == over["changes"][-1]["now"]


async def test_a_removed_check_is_told_of_by_its_past(harness: Harness) -> None:
    id = await check(harness)
    harness.log.ping(id)
    at = harness.log.time
    harness.log.tick(60)
    headers = {"X-Api-Key": WRITE_KEY, "Authorization": ""}
    assert (await harness.client.delete(f"/api/v3/checks/{id}", headers=headers)).status_code == 200
    harness.log.tick(5)
    told = await explained(harness, id)
    assert (told["status"], told["name"]) == ("removed", "Nightly backup")
    assert told["changes"][-1]["now"] == "removed"
    assert (await explained(harness, id, at=exact_iso(at + SECOND)))["status"] == "up"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("yesterday", "must be a time in ISO 8601"),
        ("", "must be a time in ISO 8601"),
        ("2026-13-01", "must be a time in ISO 8601"),
        ("2999-01-01T00:00:00Z", "must not be in the future"),
        ("1960-01-01T00:00:00Z", "must not be before 1970"),
        ("0001-01-01T00:00:00+14:00", "must not be before 1970"),
        ("9999-12-31T23:59:59-12:00", "must not be in the future"),
    ],
)
async def test_a_time_that_is_none(harness: Harness, at: str, words: str) -> None:
    id = await check(harness)
    answer = await harness.client.get(f"{V1}/explain/{id}", params={"at": at})
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]


async def test_a_time_without_seconds_is_the_whole_minute(harness: Harness) -> None:
    id = await check(harness)
    harness.log.ping(id)
    harness.log.tick(300)
    assert (await explained(harness, id, at=exact_iso(START + 120 * SECOND)[:16]))["at"].endswith(":59.999999+00:00")


@pytest.mark.parametrize("thing", [UNKNOWN, "no-such-slug", "x" * 300, "%00", "..%2F.."])
async def test_what_is_not_there(harness: Harness, thing: str) -> None:
    assert fault(await harness.client.get(f"{V1}/explain/{thing}"))[0] in (400, 404)


async def test_before_it_was_made(harness: Harness) -> None:
    harness.log.tick(3_600)
    id = await check(harness)
    answer = await harness.client.get(f"{V1}/explain/{id}", params={"at": exact_iso(START)})
    assert fault(answer) == (404, "not_found")
    words = answer.json()["message"]
    assert words.startswith(f"At {to_second(START)} UTC it was not there: nothing is known of it in pings/")
    assert words.endswith("; ask about a later time.")


async def test_another_projects_check_is_not_found(harness: Harness) -> None:
    id = await check(harness)
    harness.log.ping(id)
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    for thing in (id, "nightly-backup"):
        answer = await harness.client.get(f"{V1}/explain/{thing}", headers=others)
        assert fault(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("why", "status", "retry"),
    [
        ("busy", 503, "2"),
        ("too long", 503, "60"),
        ("unavailable", 503, "1"),
        ("cut", 404, None),
        ("unknown", 404, None),
    ],
)
async def test_when_there_is_no_explanation(harness: Harness, why: Any, status: int, retry: str | None) -> None:
    id = await check(harness)
    harness.explaining.fault = NotExplained(why, "the reason, as PINGFOLD tells it")
    answer = await harness.client.get(f"{V1}/explain/{id}")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == retry
    assert answer.json()["message"] == "The reason, as PINGFOLD tells it."
