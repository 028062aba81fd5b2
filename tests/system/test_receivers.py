"""Receivers that are slow, down, gone, private or given up (docs/design.md, statements 4 and 7)."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.topics import DELIVERIES, PROJECTS, TRANSITIONS
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


@pytest.fixture
def other() -> Iterator[Receiver]:
    """A second receiver, down until it is started."""
    one = Receiver()
    yield one
    one.stop()


def finished(pingfold: Pingfold, channel: str) -> list[dict[str, Any]]:
    return [value for value in pingfold.values(TRANSITIONS, channel) if value["type"] == "delivery.finished"]


def attempts(pingfold: Pingfold, channel: str) -> list[dict[str, Any]]:
    return [value for value in pingfold.values(DELIVERIES, channel) if value["type"] == "delivery.attempted"]


def test_a_hanging_receiver_delays_no_other(pingfold: Pingfold, receiver: Receiver, other: Receiver) -> None:
    """Statement 4: with dozens of requests hanging in one receiver, another gets its webhook at once."""
    other.answer = None
    other.start()
    slow = pingfold.channel(other.url, events=["monitor.down", "incident.created"])
    victims = [pingfold.create(f"slow-{number}", channels=slow) for number in range(20)]
    for check in victims:
        pingfold.good_ping(check, "fail")
    wait_until(lambda: len(other.received) >= 2, what="requests hang")
    alive = pingfold.create("beside-slow")  # takes both channels
    pingfold.good_ping(alive)
    began, ended = time.monotonic(), len(attempts(pingfold, slow))
    pingfold.good_ping(alive, "fail")
    receiver.wait(alive, "monitor.down")
    # It has waited for none of them, unless they ended while this machine took its time.
    assert len(attempts(pingfold, slow)) == ended or time.monotonic() - began < 8.0
    # Taken away, its deliveries end in a recorded state.
    assert pingfold.api("DELETE", f"/channels/{slow}").status_code == 200
    wait_until(lambda: len(finished(pingfold, slow)) == 2 * 21, what="every delivery has ended")
    assert {one["outcome"] for one in finished(pingfold, slow)} == {"removed"}


def test_a_receiver_that_fails_at_first_is_served_later(pingfold: Pingfold, other: Receiver) -> None:
    """Statement 4: refused connections, then 500, then 200: in the end each event once, always under the same id."""
    channel = pingfold.channel(other.url, events=["monitor.down", "monitor.recovered"])
    check = pingfold.create("late-served", channels=channel)
    pingfold.good_ping(check, "fail")
    wait_until(lambda: attempts(pingfold, channel), what="a first attempt has failed")
    other.answer = 500
    other.start()
    pingfold.advance(10)
    refused = receiver_id(other, check, taken=False)
    other.answer = 200
    pingfold.advance(60)
    served = other.wait(check, "monitor.down")
    assert served.id == refused
    wait_until(lambda: finished(pingfold, channel), what="it is recorded")
    (done,) = finished(pingfold, channel)
    assert (done["outcome"], done["attempts"]) == ("delivered", 3)
    assert [one["attempt"] for one in attempts(pingfold, channel)] == [1, 2, 3]
    assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200


def given_up(pingfold: Pingfold, channel: str) -> list[dict[str, Any]]:
    return [one for one in pingfold.values(PROJECTS) if one.get("channel") == channel and "failures" in one]


def recipients(pingfold: Pingfold) -> list[str]:
    """Where they lead, by updown's API."""
    answer = pingfold.request("GET", "/api/recipients", headers={"X-API-KEY": pingfold.credentials.updown_key})
    return [one["value"] for one in answer.json()]


def test_a_receiver_that_fails_1000_times_is_removed_across_kills(pingfold: Pingfold, other: Receiver) -> None:
    """Of updown.io's Push API: each failed request counts once, whoever sent it and whoever died meanwhile. There are
    warnings at 10, 100 and 900 in a row, and it is removed at the 1,000th."""
    events, seconds = 340, 120.0  # each is sent three times: 1,020 requests
    other.answer = 500
    other.start()
    channel = pingfold.channel(other.url, kind="updown")
    wait_until(lambda: other.url in recipients(pingfold), seconds, "it is listed")
    check = pingfold.create("given-up", channels=channel)
    for number in range(events):
        pingfold.good_ping(check, "" if number % 2 else "fail")

    def failed() -> int:
        return len({(one["delivery"], one["attempt"]) for one in attempts(pingfold, channel)})

    wait_until(lambda: failed() >= events, seconds, "each was sent once")
    pingfold.advance(26)  # the first time, it is sent again after 15 to 25 s
    wait_until(lambda: failed() >= events + events // 4, seconds, "some were sent again")
    for slot in range(pingfold.workers):
        pingfold.kill_and_wait("worker", slot)
    wait_until(lambda: failed() >= 2 * events, seconds, "each was sent again")
    # The first may have been sent a third time by now.
    assert [one["failures"] for one in given_up(pingfold, channel)][:2] == [10, 100]
    pingfold.wait_working()
    pingfold.advance(37)  # the second time after 16 to 36 s
    wait_until(lambda: len(finished(pingfold, channel)) == events, seconds, "every delivery has ended")
    assert {one["outcome"] for one in finished(pingfold, channel)} == {"removed"}
    told = [(one["failures"], one.get("removed", False)) for one in given_up(pingfold, channel)]
    assert told == [(10, False), (100, False), (900, False), (1_000, True)]
    wait_until(lambda: other.url not in recipients(pingfold), seconds, "it is removed")
    wait_until(lambda: pingfold.check(check)["channels"] == "", seconds, "it is taken off the check")
    pingfold.advance(60)
    sent = len(other.received)
    assert sent >= 1_000
    pingfold.good_ping(check, "fail")
    pingfold.advance(60)
    assert len(other.received) == sent


def receiver_id(receiver: Receiver, check: str, taken: bool) -> str:
    return receiver.wait(check, "monitor.down", taken=taken).id


def test_a_receiver_that_is_gone_is_not_called_again(pingfold: Pingfold, receiver: Receiver, other: Receiver) -> None:
    """Statement 4: 410 ends the delivery and disables the channel, which is recorded, and told to the other channel."""
    other.answer = 410
    other.start()
    channel = pingfold.channel(other.url, events=["monitor.down"])
    check = pingfold.create("gone", channels=channel)
    pingfold.good_ping(check, "fail")
    wait_until(lambda: finished(pingfold, channel), what="it is recorded")
    assert [one["outcome"] for one in finished(pingfold, channel)] == ["gone"]
    receiver.wait(channel, "channel.disabled")
    pingfold.good_ping(check)
    pingfold.good_ping(check, "fail")
    wait_until(lambda: len(finished(pingfold, channel)) == 2, what="the second one is recorded")
    assert finished(pingfold, channel)[1]["outcome"] == "removed"
    pingfold.advance(3_600)
    assert len(other.received) == 1
    assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200
