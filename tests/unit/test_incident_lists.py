"""The link of a list of a storm: it shows what is still down, and acknowledges each or all of it."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from infra.secrets.incident_links import LIST_PATH, IncidentLinks
from processors.sender.messages import message_of
from processors.sender.notice_body import render_body
from processors.sender.own_links import OwnLinks
from schemas.base import SECOND
from schemas.ids import derived_id
from schemas.times import read_iso
from tests.chats import TelegramService
from tests.harness import WRITE_KEY, Harness
from tests.poppaping_client import UNKNOWN, V1, with_key
from tests.service_channels import AT, SITE, data_of, delivery_of, endpoint_to

LINKS = IncidentLinks(b"a key")
CHANNEL = derived_id("test", "channel")


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


async def storm(harness: Harness, hook: str, count: int = 3) -> list[str]:
    """Checks that go down within some seconds."""
    ids = []
    for number in range(count):
        body = {"name": f"Check {number}", "channels": hook}
        ids.append((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
    for id in ids:
        harness.log.tick(1)
        harness.log.ping(id, "fail")
    return ids


def place(harness: Harness, hook: str, start: int, end: int) -> str:
    token = harness.incident_links.list_token(hook, start, end)
    assert token is not None
    return f"{LIST_PATH}{token}"


async def open_of(harness: Harness, id: str) -> dict[str, Any]:
    found = (await harness.client.get(f"{V1}/incidents", params={"type": "heartbeat"})).json()["data"]
    return next(one for one in found if one["monitor_id"] == id)


async def test_reading_changes_nothing_and_the_form_acknowledges_all(harness: Harness) -> None:
    hook, start = harness.make_channel("hook"), harness.log.time
    ids = await storm(harness, hook)
    path = place(harness, hook, start, harness.log.time)
    harness.log.tick(60)
    [later] = await storm(harness, hook, 1)  # of another list
    for _ in range(2):  # a robot
        page = await harness.client.get(path)
        assert page.status_code == 200
        assert "3 still down" in page.text
        assert page.text.count('<a href="/incidents/') == 3
    assert [(await open_of(harness, id))["acknowledgement"] for id in (*ids, later)] == [None] * 4
    answer = await harness.client.post(path, data={"by": "Ada", "comment": "on it"})
    assert (answer.status_code, "3 acknowledged" in answer.text) == (200, True)
    said = [(await open_of(harness, id))["acknowledgement"] for id in (*ids, later)]
    assert [None if one is None else one["by"] for one in said] == ["Ada", "Ada", "Ada", None]
    again = await harness.client.post(path, data={"by": "Bob"})
    assert "There was nothing left to acknowledge" in again.text
    assert (await open_of(harness, ids[0]))["acknowledgement"]["by"] == "Ada"


async def test_each_has_a_link_of_its_own_and_what_is_over_is_gone(harness: Harness) -> None:
    hook, start = harness.make_channel("hook"), harness.log.time
    ids = await storm(harness, hook)
    path = place(harness, hook, start, harness.log.time)
    page = (await harness.client.get(path)).text
    one = page.partition('<a href="')[2].partition('"')[0]
    assert (await harness.client.post(one, data={"by": "Eve"})).status_code == 200
    assert "3 still down" in (await harness.client.get(path)).text
    assert "I take care of all 2" in (await harness.client.get(path)).text
    for id in ids:
        harness.log.ping(id)
    assert "is over" in (await harness.client.get(path)).text


async def test_of_what_does_not_tell_the_channel_nothing_is_shown(harness: Harness) -> None:
    hook, other, start = harness.make_channel("hook"), harness.make_channel("other"), harness.log.time
    await storm(harness, other)
    assert "Check" not in (await harness.client.get(place(harness, hook, start, harness.log.time))).text


async def test_what_is_no_link(harness: Harness) -> None:
    hook = harness.make_channel("hook")
    path = place(harness, hook, 0, harness.log.time)
    for wrong in (f"{path}x", path[:-1], f"{LIST_PATH}x", path.replace("/all", "")):
        assert (await harness.client.get(wrong)).status_code == 404
        assert (await harness.client.post(wrong)).status_code == 404
    assert (await harness.client.get(place(harness, UNKNOWN, 0, 1))).status_code == 410
    await harness.client.delete(f"{V1}/alert-channels/{hook}")
    assert (await harness.client.post(path)).status_code == 410


async def test_so_many_at_a_time(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_api.pages.incident_list.MOST", 2)
    hook, start = harness.make_channel("hook"), harness.log.time
    await storm(harness, hook)
    path = place(harness, hook, start, harness.log.time)
    first = (await harness.client.post(path)).text
    assert ("2 acknowledged" in first, "I take care of all 1" in first) == (True, True)
    assert "1 acknowledged" in (await harness.client.post(path)).text


def listed(**digest: Any) -> str:
    data = data_of("channel.digest")
    return render_body("channel.digest", AT, data | {"digest": data["digest"] | digest})


def test_a_list_gets_its_link_when_it_is_sent() -> None:
    endpoint, _ = endpoint_to(TelegramService())
    endpoint = replace(endpoint, id=CHANNEL)
    delivery = replace(delivery_of("channel.digest"), channel=CHANNEL, body=listed())
    links = OwnLinks(SITE, f"{SITE}/pulse/", LINKS)
    sent = links.of_delivery(delivery, endpoint)
    url = json.loads(sent.body)["data"]["digest"]["acknowledge_url"]
    link = LINKS.read_list(url.removeprefix(f"{SITE}{LIST_PATH}"))
    assert link == (CHANNEL, read_iso("2025-06-15T15:06:40+00:00"), AT + SECOND)
    assert links.of_delivery(delivery, endpoint) == sent  # in each attempt the same
    assert message_of(sent, endpoint).acknowledge == url
    public = replace(endpoint, options=endpoint.options | {"chat_id": "@alerts"})
    assert message_of(sent, public).acknowledge == ""


@pytest.mark.parametrize(
    ("named", "more_since", "start"),
    [
        (True, "2025-06-15T15:00:00+00:00", "2025-06-15T15:00:00+00:00"),  # it began before the first that is named
        (True, "2025-06-15T15:06:59+00:00", "2025-06-15T15:06:40+00:00"),
        (False, "2025-06-15T15:00:00+00:00", "2025-06-15T15:00:00+00:00"),  # nothing that is named is down
    ],
)
def test_the_link_covers_what_is_not_named(named: bool, more_since: str, start: str) -> None:
    endpoint, _ = endpoint_to(TelegramService())
    body = listed(more_since=more_since) if named else listed(more_since=more_since, things=[])
    delivery = replace(delivery_of("channel.digest"), channel=CHANNEL, body=body)
    sent = OwnLinks(SITE, f"{SITE}/pulse/", LINKS).of_delivery(delivery, replace(endpoint, id=CHANNEL))
    url = json.loads(sent.body)["data"]["digest"]["acknowledge_url"]
    link = LINKS.read_list(url.removeprefix(f"{SITE}{LIST_PATH}"))
    assert link is not None
    assert link.start == read_iso(start)


@pytest.mark.parametrize("body", ["", "x", "[]", '{"data": 1}', '{"data": {"digest": {"things": [1]}}}'])
def test_a_list_that_cannot_be_read_is_left_as_it_is(body: str) -> None:
    endpoint, _ = endpoint_to(TelegramService())
    delivery = replace(delivery_of("channel.digest"), channel=CHANNEL, body=body)
    assert OwnLinks(SITE, "", LINKS).of_delivery(delivery, endpoint).body == body


def test_a_list_of_what_is_well_again_has_none() -> None:
    endpoint, _ = endpoint_to(TelegramService())
    at = "2025-06-15T15:06:45+00:00"
    back: list[dict[str, Any]] = [{"event": "monitor.recovered", "incident": None, "at": at, "monitor": {}}]
    delivery = replace(delivery_of("channel.digest"), channel=CHANNEL, body=listed(things=back))
    assert "acknowledge_url" not in OwnLinks(SITE, "", LINKS).of_delivery(delivery, endpoint).body
