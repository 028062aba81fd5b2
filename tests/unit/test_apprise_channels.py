"""Channels of Apprise in every API, over the real folds, in memory: made, changed, listed, told of without the URL."""

from dataclasses import replace as with_fields
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from infra.apprise_library.library import LibraryFailed
from infra.apprise_library.messages import Call, Verdict
from infra.secrets.channel_secrets import places
from infra.secrets.secrets import Vault
from schemas.base import encode
from schemas.deliveries import DeliveryAttempted, Endpoint
from schemas.notices import DEFAULT_NOTICES
from schemas.requests import ChannelCreate
from schemas.topics import DEAD_LETTERS, DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.updown_client import UPDOWN_KEY, UPDOWN_READ_KEY, updown

CHANNELS = "/api/v1/alert-channels"
TOKEN = "AbCdEfGhIjKlMnO"
URL = f"gotifys://push.example.org:8443/{TOKEN}"
SHOWN = {"apprise_service": "Gotify", "apprise_address": "gotifys://push.example.org:8443"}


@pytest.fixture
def vault() -> Vault:
    return Vault(b"k" * 32, "a test")


@pytest.fixture
def api(vault: Vault) -> Harness:
    harness = Harness(test_sends_per_hour=0)
    given(harness, encrypt=vault.encrypt, decrypt=vault.decrypt)
    harness.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    del harness.client.headers["X-Api-Key"]
    return harness


def given(harness: Harness, **fields: Any) -> None:
    state = harness.app.state
    state.deps = with_fields(state.deps, **fields)


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    assert TOKEN not in answer.text
    return answer.json()["data"]


async def made(api: Harness, url: str = URL, **fields: Any) -> Any:
    body = {"channel_type": "apprise", "apprise_url": url} | fields
    return data(await api.client.post(CHANNELS, json=body), 201)


async def refused(api: Harness, url: str) -> str:
    answer = await api.client.post(CHANNELS, json={"channel_type": "apprise", "apprise_url": url})
    assert answer.status_code == 400, answer.text
    assert TOKEN not in answer.text
    message: str = answer.json()["message"]
    return message


def endpoint(api: Harness, id: str) -> Endpoint:
    """What the sender has of a channel."""
    told = [event for key, event in api.log.of(DELIVERIES) if key == id and event["type"] == "endpoint.defined"]
    return msgspec.convert(told[-1]["endpoint"], Endpoint)


def opened(api: Harness, vault: Vault, id: str) -> str:
    """The URL that the sender would use."""
    stored = endpoint(api, id)
    return vault.decrypt(stored.secret, *places(stored.kind, id, stored.project, stored.url))


async def test_it_is_made_changed_and_shown_without_its_url(api: Harness, vault: Vault) -> None:
    channel = await made(api, name="phones")
    assert (channel["channel_type"], channel["config"]) == ("apprise", SHOWN)
    assert channel["events"] == list(DEFAULT_NOTICES)
    id = channel["id"]
    assert data(await api.client.get(f"{CHANNELS}/{id}")) == channel
    assert opened(api, vault, id) == URL
    changed = data(await api.client.patch(f"{CHANNELS}/{id}", json={"name": "x", "events": ["monitor.down"]}))
    assert (changed["config"], opened(api, vault, id)) == (SHOWN, URL)
    other = f"slack://{TOKEN}/BBBBBBBBB/{TOKEN}/#general"
    changed = data(await api.client.patch(f"{CHANNELS}/{id}", json={"apprise_url": other}))
    assert changed["config"] == {"apprise_service": "Slack", "apprise_address": "slack://"}
    assert opened(api, vault, id) == other


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with the name of a service"),
        (f"pigeon://{TOKEN}", "Apprise knows no pigeon://"),
        (f"mailto://me:{TOKEN}@mail.example", "which mailto:// is not"),
        (f"json://127.0.0.1/{TOKEN}", "may not be called"),
        (f"json://me:{TOKEN}@localhost:8000/", "may not be called"),
        (f"gotify://[::1]/{TOKEN}", "may not be called"),
        (f"gotify://2130706433/{TOKEN}", "may not be called"),
        (f"gotify://a.example/{TOKEN}{'x' * 2_000}", "2000"),
    ],
)
async def test_what_makes_none_says_why(api: Harness, url: str, words: str) -> None:
    assert words in await refused(api, url)
    id = (await made(api))["id"]
    answer = await api.client.patch(f"{CHANNELS}/{id}", json={"apprise_url": url})
    assert answer.status_code == 400
    assert words in answer.json()["message"]


