"""No role stops in silence: servers that flap, freeze and stay away, roles that hang, a stop while nothing answers."""

import os
import signal
import time

import pytest

from infra.availability import kafka_answers
from infra.process.lifecycle import STOP_SECONDS
from infra.process.liveness import _LAST_WORDS_SECONDS
from schemas.topics import PROBE_RESULTS
from tests.counting import assert_counted_once, make_checks
from tests.monitor_calls import call, make
from tests.ping_load import Load
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold, is_running
from tests.website import Website

pytestmark = pytest.mark.system

# What Pingfold promises: it goes on by itself within this time. Machines on which tests run may be slower.
GOES_ON_SECONDS = 30.0
SLOWER = 3


def probed_since(pingfold: Pingfold, monitor: str, moment: int) -> bool:
    """Whether a result of a slot after `moment` stands in the log."""
    return any(
        value["type"] == "probe.completed" and value["slot"] > moment
        for value in pingfold.values(PROBE_RESULTS, monitor)
    )


def test_the_broker_flaps_and_stays_away(pingfold: Pingfold) -> None:
    """Stopped for 3 s and continued for 0.3 s, again and again, then stopped for longer than any session lasts."""
    checks = make_checks(pingfold, "flapping-kafka", 4)
    with Website() as site:
        monitor = make(pingfold, site)
        wait_until(lambda: probed_since(pingfold, monitor, 0), 30.0 * SLOWER, "the monitor is probed")
        with Load(pingfold, checks, per_second=60) as load:
            broker, address = pingfold.pid("kafka"), str(pingfold.credentials.kafka)
            for _ in range(5):
                os.kill(broker, signal.SIGSTOP)
                time.sleep(3.0)
                os.kill(broker, signal.SIGCONT)
                time.sleep(0.3)
            # Whoever looks once a second has seen it in between, or it would have been away for longer than 30 s.
            for _ in range(3):
                wait_until(lambda: kafka_answers(address), 30.0 * SLOWER, "the broker answers")
                time.sleep(1.1)
            with pingfold.frozen("kafka"):
                time.sleep(18.0)
            assert pingfold.pid("kafka") == broker, "a broker that is away for less than 30 s is left alone"
            thawed = pingfold.now
            load.wait_for(5, GOES_ON_SECONDS * SLOWER)
        wait_until(
            lambda: probed_since(pingfold, monitor, thawed), GOES_ON_SECONDS * SLOWER, "the monitor is probed again"
        )
        pingfold.wait_ready(GOES_ON_SECONDS * SLOWER)
        call(pingfold, "DELETE", f"/monitors/{monitor}")
    assert_counted_once(pingfold, load, stored_once=False)
    for check in checks:
        count = pingfold.check(check)["n_pings"]
        wait_until(lambda check=check, count=count: len(pingfold.pings(check)) == count, GOES_ON_SECONDS * SLOWER)  # type: ignore[misc]


def test_roles_end_in_time_and_are_replaced_when_they_hang(pingfold: Pingfold) -> None:
    """While the broker hangs, SIGTERM ends every role within 10 s; everything that hangs is replaced."""
    check = pingfold.create("hanging")
    pingfold.good_ping(check)
    before = pingfold.pids()
    roles = {name: pid for name, pid in before.items() if not name.startswith(("kafka", "clickhouse"))}
    os.kill(before["kafka-0"], signal.SIGSTOP)
    for pid in roles.values():
        os.kill(pid, signal.SIGTERM)
    # By design 8 s and one for the last words; the machine may be busy.
    assert STOP_SECONDS + _LAST_WORDS_SECONDS < 10.0
    wait_until(lambda: not any(map(is_running, roles.values())), 10.0 * SLOWER, "every role has ended")
    progress = [pingfold.data / "run" / f"{name}.progress" for name in roles]
    wait_until(
        lambda: set(roles) <= set(pingfold.pids()) and all(file.exists() for file in progress),
        30.0 * SLOWER,
        "all of them are started again",
    )
    # Whatever hangs: the servers, and the roles that were started while there was no broker.
    hanging = pingfold.pids()
    for pid in hanging.values():
        os.kill(pid, signal.SIGSTOP)

    def all_replaced() -> bool:
        now = pingfold.pids()
        return set(now) == set(hanging) and not set(now.values()) & set(hanging.values())

    wait_until(all_replaced, 2 * GOES_ON_SECONDS * SLOWER, "every role is replaced")
    pingfold.wait_ready(GOES_ON_SECONDS * SLOWER)
    assert "made no progress" in pingfold.said()
    pingfold.good_ping(check)
    wait_until(lambda: len(pingfold.pings(check)) == 2, GOES_ON_SECONDS * SLOWER, "history goes on")
    pingfold.verify()
