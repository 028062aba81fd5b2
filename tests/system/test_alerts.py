"""Alerts end to end: a mail by real SMTP, test sends, the delivery log, and sending again after a kill."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from schemas.topics import DELIVERIES, PROJECTS
from tests.equipped_pingfold import Equipped, Mails
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system

V1 = "/api/v1/alert-channels"


@pytest.fixture
def gone() -> Iterator[Receiver]:
    """A webhook receiver, down until it is started."""
    one = Receiver()
    yield one
    one.stop()


def test_a_mail_its_log_and_sending_it_again(equipped: Equipped, gone: Receiver) -> None:
    one, taken = equipped.pingfold, equipped.mails
    made = one.command("channel", "create", "email", "ops@example.org", "--all", "--no-digest", "--json")
    assert made.returncode == 0, made.stderr
    [channel] = pop(one, "GET", "/api/v1/alerts")
    assert channel["config"] == {"addresses": ["ops@example.org"]}
    path = f"{V1}/{channel['id']}"
    confirm(one, taken, path)

    check = one.create("backup", channels="*")
    one.good_ping(check, "fail")
    wait_until(lambda: len(taken.taken) == 1, what="the mail of the failure")
    first = taken.taken[0]
    assert first["Subject"] == "[Pingfold] backup is down"
    part = first.get_body(("plain",))
    assert part is not None
    assert f"{one.url}/checks/{check}" in part.get_content()

    sent = pop(one, "POST", f"{path}/test")
    wait_until(lambda: len(taken.taken) == 2, what="the test mail")
    assert taken.taken[1]["Subject"].startswith("[Pingfold] Test: ")
    lines = wait_until(lambda: ended(one, path, 2), what="two lines of the log that have ended")
    assert [line["status"] for line in lines] == ["delivered", "delivered"]
    assert lines[0]["id"] == sent["id"]

    one.kill_and_wait("worker")
    again = pop(one, "POST", f"{path}/deliveries/{lines[1]['id']}/replay")
    wait_until(lambda: len(taken.taken) == 3, 90.0, "the mail of the failure again")
    assert taken.taken[2]["Message-ID"] == first["Message-ID"]
    newest = wait_until(lambda: ended(one, path, 3), what="three lines")[0]
    assert (newest["id"], newest["replay_id"]) == (lines[1]["id"], again["replay_id"])
    assert sum(event["type"] == "delivery.replayed" for event in one.values(DELIVERIES)) == 1
    assert len(taken.taken) == 3

    # A channel that is given up is told to the other one, by way of two folds; a replay makes the same.
    gone.answer = 410
    gone.start()
    dead = one.channel(gone.url)
    pop(one, "POST", f"{V1}/{dead}/test")
    wait_until(lambda: len(taken.taken) == 4, 90.0, "the mail about the other channel")
    told = taken.taken[3].get_body(("plain",))
    assert told is not None
    assert "was disabled" in told.get_content()
    assert "answered 410 Gone" in told.get_content()
    assert [event["channel"] for event in one.values(PROJECTS) if event["type"] == "channel.disabled"] == [dead]
    one.verify()
    for id in (channel["id"], dead):
        assert one.api("DELETE", f"/channels/{id}").status_code == 200


def pop(one: Pingfold, method: str, path: str) -> Any:
    answer = one.request(method, path, headers={"X-API-Key": one.credentials.poppaping_key})
    assert answer.is_success, answer.text
    return answer.json()["data"]


def _decides(one: Pingfold, path: str) -> bool:
    """Whether a request is decided in time. One that changes nothing: it may be made as often as is needed."""
    key = {"X-API-Key": one.credentials.poppaping_key}
    return one.request("PATCH", path, headers=key, json={"config": pop(one, "GET", path)["config"]}).is_success


def ended(one: Pingfold, path: str, count: int) -> list[dict[str, Any]]:
    """The log, once it has so many lines and none is pending."""
    lines: list[dict[str, Any]] = pop(one, "GET", f"{path}/deliveries")
    return lines if len(lines) == count and all(line["status"] != "pending" for line in lines) else []


def confirm(one: Pingfold, taken: Mails, path: str) -> None:
    """Nothing is sent before the owner of the address has agreed, by the form that the link in the first mail opens."""
    wait_until(lambda: len(taken.taken) == 1, what="the request to confirm")
    text = taken.taken[0].get_body(("plain",))
    assert text is not None
    [link] = re.findall(r"^http\S+", text.get_content(), re.MULTILINE)
    assert link.startswith(f"{one.url}/recipients/")
    assert (
        "default-src 'none'" in httpx.get(link, trust_env=False).headers["Content-Security-Policy"]
    )  # as a scanner of mails does
    assert pop(one, "GET", path)["unconfirmed"] == ["ops@example.org"]
    refused = one.request("POST", f"{path}/test", headers={"X-API-Key": one.credentials.poppaping_key})
    assert (refused.status_code, refused.json()["error"]) == (409, "channel_unconfirmed")
    page = httpx.post(link, data={"answer": "confirm"}, trust_env=False)
    assert "Confirmed." in page.text, page.text
    assert pop(one, "GET", path)["unconfirmed"] == []
    one.kill_and_wait("worker")  # the answer is an event, and outlives whoever took it
    wait_until(lambda: _decides(one, path), 120.0, "the worker decides again")
    assert [event["type"] for event in one.values(PROJECTS)].count("recipient.confirm") == 1
    again = one.command("channel", "create", "email", "Ops@example.org", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["unconfirmed"] == []
    assert one.command("channel", "delete", json.loads(again.stdout)["id"]).returncode == 0
    taken.taken.clear()
