"""A service of Apprise through every real part: command line, the judge in the web process, a worker that sends."""

import json

import pytest

from infra.embedded.ports import HOST
from schemas.topics import TOPICS
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


def test_a_service_of_apprise_is_told_and_its_url_is_nowhere(pingfold: Pingfold) -> None:
    receiver, token = Receiver(), "AbCdEfGhIjKlMnOpQr"
    receiver.start()
    try:
        # It needs a user and a token; what else is wrong with a URL, the library knows.
        refused = pingfold.command("channel", "create", "apprise", f"tgram://{token}")
        assert refused.returncode == 1
        assert "it is no URL of Telegram" in refused.stderr
        url = f"json://me:{token}@{HOST}:{receiver.port}/hook"
        made = pingfold.command("channel", "create", "apprise", url, "--json")
        assert made.returncode == 0, made.stderr
        id = json.loads(made.stdout)["id"]
        listed = pingfold.command("channel", "list")
        assert f"json://{HOST}:{receiver.port}" in listed.stdout
        check = pingfold.create("apprise", channels=id)
        pingfold.good_ping(check, "fail")
        wait_until(lambda: receiver.received, 60.0, "the message")
        told = receiver.received[0].json
        assert (told["type"], told["title"]) == ("failure", "apprise is down")
        assert pingfold.api("DELETE", f"/channels/{id}").status_code == 200
        assert token not in made.stdout + made.stderr + refused.stderr + listed.stdout
        found = [one.name for one in TOPICS if any(token.encode() in (of.value or b"") for of in pingfold.records(one))]
        assert found == []
        assert token not in pingfold.said()
    finally:
        receiver.stop()
