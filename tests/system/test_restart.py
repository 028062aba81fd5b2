"""Stopped cleanly, or killed whole, and started again on the same data (docs/design.md, statements 1 to 4 and 7)."""

import json
import signal
import socket
import stat

import pytest

from infra.embedded.ports import HOST
from pingfold.folds import FOLDS
from schemas.base import SECOND
from schemas.topics import DELIVERIES, DELIVERY_STATES
from tests.loop_thread import LoopThread
from tests.monitor_calls import await_status, call, make
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.probe_targets import resolving
from tests.webhook_receiver import Receiver
from tests.website import Website

pytestmark = pytest.mark.system


def test_restarts(own_pingfold: Pingfold) -> None:
    """A first start, a kill of everything, a start after a deadline, a clean stop, a start with other settings.

    Statement 1: no acknowledged ping is missing. 2: replay agrees. 3: the time in which nothing ran accuses nobody.
    4: what could not be delivered before is delivered after, under the same id. 7: secrets stay the owner's; without
    the setting no private address is reached, by a webhook or by a probe. While it is stopped it can be verified.
    """
    pingfold, receiver = own_pingfold, Receiver()
    try:
        event = _first_life(pingfold, receiver)
        _after_a_kill_of_everything(pingfold, receiver, event)
        _after_a_clean_stop(pingfold, receiver)
    finally:
        receiver.stop()


def _first_life(pingfold: Pingfold, receiver: Receiver) -> str:
    """The id of the event that could not be delivered."""
    pingfold.start()
    assert_private(pingfold)
    pingfold.channel(receiver.url, events=["monitor.down", "monitor.recovered", "monitor.not_observed"])
    for slug in ("failing", "steady", "short", "counted"):
        assert pingfold.ping(slug, params={"create": "1"}).status_code == 201
    short = pingfold.by_slug("short")[0]["uuid"]
    pingfold.ask("POST", f"/checks/{short}", {"timeout": 60, "grace": 60})
    for _ in range(20):
        pingfold.good_ping("counted")
    pingfold.good_ping("failing", "fail")
    wait_until(
        lambda: [one for one in pingfold.values(DELIVERIES) if one["type"] == "delivery.attempted"],
        20.0,
        "a first attempt to the receiver, which is down, is recorded",
    )
    (event,) = {one["event"] for one in pingfold.values(DELIVERY_STATES) if one["type"] == "delivery"}
    pingfold.good_ping("short")
    # Acknowledged, and dead in the next moment.
    for _ in range(20):
        pingfold.good_ping("counted")
    pingfold.kill_everything()
    return str(event)


def _after_a_kill_of_everything(pingfold: Pingfold, receiver: Receiver, event: str) -> None:
    credentials = pingfold.credentials
    pingfold.set_clock(pingfold.offset + 1_800)
    receiver.start()
    pingfold.start()
    assert pingfold.credentials == credentials
    assert_private(pingfold)
    checks = {check["slug"]: check for check in pingfold.ask("GET", "/checks/")["checks"]}
    assert {slug: check["n_pings"] for slug, check in checks.items()} == {
        "failing": 2, "steady": 1, "short": 2, "counted": 41,
    }  # fmt: skip
    assert checks["failing"]["status"] == "down"
    assert checks["steady"]["status"] == "up"
    failing, short = checks["failing"]["uuid"], checks["short"]["uuid"]
    down = receiver.wait(failing, "monitor.down", timeout=60.0)
    assert down.id == event
    receiver.wait(short, "monitor.not_observed")
    assert receiver.of(short, "monitor.down") == []
    pingfold.good_ping("failing")
    receiver.wait(failing, "monitor.recovered")
    assert len({one.id for one in receiver.of(failing, "monitor.down")}) == 1
    assert [ping["n"] for ping in pingfold.pings(checks["counted"]["uuid"])] == list(range(41, 0, -1))
    pingfold.verify()


def _after_a_clean_stop(pingfold: Pingfold, receiver: Receiver) -> None:
    before = pingfold.ask("GET", "/checks/")["checks"]
    pingfold.stop()
    assert not (pingfold.data / "run").exists() or pingfold.pids() == {}
    _is_verified_and_put_aside_while_stopped(pingfold)
    with Website() as site, LoopThread() as servers:
        names = servers.enter(resolving({"site.test": ["127.0.0.1"]}))
        pingfold.settings["PINGFOLD_PRIVATE_TARGETS"] = ""
        pingfold.settings["PINGFOLD_RESOLVERS"] = "{}:{}".format(*names.server)
        pingfold.start()
        after = pingfold.ask("GET", "/checks/")["checks"]
        moved = {"status", "next_ping", "not_observed"}  # `short` may be late again by now
        assert [drop(check, moved) for check in after] == [drop(check, moved) for check in before]
        counted = pingfold.by_slug("counted")[0]["uuid"]
        pingfold.good_ping(counted)
        assert pingfold.check(counted)["n_pings"] == 42
        _reaches_nothing_private(pingfold, receiver, counted, site)
    pingfold.verify()
    pingfold.kill("kafka", number=signal.SIGSTOP)  # nobody can close what he holds there, and all end in time
    assert pingfold.stop() < 10.0


