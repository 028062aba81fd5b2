"""Between down and up, end to end: a job fails, a colleague is called when nobody answers, and one acknowledgement ends
it; with a kill in the middle."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.monitor_calls import call
from tests.pingfold_client import wait_until
from tests.pingfold_process import Pingfold
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.system


@pytest.fixture
def colleague() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


def test_a_colleague_is_called_and_acknowledges(pingfold: Pingfold, receiver: Receiver, colleague: Receiver) -> None:
    check = pingfold.create("escalated")
    channel = pingfold.channel(colleague.url, name="Night shift", repeat_minutes=4)
    steps = [{"after_minutes": 5, "alert_channel_ids": [channel]}, {"after_minutes": 10, "own_channels": True}]
    policy = {"name": "Night", "steps": steps, "repeat": None, "monitor_ids": [check]}
    policy_id = call(pingfold, "POST", "/escalation-policies", policy)["id"]

    pingfold.good_ping(check, "fail")
    first = receiver.wait(check, "monitor.down")
    assert colleague.of(check) == []
    pingfold.kill_and_wait("worker")
    pingfold.advance(310)
    called = colleague.wait(check, "monitor.down")
    assert called.json["data"]["escalation"] == {"policy": "Night", "step": 1, "round": 1}
    assert called.json["data"]["incident"]["id"] == first.json["data"]["incident"]["id"]

    pingfold.advance(180)  # 8 minutes after people were told
    again = wait_until(lambda: [one for one in colleague.of(check) if one.json["data"].get("repeat")], what="a repeat")[
        0
    ]
    assert again.json["data"]["repeat"] == {"after_minutes": 4}

    link = urlsplit(called.json["data"]["incident"]["acknowledge_url"]).path
    for _ in range(2):  # a robot
        page = wait_until(lambda: [one for one in [pingfold.get(link)] if one.status_code == 200], what="the page")[0]
        assert "I take care of it" in page.text
    assert pingfold.request("POST", link, data={"by": "Ada"}).status_code == 200
    late = pingfold.request("POST", link, data={"by": "Bob"})
    assert (late.status_code, "Ada" in late.text) == (409, True)

    pingfold.advance(1_200)
    # What a worker had sent when it was killed, and not reported yet, comes once more under the same id.
    for each, times in ((receiver, 1), (colleague, 2)):
        assert len({one.id for one in each.of(check, "monitor.down")}) == times
    pingfold.good_ping(check)
    for each in (receiver, colleague):
        notified = each.wait(check, "monitor.recovered").json["data"]["notified"]
        assert (len(notified["channels"]), notified["more"]) == (2, 0)
        assert {"id": channel, "name": "Night shift"} in notified["channels"]
    wait_until(lambda: pingfold.get(link).status_code == 410, what="the page says that it is over")
    call(pingfold, "DELETE", f"/escalation-policies/{policy_id}")
    assert pingfold.api("DELETE", f"/channels/{channel}").status_code == 200
    pingfold.verify()
