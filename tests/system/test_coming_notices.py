"""What is coming, and what is over, on real parts: late, a run time that drifts, and an outage of Pingfold itself."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest

from schemas.base import SECOND
from schemas.topics import PROJECTS, TRANSITIONS
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Received, Receiver

pytestmark = pytest.mark.system

LATE, DRIFT, OUTAGE = "monitor.late", "monitor.run_time_drift", "system.outage"
AWAY = 10_800


def test_a_channel_that_chose_them_hears_each_once(pingfold: Pingfold, receiver: Receiver) -> None:
    chosen = Receiver()
    chosen.start()
    channel = pingfold.channel(chosen.url, events=[LATE, DRIFT, OUTAGE])
    try:
        check = pingfold.create("coming", timeout=3_600, grace=3_600)
        lapse(pingfold, check)
        late = chosen.wait(check, LATE).json["data"]
        assert late["monitor"]["current_status"] == "late"
        assert late["detail"].startswith("no ping since ")

        pingfold.good_ping(check)
        for _ in range(4):
            pingfold.good_ping(check, "start")
            pingfold.advance(3_000)
            pingfold.good_ping(check)
        run_time = chosen.wait(check, DRIFT).json["data"]["run_time"]
        assert run_time["limit_seconds"] == 3_600
        assert run_time["percent_of_limit"] >= 80

        with pingfold.down("web"):
            pingfold.set_clock(pingfold.offset + AWAY)
        pingfold.wait_working()
        wait_until(lambda: pingfold.check(check)["not_observed"], 90.0, "the check could not be judged")
        wait_until(partial(is_over, pingfold), 90.0, "every partition has told that it is over")
        pingfold.advance(130)
        outage = wait_until(lambda: outages(chosen), 90.0, OUTAGE)[0].json["data"]["outage"]
        assert outage["checks_not_observed"] >= 1
        for told in (chosen.of(check, LATE), chosen.of(check, DRIFT), outages(chosen)):
            assert len({one.headers["webhook-id"] for one in told}) == 1
        assert {one.event for one in receiver.of(check)} & {LATE, DRIFT} == set()  # its channel chose no events
        pingfold.good_ping(check)
    finally:
        pingfold.ask("DELETE", f"/channels/{channel}")
        chosen.stop()


def lapse(pingfold: Pingfold, check: str) -> None:
    """Let a check become late, and people be told: once more, when a process was silent for a moment meanwhile."""
    for known in range(10):
        pingfold.good_ping(check)
        pingfold.advance(3_602)
        change = wait_until(partial(became_late, pingfold, check, known), 60.0, "it is late")[-1]
        if change.get("detail"):
            return


def became_late(pingfold: Pingfold, check: str, known: int) -> list[dict[str, Any]]:
    """The changes by which it became late, but for so many."""
    return [value for value in pingfold.values(TRANSITIONS, check) if value.get("now") == "late"][known:]


def is_over(pingfold: Pingfold) -> bool:
    """Whether all partitions have told the projects of ours: people hear of it two minutes after the first word."""
    told = [one for one in pingfold.values(PROJECTS) if one.get("type") in ("outage.ended", "things.unobserved")]
    ours = [one["type"] for one in told if one["end"] - one["start"] >= (AWAY - 1) * SECOND]
    return ours.count("outage.ended") >= pingfold.partitions and "things.unobserved" in ours


def outages(receiver: Receiver) -> list[Received]:
    """Those of ours: on a busy machine there may be others."""
    return [one for one in list(receiver.received) if one.event == OUTAGE and lasted(one.json) >= AWAY - 1]


def lasted(notice: dict[str, Any]) -> float:
    """Seconds from its beginning to its end."""
    outage = notice["data"]["outage"]
    start, end = (datetime.fromisoformat(outage[name]) for name in ("started_at", "ended_at"))
    return (end - start).total_seconds()
