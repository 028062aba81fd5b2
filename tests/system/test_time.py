"""Time is an event: deadlines, gaps and runs end to end, with the clock moved (docs/design.md, statement 3)."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.log.partitioner import partition_of
from infra.log.sink import PATIENCE_SECONDS
from schemas.base import SECOND, Micros
from schemas.topics import TRANSITIONS
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system

MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND


def iso(at: Micros) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()


def micros(text: str) -> Micros:
    return round(datetime.fromisoformat(text).timestamp() * SECOND)


def last_ping(pingfold: Pingfold, check: str) -> Micros:
    """When the newest ping of a check was, in whole seconds."""
    return micros(pingfold.check(check)["last_ping"])


def changes(pingfold: Pingfold, check: str) -> list[dict[str, Any]]:
    """The status changes of a check, from Kafka: those of the partition's time."""
    return [value for value in pingfold.values(TRANSITIONS, check) if value["type"] == "status.changed"]


def not_observed_at(pingfold: Pingfold, check: str) -> Micros:
    (change,) = (one for one in changes(pingfold, check) if one["now"] == "not_observed")
    return int(change["at"])


def last_gap_end(pingfold: Pingfold, check: str) -> Micros:
    """The end of the newest gap in the partition of a check."""
    number = partition_of(check.encode(), pingfold.partitions)
    gaps = [value for value in pingfold.values(TRANSITIONS) if value["type"] == "gap" and value["partition"] == number]
    return max(int(gap["end"]) for gap in gaps if gap.get("end"))


def assert_not_accused(pingfold: Pingfold, receiver: Receiver, check: str) -> None:
    """Shown as late, never told to be down."""
    shown = pingfold.check(check)
    assert (shown["status"], shown["not_observed"]) == ("grace", True)
    assert receiver.of(check, "monitor.down") == []


def assert_goes_down_at(pingfold: Pingfold, receiver: Receiver, check: str, deadline: Micros) -> None:
    """Not before `deadline`, and then with just that time."""
    pingfold.advance_to(deadline - 20 * SECOND)
    assert_not_accused(pingfold, receiver, check)
    pingfold.advance_to(deadline)
    down = receiver.wait(check, "monitor.down")
    assert down.json["timestamp"] == iso(deadline)
    assert down.json["data"]["incident"]["started_at"] == iso(deadline)
    assert pingfold.status(check) == "down"
    assert [one["now"] for one in changes(pingfold, check)][-2:] == ["not_observed", "down"]
    assert len(receiver.of(check, "monitor.not_observed")) == 1


