"""Events that others put straight into the journals (docs/design.md, statements 1 and 6)."""

import base64
import json
import uuid
from typing import Any

import pytest

from processors.fold.contract import LARGEST_EVENT
from schemas.base import SECOND
from schemas.topics import DEAD_LETTERS, DELIVERIES, PINGS, PROJECTS, Topic
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system

HOUR = 3_600 * SECOND


def letters(pingfold: Pingfold) -> list[dict[str, Any]]:
    done = pingfold.command("dead-letters", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def test_an_operator_pings_with_kafka_tools(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 1: the least that is a ping counts, at the time of its record; one dated long ago counts now."""
    check = pingfold.create("operator", timeout=86_400)
    pingfold.produce(PINGS, [(check.encode(), b'{"type":"ping.received","kind":"success"}')])
    wait_until(lambda: pingfold.check(check)["n_pings"] == 1, what="the operator's ping counts")
    assert pingfold.status(check) == "up"
    old = {"type": "ping.received", "kind": "fail", "at": pingfold.now - 48 * HOUR, "unknown field": [1, None]}
    pingfold.produce(PINGS, [(check.encode(), as_json(old))])
    down = receiver.wait(check, "monitor.down")
    assert down.json["timestamp"] >= pingfold.check(check)["last_success"]
    assert [ping["type"] for ping in pingfold.pings(check)] == ["fail", "success"]


def bad_events(pingfold: Pingfold, check: str) -> dict[Topic, list[tuple[str, bytes]]]:
    """Keys and values of records that no journal can take; some are of this check."""
    future = pingfold.now + HOUR
    request = {"request": str(uuid.uuid4()), "at": pingfold.now}
    project = pingfold.credentials.project
    fresh = {"id": str(uuid.uuid4())}
    return {
        PINGS: [
            ("bad-bytes", b"\xff\xfe\x00"),
            ("bad-empty", b""),
            ("bad-cut", b'{"type":"ping.received","kind":"succ'),
            ("bad-null", b"null"),
            ("bad-list", b"[1,2,3]"),
            ("bad-type", b'{"type":"ping.dropped","kind":"success"}'),
            ("bad-no-type", b'{"kind":"success"}'),
            ("bad-kind", b'{"type":"ping.received","kind":"sucess"}'),
            ("bad-status", b'{"type":"ping.received","kind":"fail","exitstatus":256}'),
            ("bad-rid", b'{"type":"ping.received","kind":"start","rid":"one"}'),
            ("bad-at", b'{"type":"ping.received","kind":"start","at":"yesterday"}'),
            ("bad-huge-at", b'{"type":"ping.received","kind":"start","at":%d}' % 10**30),
            ("bad-deep", b"[" * 50_000),
            ("bad-tick", b'{"type":"tick","slot":"x","epoch":1,"at":%d,"now":%d}' % (10**18, 10**18)),
            ("bad-large", b"{" + b" " * 3_900_000),
            ("bad-and-just-fits", b"{" + b" " * (LARGEST_EVENT - 1)),
            ("k" * 5_000, b'{"type":"ping.received","kind":"success"}'),
            ("bad-definition", as_json({"type": "check.defined", "at": future, "check": {"id": check}})),
            (check, as_json({"type": "ping.received", "kind": "fail", "at": future})),
        ],
        PROJECTS: [
            ("bad-bytes", b"\x00\x01"),
            ("bad-type", b'{"type":"project.explode"}'),
            ("bad-large", b'"' + b"y" * 3_900_000 + b'"'),
            (project, as_json({"type": "check.create", **request, "at": future, "id": fresh["id"], "fields": {}})),
            (project, as_json({"type": "check.create", **request, "id": "not-a-uuid", "fields": {}})),
            (project, as_json({"type": "check.create", **request, **fresh, "fields": {"grace": 1}})),
            (
                project,
                as_json(
                    {
                        "type": "check.create",
                        **request,
                        **fresh,
                        "fields": {"schedule": {"type": "cron", "expression": "0 0 31 2 *", "tz": "UTC"}},
                    }
                ),
            ),
        ],
        DELIVERIES: [
            ("bad-bytes", b"\x80"),
            ("bad-type", b'{"type":"delivery.lost"}'),
            ("bad-attempt", b'{"type":"delivery.attempted","delivery":"x","attempt":0,"at":1}'),
            ("bad-at", b'{"type":"endpoint.removed","at":%d}' % 2**62),
            ("bad-large", b"[" + b"0," * 1_950_000),
        ],
    }


def test_bad_events_become_dead_letters_and_stop_no_partition(pingfold: Pingfold) -> None:
    """Statement 6: malformed, unknown, oversized and future-dated events, in every partition of every journal."""
    check = pingfold.create("poisoned", timeout=86_400)
    bad = bad_events(pingfold, check)
    before = len(letters(pingfold))
    for topic, records in bad.items():
        pingfold.produce(topic, [(key.encode(), value) for key, value in records])
    # A record of a key that is no text, and of no key, and one nobody can read, in every partition.
    for number in range(pingfold.partitions):
        pingfold.produce(PINGS, [(b"\xff\xff", b"no key"), (None, b"none")], number)
        pingfold.produce(DELIVERIES, [(None, b'{"type":"endpoint.removed","at":1}')], number)
    wanted = sum(map(len, bad.values())) + 3 * pingfold.partitions
    pingfold.pass_time(pingfold.now)
    found = letters(pingfold)[before:]
    told = {(one["topic"], one["key"], base64.b64decode(one["value"])): one["reason"] for one in found}
    missing = [
        (topic.name, key, value[:80])
        for topic, records in bad.items()
        for key, value in records
        if (topic.name, key[:1_000], value if len(value) <= LARGEST_EVENT else value[:1_000]) not in told
    ]
    assert missing == []
    assert len(found) == wanted
    assert all(told.values())
    assert told["pings", "bad-large", bad[PINGS][14][1][:1_000]].startswith("larger than 3000000 bytes")
    assert "dated 3" in told["pings", check, bad[PINGS][-1][1]]
    # Pings of that check and everything else go on; what was refused has moved nothing.
    assert pingfold.status(check) == "new"
    pingfold.good_ping(check, method="POST", content=b"x" * 200_000)
    shown = pingfold.check(check)
    assert (shown["status"], shown["n_pings"]) == ("up", 1)
    pingfold.create("after-poison")


def test_dead_letters_are_put_back(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 6: a letter put back enters history and moves no state; one that is still bad comes back."""
    check = pingfold.create("put-back", timeout=86_400)
    key = check.encode()
    early = as_json({"type": "ping.received", "kind": "fail", "at": pingfold.now + HOUR})
    pingfold.produce(PINGS, [(key, early), (key, b"still bad")])

    def mine() -> list[dict[str, Any]]:
        return pingfold.values(DEAD_LETTERS, check)

    wait_until(lambda: len(mine()) == 2, what="two dead letters")
    pingfold.advance(2 * 3_600)
    pingfold.good_ping(check)
    for one in mine():
        where = f"{one['topic']}/{one['partition']}/{one['offset']}"
        done = pingfold.command("dead-letters", "retry", where)
        assert done.returncode == 0, done.stderr
    assert pingfold.command("dead-letters", "retry", "pings/0/999999999").returncode != 0
    wait_until(lambda: pingfold.check(check)["n_pings"] == 2, what="the letter put back is counted")
    wait_until(lambda: len(mine()) == 3, what="what is still bad comes back")
    assert pingfold.status(check) == "up"
    assert receiver.of(check) == []
    assert [(ping["n"], ping["type"]) for ping in pingfold.pings(check)] == [(2, "fail"), (1, "success")]