async def test_the_library_judges_a_url_before_it_is_stored(api: Harness) -> None:
    asked = []

    async def library(call: Call) -> Verdict:
        asked.append(call)
        return Verdict(taken=True) if call.url == URL else Verdict(problem="it is no URL of Gotify")

    given(api, library=library)
    id = (await made(api))["id"]
    assert "'apprise_url' cannot be used: it is no URL of Gotify" in await refused(api, "gotify://a.example")
    answer = await api.client.patch(f"{CHANNELS}/{id}", json={"apprise_url": "gotify://b.example"})
    assert answer.status_code == 400
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"name": "asks nobody"}))
    data(await api.client.post(CHANNELS, json={"channel_type": "webhook", "url": "https://hooks.example/"}), 201)
    headers = {"X-Api-Key": WRITE_KEY}
    body = {"kind": "apprise", "apprise_url": "gotify://c.example"}
    assert (await api.client.post("/api/v3/channels/", json=body, headers=headers)).status_code == 400
    # What is wrong without it is told without it.
    await refused(api, "pigeon://x")
    assert [call.url for call in asked] == [URL, *(f"gotify://{name}.example" for name in "abc")]
    assert {call.text for call in asked} == {""}

    async def failing(call: Call) -> Verdict:
        raise LibraryFailed("Apprise took too long", ours=False)

    given(api, library=failing)
    assert "Apprise took too long" in await refused(api, URL)


async def test_a_test_is_sent_and_sent_again(api: Harness) -> None:
    id = (await made(api))["id"]
    sent = data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    attempted = DeliveryAttempted(delivery=sent["id"], attempt=1, at=api.log.time, status=200)
    api.log.send(DELIVERIES.name, id, encode(attempted))
    newest = data(await api.client.get(f"{CHANNELS}/{id}/deliveries"))[0]
    assert (newest["id"], newest["status"]) == (sent["id"], "delivered")


async def test_the_management_api_makes_lists_and_removes_it(api: Harness) -> None:
    headers = {"X-Api-Key": WRITE_KEY}
    body = {"kind": "apprise", "apprise_url": URL, "name": "phones"}
    answer = await api.client.post("/api/v3/channels/", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    one = answer.json()
    told = {"events": list(DEFAULT_NOTICES), "digest": True, "quiet_hours": None, "repeat_minutes": None}
    assert one == {"id": one["id"], "name": "phones", "kind": "apprise", **SHOWN, **told}
    listed = (await api.client.get("/api/v3/channels/", headers=headers)).json()["channels"]
    assert listed == [{"id": one["id"], "name": "phones", "kind": "apprise"}]
    [detailed] = (await api.client.get("/api/v3/channels/?details=1", headers=headers)).json()["channels"]
    assert one.items() <= detailed.items()
    bad = await api.client.post("/api/v3/channels/", json=body | {"apprise_url": f"pigeon://{TOKEN}"}, headers=headers)
    assert (bad.status_code, "knows no pigeon://" in bad.json()["error"]) == (400, True)
    assert TOKEN not in bad.text
    assert (await api.client.delete(f"/api/v3/channels/{one['id']}", headers=headers)).json() == one


async def test_updown_lists_it_as_a_recipient() -> None:
    api = updown()
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    for url in (URL, f"slack://{TOKEN}/BBBBBBBBB/{TOKEN}"):
        body = {"channel_type": "apprise", "apprise_url": url}
        assert (await api.client.post(CHANNELS, json=body, headers=headers)).status_code == 201
    for key in (UPDOWN_KEY, UPDOWN_READ_KEY):
        answer = await api.client.get("/api/recipients", headers={"X-API-KEY": key})
        recipients = answer.json()
        assert {one["type"] for one in recipients} == {"apprise"}
        assert all(one["id"].startswith("apprise:") for one in recipients)
        assert TOKEN.lower() not in answer.text.lower()
        if key == UPDOWN_KEY:
            assert {one["value"] for one in recipients} == {SHOWN["apprise_address"], "slack://"}
        else:
            assert {one["name"] for one in recipients} == {"push.example.org:8443", "Slack"}


async def test_the_url_is_told_by_no_record_and_no_entry_of_the_audit_trail(api: Harness) -> None:
    id = (await made(api))["id"]
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"apprise_url": f"gotify://other.example/{TOKEN}2"}))
    entries = [
        entry for _, entry in api.log.of(TRANSITIONS) if entry["type"] == "thing.changed" and entry["thing"] == id
    ]
    assert len(entries) == 2
    for entry in entries:
        assert "secret" in {change["field"] for change in entry["changes"] if change.get("hidden")}
    told = {change["field"]: change["new"] for change in entries[0]["changes"] if not change.get("hidden")}
    assert (told["kind"], told["url"]) == ("apprise", SHOWN["apprise_address"])
    for values in api.log.records.values():
        assert all(TOKEN.encode() not in value for _, value in values)


async def test_who_writes_to_kafka_makes_no_channel_that_leads_nowhere(api: Harness) -> None:
    id = (await made(api))["id"]
    definition = api.log.directory.channel(id)
    assert definition is not None
    other = replace(definition, id="7c9e6679-7425-40de-944b-e07fc1f90ae7", secret=None)
    api.log.send(PROJECTS.name, api.project, encode(ChannelCreate(request="r", at=api.log.time, channel=other)))
    [letter] = [value for _, value in api.log.of(DEAD_LETTERS)]
    assert "an apprise channel without a secret" in letter["reason"]


async def test_its_url_is_changed_not_rotated(api: Harness) -> None:
    id = (await made(api))["id"]
    answer = await api.client.post(f"{CHANNELS}/{id}/rotate-secret", json={})
    assert answer.status_code in (400, 409)
    assert "kind of channel" in answer.json()["message"]