def test_a_missed_deadline_is_late_and_then_down_at_its_true_time(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3, the control: where Pingfold was there all the time, silence is late, then down, at the deadline."""
    check = pingfold.create("deadline", timeout=3_600, grace=1_800)
    pingfold.good_ping(check)
    began = last_ping(pingfold, check)
    pingfold.advance_to(began + 3_550 * SECOND)
    assert pingfold.status(check) == "up"
    pingfold.advance_to(began + 3_602 * SECOND)
    assert pingfold.status(check) == "grace"
    assert receiver.of(check) == []
    pingfold.advance_to(began + 5_402 * SECOND)
    down = receiver.wait(check, "monitor.down")
    assert down.json["timestamp"] == iso(began + 5_400 * SECOND)
    assert [
        (one["was"], one["now"], one["at"] // SECOND - began // SECOND) for one in changes(pingfold, check)[1:]
    ] == [
        ("up", "late", 3_600),
        ("late", "down", 5_400),
    ]
    pingfold.good_ping(check)
    receiver.wait(check, "monitor.recovered")


def test_a_web_process_that_is_not_there_at_the_deadline(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3, second row of the table: every 1 h, late limit 5 min; stopped (SIGTERM) from 58 to 70 minutes."""
    check = pingfold.create("stopped-web", timeout=3_600, grace=300)
    pingfold.good_ping(check)
    began = last_ping(pingfold, check)
    pingfold.advance_to(began + 58 * MINUTE)
    with pingfold.down("web"):
        pingfold.set_clock(pingfold.offset + 12 * 60)
    pingfold.wait_working()
    notice = receiver.wait(check, "monitor.not_observed")
    told_at = not_observed_at(pingfold, check)  # the first tick, later than the deadline
    assert 70 * MINUTE <= told_at - began < 72 * MINUTE
    assert notice.json["timestamp"] == iso(told_at)
    assert notice.json["data"]["monitor"]["current_status"] == "late"
    # The next run is counted from when a ping through the public URL got through again.
    gap_end = last_gap_end(pingfold, check)
    assert 0 <= gap_end - told_at < 2 * MINUTE
    assert_goes_down_at(pingfold, receiver, check, gap_end + 65 * MINUTE)


def test_a_frozen_web_process_after_the_expected_time(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3, first row of the table: cron 02:00, late limit 6 h; frozen (SIGSTOP) at 02:10 for some seconds."""
    check = pingfold.create("frozen-web", schedule="0 2 * * *", tz="UTC", grace=6 * 3_600)
    midnight = (pingfold.now // DAY + 1) * DAY
    pingfold.advance_to(midnight + 1 * HOUR)
    pingfold.good_ping(check)
    pingfold.advance_to(midnight + 2 * HOUR + 10 * MINUTE)
    with pingfold.frozen("web"):
        real = pingfold.now
        wait_until(lambda: pingfold.now > real + 3.5 * SECOND, what="a silence of more than 2 s")
    pingfold.pass_time(pingfold.now)
    pingfold.advance_to(midnight + 8 * HOUR - 20 * SECOND)
    assert pingfold.status(check) == "grace"
    assert receiver.of(check) == []
    pingfold.advance_to(midnight + 8 * HOUR)
    notice = receiver.wait(check, "monitor.not_observed")
    assert notice.json["timestamp"] == iso(midnight + 8 * HOUR)
    assert_goes_down_at(pingfold, receiver, check, midnight + DAY + 8 * HOUR)
    detail = next(one["detail"] for one in changes(pingfold, check) if one["now"] == "not_observed")
    assert detail.startswith(f"no ping since {iso(midnight + HOUR)[:16]}")
    assert f"could not be reached from {iso(midnight + 2 * HOUR + 10 * MINUTE)[:15]}" in detail
    # The notice says so itself: who reads it need not ask Pingfold.
    assert notice.json["data"]["detail"] == detail


def unknown_beside(pingfold: Pingfold, check: str) -> str:
    """An id of no check, in the partition of a check."""
    while not are_beside(pingfold, check, id := str(uuid.uuid4())):
        pass
    return id


def created_beside(pingfold: Pingfold, check: str, name: str, **fields: Any) -> str:
    """A new check in the partition of another one."""
    while not are_beside(pingfold, check, id := pingfold.create(name, **fields)):
        pingfold.ask("DELETE", f"/checks/{id}")
    return id


def are_beside(pingfold: Pingfold, *checks: str) -> bool:
    return len({partition_of(check.encode(), pingfold.partitions) for check in checks}) == 1


def test_pings_that_were_answered_503_before_the_deadline(pingfold: Pingfold, receiver: Receiver) -> None:
    """Every 60 s, late limit 60 s; pings of the same partition are refused because Kafka stands still.

    The ping of another check there is refused last, but was handed to Kafka: it is written when Kafka goes on, and
    counts. The gap lasts until that refusal, which comes when the sink's patience ends: the client hears of it later.
    """
    check = pingfold.create("refused", timeout=60, grace=60)
    written = created_beside(pingfold, check, "written-late", timeout=60, grace=60)
    for each in (check, written):
        pingfold.good_ping(each)
    # History may still be catching up with what the tests before have done to it.
    (first,) = wait_until(lambda: changes(pingfold, check), 120.0, "the first change is in history")
    began = int(first["at"])
    pingfold.advance_to(began + 63 * SECOND)
    with pingfold.frozen("kafka"):
        # Nobody can say whether such a check is there: it may have been a ping of any check of its partition.
        for refused in (unknown_beside(pingfold, check), written):
            asked_at = pingfold.now
            answer = pingfold.ping(refused)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
    pingfold.wait_working()
    wait_until(lambda: pingfold.check(written)["n_pings"] == 2, 90.0, "the ping that was handed over counts")
    pingfold.advance_to(began + 121 * SECOND)
    receiver.wait(check, "monitor.not_observed")
    assert [pingfold.check(each)["n_pings"] for each in (check, written)] == [1, 2]
    assert receiver.of(written, "monitor.not_observed") == []
    assert not_observed_at(pingfold, check) >= began + 120 * SECOND
    gap_end = last_gap_end(pingfold, check)
    assert asked_at + round((PATIENCE_SECONDS - 0.5) * SECOND) <= gap_end
    assert_goes_down_at(pingfold, receiver, check, gap_end + 120 * SECOND)
    # Kafka has chosen its leaders anew meanwhile. Who asks it for the ends of partitions must find them all the same:
    # else every unknown check would be answered 503 from now on, and no list of pings would ever be complete.
    wait_until(lambda: pingfold.ping(str(uuid.uuid4())).text == "OK (not found)", what="an unknown check is known so")
    assert [len(pingfold.pings(each)) for each in (check, written)] == [1, 2]


def test_a_ping_after_a_gap_clears_it(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3: what was not observed is up again with the next ping, without a recovery: nobody was accused."""
    check = pingfold.create("cleared", timeout=60, grace=60)
    pingfold.good_ping(check)
    with pingfold.down("web"):
        pingfold.set_clock(pingfold.offset + 3_600)
    pingfold.wait_working()
    receiver.wait(check, "monitor.not_observed")
    assert_not_accused(pingfold, receiver, check)
    pingfold.good_ping(check)
    assert pingfold.status(check) == "up"
    assert [(one["was"], one["now"]) for one in changes(pingfold, check)][-1] == ("not_observed", "up")
    assert {one.event for one in receiver.of(check)} == {"monitor.not_observed"}


def test_a_hung_run_alerts_although_another_succeeded(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3 as people live it: start A, start B, B succeeds, A hangs: down when A's limit has passed."""
    hung, well = pingfold.create("hung", grace=600), pingfold.create("well", grace=600)
    run_a, run_b = str(uuid.uuid4()), str(uuid.uuid4())
    for check in (hung, well):
        pingfold.good_ping(check, "start", params={"rid": run_a})
        pingfold.good_ping(check, "start", params={"rid": run_b})
        pingfold.good_ping(check, params={"rid": run_b})
    pingfold.good_ping(well, params={"rid": run_a})
    assert (pingfold.check(hung)["status"], pingfold.check(hung)["started"]) == ("up", True)
    assert (pingfold.check(well)["status"], pingfold.check(well)["started"]) == ("up", False)
    pings = {ping["n"]: ping for ping in pingfold.pings(hung)}
    limit = micros(pings[1]["date"]) + 600 * SECOND
    pingfold.advance_to(limit - 20 * SECOND)
    assert pingfold.status(hung) == "up"
    pingfold.advance_to(limit)
    down = receiver.wait(hung, "monitor.down")
    assert down.json["timestamp"] == iso(limit)
    assert run_a in down.json["data"]["incident"]["cause"]
    assert receiver.of(well) == []
    assert pingfold.status(well) == "up"


def test_a_stopped_worker_delays_an_alert_and_dates_it_right(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3: a deadline that passes while no worker runs is told later, with its true time."""
    silent, alive = pingfold.create("backlog-silent", timeout=60, grace=60), pingfold.create("backlog", timeout=3_600)
    pingfold.good_ping(silent)
    pingfold.good_ping(alive)
    began = last_ping(pingfold, silent)
    with pingfold.frozen("worker", 0), pingfold.frozen("worker", 1):
        pingfold.set_clock(pingfold.offset + 1_800)
        pingfold.good_ping(alive)
        assert timedelta(seconds=0) < timedelta(microseconds=pingfold.now - began)
        assert receiver.of(silent) == []
    pingfold.pass_time(pingfold.now, timeout=60.0)
    assert receiver.wait(silent, "monitor.down").json["timestamp"] == iso(began + 120 * SECOND)
    assert receiver.of(alive) == []
    assert pingfold.check(alive)["n_pings"] == 2
