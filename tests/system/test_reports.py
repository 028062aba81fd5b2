"""A report by schedule, end to end: the week ends, what is to make the report is killed, and it comes once."""

from collections.abc import Iterator

import pytest

from schemas.base import SECOND
from schemas.report_periods import newest_period, period_after
from tests.monitor_calls import call
from tests.pingfold_process import Pingfold, Receiver

pytestmark = pytest.mark.system


@pytest.fixture
def reader() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


def test_the_report_of_a_week_comes_once_though_its_makers_are_killed(pingfold: Pingfold, reader: Receiver) -> None:
    channel = pingfold.channel(reader.url)
    check = pingfold.create("reported")
    pingfold.good_ping(check, "fail")
    wanted = {"weekly": True, "timezone": "Europe/Riga", "alert_channel_ids": [channel]}
    call(pingfold, "PATCH", "/reports/schedule", wanted)
    project = call(pingfold, "GET", "/account")["id"]
    week = period_after("week", "Europe/Riga", newest_period("week", "Europe/Riga", pingfold.now).label)

    pingfold.advance_to(week.end + 60 * SECOND)
    for role in ("web", "worker"):
        pingfold.kill_and_wait(role)
    assert reader.of(project) == []
    pingfold.advance(7_200)
    sent = reader.wait(project, "project.report", timeout=300.0)
    report = sent.json["data"]["report"]
    assert (report["period"], report["timezone"]) == ("week", "Europe/Riga")
    [row] = [one for one in report["monitors"] if one["monitor_id"] == check]
    assert row["incidents"] == 1

    pingfold.advance(7_200)
    assert len(reader.of(project)) == 1
    call(pingfold, "PATCH", "/reports/schedule", {"weekly": False})
    assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200
    pingfold.verify()
