"""After all that the other tests have done to one Pingfold (docs/design.md, statement 2). Comes last by its name."""

import json
from functools import partial

import pytest

from infra.log.partitioner import partition_of
from infra.log.reading import Stored
from schemas.topics import CHECK_STATES, PINGS, TRANSITIONS, Topic
from tests.monitor_calls import call
from tests.ping_load import Load
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def test_all_of_it_is_equal_to_one_pure_pass(pingfold: Pingfold) -> None:
    """Statement 2: kills, gaps, restarts and bad events included, `replay --verify` finds nothing different.

    Nor in what every partition is told.
    """
    pingfold.create("one-more")
    monitors = {"name": "w", "schedule": "0 2 * * 0", "duration_minutes": 5, "tags": ["of-nothing"]}
    call(pingfold, "POST", "/maintenance-windows", monitors)
    pingfold.verify()


def test_a_deployment_over_a_tag(pingfold: Pingfold) -> None:
    """A job fails in a window that hooks begin, extend and end: it is down at the end, and all of it is one pass."""
    check = pingfold.create("deployed", tags="web-of-verify")
    pingfold.good_ping(check)
    wait_until(partial(shows, pingfold, check, "up"), 60.0, "the check is up")
    started = pingfold.command("maintenance", "start", "--tag", "web-of-verify", "--for", "1h", "--key", check, "-q")
    assert started.returncode == 0, started.stderr
    window = started.stdout.strip()
    again = pingfold.command("maintenance", "start", "--tag", "web-of-verify", "--for", "1h", "--key", check, "-q")
    assert again.stdout.strip() == window
    wait_until(partial(is_maintained, pingfold, check), 60.0, "the check is in maintenance")
    pingfold.good_ping(check, "fail")
    longer = call(pingfold, "POST", f"/maintenance-windows/{window}/extend", {"minutes": 15})
    assert longer["active"] is True
    assert pingfold.check(check)["status"] == "up"
    for _ in range(2):
        ended = pingfold.command("maintenance", "end", window, "--json")
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["ended_at"] is not None
    wait_until(partial(shows, pingfold, check, "down"), 60.0, "the check is down")
    refused = pingfold.command("maintenance", "extend", window, "--for", "5m")
    assert (refused.returncode, "ended at" in refused.stderr) == (1, True), refused.stderr
    pingfold.verify()


def shows(pingfold: Pingfold, check: str, status: str) -> bool:
    return bool(pingfold.check(check)["status"] == status)


def is_maintained(pingfold: Pingfold, check: str) -> bool:
    return bool(pingfold.values(CHECK_STATES, check)[-1].get("maintained", False))


def test_verify_beside_a_system_at_work(pingfold: Pingfold) -> None:
    """Statement 2: pings and alerts that come while it runs are neither missing nor too much."""
    steady = [pingfold.create(f"beside-{number}") for number in range(8)]
    flapping = [pingfold.create(f"flapping-{number}") for number in range(8)]
    with Load(pingfold, steady, flapping, per_second=60.0) as load:
        for _ in range(2):
            pingfold.verify()
            load.wait_for(1)
    assert not load.wrong
    pingfold.verify()


def test_a_snapshot_of_a_live_system(pingfold: Pingfold) -> None:
    """Verified states are put aside, for the day when the journals cannot be folded again by the same version."""
    done = pingfold.command("replay", "--snapshot", "--json")
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout[:4000]}"
    written = json.loads(done.stdout)["written"]
    manifest = json.loads((pingfold.data / "snapshots" / written / "manifest.json").read_bytes())
    assert len(manifest["states"]) == 4 * pingfold.partitions
    assert manifest["unverified"] == []


def those_of(pingfold: Pingfold, topic: Topic, key: str) -> list[Stored]:
    return [record for record in pingfold.records(topic) if record.key == key.encode()]


def test_verify_sees_what_was_written_twice(pingfold: Pingfold) -> None:
    """Statement 2: a copy of a transition and of a definition on its way to a fold are found, and where."""
    check = pingfold.create("twice")
    pingfold.good_ping(check)
    copies = {}
    for topic in (TRANSITIONS, PINGS):
        one = wait_until(partial(those_of, pingfold, topic, check), 90.0, f"{topic} tells of the check")[0]
        pingfold.produce(topic, [(one.key, one.value)], one.partition)
        copies[topic.name] = max(again.offset for again in pingfold.records(topic) if again.value == one.value)
        assert copies[topic.name] > one.offset
    done = pingfold.command("replay", "--verify", "--json")
    assert done.returncode == 1, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["verdict"] == "different"
    assert outcome["difference_count"] == 2
    assert {one["topic"]: one["offset"] for one in outcome["differences"]} == copies
    assert {(one["kind"], one["key"]) for one in outcome["differences"]} == {("duplicate", check)}


def test_verify_sees_what_is_different(pingfold: Pingfold) -> None:
    """Statement 2: a state that no fold has made is found. Last of all, since it damages the states.

    The two copies of the test before stand there still.
    """
    check = pingfold.create("forged")
    (state,) = [one for one in pingfold.values(CHECK_STATES, check) if one["type"] == "check-state"]
    pingfold.produce(
        CHECK_STATES,
        [(check.encode(), json.dumps(state | {"pings": 7}).encode())],
        partition_of(check.encode(), pingfold.partitions),
    )
    done = pingfold.command("replay", "--verify", "--json")
    assert done.returncode == 1, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["equal"] is False
    (difference,) = [one for one in outcome["differences"] if one["kind"] == "state"]
    assert (difference["topic"], difference["key"]) == (CHECK_STATES.name, check)
    told = pingfold.command("replay", "--verify").stdout
    assert f"{CHECK_STATES}/{difference['partition']} {check}: replay" in told
    assert "3 places" in told
