"""The commands that look, on a Pingfold that runs."""

import json
from typing import Any

import pytest

from tests.pingfold_process import Pingfold, wait_until

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
