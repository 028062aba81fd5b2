"""The pages of channels: what they tell, what their buttons do, and for whom."""

import asyncio
import dataclasses
import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.web import asking
from query_api.web.channels.channel_deliveries import is_test
from schemas.base import encode
from schemas.deliveries import DeliveryAttempted
from schemas.ids import derived_id
from schemas.topics import DELIVERIES
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness
from tests.people_world import member, owner
from tests.web_browser import form_of

KEY = {"Authorization": f"Bearer {POP_KEY}"}
SECRET = "a secret that nobody reads"


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def webhook(harness: Harness, **more: Any) -> str:
    body = {"channel_type": "webhook", "name": "Ops", "url": "https://hooks.example/x", "secret": SECRET} | more
    answer = await harness.client.post("/api/v1/alert-channels", json=body, headers=KEY)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def test_channels_are_listed_with_how_they_do(harness: Harness) -> None:
    channel = await webhook(harness)
    browser = await owner(harness)
    page = (await browser.get("/channels")).text
    assert f'href="/channels/{channel}"><bdi>Ops</bdi>' in page
    assert "Nothing was sent yet." in page
    assert "it is down, it is up again" in page
    assert f'href="/channels/new?project={harness.other}"' in page
    assert '<a href="/channels" aria-current="page">Channels</a>' in page


async def test_a_test_is_sent_and_sent_again(harness: Harness) -> None:
    channel = await webhook(harness)
    browser = await owner(harness)
    answer = await browser.send_form(f"/channels/{channel}", {}, "/test")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/channels/{channel}?done=test")
    page = (await browser.get(answer.headers["Location"])).text
    assert "A test is on its way" in page
    assert "an attempt is under way" in page
    assert "<strong>a test:</strong> it is down" in page
    [pending] = harness.log.delivery_states.pending(channel)
    failed = DeliveryAttempted(delivery=pending.id, attempt=1, at=harness.log.now(), status=500)
    harness.log.send(DELIVERIES.name, channel, encode(failed))
    answer = await browser.send_form(f"/channels/{channel}", {}, f"{pending.id}/again")
    assert answer.headers["Location"] == f"/channels/{channel}?done=again"
    page = (await browser.get(f"/channels/{channel}")).text
    assert "1 attempt failed" in page
    assert "next attempt" in page or "under way" in page


async def test_a_test_that_has_ended_is_told_from_what_was_true(harness: Harness) -> None:
    channel, browser = await webhook(harness, on_every_monitor=True), await owner(harness)
    await browser.send_form(f"/channels/{channel}", {}, "/test")
    check = (await harness.client.post("/api/v3/checks/", json={"name": "backup", "channels": channel})).json()["uuid"]
    harness.log.ping(check, "fail")
    for pending in harness.log.delivery_states.pending(channel):
        took = DeliveryAttempted(delivery=pending.id, attempt=1, at=harness.log.now(), status=200)
        harness.log.send(DELIVERIES.name, channel, encode(took))
    page = (await browser.get(f"/channels/{channel}")).text
    assert re.findall(r"<td>(<strong>a test:</strong> )?it is down</td>", page).count("") == 1
    assert page.count("a test:</strong> it is down") == 1


