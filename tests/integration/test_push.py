"""updown.io's Push API from a probe to a receiver: what it gets, how often it is tried, how it is given up.

Real folds, sender, HTTP and SMTP; the log is in memory, so that its time can be moved by weeks.
"""

import json
from email.message import EmailMessage
from typing import Any

from processors.deliveries.push_policy import REMOVE_AFTER, RETRIES
from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryAttempted
from schemas.topics import DELIVERIES, PROJECTS
from tests.harness import POP_KEY
from tests.mail_server import text_of
from tests.push_world import PushWorld, push_world
from tests.sender_bench import Receiver, receiver
from tests.updown_client import UPDOWN_KEY

UPDOWN = {"X-API-KEY": UPDOWN_KEY}
DAY = 86_400 * SECOND
# So many events, each of which is sent at most 26 times, make a little more than 1,000 requests.
EVENTS = 40


async def post(world: PushWorld, path: str, status: int = 201, **fields: Any) -> Any:
    answer = await world.client.post(f"/api/{path}", json=fields, headers=UPDOWN)
    assert answer.status_code == status, answer.text
    return answer.json()


async def recipients(world: PushWorld) -> list[Any]:
    found: list[Any] = (await world.client.get("/api/recipients", headers=UPDOWN)).json()
    return found


def channel_of(world: PushWorld, recipient: Any) -> str:
    """The id of a channel by its recipient."""
    number = recipient["id"].partition(":")[2]
    channels = world.log.directory.channels_of(world.project)
    return next(channel.id for channel in channels if number in (str(channel.number), channel.id))


def monitor_of(world: PushWorld, check: Any) -> str:
    """The id of a monitor by its check."""
    monitors = world.log.directory.monitors_of(world.project)
    return next(monitor.id for monitor in monitors if check["token"] in (monitor.token, monitor.id))


async def test_a_check_that_goes_down_and_comes_back_is_told_to_a_receiver() -> None:
    got = Receiver(200)
    async with push_world() as world, receiver(got) as url:
        recipient = await post(world, "recipients", type="webhook", value=url)
        check = await post(world, "checks", url="https://shop.example", recipients=[recipient["id"]])
        monitor = monitor_of(world, check)
        for ok, events in ((True, 0), (False, 1), (True, 2)):
            for _ in range(4):
                world.probe(monitor, ok)
            await world.until(lambda events=events: len(got.requests) >= events, "the event came")  # type: ignore[misc]
        [rest] = (await world.client.get(f"/api/checks/{check['token']}/downtimes", headers=UPDOWN)).json()
    [[down], [up]] = [json.loads(body) for _, body in got.requests]
    assert list(down) == ["event", "time", "description", "check", "downtime"]
    assert (down["event"], up["event"]) == ("check.down", "check.up")
    assert (down["check"]["token"], down["check"]["url"]) == (check["token"], "https://shop.example")
    assert (down["check"]["down"], up["check"]["down"]) == (True, False)
    assert (down["check"]["recipients"], down["check"]["alias"]) == ([recipient["id"]], None)
    assert down["description"].startswith("DOWN: https://shop.example/ since ")
    assert down["description"].endswith(" (UTC), reason: Connection timeout (30 seconds)")
    assert (down["downtime"]["id"], down["downtime"]["ended_at"]) == (up["downtime"]["id"], None)
    assert up["downtime"] | {"partial": False} == rest
    assert rest["duration"] > 0
    for headers, _ in got.requests:
        assert "updown.io" in headers["User-Agent"]
        assert headers["Content-Type"] == "application/json"
        assert headers["webhook-signature"].startswith("v1,")
        assert not any("poppaping" in name.lower() for name in headers)


async def test_the_check_of_an_event_is_that_of_the_rest_api() -> None:
    got = Receiver(200)
    async with push_world() as world, receiver(got) as url:
        recipient = await post(world, "recipients", type="webhook", value=url)
        wanted: Any = {"alias": "Shop", "period": 120, "apdex_t": 1.0, "string_match": "open", "published": True}
        check = await post(world, "checks", url="https://shop.example/?q=1", recipients=[recipient["id"]], **wanted)
        monitor = monitor_of(world, check)
        for _ in range(5):
            world.probe(monitor, False)
        await world.until(lambda: bool(got.requests), "the event came")
        now = (await world.client.get(f"/api/checks/{check['token']}", headers=UPDOWN)).json()
    [event] = json.loads(got.requests[0][1])
    told = event["check"]
    assert list(told) == [name for name in now if name not in ("ssl", "domain", "metrics")]
    moved = {"last_check_at", "next_check_at", "uptime"}  # other results have come since
    assert {name: value for name, value in told.items() if name not in moved} == {
        name: now[name] for name in told if name not in moved
    }


async def tell_each(world: PushWorld, channel: str) -> None:
    """A channel is told of everything by itself, and of nothing in lists."""
    answer = await world.client.patch(
        f"/api/v1/alert-channels/{channel}", json={"digest": False}, headers={"Authorization": f"Bearer {POP_KEY}"}
    )
    assert answer.status_code == 200, answer.text


