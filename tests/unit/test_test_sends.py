"""Test notifications are limited: by project, in an hour, also when they are sent again."""

from schemas.base import SECOND, encode
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.topics import DELIVERIES
from tests.harness import Harness
from tests.poppaping_channels import CHANNELS, MAIL, data, iso, log_of, open_api, report


async def made(api: Harness) -> str:
    id: str = data(await api.client.post(CHANNELS, json=MAIL), 201)["id"]
    return id


def requested(api: Harness) -> int:
    return sum(value["type"] in ("delivery.requested", "delivery.replayed") for _, value in api.log.of(DELIVERIES))


async def test_tests_beyond_the_limit_are_refused_with_the_time_to_wait() -> None:
    api = open_api(test_sends_per_hour=3)
    channels = [await made(api) for _ in range(2)]
    for number in range(3):
        data(await api.client.post(f"{CHANNELS}/{channels[number % 2]}/test"), 202)
        api.log.tick(60)
    for channel in channels:  # of the project, not of the channel: another one is soon made
        answer = await api.client.post(f"{CHANNELS}/{channel}/test")
        assert (answer.status_code, answer.json()["error"]) == (429, "rate_limit_exceeded")
        assert answer.headers["Retry-After"] == str(3_600 - 180)
        assert "At most 3 tests" in answer.json()["message"]
        assert "PINGFOLD_TEST_SENDS_PER_HOUR" in answer.json()["message"]
    assert requested(api) == 3
    api.log.time += (3_600 - 180) * SECOND
    data(await api.client.post(f"{CHANNELS}/{channels[0]}/test"), 202)
    assert (await api.client.post(f"{CHANNELS}/{channels[0]}/test")).status_code == 429


async def test_a_test_that_is_sent_again_counts_and_what_has_happened_does_not() -> None:
    api = open_api(test_sends_per_hour=2)
    channel = await made(api)
    test = data(await api.client.post(f"{CHANNELS}/{channel}/test"), 202)
    report(api, channel, 250)
    happened = DeliveryRequested(transition=derived_id("t"), at=api.log.time, notices=("monitor.down",), data={})
    api.log.send(DELIVERIES.name, channel, encode(happened))
    report(api, channel, 250)
    [event] = [line["id"] for line in await log_of(api, channel) if line["id"] != test["id"]]
    data(await api.client.post(f"{CHANNELS}/{channel}/deliveries/{test['id']}/replay"), 202)
    report(api, channel, 250)
    refused = await api.client.post(f"{CHANNELS}/{channel}/deliveries/{test['id']}/replay")
    assert refused.status_code == 429
    for _ in range(5):
        data(await api.client.post(f"{CHANNELS}/{channel}/deliveries/{event}/replay"), 202)
        report(api, channel, 250)


async def test_of_many_that_are_sent_again_tests_beyond_the_limit_are_left_out() -> None:
    api = open_api(test_sends_per_hour=3)
    channel = await made(api)
    for _ in range(2):
        data(await api.client.post(f"{CHANNELS}/{channel}/test"), 202)
    happened = DeliveryRequested(transition=derived_id("t"), at=api.log.time, notices=("monitor.down",), data={})
    api.log.send(DELIVERIES.name, channel, encode(happened))
    report(api, channel, 250)
    span = {"from": iso(api.log.time, -60), "to": iso(api.log.time, 60)}
    path = f"{CHANNELS}/{channel}/deliveries/replay"
    assert data(await api.client.post(path, json=span), 202) == {"replayed": 2, "more": True}
    report(api, channel, 250)
    assert data(await api.client.post(path, json=span), 202) == {"replayed": 1, "more": True}


async def test_no_limit_is_no_limit() -> None:
    api = open_api(test_sends_per_hour=0)
    channel = await made(api)
    for _ in range(50):
        data(await api.client.post(f"{CHANNELS}/{channel}/test"), 202)
