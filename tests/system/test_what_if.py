"""What other settings would have told, on the real Kafka: the same by the command and by REST, and what was really
sent."""

import json

import pytest

from schemas.base import SECOND
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def test_a_longer_grace_would_have_spared_a_false_alarm(pingfold: Pingfold, receiver: Receiver) -> None:
    check = pingfold.create("what-if", timeout=3_600, grace=300, tags="night")
    pingfold.good_ping(check)
    pingfold.advance_to(pingfold.now + 3_600 * SECOND)
    pingfold.advance_to(pingfold.now + 301 * SECOND)
    receiver.wait(check, "monitor.down")
    pingfold.good_ping(check)  # a minute late
    receiver.wait(check, "monitor.recovered")

    same = json.loads(pingfold.command("what-if", check, "--since", "1d", "--json").stdout)
    [alert] = same["alerts"]
    assert (alert["verdict"], alert["status"]) == ("kept", "down")
    [down] = receiver.of(check, "monitor.down")
    assert alert["sent"]["began_at"] == down.json["data"]["incident"]["started_at"]

    spared = json.loads(pingfold.command("what-if", "tag:night", "--set", "grace=20m", "--json").stdout)
    assert [one["verdict"] for one in spared["alerts"]] == ["spared"]
    assert spared["things"][0]["imagined_uptime_percentage"] == 100
    body = {"thing": "tag:night", "set": {"grace": "20m"}, "since": "30d"}
    key = {"X-API-Key": pingfold.credentials.poppaping_key}
    answer = pingfold.request("POST", "/api/v1/what-if", json=body, headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["alerts"] == spared["alerts"]

    table = pingfold.command("what-if", check, "--sweep", "grace=5m..20m/5m").stdout
    assert [line.split()[1] for line in table.splitlines() if line.startswith("grace=")] == ["1", "0", "0", "0"]
    refused = pingfold.command("what-if", check, "--set", "interval=5m")
    assert refused.returncode == 1
    assert "results of other probes were never made" in refused.stderr
