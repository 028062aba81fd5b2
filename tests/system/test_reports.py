"""A report by schedule, end to end: the week ends, what is to make the report is killed, and it comes once."""

from collections.abc import Iterator

import pytest

from schemas.base import SECOND
from schemas.report_periods import newest_period, period_after
from tests.monitor_calls import call
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


@pytest.fixture
def reader() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


def test_the_report_of_a_week_comes_once_though_its_makers_are_killed(pingfold: Pingfold, reader: Receiver) -> None:
    # A project of its own: of very many things, such as other tests leave, only the worst are in what is sent.
    project = pingfold.made("project", "create", "Reported")
    id, key = project["id"], project["healthchecks_key"]
    reports = pingfold.made("key", "create", "poppaping", "--project", id)["key"]
    wait_until(lambda: is_known(pingfold, reports), what="the new key works")
    channel = pingfold.api("POST", "/channels/", {"url": reader.url}, key=key).json()["id"]
    check = pingfold.api("POST", "/checks/", {"name": "reported", "channels": "*"}, key=key).json()["uuid"]
    pingfold.good_ping(check, "fail")
    wanted = {"weekly": True, "timezone": "Europe/Riga", "alert_channel_ids": [channel]}
    call(pingfold, "PATCH", "/reports/schedule", wanted, key=reports)
    week = period_after("week", "Europe/Riga", newest_period("week", "Europe/Riga", pingfold.now).label)

    pingfold.advance_to(week.end + 60 * SECOND)
    for role in ("web", "worker"):
        pingfold.kill_and_wait(role)
    assert reader.of(id) == []
    pingfold.advance(7_200)
    sent = reader.wait(id, "project.report", timeout=300.0)
    report = sent.json["data"]["report"]
    assert (report["period"], report["timezone"], report["complete"]) == ("week", "Europe/Riga", True)
    [row] = report["monitors"]
    assert (row["monitor_id"], row["incidents"]) == (check, 1)

    pingfold.advance(7_200)
    assert len(reader.of(id)) == 1
    call(pingfold, "PATCH", "/reports/schedule", {"weekly": False}, key=reports)
    assert pingfold.api("DELETE", f"/channels/{channel}", key=key).status_code == 200


def is_known(pingfold: Pingfold, key: str) -> bool:
    """Whether a key of the PoppaPing API opens it."""
    return pingfold.get("/api/v1/account", headers={"Authorization": f"Bearer {key}"}).is_success
