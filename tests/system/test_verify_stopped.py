"""`pingfold replay` when Pingfold is stopped: all that was ever applied is compared, and a snapshot is exact."""

import json
import socket

import pytest

from infra.embedded.ports import HOST
from tests.pingfold_process import Pingfold

pytestmark = pytest.mark.system


def test_a_stopped_pingfold_is_verified_and_put_aside(own_pingfold: Pingfold) -> None:
    """Statement 2. Kafka is started for it, and stopped again."""
    own_pingfold.start()
    check = own_pingfold.create("stopped")
    own_pingfold.good_ping(check)
    own_pingfold.pass_time(own_pingfold.now)
    own_pingfold.stop()
    done = own_pingfold.command("replay", "--snapshot", "--json")
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout[:4000]}"
    assert "starting Kafka" in done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["verdict"] == "equal"
    assert outcome["events"] > 0
    assert (own_pingfold.data / "snapshots" / outcome["written"] / "manifest.json").exists()
    host, _, port = own_pingfold.credentials.cluster.rpartition(":")
    assert host == HOST
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, int(port))) != 0, "Kafka is stopped again"
    own_pingfold.start()
    own_pingfold.good_ping(check)
    own_pingfold.verify()
    own_pingfold.stop()
