"""A clock that is wrong moves no time, and a time that has run ahead is told and taken back."""

import time

import pytest

from schemas.base import SECOND, encode
from schemas.ticks import Tick
from schemas.topics import DEAD_LETTERS, PINGS, PROBE_RESULTS, PROJECTS
from tests.pingfold_process import Pingfold, wait_until

pytestmark = pytest.mark.system

HOURS = 7_200


def test_ticks_of_a_clock_that_is_two_hours_ahead_do_not_count(pingfold: Pingfold) -> None:
    check = pingfold.create("wrong-clock", timeout=3_600, grace=600)
    pingfold.good_ping(check)
    before = pingfold.folded_time()
    wrong = [
        Tick(slot=slot, epoch=1, at=pingfold.now + HOURS * SECOND, now=pingfold.now + HOURS * SECOND, offset=offset)
        for slot in ("web-77", "ticker-77")
        for offset in [round(pingfold.offset * SECOND)]
    ]
    for partition in range(pingfold.partitions):
        for journal in (PINGS, PROJECTS, PROBE_RESULTS):
            pingfold.produce(journal, [(None, encode(tick)) for tick in wrong], partition)
    told = wait_until(lambda: pingfold.get("/readyz").json().get("wrong_time"), what="/readyz tells of it")
    assert any("web-77 do not count, which are 7" in line for line in told)
    pingfold.pass_time(pingfold.now)
    assert before <= pingfold.folded_time() < pingfold.now + 10 * SECOND
    assert pingfold.status(check) == "up"
    pingfold.good_ping(check)
    assert [letter for letter in pingfold.values(DEAD_LETTERS) if letter.get("key") == check] == []


def test_a_time_that_stands_ahead_is_told_and_mended(own_pingfold: Pingfold) -> None:
    """What a wrong clock of Kafka's own leaves: here the test clock has been two hours ahead, and is so no more."""
    own_pingfold.start()
    check = own_pingfold.create("mended", timeout=60, grace=60)
    own_pingfold.good_ping(check)
    own_pingfold.advance(HOURS)
    own_pingfold.set_clock(0)
    told = wait_until(lambda: own_pingfold.get("/readyz").json().get("wrong_time"), what="/readyz tells of it")
    assert any("its time is 7" in line and "s ahead" in line for line in told)
    wait_until(lambda: '"time.wrong"' in own_pingfold.said(), what="the log tells of it")
    assert "pingfold_fold_time_ahead_seconds" in own_pingfold.get("/metrics").text
    # Ticks of the right clock have come, so that the partitions know that nothing is added to it any more.
    time.sleep(2.5)
    done = own_pingfold.command("time", "mend", "--reason", "a test")
    assert done.returncode == 0, done.stderr
    assert f"told {4 * own_pingfold.partitions} partitions" in done.stdout
    wait_until(lambda: "wrong_time" not in own_pingfold.get("/readyz").json(), what="/readyz is content")
    own_pingfold.good_ping(check)
    assert abs(own_pingfold.now - own_pingfold.folded_time()) < 10 * SECOND
    assert own_pingfold.status(check) == "up"
    own_pingfold.verify()