async def test_the_list_says_that_a_test_was_sent_last_and_asks_history_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = [await webhook(harness, name=name) for name in ("Ops", "Night", "Real")]
    browser = await owner(harness)
    for channel in channels[:2]:
        await browser.send_form(f"/channels/{channel}", {}, "/test")
    body = {"name": "backup", "channels": channels[2]}
    check = (await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"]
    page = (await browser.get("/channels")).text
    assert page.count("<td><strong>a test:</strong> it is down:") == 2
    assert page.count("<td>nothing is known</td>") == 1
    harness.log.ping(check, "fail")
    for channel in channels:
        [pending] = harness.log.delivery_states.pending(channel)
        took = DeliveryAttempted(delivery=pending.id, attempt=1, at=harness.log.now(), status=200)
        harness.log.send(DELIVERIES.name, channel, encode(took))
    history = harness.app.state.deps.delivery_history
    asked, newest = list[list[str]](), history.newest

    async def counted(channels: list[str]) -> Any:
        asked.append(sorted(channels))
        return await newest(channels)

    monkeypatch.setattr(history, "newest", counted)
    page = (await browser.get("/channels")).text
    assert page.count("<td><strong>a test:</strong> it is down: <bdi>delivered</bdi>") == 2
    assert page.count("<td>it is down: <bdi>delivered</bdi>") == 1
    assert asked == [sorted(channels)]


@given(st.binary() | st.text().map(str.encode))
def test_a_body_of_any_form_is_a_test_or_is_not(body: bytes) -> None:
    assert is_test(body.decode(errors="replace")) is False
    assert is_test(json.dumps({"event": "monitor.down", "data": {"test": True, "x": body.hex()}})) is True


async def test_what_a_test_is_refused_for_is_told(harness: Harness) -> None:
    channel = await webhook(harness, events=[])
    answer = await (await owner(harness)).send_form(f"/channels/{channel}", {}, "/test")
    assert answer.status_code == 409
    assert '<p class="problem" role="alert"><bdi>The alert channel takes no events.</bdi></p>' in answer.text
    unknown = derived_id("delivery", "none")
    browser = await owner(harness)
    token = form_of((await browser.get(f"/channels/{channel}")).text, "/test")[1]
    answer = await browser.post(f"/channels/{channel}/deliveries/{unknown}/again", data=token)
    assert answer.status_code == 404
    assert "Delivery not found." in answer.text


async def test_a_channel_is_muted_and_told_of_again(harness: Harness) -> None:
    channel = await webhook(harness)
    browser = await owner(harness)
    await browser.send_form(f"/channels/{channel}", {"minutes": "60"}, "/mute")
    muted = harness.log.directory.channel(channel)
    assert muted is not None
    assert isinstance(muted.mute_until, int)
    assert 3_590 < (muted.mute_until - harness.log.now()) / 1_000_000 <= 3_600
    page = (await browser.get(f"/channels/{channel}")).text
    assert '<span class="status none">muted</span>' in page
    await browser.send_form(f"/channels/{channel}", {}, "/mute")
    unmuted = harness.log.directory.channel(channel)
    assert unmuted is not None
    assert unmuted.mute_until is None
    await browser.send_form(f"/channels/{channel}", {"minutes": "forever"}, "/mute")
    assert "until somebody ends it" in (await browser.get("/channels")).text
    answer = await browser.send_form(f"/channels/{channel}", {"minutes": "soon"}, "/mute", **{"X-N": "1"})
    assert answer.status_code == 400
    assert "mute_until" in answer.text


async def test_a_channel_is_removed_after_a_question(harness: Harness) -> None:
    channel = await webhook(harness, on_every_monitor=True)
    browser = await owner(harness)
    await harness.client.post("/api/v3/checks/", json={"name": "job", "channels": "*"})
    page = await browser.get(f"/channels/{channel}/remove")
    assert "1 of the checks and monitors" in page.text
    answer = await browser.send_form_of(page, {}, "/remove")
    assert answer.headers["Location"] == "/channels?done=removed"
    assert harness.log.directory.channel(channel) is None
    assert "The channel was deleted." in (await browser.get("/channels?done=removed")).text
    assert (await browser.get(f"/channels/{channel}")).status_code == 404


async def test_viewers_look_and_change_nothing(harness: Harness) -> None:
    channel = await webhook(harness)
    ann = await member(harness, "viewer")
    page = (await ann.get(f"/channels/{channel}")).text
    assert "hooks.example" in page
    assert f'action="/channels/{channel}' not in page
    assert "/channels/new" not in (await ann.get("/channels")).text
    token = form_of((await ann.get("/sign-out")).text, "/sign-out")[1]
    for path in ("test", "enable", "mute", "remove"):
        answer = await ann.post(f"/channels/{channel}/{path}", data=token)
        assert answer.status_code == 403, path
    assert not harness.log.delivery_states.count(channel)
    assert harness.log.directory.channel(channel) is not None


async def test_channels_of_other_projects_are_not_there(harness: Harness) -> None:
    body = {"channel_type": "webhook", "name": "Theirs", "url": "https://hooks.example/x"}
    headers = {"Authorization": f"Bearer {'p' * 32}"}
    made = await harness.client.post("/api/v1/alert-channels", json=body, headers=headers)
    channel = made.json()["data"]["id"]
    ann = await member(harness, "owner")
    assert "Theirs" not in (await ann.get("/channels")).text
    token = form_of((await ann.get("/sign-out")).text, "/sign-out")[1]
    for path in ("", "/remove"):
        assert (await ann.get(f"/channels/{channel}{path}")).status_code == 404
    for path in ("test", "enable", "mute", "remove", "confirmation"):
        assert (await ann.post(f"/channels/{channel}/{path}", data=token)).status_code == 404
    assert harness.log.directory.channel(channel) is not None


async def test_secrets_stand_on_no_page(harness: Harness) -> None:
    chat = {"channel_type": "slack", "name": "Chat", "url": "https://hooks.slack.com/services/T0/B0/undisclosed"}
    made = await harness.client.post("/api/v1/alert-channels", json=chat, headers=KEY)
    channels = [await webhook(harness), made.json()["data"]["id"]]
    browser = await owner(harness)
    for path in ("/channels", *(f"/channels/{one}" for one in channels)):
        page = (await browser.get(path)).text
        assert SECRET not in page
        assert SECRET[::-1] not in page
        assert "undisclosed" not in page
    assert "stored; it is not shown" in page


@pytest.mark.parametrize("hangs", [False, True])
async def test_without_history_pages_say_what_is_missing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.01)
    channel = await webhook(harness)
    await (await owner(harness)).send_form(f"/channels/{channel}", {}, "/test")

    async def away(*_: Any) -> Any:
        if hangs:
            await asyncio.Event().wait()
        raise ClickHouseUnavailable("ClickHouse is away")

    deps = harness.app.state.deps
    monkeypatch.setattr(deps.delivery_history, "log", away)
    auth = httpx.BasicAuth("", ADMIN_PASSWORD)
    page = (await harness.client.get(f"/channels/{channel}", auth=auth)).text
    assert "what was sent before is missing here" in page
    assert "pending" in page
    assert (await harness.client.get("/channels", auth=auth)).status_code == 200
    harness.app.state.deps = dataclasses.replace(deps, delivery_history=None)
    assert "only what is pending is shown" in (await harness.client.get(f"/channels/{channel}", auth=auth)).text
