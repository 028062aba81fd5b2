"""The commands that look, on a Pingfold that runs."""

import json
import time
from typing import Any

import pytest

from schemas.base import SECOND
from schemas.times import exact_iso
from schemas.topics import PINGS
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def status(pingfold: Pingfold) -> Any:
    """What it tells now."""
    return json.loads(pingfold.command("status", "--json").stdout or "{}")


def test_status_doctor_and_lists(pingfold: Pingfold) -> None:
    assert pingfold.command("ping", "looked-at", "--create").returncode == 0
    wait_until(lambda: "up" in (status(pingfold).get("checks") or {}), what="the check is up")
    told = pingfold.command("status", "--json")
    overview = json.loads(told.stdout)
    down = [item for item in overview["not_up"] if item["state"] == "down"]
    assert told.returncode == (3 if down or not overview["ready"] else 0)
    assert overview["checks"]["up"] >= 1
    assert overview["monitors"] is not None
    words = pingfold.command("status")
    assert f"Pingfold at {pingfold.url}: " in words.stdout
    examined = pingfold.command("doctor", "--json")
    levels = {(found["subject"], found["level"]): found["found"] for found in json.loads(examined.stdout)}
    for subject in ("Java", "credentials", "Kafka", "ClickHouse"):
        assert (subject, "ok") in levels, examined.stdout
    assert "topics of" in levels["Kafka", "ok"]
    listed = json.loads(pingfold.command("project", "list", "--json").stdout)
    assert pingfold.credentials.project in {project["id"] for project in listed}


def explained(pingfold: Pingfold, thing: str, *more: str) -> Any:
    told = pingfold.command("explain", thing, "--json", *more)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_why_a_check_alerted(pingfold: Pingfold, receiver: Receiver) -> None:
    """The events that are named stand at those offsets, the deadline is told, and so is who was sent what."""
    check = pingfold.create("nightly-backup", timeout=3_600, grace=600)
    pingfold.good_ping(check)
    deadline = pingfold.now + 4_200 * SECOND
    pingfold.advance_to(deadline - 20 * SECOND)
    late = explained(pingfold, "nightly-backup")
    assert late["status"] == "late"
    assert late["deadline"]["text"].startswith("the check is down")
    assert [each["status"] for each in late["next"]][:1] == ["down"]
    pingfold.advance_to(deadline + SECOND)
    receiver.wait(check, "monitor.down")
    began = time.monotonic()
    told = wait_until(lambda: _delivered(explained(pingfold, check)), what="the delivery is in history")
    assert time.monotonic() - began < 20
    down = told["changes"][-1]
    assert (down["was"], down["now"], down["reason"]) == ("late", "down", "deadline")
    ping, tick = down["events"]
    assert (ping["text"], tick["type"]) == ("a success ping", "tick")
    stored = {(one.partition, one.offset): json.loads(one.value or b"") for one in pingfold.records(PINGS)}
    assert stored[ping["partition"], ping["offset"]]["kind"] == "success"
    assert stored[tick["partition"], tick["offset"]]["now"] >= deadline
    assert down["sent"][0]["event"] == "monitor.down"
    before = explained(pingfold, check, "--at", exact_iso(deadline - 60 * SECOND))
    assert before["status"] == "late"
    words = pingfold.command("explain", check)
    assert "late → down" in words.stdout, words.stdout + words.stderr
    assert f"pings/{ping['partition']}@{ping['offset']}" in words.stdout
    refused = pingfold.command("explain", check, "--at", "2999-01-01T00:00:00")
    assert refused.returncode == 1
    assert "must not be in the future" in refused.stderr


def _delivered(told: Any) -> Any:
    sent = told["changes"][-1]["sent"]
    return told if sent and all((each["delivery"] or {}).get("status") == "delivered" for each in sent) else None
