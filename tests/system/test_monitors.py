"""Monitors, end to end: a site is probed, goes down and comes back; probers die and freeze, and accuse nobody."""

import json
import os
import random
import shutil
import signal
import subprocess
from typing import Any

import pytest

from schemas.base import SECOND
from schemas.topics import PROBE_RESULTS, TRANSITIONS
from tests.equipped_pingfold import Equipped
from tests.monitor_calls import await_status, call, make, status
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.signed import assert_signed
from tests.webhook_receiver import Received, Receiver
from tests.website import Website

pytestmark = pytest.mark.system

# The snippet of PoppaPing's page, letter by letter, and a way to call it.
NODE = """
const crypto = require('crypto');

function verifySignature(body, signature, secret) {
  const expected = 'sha256=' + crypto
    .createHmac('sha256', secret)
    .update(body)
    .digest('hex');
  return crypto.timingSafeEqual(
    Buffer.from(expected), Buffer.from(signature)
  );
}

const [signature, secret] = process.argv.slice(1);
const body = require('fs').readFileSync(0);
console.log(verifySignature(body, signature, secret));
"""


def assert_node_agrees(received: Received, secret: str) -> None:
    if shutil.which("node") is None:
        return
    signature = received.headers["X-PoppaPing-Signature"]
    command = ["node", "-e", NODE, signature, secret]
    done = subprocess.run(command, input=received.body, capture_output=True, timeout=20, check=True)
    assert done.stdout.decode().strip() == "true"


def test_a_site_goes_down_and_comes_back(pingfold: Pingfold, receiver: Receiver) -> None:
    with Website() as site:
        id = make(pingfold, site)
        await_status(pingfold, id, "up")  # probed at once
        site.status = 503
        down = receiver.wait(id, "monitor.down")
        await_status(pingfold, id, "down")
        site.status = 200
        recovered = receiver.wait(id, "monitor.recovered")
        await_status(pingfold, id, "up")
        secret = pingfold.credentials.webhook_secret
        for received in (down, recovered):
            assert_signed(received, secret)
            monitor = received.json["data"]["monitor"]
            assert (monitor["name"], monitor["url"], monitor["kind"]) == ("Production API", site.url, "http")
        assert_node_agrees(down, secret)
        opened, ended = down.json["data"]["incident"], recovered.json["data"]["incident"]
        assert opened["id"] == ended["id"]
        assert (opened["cause"], opened["status"], ended["status"]) == ("Unexpected status: 503", "open", "resolved")

        def whole() -> Any:
            incident = call(pingfold, "GET", f"/incidents/{opened['id']}")
            told = [one["status"] for one in incident["timeline"]]
            return incident if told.count("down") >= 2 and told[-1:] == ["up"] else None

        incident = wait_until(whole, 60.0, "the timeline is written")
        assert (incident["started_at"], incident["status"]) == (opened["started_at"], "resolved")
        assert incident["timeline"][0]["error"] == "status: 503"
        call(pingfold, "POST", f"/monitors/{id}/pause")
        assert status(pingfold, id) == "paused"
        call(pingfold, "DELETE", f"/monitors/{id}")


def test_probers_die_and_freeze_and_accuse_nobody(equipped: Equipped) -> None:
    """Two regions, 40 monitors of a site that is always well: no down, no slot counted twice, one pure pass."""
    pingfold = equipped.pingfold
    chance = random.Random(7)
    with Website() as site:
        ids = [make(pingfold, site, name=f"m{number}", interval_seconds=3, timeout_seconds=10) for number in range(40)]
        for id in ids:
            await_status(pingfold, id, "up", 90.0)
        for _ in range(3):
            slot = chance.randrange(2)
            pingfold.kill_and_wait("prober", slot)
            before = site.requests
            with pingfold.frozen("prober", 1 - slot):
                pingfold.kill_and_wait("worker")
                wait_until(lambda before=before: site.requests > before + 20, 120.0, "the other one probes")  # type: ignore[misc]
        # Our own absence: nobody probes, until every monitor has been seen as unknown. Nobody replaces them meanwhile.
        os.kill(pingfold.supervisor, signal.SIGSTOP)
        try:
            with pingfold.frozen("prober", 0), pingfold.frozen("prober", 1):
                wait_until(lambda: {status(pingfold, id) for id in ids[:5]} == {"unknown"}, 180.0, "nothing is known")
        finally:
            os.kill(pingfold.supervisor, signal.SIGCONT)
        for id in ids:
            await_status(pingfold, id, "up", 120.0)
        changes = [one for one in pingfold.values(TRANSITIONS) if one.get("type") == "status.changed"]
        counted = {id: call(pingfold, "GET", f"/monitors/{id}/uptime?period=24h") for id in ids}
    wrong = [one for one in changes if one["thing"] in ids and one["now"] not in ("up", "not_observed")]
    assert [one["detail"] for one in wrong] == []
    slots: dict[str, set[tuple[int, str]]] = {id: set() for id in ids}
    for record in pingfold.records(PROBE_RESULTS):
        key = (record.key or b"").decode()
        if key in slots and record.value and b'"probe.completed"' in record.value:
            result = json.loads(record.value)
            if not result.get("confirm") and result.get("failure") != "prober_error":
                slots[key].add((result["slot"], result["region"]))
    for id in ids:
        assert counted[id]["down_checks"] == 0
        # Written a moment after they are answered, so a few may have come since.
        assert 0 < counted[id]["total_checks"] <= len(slots[id])
    pingfold.verify()
    for id in ids:
        call(pingfold, "DELETE", f"/monitors/{id}")


def test_a_step_of_the_clock_is_no_outage(pingfold: Pingfold) -> None:
    """What was due in the hour that a test skips is not made up for, and nobody is down for it."""
    with Website() as site:
        id = make(pingfold, site, interval_seconds=60)
        await_status(pingfold, id, "up")
        seen = site.requests
        pingfold.advance(3600)
        pingfold.wait_working()
        wait_until(lambda: site.requests > seen or status(pingfold, id) == "unknown", 60.0, "time has passed")
        await_status(pingfold, id, "up", 150.0)
        assert site.requests < seen + 10
        changes = [
            one
            for one in pingfold.values(TRANSITIONS)
            if one.get("type") == "status.changed" and one["thing"] == id and one["now"] == "down"
        ]
        assert changes == []
        assert pingfold.now > 3600 * SECOND
        call(pingfold, "DELETE", f"/monitors/{id}")
