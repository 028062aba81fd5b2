"""Killed or frozen under load: the outcome is that of one pure pass (docs/design.md, statements 1 to 5)."""

import contextlib
import json
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from schemas.topics import PINGS, TRANSITIONS
from tests.counting import assert_counted_once, make_checks
from tests.ping_load import Load
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def assert_every_flap_was_told(pingfold: Pingfold, receiver: Receiver, load: Load) -> None:
    """Each going down and each recovery is one transition, delivered at least once, always under the same id."""
    changes = [value for value in pingfold.values(TRANSITIONS) if value["type"] == "status.changed"]
    for check in load.flapping:
        mine = [change for change in changes if change["thing"] == check]
        assert [change["n"] for change in mine] == list(range(1, len(mine) + 1)), (
            "one change after the other, each once"
        )
        for event, status in (("monitor.down", "down"), ("monitor.recovered", "up")):
            told = [change for change in mine if change["now"] == status and (status, change["was"]) != ("up", "new")]
            if not load.refused[check] and not load.unknown[check]:
                pings = len(load.acknowledged[check])
                assert len(told) == (pings + 1) // 2 if status == "down" else len(told) == pings // 2
            wait_until(
                lambda check=check, event=event, told=told: (  # type: ignore[misc]
                    len({one.id for one in receiver.of(check, event)}) >= len(told)
                ),
                60.0,
                f"{len(told)} x {event} for {check} are delivered",
            )
            bodies: dict[str, set[bytes]] = {}
            for one in receiver.of(check, event):
                bodies.setdefault(one.id, set()).add(one.body)
            assert len(bodies) == len(told)
            assert all(len(same) == 1 for same in bodies.values()), "one id, one body"
            incidents = {json.loads(body)["data"]["incident"]["id"] for (body,) in map(tuple, bodies.values())}
            assert incidents == {change["incident"] for change in told}
    for check in load.steady:
        assert receiver.of(check) == [], "nobody is accused"