async def fail(world: PushWorld, channel: str, got: Receiver, until: int) -> None:
    """Time passes, and what is due is sent, until so many requests have come or nothing is left to be sent."""
    while len(got.requests) < until:
        await world.until_reported(channel)
        dues = sorted(each.due or 0 for each in world.pending(channel))
        room = until - len(got.requests)
        if not dues or not room:
            break
        world.pass_to(dues[min(room, len(dues)) - 1])
    await world.until_reported(channel)


def warnings(world: PushWorld) -> list[str]:
    """What the mails say of the channel that fails."""
    said = []
    for _, mail, _ in world.server.mails:
        assert isinstance(mail, EmailMessage)
        [line] = [line for line in text_of(mail).splitlines() if line.startswith("Cause: ")]
        said.append(line.removeprefix("Cause: "))
    return said


def warning(failures: int) -> str:
    return f"the last {failures} requests failed; the newest: HTTP 500"


async def test_a_receiver_that_fails_1000_times_is_warned_of_by_mail_and_removed() -> None:
    """Across restarts. Nobody else is given up with it."""
    got = Receiver(500)
    async with push_world() as world, receiver(got) as url:
        dead = await post(world, "recipients", type="webhook", value=url)
        mailed = await post(world, "recipients", type="email", value="ops@example.org")
        chosen: Any = {"recipients": [dead["id"], mailed["id"]], "enabled": False}
        check = await post(world, "checks", url="https://shop.example", **chosen)
        channel = channel_of(world, dead)
        await tell_each(world, channel_of(world, mailed))
        for _ in range(EVENTS):
            await post(world, f"recipients/{dead['id']}/test", 202)
        for requests, mails in ((99, 1), (100, 2), (500, 2), (899, 2), (900, 3), (999, 3)):
            await fail(world, channel, got, requests)
            assert len(got.requests) == requests
            await world.until(lambda mails=mails: len(world.server.mails) >= mails, "warned")  # type: ignore[misc]
            assert len(world.server.mails) == mails
            if requests in (100, 500, 999):
                await world.restart()
        assert {one["id"] for one in await recipients(world)} == {dead["id"], mailed["id"]}
        await fail(world, channel, got, REMOVE_AFTER)
        await world.until(lambda: len(world.server.mails) >= 4, "told of the removal")
        assert await recipients(world) == [mailed]
        seen = (await world.client.get(f"/api/checks/{check['token']}", headers=UPDOWN)).json()
        assert seen["recipients"] == [mailed["id"]]
        assert world.pending(channel) == []
        await world.restart()
        world.pass_to(world.log.time + 30 * DAY)
        assert len(got.requests) == REMOVE_AFTER
    assert warnings(world) == [
        *map(warning, (10, 100, 900)), "the last 1000 requests failed; last: HTTP 500; it was removed",
    ]  # fmt: skip
    assert all(recipients == ["ops@example.org"] for recipients, *_ in world.server.mails)
    assert len({body for _, body in got.requests}) <= EVENTS  # each event has the same bytes in all its requests
    assert len({headers["webhook-id"] for headers, _ in got.requests}) == EVENTS
    [told] = [value for _, value in world.log.of(PROJECTS) if value["type"] == "channel.disabled"]
    assert (told["removed"], told["failures"]) == (True, REMOVE_AFTER)


async def test_999_failures_and_one_success_keep_a_receiver() -> None:
    got = Receiver(*[500] * (REMOVE_AFTER - 1), 200, 500)
    async with push_world() as world, receiver(got) as url:
        recipient = await post(world, "recipients", type="webhook", value=url)
        mailed = await post(world, "recipients", type="email", value="ops@example.org")
        channel = channel_of(world, recipient)
        await tell_each(world, channel_of(world, mailed))
        for _ in range(EVENTS):
            await post(world, f"recipients/{recipient['id']}/test", 202)
        for requests, mails in ((10 * 4, 1), (100, 2), (900, 3), (REMOVE_AFTER - 1, 3)):
            await fail(world, channel, got, requests)
            await world.until(lambda mails=mails: len(world.server.mails) >= mails, "warned")  # type: ignore[misc]
        # Else the restart would give up what is in flight, and send it again.
        await world.until_reported(channel_of(world, mailed))
        await world.restart()
        await fail(world, channel, got, REMOVE_AFTER)
        await fail(world, channel, got, EVENTS * (RETRIES + 1))
        health = world.log.delivery_states.health(channel)
        await world.until(lambda: len(world.server.mails) >= 4, "warned again")
        assert recipient in await recipients(world)
    # What was still to be sent has been, in vain: the count began anew.
    assert len(got.requests) == EVENTS * (RETRIES + 1) - 1
    assert (health.failures, health.disabled) == (EVENTS - 1, False)
    assert warnings(world) == [*map(warning, (10, 100, 900, 10))]


async def test_what_another_process_reports_late_counts_once() -> None:
    got = Receiver(500)
    async with push_world() as world, receiver(got) as url:
        recipient = await post(world, "recipients", type="webhook", value=url)
        channel = channel_of(world, recipient)
        await post(world, f"recipients/{recipient['id']}/test", 202)
        await world.until_reported(channel)
        await world.until(lambda: bool(got.requests), "sent")
        [delivery] = world.pending(channel)
        late = DeliveryAttempted(delivery=delivery.id, attempt=1, at=world.log.time, status=500)
        for _ in range(20):
            world.log.send(DELIVERIES.name, channel, encode(late))
        assert world.log.delivery_states.health(channel).failures == 1