def _is_verified_and_put_aside_while_stopped(pingfold: Pingfold) -> None:
    """All that was ever applied is compared, and a snapshot is exact. Kafka is started for it, and stopped again."""
    done = pingfold.command("replay", "--snapshot", "--json")
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout[:4000]}"
    assert "starting Kafka" in done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["verdict"] == "equal"
    assert outcome["events"] > 0
    assert (pingfold.data / "snapshots" / outcome["written"] / "manifest.json").exists()
    host, _, port = pingfold.credentials.cluster.rpartition(":")
    assert host == HOST
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, int(port))) != 0, "Kafka is stopped again"


def _reaches_nothing_private(pingfold: Pingfold, receiver: Receiver, check: str, site: Website) -> None:
    """No webhook and no probe. What is refused names the setting that allows it.

    A monitor of an address is refused at once; a name that leads to one is not probed, so nothing is known of it.
    """
    count = len(receiver.received)
    pingfold.good_ping(check, "fail")
    headers = {"Authorization": f"Bearer {pingfold.credentials.poppaping_key}"}
    refused = pingfold.request("POST", "/api/v1/monitors", headers=headers, json={"name": "Private", "url": site.url})
    assert (refused.status_code, "PINGFOLD_PRIVATE_TARGETS" in refused.text) == (400, True)
    monitor = make(pingfold, site, url=site.url.replace("127.0.0.1", "site.test"), confirmations=1)

    def refusals() -> list[str]:
        found = [one for one in pingfold.values(DELIVERIES) if one["type"] == "delivery.attempted"]
        return [one["error"] for one in found if "PINGFOLD_PRIVATE_TARGETS" in one.get("error", "")]

    wait_until(refusals, 90.0, "the private address is refused, by the name of the setting")
    assert len(receiver.received) == count
    await_status(pingfold, monitor, "unknown", 60.0)
    assert "PINGFOLD_PRIVATE_TARGETS" in call(pingfold, "GET", f"/monitors/{monitor}")["last_error"]
    assert site.requests == 0


def drop(fields: dict[str, object], names: set[str]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name not in names}


def assert_private(pingfold: Pingfold) -> None:
    """Statement 7: only the owner may read what is secret."""
    for name in ("credentials.json", "secret.key"):
        assert stat.S_IMODE((pingfold.data / name).stat().st_mode) == 0o600, name


def test_a_second_start_on_the_same_data_is_refused(pingfold: Pingfold) -> None:
    """Statement 2: two supervisors never share a folder; the second says so, and the first goes on."""
    done = pingfold.command("up", timeout=60.0)
    assert done.returncode == 1
    assert f"another Pingfold (process {pingfold.supervisor}) runs" in done.stderr
    pingfold.pass_time(pingfold.now - SECOND)


def not_folded(pingfold: Pingfold) -> list[str]:
    """The partitions of journals that `/readyz` names."""
    named: list[str] = pingfold.get("/readyz").json().get("not_folded", [])
    return named


def test_readyz_tells_that_nothing_is_folded(pingfold: Pingfold) -> None:
    """Statement 3: with the workers frozen /readyz says so, pings are still taken, and reads say how old they are."""
    check = pingfold.create("not-ready", timeout=86_400)
    with pingfold.frozen("worker", 0), pingfold.frozen("worker", 1):
        pingfold.set_clock(pingfold.offset + 180)  # where nothing is due, ticks may be 80 s apart
        all_of_them = len(FOLDS) * pingfold.partitions
        wait_until(lambda: len(not_folded(pingfold)) == all_of_them, 60.0, "/readyz says that nothing is folded")
        assert pingfold.get("/readyz").status_code == 503
        pingfold.good_ping(check)
        stale = pingfold.api("GET", f"/checks/{check}")
        assert (stale.status_code, stale.json()["n_pings"]) == (200, 0)
        assert int(stale.headers["pingfold-stale"]) >= 1
    pingfold.wait_ready()
    assert pingfold.check(check)["n_pings"] == 1
