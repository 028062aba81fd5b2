"""The thin line: a ping goes in, an answer and a signed webhook come out (docs/design.md, statements 1, 4 and 7)."""

import uuid
from datetime import UTC, datetime

import pytest

from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.signed import assert_signed
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def test_from_a_first_ping_to_signed_webhooks(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statements 1 and 4: create=1, a failure and a recovery are read back at once and told once each, signed."""
    secret = pingfold.credentials.webhook_secret
    first = pingfold.ping("thin-line", params={"create": "1"})
    assert (first.status_code, first.text) == (201, "Created")
    (shown,) = pingfold.by_slug("thin-line")
    check = shown["uuid"]
    assert (shown["status"], shown["n_pings"], shown["name"]) == ("up", 1, "thin-line")

    pingfold.good_ping(check, "fail")
    failed = pingfold.check(check)
    assert (failed["status"], failed["n_pings"]) == ("down", 2)
    down = receiver.wait(check, "monitor.down")
    pingfold.good_ping("thin-line")
    assert pingfold.status(check) == "up"
    recovered = receiver.wait(check, "monitor.recovered")

    for received in (down, recovered):
        assert_signed(received, secret)
        assert received.json["data"]["monitor"]["name"] == "thin-line"
        assert received.json["data"]["monitor"]["url"] == f"{pingfold.url}/checks/{check}"
    assert down.id != recovered.id
    opened, ended = down.json["data"]["incident"], recovered.json["data"]["incident"]
    assert opened["id"] == ended["id"]
    assert (opened["status"], opened["cause"], opened["resolved_at"]) == ("open", "Reported failure", None)
    assert (ended["status"], ended["resolved_at"]) == ("resolved", recovered.json["timestamp"])
    assert down.json["timestamp"] == failed["last_ping"]
    assert [one.event for one in receiver.of(check)] == ["monitor.down", "monitor.recovered"]


def test_a_channel_with_its_own_secret_and_events(pingfold: Pingfold) -> None:
    """Statement 7: a channel's own secret signs its webhooks, and it gets what it chose and nothing else."""
    secret = "whsec_" + "c2VjcmV0IG9mIG9uZSBjaGFubmVs"
    receiver = Receiver()
    receiver.start()
    try:
        channel = pingfold.channel(receiver.url, secret=secret, events=["monitor.recovered"])
        check = pingfold.create("own-secret", channels=channel)
        for action in ("", "fail", ""):
            pingfold.good_ping(check, action)
        assert_signed(receiver.wait(check, "monitor.recovered"), secret)
        assert {one.event for one in receiver.of(check)} == {"monitor.recovered"}
        assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200
    finally:
        receiver.stop()


def test_a_client_reads_what_it_wrote(pingfold: Pingfold) -> None:
    """Statement 1 as a client sees it: after a ping, a write, a pause, the next read shows it, and is not stale."""
    check = pingfold.create("reads", timeout=86_400)
    for number in range(1, 31):
        pingfold.good_ping(check)
        answer = pingfold.api("GET", f"/checks/{check}")
        assert answer.json()["n_pings"] == number
        assert "pingfold-stale" not in answer.headers
    pingfold.ask("POST", f"/checks/{check}", {"name": "reads again", "grace": 120})
    assert (pingfold.check(check)["name"], pingfold.check(check)["grace"]) == ("reads again", 120)
    assert pingfold.ask("POST", f"/checks/{check}/pause")["status"] == "paused"
    assert pingfold.status(check) == "paused"
    assert pingfold.ask("POST", f"/checks/{check}/resume")["status"] == "new"
    assert pingfold.api("POST", f"/checks/{check}/resume").status_code == 409
    pingfold.good_ping(check)
    assert pingfold.status(check) == "up"
    assert pingfold.ask("DELETE", f"/checks/{check}")["name"] == "reads again"
    assert pingfold.api("GET", f"/checks/{check}").status_code == 404
    assert pingfold.ping(check).text == "OK (not found)"


def test_a_paused_check_expects_nothing(pingfold: Pingfold, receiver: Receiver) -> None:
    """Statement 3: no deadline of a paused check expires; a ping ends the pause."""
    check = pingfold.create("paused", timeout=60, grace=60)
    pingfold.good_ping(check)
    pingfold.ask("POST", f"/checks/{check}/pause")
    pingfold.advance(3_600)
    assert pingfold.status(check) == "paused"
    assert receiver.of(check) == []
    pingfold.good_ping(check)
    assert pingfold.status(check) == "up"


def test_pings_with_durations_bodies_and_flips(pingfold: Pingfold) -> None:
    """Statement 5: history lists each ping once, with its serial, body and duration, and each flip."""
    check = pingfold.create("history", timeout=86_400)
    rid = str(uuid.uuid4())
    pingfold.good_ping(check, "start", params={"rid": rid})
    pingfold.advance(90)
    pingfold.good_ping(check, method="POST", params={"rid": rid}, content=b"done \xff")
    pingfold.good_ping(check, "7", method="POST", content=b"seven")
    pingfold.good_ping(check, "log")
    pingfold.good_ping(check)
    pings = pingfold.pings(check)
    assert [ping["n"] for ping in pings] == [5, 4, 3, 2, 1]
    assert [ping["type"] for ping in pings] == ["success", "log", "fail", "success", "start"]
    ended, failed = pings[3], pings[2]
    assert 90 <= ended["duration"] < 120
    assert ended["rid"] == rid
    assert failed["exitstatus"] == 7
    assert "duration" not in failed
    key = {"X-Api-Key": pingfold.credentials.healthchecks_key}
    assert pingfold.get(ended["body_url"].removeprefix(pingfold.url), headers=key).content == b"done \xff"
    assert pingfold.get(failed["body_url"].removeprefix(pingfold.url), headers=key).content == b"seven"
    assert pings[0]["body_url"] is None

    def flips() -> list[int]:
        return [flip["up"] for flip in pingfold.ask("GET", f"/checks/{check}/flips/")["flips"]]

    assert wait_until(lambda: flips() == [1, 0, 1], what="three flips"), flips()
    newest = datetime.fromisoformat(pings[0]["date"])
    assert abs(newest - datetime.fromtimestamp(pingfold.now / 1e6, UTC)).total_seconds() < 30
