"""A channel that was given up: the others of its project are told, once, over the real folds, in memory."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from processors.deliveries.channel_news import MOST_A_DAY, MOST_TOLD
from processors.sender.email_renderer import EmailRenderer
from schemas.base import SECOND, encode
from schemas.definitions import Channel
from schemas.deliveries import Delivery, DeliveryAttempted, Endpoint
from schemas.ids import derived_id, new_id
from schemas.requests import ChannelCreate, ChannelDisabled, ChannelFailing
from schemas.topics import DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_channels import CHANNELS, data, made, open_api, report

DAY = 86_400


@pytest.fixture
def api() -> Harness:
    return open_api()


def notices(api: Harness, channel: str) -> list[dict[str, Any]]:
    """What is owed to a channel, as it will get it."""
    return [json.loads(each.delivery.body) for each in api.log.delivery_states.pending(channel)]


async def fail_for_days(api: Harness, *channels: str) -> None:
    """The receivers of these channels take nothing, until a delivery has ended after more than five days."""
    for at in (0, 3 * DAY):
        for channel in channels:
            data(await api.client.post(f"{CHANNELS}/{channel}/test"), 202)
        jump(api, at)
        for channel in channels:
            report(api, channel, 503)
    jump(api, 3 * DAY)
    jump(api, 5 * DAY)


def jump(api: Harness, seconds: int) -> None:
    """Time passes in one step."""
    api.log.time += seconds * SECOND
    api.log.tick(0)


async def test_the_others_are_told_once_that_a_channel_was_given_up(api: Harness) -> None:
    dead, one, other = await made(api, name="Pager"), await made(api), await made(api, events=["monitor.down"])
    stranger = api.make_project("elsewhere", {"hcw_" + "e" * 28: "healthchecks"})
    foreign = Channel(id=derived_id("foreign"), project=stranger, kind="webhook", url="https://f.test/", created=0)
    api.request(stranger, ChannelCreate(request="r", at=api.log.time, channel=foreign))
    await fail_for_days(api, dead)
    assert data(await api.client.get(f"{CHANNELS}/{dead}"))["disabled"]
    for channel in (one, other):  # also the one that chose other events
        [body] = notices(api, channel)
        assert body["event"] == "channel.disabled"
        assert body["data"]["channel"]["id"] == dead
        assert body["data"]["channel"]["name"] == "Pager"
        assert body["data"]["channel"]["host"] == "hooks.example"
        assert body["data"]["monitor"]["name"] == "Alert channel Pager"
        assert body["data"]["monitor"]["url"].endswith("/")
        assert body["data"]["detail"].startswith("nothing delivered for 5 days")
    assert notices(api, dead) == notices(api, foreign.id) == []
    [event] = [value for _, value in api.log.of(PROJECTS) if value["type"] == "channel.disabled"]
    assert (event["channel"], event["failures"]) == (dead, 3)
    # Nothing more comes of it, however long it lasts.
    report(api, one)
    jump(api, 10 * DAY)
    assert notices(api, one) == notices(api, dead) == []


async def test_a_channel_that_was_gone_at_once_is_told_of_too_and_again_only_after_it_was_enabled(api: Harness) -> None:
    dead, other = await made(api), await made(api)
    for times in (1, 2):
        data(await api.client.post(f"{CHANNELS}/{dead}/test"), 202)
        report(api, dead, 410)
        assert [body["data"]["detail"] for body in notices(api, other)] == ["answered 410 Gone"] * times
        jump(api, 60)
        data(await api.client.patch(f"{CHANNELS}/{dead}", json={}))


async def test_channels_that_are_disabled_themselves_are_not_told(api: Harness) -> None:
    first, second, well = [await made(api) for _ in range(3)]
    for dead in (first, second):
        data(await api.client.post(f"{CHANNELS}/{dead}/test"), 202)
        report(api, dead, 410)
    assert {body["data"]["channel"]["id"] for body in notices(api, well)} == {first, second}
    told = [key for key, value in api.log.of(DELIVERIES) if value.get("notices") == ["channel.disabled"]]
    assert sorted(told) == sorted([second, well, well])


async def test_nobody_is_flooded_when_a_great_many_are_given_up(api: Harness) -> None:
    many, well = [await made(api) for _ in range(3 * MOST_A_DAY)], await made(api)
    for dead in many:
        disabled = ChannelDisabled(channel=dead, at=api.log.time, because="answered 410 Gone")
        api.log.send(PROJECTS.name, api.project, encode(disabled))
    assert len(notices(api, well)) == MOST_A_DAY
    jump(api, DAY + 1)
    late = await made(api)
    disabled = ChannelDisabled(channel=late, at=api.log.time, because="answered 410 Gone")
    api.log.send(PROJECTS.name, api.project, encode(disabled))
    assert len(notices(api, well)) == MOST_A_DAY + 1


async def test_a_project_with_very_many_channels_is_told_in_one_transaction(api: Harness) -> None:
    for number in range(MOST_TOLD + 20):
        channel = Channel(
            id=derived_id("channel", number), project=api.project, kind="webhook", url="https://a.test/", created=0
        )
        api.request(api.project, ChannelCreate(request=f"r{number}", at=api.log.time, channel=channel))
    disabled = ChannelDisabled(channel=derived_id("channel", 0), at=api.log.time, because="answered 410 Gone")
    api.log.send(PROJECTS.name, api.project, encode(disabled))
    told = [key for key, value in api.log.of(DELIVERIES) if value.get("notices") == ["channel.disabled"]]
    assert len(told) == len(set(told)) == MOST_TOLD


@pytest.mark.parametrize("strange", ["00000000-0000-4000-8000-000000000000", "not an id", ""])
async def test_what_is_said_of_a_channel_that_is_not_there_is_nothing(api: Harness, strange: str) -> None:
    well = await made(api)
    disabled = ChannelDisabled(channel=strange, at=api.log.time, because="answered 410 Gone")
    api.log.send(PROJECTS.name, api.project, encode(disabled))
    api.log.send(PROJECTS.name, "no such project", encode(ChannelDisabled(channel=well, at=1, because="")))
    assert notices(api, well) == []


async def test_the_secret_part_of_an_address_is_not_told(api: Harness) -> None:
    dead = await made(api, url="https://user:pass@hooks.example:8443/services/SECRET?token=SECRET")
    well = await made(api)
    data(await api.client.post(f"{CHANNELS}/{dead}/test"), 202)
    report(api, dead, 410)
    [body] = notices(api, well)
    assert body["data"]["channel"]["host"] == "hooks.example"
    assert "SECRET" not in json.dumps(body)
    assert "pass" not in json.dumps(body)


async def test_a_notice_of_it_can_be_sent_again(api: Harness) -> None:
    dead, well = await made(api), await made(api)
    data(await api.client.post(f"{CHANNELS}/{dead}/test"), 202)
    report(api, dead, 410)
    report(api, well)
    [sent] = data(await api.client.get(f"{CHANNELS}/{well}/deliveries"))
    assert (sent["event"], sent["status"]) == ("channel.disabled", "delivered")
    again = data(await api.client.post(f"{CHANNELS}/{well}/deliveries/{sent['id']}/replay"), 202)
    assert (again["event"], again["event_id"]) == ("channel.disabled", sent["event_id"])
    [body] = notices(api, well)
    assert body["data"]["channel"]["id"] == dead


@pytest.mark.parametrize("event", ["channel.disabled", "channel.failing"])
async def test_it_cannot_be_chosen_as_an_event(api: Harness, event: str) -> None:
    hook = {"channel_type": "webhook", "url": "https://hooks.example/x", "events": [event]}
    assert (await api.client.post(CHANNELS, json=hook)).status_code == 400


# ---- requests that fail


def failing(api: Harness, channel: str, failures: int = 10) -> None:
    event = ChannelFailing(channel=channel, at=api.log.time, because="HTTP 500", failures=failures)
    api.log.send(PROJECTS.name, api.project, encode(event))


async def mail_to(api: Harness, address: str, confirmed: bool = True, **fields: Any) -> str:
    id = data(await api.client.post(CHANNELS, json={"channel_type": "email", "email": address} | fields), 201)["id"]
    if not confirmed:
        channel = api.log.directory.channel(id)
        assert channel is not None
        again = replace(channel, id=new_id(), addresses=(f"un-{address}",))
        api.request(api.project, ChannelCreate(request=new_id(), at=api.log.time, channel=again, confirm=True))
        return again.id
    return str(id)


async def test_a_warning_goes_to_whoever_has_confirmed_an_address_and_to_nobody_else(api: Harness) -> None:
    dead, hook = await made(api, name="Push"), await made(api)
    mail, other = await mail_to(api, "ops@example.org"), await mail_to(api, "b@example.org", events=["monitor.down"])
    unconfirmed = await mail_to(api, "c@example.org", confirmed=False)
    failing(api, dead)
    for reader in (mail, other):  # also the one that chose other events
        [body] = notices(api, reader)
        assert body["event"] == "channel.failing"
        assert body["data"]["monitor"]["name"] == "Alert channel Push"
        assert body["data"]["detail"] == "the last 10 requests failed; the newest: HTTP 500"
    assert notices(api, hook) == notices(api, dead) == notices(api, unconfirmed) == []


async def test_each_warning_is_one_and_the_same_warning_is_sent_once(api: Harness) -> None:
    dead, mail = await made(api), await mail_to(api, "ops@example.org", digest=False)
    for failures in (10, 10, 100, 900):
        failing(api, dead, failures)
    said = sorted(body["data"]["detail"] for body in notices(api, mail))
    assert said == [f"the last {n} requests failed; the newest: HTTP 500" for n in (10, 100, 900)]


async def test_nobody_is_flooded_by_warnings(api: Harness) -> None:
    many, mail = [await made(api) for _ in range(3 * MOST_A_DAY)], await mail_to(api, "ops@example.org", digest=False)
    for dead in many:
        failing(api, dead)
    assert len(notices(api, mail)) == MOST_A_DAY
    removed = ChannelDisabled(channel=many[-1], at=api.log.time, because="it failed", failures=1_000, removed=True)
    api.log.send(PROJECTS.name, api.project, encode(removed))
    assert api.log.directory.channel(many[-1]) is None
    assert len(notices(api, mail)) == MOST_A_DAY


async def test_a_channel_that_is_removed_is_taken_off_everything_and_the_others_are_told(api: Harness) -> None:
    dead, well = await made(api, name="Push"), await made(api)
    key = {"X-Api-Key": WRITE_KEY}
    made_check = await api.client.post("/api/v3/checks/", json={"name": "C", "channels": "*"}, headers=key)
    check = made_check.json()["ping_url"].rpartition("/")[2]
    monitor = data(await api.client.post("/api/v1/monitors", json={"name": "M", "url": "https://a.example"}), 201)["id"]
    removed = ChannelDisabled(channel=dead, at=api.log.time, because="it failed", failures=1_000, removed=True)
    for _ in range(2):  # told twice: the second time it is gone
        api.log.send(PROJECTS.name, api.project, encode(removed))
    [body] = notices(api, well)
    assert (body["event"], body["data"]["detail"]) == ("channel.disabled", "it failed; it was removed")
    definitions = api.log.directory.check(check), api.log.directory.monitor(monitor)
    assert [definition and dead in definition.channels for definition in definitions] == [False, False]
    assert [definition and well in definition.channels for definition in definitions] == [True, True]
    assert api.log.directory.channel(dead) is None
    changes = [value for _, value in api.log.of(TRANSITIONS) if value["type"] == "thing.changed"]
    told = [value for value in changes if value["thing"] == dead]
    assert (told[-1]["command"], told[-1]["action"]) == ("channel.disabled", "deleted")
    assert told[-1]["actor"]["kind"] == "system"


@pytest.mark.parametrize("strange", ["00000000-0000-4000-8000-000000000000", "not an id", ""])
async def test_what_is_said_of_a_failing_channel_that_is_not_there_is_nothing(api: Harness, strange: str) -> None:
    mail = await mail_to(api, "ops@example.org")
    failing(api, strange)
    removed = ChannelDisabled(channel=strange, at=api.log.time, because="it failed", removed=True)
    api.log.send(PROJECTS.name, api.project, encode(removed))
    event = ChannelFailing(channel=mail, at=-1, because="", failures=10)
    api.log.send(PROJECTS.name, api.project, encode(event))
    assert notices(api, mail) == []
    assert api.log.directory.channel(mail) is not None


def test_a_mail_of_it_says_what_happened() -> None:
    body = {
        "event": "channel.disabled",
        "timestamp": "2026-11-21T17:01:17+00:00",
        "data": {
            "channel": {"id": "c1", "name": "Pager", "channel_type": "webhook", "host": "hooks.example"},
            "monitor": {"id": "c1", "name": "Alert channel Pager", "url": "https://up.example/", "kind": "channel"},
            "incident": None,
            "detail": "nothing delivered for 5 days; last: HTTP 503",
        },
    }
    delivery = Delivery(id="d", event="e", channel="c", notice="channel.disabled", body=json.dumps(body), first_due=0)
    endpoint = Endpoint(
        id="c",
        project="p",
        url="",
        notices=(),
        secret="",
        site="https://up.example",
        kind="email",
        addresses=("a@b.c",),
    )
    mail = EmailRenderer("Pingfold", "watch@example.org").write(delivery, endpoint).decode()
    assert "[Pingfold] Alert channel Pager was disabled" in mail
    assert "Cause: nothing delivered for 5 days; last: HTTP 503" in mail
    assert "https://up.example/" in mail


def test_a_report_that_comes_twice_tells_once(api: Harness) -> None:
    """The fold of deliveries disables once; the fold of projects makes the same ids of the same event."""
    attempted = DeliveryAttempted(delivery="none", attempt=1, at=api.log.time, status=410)
    api.log.send(DELIVERIES.name, derived_id("c"), encode(attempted))
    assert not [value for _, value in api.log.of(PROJECTS) if value["type"] == "channel.disabled"]
