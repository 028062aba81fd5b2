"""The forms of channels: one for each kind, secrets that stay unseen, and two who edit one channel."""

import re
from typing import Any

import httpx
import pytest

from schemas.channels.kinds import CHANNEL_KINDS
from schemas.definitions import Channel
from schemas.languages.catalogues import LANGUAGES
from tests.harness import Harness
from tests.people_world import member, owner
from tests.services import config_of
from tests.web_browser import Browser

HOOK = {"url": "https://hooks.example/x", "name": "Ops", "secret": "a secret that nobody reads"}
OTHERS: dict[str, dict[str, str]] = {
    "webhook": HOOK,
    "updown": HOOK,
    "ntfy": {"server": "https://ntfy.example.org", "topic": "alerts", "token": "tk_hidden"},
    "email": {"addresses": "ops@example.org, ann@example.org"},
    "apprise": {"apprise_url": "json://push.example.org/hidden"},
}


@pytest.fixture
def harness() -> Harness:
    return Harness(smtp_host="mail.example.org", smtp_from="a@b.example")


def fields_of(kind: str) -> dict[str, str]:
    return OTHERS.get(kind) or {name: str(value) for name, value in config_of(kind).items()}


def new(harness: Harness, kind: str) -> str:
    return f"/channels/new?project={harness.project}&kind={kind}"


def channel_at(harness: Harness, answer: httpx.Response) -> Channel:
    assert answer.status_code == 303, answer.text
    found = harness.log.directory.channel(answer.headers["Location"].split("?")[0].rpartition("/")[2])
    assert found is not None
    return found


async def made(harness: Harness, browser: Browser, kind: str = "webhook", **fields: Any) -> Channel:
    events = {"events": ["monitor.down", "monitor.recovered"]}
    answer = await browser.send_form(new(harness, kind), events | fields_of(kind) | fields, f"kind={kind}")
    return channel_at(harness, answer)


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
async def test_a_channel_of_each_kind_is_made_and_changed(harness: Harness, kind: str) -> None:
    browser = await owner(harness)
    assert f"kind={kind}" in (await browser.get(f"/channels/new?project={harness.project}")).text
    channel = await made(harness, browser, kind)
    assert (channel.kind, channel.project) == (kind, harness.project)
    assert channel.notices == ("monitor.down", "monitor.recovered")
    secret = fields_of(kind).get(CHANNEL_KINDS[kind].secret_field)
    edit = await browser.get(f"/channels/{channel.id}/edit")
    if secret:
        assert secret not in edit.text
        assert "Left empty, it stays as it is." in edit.text
        assert 'type="password"' in edit.text
    answer = await browser.send_form_of(edit, {"name": "Night shift", "events": ["monitor.down"]}, "/edit")
    after = channel_at(harness, answer)
    assert (after.name, after.notices) == ("Night shift", ("monitor.down",))
    assert (after.secret, after.url, after.options) == (channel.secret, channel.url, channel.options)
    assert after.addresses == channel.addresses


async def test_everything_that_can_be_chosen(harness: Harness) -> None:
    browser = await owner(harness)
    language = next(tag for tag in LANGUAGES if tag != "en")
    chosen = {
        "language": language, "timezone": "Europe/Paris", "digest": "no", "repeat_minutes": "30",
        "quiet_from": "22:00", "quiet_to": "07:00", "quiet_days": ["mon", "sun"], "quiet_zone": "Europe/Paris",
    }  # fmt: skip
    channel = await made(harness, browser, "email", **chosen)
    assert (channel.options["language"], channel.options["timezone"]) == (language, "Europe/Paris")
    assert (channel.digest, channel.repeat_minutes) == (False, 30)
    quiet = channel.quiet_hours
    assert quiet is not None
    assert (quiet.start, quiet.end, quiet.days, quiet.time_zone) == ("22:00", "07:00", ("mon", "sun"), "Europe/Paris")
    keep = {"events": ["monitor.down", "monitor.recovered"], "digest": "no", "language": language}
    same = {**keep, "quiet_days": ["mon", "sun"]}
    assert channel_at(harness, await browser.send_form(f"/channels/{channel.id}/edit", same, "/edit")) == channel
    fewer = {**keep, "quiet_from": "", "quiet_to": "", "repeat_minutes": "", "digest": ""}
    after = channel_at(harness, await browser.send_form(f"/channels/{channel.id}/edit", fewer, "/edit"))
    assert (after.quiet_hours, after.repeat_minutes, after.digest) == (None, None, None)
    assert after.options == channel.options


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("webhook", {"url": "ftp://x"}, "url"),
        ("webhook", {"secret": "short"}, "secret"),
        ("webhook", {"repeat_minutes": "often"}, "repeat_minutes"),
        ("email", {"addresses": "nobody"}, "addresses"),
        ("email", {"timezone": "Mars/Olympus"}, "timezone"),
        ("telegram", {"chat_id": "me"}, "chat_id"),
        ("slack", {"name": "n" * 101}, "name"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    harness: Harness, kind: str, fields: dict[str, str], field: str
) -> None:
    answer = await (await owner(harness)).send_form(new(harness, kind), fields_of(kind) | fields, f"kind={kind}")
    assert answer.status_code == 400
    assert f'id="error-{field}"' in answer.text
    assert harness.log.directory.channels_of(harness.project) == []
    if field != "secret":
        assert f'value="{fields[field]}"' in answer.text


async def test_a_form_that_comes_twice_makes_one_channel(harness: Harness) -> None:
    browser = await owner(harness)
    page = await browser.get(new(harness, "webhook"))
    for _ in range(2):
        answer = await browser.send_form_of(page, HOOK, "kind=webhook")
        assert answer.status_code == 303
    assert len(harness.log.directory.channels_of(harness.project)) == 1


async def test_the_second_of_two_editors_is_told(harness: Harness) -> None:
    browser = await owner(harness)
    channel = await made(harness, browser)
    first, second = [await browser.get(f"/channels/{channel.id}/edit") for _ in range(2)]
    events = {"events": ["monitor.down", "monitor.recovered"]}
    await browser.send_form_of(first, events | {"name": "Theirs", "secret": "another secret of the first"}, "/edit")
    answer = await browser.send_form_of(second, events | {"name": "Mine"}, "/edit")
    assert answer.status_code == 409
    assert "Somebody else has changed this" in answer.text
    now = harness.log.directory.channel(channel.id)
    assert now is not None
    assert now.name == "Theirs"
    assert channel_at(harness, await browser.send_form_of(answer, events, "/edit")).name == "Mine"


async def test_who_may_not_change_a_project_makes_no_channels(harness: Harness) -> None:
    channel = await made(harness, await owner(harness))
    bob = await member(harness, "viewer")
    for path in (new(harness, "webhook"), f"/channels/{channel.id}/edit"):
        assert (await bob.get(path)).status_code == 403
    ann = await member(harness, "editor", "ann2@example.org")
    theirs = new(harness, "webhook").replace(harness.project, harness.other)
    assert (await ann.get(theirs)).status_code == 404
    page = await ann.get(new(harness, "webhook"))
    forged = page.text.replace(harness.project, harness.other)
    answer = await ann.send_form_of(httpx.Response(200, text=forged), HOOK, "kind=webhook")
    assert answer.status_code == 404
    assert harness.log.directory.channels_of(harness.other) == []
    assert len(re.findall('<option value="', page.text)) > 3
