"""No role stops in silence: servers that flap, freeze and stay away, roles that hang, a stop while nothing answers."""

import os
import signal
import time

import httpx
import pytest

from infra.availability import kafka_answers
from infra.log.lookup import LOOK_SECONDS
from infra.process.lifecycle import STOP_SECONDS
from infra.process.liveness import _LAST_WORDS_SECONDS
from query_api.web.asking import PATIENCE
from schemas.ids import new_id
from schemas.topics import PROBE_RESULTS
from tests.counting import DAY, assert_counted_once, make_checks
from tests.monitor_calls import call, make
from tests.page_walk import Seen, browser_of, every_page, look
from tests.ping_load import Load
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold, is_running
from tests.web_browser import form_of
from tests.website import Website

pytestmark = pytest.mark.system

# What Pingfold promises: it goes on by itself within this time. Machines on which tests run may be slower.
GOES_ON_SECONDS = 30.0
SLOWER = 3


# So long a page may take that waits for history, and for the log: twice what is promised, on a slow machine.
HISTORY_SECONDS, LOG_SECONDS = 2 * (PATIENCE + 1.0), 2 * (LOOK_SECONDS + 2.0)
NO_HISTORY = "History does not answer now"


def assert_usable(well: dict[str, Seen], now: dict[str, Seen], seconds: float) -> None:
    """Every page is answered in time, as it was or by 503 with a sentence; none says more than it knows."""
    wrong = {
        path: (one.status, well[path].status) for path, one in now.items() if one.status not in (well[path].status, 503)
    }
    assert not wrong
    unsaid = [path for path, one in now.items() if one.status == 503 and " now" not in one.text]
    assert not unsaid
    late = {path: round(one.took, 1) for path, one in now.items() if one.took > seconds}
    assert not late


def assert_kept(answer: httpx.Response, form: dict[str, str]) -> None:
    """A form that could not be saved says so, and keeps what was typed."""
    assert answer.status_code == 503, answer.text
    assert "Nothing is saved yet" in answer.text
    _, kept = form_of(answer.text, "/checks/new")
    assert (kept["name"], kept["slug"], kept["once"]) == (form["name"], form["slug"], form["once"])


def is_made(answer: httpx.Response) -> str:
    """Where the page of what was made is; empty: it is not made yet."""
    assert answer.status_code in (303, 503), answer.text
    return str(answer.headers.get("Location", ""))


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


def test_pages_say_what_they_cannot_show(pingfold: Pingfold) -> None:
    """While a server does not answer, every page is answered, and a form that is sent keeps what was typed."""
    check = pingfold.create("seen", timeout=DAY)
    pingfold.good_ping(check)
    pingfold.good_ping(check, "fail", method="POST", content=b"said")
    with browser_of(pingfold) as browser:
        # What other settings would have told is folded for its answer, which may take longer.
        paths = [path for path in every_page(pingfold, check) if "what-if?" not in path]
        wait_until(lambda: len(pingfold.pings(check)) == 2, GOES_ON_SECONDS * SLOWER, "history has its pings")
        well: dict[str, Seen] = {}

        def missing() -> list[str]:
            well.update(look(browser, [path for path in paths if path not in well or NO_HISTORY in well[path].text]))
            return [path for path, one in well.items() if NO_HISTORY in one.text]

        wait_until(lambda: not missing(), GOES_ON_SECONDS * SLOWER, "nothing is missing while all is well")
        assert not [path for path, one in well.items() if one.status >= 500]
        with pingfold.frozen("clickhouse"):
            assert_usable(well, look(browser, paths), HISTORY_SECONDS)
            shown = browser.get(f"/checks/{check}").text
        assert NO_HISTORY in shown
        assert "exit status" in shown.lower() or "failure" in shown.lower(), "why it is down, no history must tell"
        to, fields = form_of(browser.get(f"/checks/new?project={pingfold.credentials.project}").text, "/checks/new")
        form = fields | {"name": "typed while the log is away", "slug": "typed-meanwhile"}
        with pingfold.frozen("kafka"):
            assert_usable(well, look(browser, paths), LOG_SECONDS)
            assert_kept(browser.post(to, data=form), form)
        wait_until(
            lambda: browser.get(f"/checks/{check}/why").status_code == 200, GOES_ON_SECONDS * SLOWER, "the log answers"
        )
        made = wait_until(lambda: is_made(browser.post(to, data=form)), GOES_ON_SECONDS * SLOWER, "the form is taken")
        with pingfold.frozen("worker", 0), pingfold.frozen("worker", 1):
            assert_usable(well, look(browser, paths), LOG_SECONDS)
            form |= {"name": "typed while nothing is folded", "slug": "typed-unfolded", "once": new_id()}
            assert_kept(browser.post(to, data=form), form)
        again = wait_until(lambda: is_made(browser.post(to, data=form)), GOES_ON_SECONDS * SLOWER, "the form is taken")
        assert made != again
    for slug in ("typed-meanwhile", "typed-unfolded"):
        assert len(pingfold.by_slug(slug)) == 1, "however often it was sent"
    pingfold.wait_ready(GOES_ON_SECONDS * SLOWER)