def test_workers_killed_and_frozen_under_load(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statements 1, 2 and 4: SIGKILL, and SIGSTOP beyond the session of 10 s, at random under load."""
    rng = random.Random(random.getrandbits(64))
    steady, flapping = make_checks(pingfold, "killed-workers", 8), make_checks(pingfold, "flapping", 8)
    with Load(pingfold, steady, flapping) as load:
        for slot in rng.sample((0, 1), 2):
            load.wait_for(rng.randrange(1, 10))
            pingfold.kill_and_wait("worker", slot)
        load.wait_for(rng.randrange(1, 20))
        frozen = rng.randrange(2)
        with pingfold.frozen("worker", frozen):
            began = pingfold.now
            # Meanwhile the other one, which takes its partitions over, may die as well.
            load.wait_for(rng.randrange(20, 40))
            pingfold.kill_and_wait("worker", 1 - frozen)
            wait_until(lambda: pingfold.now > began + 13_000_000, what="a silence longer than the session")
        # It wakes up and believes for a moment that its partitions are still its own.
        load.wait_for(20)
        for slot in (0, 1):
            pingfold.kill("worker", slot)
        load.wait_for(20)
    assert not any(load.refused.values())
    assert not any(load.unknown.values())
    pingfold.wait_working()
    assert_counted_once(pingfold, load)
    assert_every_flap_was_told(pingfold, receiver, load)
    pingfold.verify()


def test_the_broker_killed_under_load(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statements 1, 3 and 4: Kafka is killed and started again; every acknowledged ping is counted, nobody accused."""
    steady, flapping = make_checks(pingfold, "killed-broker", 8), make_checks(pingfold, "flapping-broker", 4)
    short = pingfold.create("short-broker", timeout=60, grace=60)
    pingfold.good_ping(short)
    pingfold.pings(short)  # from here on the web process knows the coordinator of the writer's group
    with Load(pingfold, steady, flapping) as load:
        load.wait_for(10)
        pingfold.kill_and_wait("kafka")
        load.wait_for(20, timeout=120.0)
    pingfold.wait_working(120.0)
    assert_counted_once(pingfold, load, stored_once=False)
    assert_every_flap_was_told(pingfold, receiver, load)
    # The time in which nobody could ping is a gap: a deadline that it touches accuses nobody.
    assert receiver.of(short, "monitor.down") == []
    assert len(pingfold.pings(short)) == 1


def test_clickhouse_and_the_writer_killed_under_load(pingfold: Pingfold) -> None:
    """Statement 5: killed in the midst of inserts; in the end each ping stands in the list once, with its serial."""
    rng = random.Random(random.getrandbits(64))
    checks = make_checks(pingfold, "killed-history", 4)
    with Load(pingfold, checks, per_second=100, body=bytes(range(256)) * 150) as load:
        for role in ("clickhouse", "writer"):
            load.wait_for(rng.randrange(5, 15))
            pingfold.kill_and_wait(role)
        with pingfold.frozen("clickhouse") as pid:
            load.wait_for(10)  # by now an insert hangs in it for certain
            os.kill(pid, signal.SIGKILL)
        load.wait_for(10)
    assert not any(load.refused.values()), "history holds up no ping"
    for check, names in load.acknowledged.items():
        total = len(names)
        assert 20 < total < 1_000, "a list shows at most 1000"
        pings = wait_until(lambda check=check: pingfold.pings(check), 60.0)  # type: ignore[misc]
        assert [ping["n"] for ping in pings] == list(range(total, 0, -1))
        assert [ping["ua"] for ping in reversed(pings)] == names
        key = {"X-Api-Key": pingfold.credentials.healthchecks_key}
        one = rng.choice(pings)
        assert pingfold.get(one["body_url"].removeprefix(pingfold.url), headers=key).content == load.body


def line(check: str, number: int) -> bytes:
    return json.dumps({"uuid": check, "body": f"part {number}"}).encode() + b"\n"


def send_many(pingfold: Pingfold, check: str, numbers: range) -> list[str]:
    """One request with many pings, which must all be acknowledged; their bodies."""
    answer = pingfold.request("POST", "/ping/bulk", content=b"".join(line(check, number) for number in numbers))
    assert answer.status_code == 200, answer.text
    assert [json.loads(told)["status"] for told in answer.text.splitlines()] == [200] * len(numbers)
    return [f"part {number}" for number in numbers]


@contextlib.contextmanager
def half_sent(pingfold: Pingfold, check: str, numbers: range) -> Iterator[socket.socket]:
    """A request with many pings that has not ended."""
    address = httpx.URL(pingfold.url)
    body = b"".join(line(check, number) for number in numbers)
    with socket.create_connection((address.host, address.port or 80), 60.0) as connection:
        head = f"POST /ping/bulk HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 100}\r\n\r\n"
        connection.sendall(head.encode() + body)
        yield connection


def counted(pingfold: Pingfold, check: str) -> int:
    return int(pingfold.api("GET", f"/checks/{check}").json().get("n_pings", -1))


def test_a_killed_web_process_is_a_gap(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statements 1 and 3: SIGKILL of the web process loses no acknowledged ping and accuses nobody."""
    checks = make_checks(pingfold, "killed-web", 4)
    short = pingfold.create("short-web", timeout=60, grace=60)
    pingfold.good_ping(short)
    many = pingfold.create("killed-web-bulk", timeout=86_400)
    acknowledged = send_many(pingfold, many, range(200))
    pingfold.advance(61)
    with Load(pingfold, checks) as load, half_sent(pingfold, many, range(200, 500)) as connection:
        load.wait_for(10)
        wait_until(lambda: counted(pingfold, many) == 500, 60.0, "the lines that have come are counted")
        pingfold.kill_and_wait("web")
        load.wait_for(10)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b"", "nothing is claimed"
    pingfold.wait_working()
    # Nobody was told of the second half: it may be sent again, and is then counted again, but nothing is lost.
    acknowledged += send_many(pingfold, many, range(200, 500))
    bodies = Counter(
        json.loads(record.value)["body"]
        for record in pingfold.records(PINGS)
        if record.key == many.encode() and record.value and record.value.startswith(b'{"type":"ping.received"')
    )
    assert bodies == Counter(acknowledged + [f"part {number}" for number in range(200, 500)])
    wait_until(lambda: counted(pingfold, many) == bodies.total(), 60.0, "each line in the log is counted once")
    pingfold.advance(62)
    receiver.wait(short, "monitor.not_observed")
    assert receiver.of(short, "monitor.down") == []
    assert_counted_once(pingfold, load)
