"""A clock that is wrong moves no time, and a time that has run ahead is told and taken back."""

import re
import time

import pytest
from confluent_kafka import Producer

from infra.log.sink import producer_config
from schemas.base import SECOND, encode
from schemas.ticks import Heartbeat, Tick
from schemas.topics import DEAD_LETTERS, HEARTBEATS, PINGS, PROBE_RESULTS, PROJECTS
from tests.equipped_pingfold import Equipped
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system

HOURS = 7_200
_SKEW = re.compile(r'^pingfold_clock_skew_seconds\{name="([^"]+)",role="[^"]+"\} (\S+)$', re.M)


def test_ticks_of_a_clock_that_is_two_hours_ahead_do_not_count(pingfold: Pingfold) -> None:
    check = pingfold.create("wrong-clock", timeout=3_600, grace=600)
    pingfold.good_ping(check)
    before = pingfold.folded_time()
    tick_everywhere(pingfold, HOURS)
    told = wait_until(lambda: pingfold.get("/readyz").json().get("wrong_time"), what="/readyz tells of it")
    assert any("web-77 do not count, which are 7" in line for line in told)
    assert pingfold.get("/readyz").status_code == 503
    pingfold.pass_time(pingfold.now)
    assert before <= pingfold.folded_time() < pingfold.now + 10 * SECOND
    assert pingfold.status(check) == "up"
    pingfold.good_ping(check)
    assert [letter for letter in pingfold.values(DEAD_LETTERS) if letter.get("key") == check] == []

    def is_right() -> bool:
        if "wrong_time" not in pingfold.get("/readyz").json():
            return True
        tick_everywhere(pingfold, 0, closing=True)
        return False

    wait_until(is_right, 120.0, "ticks of a right clock count again", pause=6.0)  # who folds commits after 5 s


def tick_everywhere(pingfold: Pingfold, ahead: int, closing: bool = False) -> None:
    """Ticks of a web process and of a ticker that nobody knows, whose clocks are ahead by so many seconds."""
    producer = Producer(producer_config(pingfold.credentials.cluster))
    for slot in ("web-77", "ticker-77"):
        now = pingfold.now + ahead * SECOND
        tick = Tick(slot=slot, epoch=1, at=now, now=now, offset=round(pingfold.offset * SECOND), closing=closing)
        for partition in range(pingfold.partitions):
            for journal in (PINGS, PROJECTS, PROBE_RESULTS):
                producer.produce(journal.name, encode(tick), partition=partition)
    assert producer.flush(20.0) == 0


def test_every_role_tells_of_its_clock_and_what_is_wrong_with_it_is_told(pingfold: Pingfold) -> None:
    """The roles of this machine measure their own, which are right; those of other hosts are told of all the same."""

    def skews() -> dict[str, float]:
        return {name: float(by) for name, by in _SKEW.findall(pingfold.get("/metrics").text)}

    ours = {"web-0", "worker-0", "worker-1", "ticker-0", "prober-local-0"}
    wait_until(lambda: ours <= set(skews()), 90.0, "every role tells of its clock", pause=0.5)
    assert {name: by for name, by in skews().items() if abs(by) > 0.5} == {}, "they have one clock, and the broker, too"

    def told(kind: str, skew: float, closing: bool = False) -> list[str]:
        beat = Heartbeat(
            role="prober", slot="prober-riga-7", epoch=1, at=pingfold.now, now=pingfold.now,
            offset=round(pingfold.offset * SECOND), skew=round(skew * SECOND), closing=closing,
        )  # fmt: skip
        pingfold.produce(HEARTBEATS, [(None, encode(beat))], 0)
        return [
            one["reason"] for one in pingfold.get("/readyz").json()[kind] if one["part"] == "clock of prober-riga-7"
        ]

    (off,) = wait_until(lambda: told("warnings", -3.0), 60.0, "a warning", pause=0.5)
    assert off.startswith("is 3.0 s behind Kafka's clock: what it dates is off by as much; set the clock")
    (wrong,) = wait_until(lambda: told("problems", 12.0), 60.0, "a problem", pause=0.5)
    assert wrong.startswith("is 12.0 s ahead of Kafka's clock: it probes nothing")
    assert skews()["prober-riga-7"] == 12.0
    wait_until(lambda: not told("problems", 12.0, closing=True), 60.0, "it is gone", pause=0.5)


def test_a_time_that_stands_ahead_is_told_and_mended(equipped: Equipped) -> None:
    """What a wrong clock of Kafka's own leaves: here the test clock has been two hours ahead, and is so no more."""
    pingfold = equipped.pingfold
    check = pingfold.create("mended", timeout=60, grace=60)
    pingfold.good_ping(check)
    pingfold.advance(HOURS)
    pingfold.set_clock(0)
    told = wait_until(lambda: pingfold.get("/readyz").json().get("wrong_time"), what="/readyz tells of it")
    assert any("is up to 7" in line and "s ahead" in line for line in told)
    wait_until(lambda: '"time.wrong"' in pingfold.said(), what="the log tells of it")
    assert "pingfold_fold_time_ahead_seconds" in pingfold.get("/metrics").text
    # Ticks of the right clock have come, so that the partitions know that nothing is added to it any more.
    time.sleep(2.5)
    done = pingfold.command("time", "mend", "--reason", "a test")
    assert done.returncode == 0, done.stderr
    assert f"told {4 * pingfold.partitions} partitions" in done.stdout
    wait_until(lambda: "wrong_time" not in pingfold.get("/readyz").json(), what="/readyz is content")
    pingfold.good_ping(check)
    assert abs(pingfold.now - pingfold.folded_time()) < 10 * SECOND
    assert pingfold.status(check) == "up"
    pingfold.verify()
