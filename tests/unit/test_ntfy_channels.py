"""Channels of ntfy in both APIs, over the real folds, in memory: made, changed, tested, and told of without secrets."""

from dataclasses import replace as with_fields
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from infra.secrets.secrets import SecretError, Vault
from schemas.base import encode
from schemas.deliveries import DeliveryAttempted, Endpoint
from schemas.ids import new_id
from schemas.notices import DEFAULT_NOTICES
from schemas.requests import ChannelCreate, ChannelFields, ChannelUpdate
from schemas.topics import DEAD_LETTERS, DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import POP_KEY, WRITE_KEY, Harness

CHANNELS = "/api/v1/alert-channels"
TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
PUSH = {"channel_type": "ntfy", "server": "https://ntfy.example/", "topic": "secret-topic", "token": TOKEN}


@pytest.fixture
def vault() -> Vault:
    return Vault(b"k" * 32, "a test")


@pytest.fixture
def api(vault: Vault) -> Harness:
    harness = Harness(test_sends_per_hour=0)
    state = harness.app.state
    state.deps = with_fields(state.deps, encrypt=vault.encrypt, decrypt=vault.decrypt)
    harness.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    del harness.client.headers["X-Api-Key"]
    return harness


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


async def made(api: Harness, **fields: Any) -> Any:
    return data(await api.client.post(CHANNELS, json=PUSH | fields), 201)


async def refused(api: Harness, id: str, **fields: Any) -> str:
    answer = await api.client.patch(f"{CHANNELS}/{id}", json=fields)
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["message"]
    return message


def endpoint(api: Harness, id: str) -> Endpoint:
    """What the sender has of a channel."""
    told = [event for key, event in api.log.of(DELIVERIES) if key == id and event["type"] == "endpoint.defined"]
    return msgspec.convert(told[-1]["endpoint"], Endpoint)


async def test_it_is_made_and_shown_without_its_token(api: Harness) -> None:
    channel = await made(api, name="phones")
    assert channel["channel_type"] == "ntfy"
    assert channel["config"] == {"server": "https://ntfy.example", "topic": "secret-topic", "has_token": True}
    assert channel["events"] == list(DEFAULT_NOTICES)
    assert data(await api.client.get(f"{CHANNELS}/{channel['id']}")) == channel
    assert data(await api.client.get("/api/v1/alerts")) == [channel]
    stored = endpoint(api, channel["id"])
    assert (stored.kind, stored.url, stored.options) == ("ntfy", "https://ntfy.example", {"topic": "secret-topic"})


async def test_without_a_token_none_is_stored(api: Harness) -> None:
    for fields in ({"token": None}, {}):
        body = {name: value for name, value in PUSH.items() if name != "token"} | fields
        channel = data(await api.client.post(CHANNELS, json=body), 201)
        assert channel["config"]["has_token"] is False
        assert endpoint(api, channel["id"]).secret == ""


async def test_a_token_opens_for_its_channel_and_its_server_only(api: Harness, vault: Vault) -> None:
    id = (await made(api))["id"]
    sealed = endpoint(api, id).secret
    assert vault.decrypt(sealed, f"channel/{id}/secret/https://ntfy.example") == TOKEN
    for place in (f"channel/{id}/secret", f"channel/{id}/secret/https://evil.example", "channel/x/secret"):
        with pytest.raises(SecretError):
            vault.decrypt(sealed, place)


async def test_a_token_is_not_kept_for_another_server(api: Harness, vault: Vault) -> None:
    id = (await made(api))["id"]
    for server in ("https://evil.example", "http://ntfy.example", "https://ntfy.example:8443"):
        assert "'token' was given for another server" in await refused(api, id, server=server)
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"server": "https://ntfy.example/behind"}))
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"server": "https://b.example", "token": "tk_b"}))
    assert vault.decrypt(endpoint(api, id).secret, f"channel/{id}/secret/https://b.example") == "tk_b"
    shown = data(await api.client.patch(f"{CHANNELS}/{id}", json={"server": "https://c.example", "token": None}))
    assert shown["config"] == {"server": "https://c.example", "topic": "secret-topic", "has_token": False}
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"server": "https://d.example"}))


def overtaken(api: Harness, id: str, **fields: Any) -> None:
    """Another process changes the channel just before the next request is decided."""
    request = ChannelUpdate(request=new_id(), at=api.log.time, id=id, fields=ChannelFields(**fields))
    api.log.overtaking.append((api.project, request))


async def test_a_server_is_not_changed_under_a_token_that_was_just_given(api: Harness, vault: Vault) -> None:
    id = (await made(api, token=None))["id"]
    sealed = vault.encrypt(TOKEN, f"channel/{id}/secret/https://ntfy.example")
    overtaken(api, id, url="https://ntfy.example", secret=sealed)
    answer = await api.client.patch(f"{CHANNELS}/{id}", json={"server": "https://b.example"})
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert (endpoint(api, id).url, endpoint(api, id).secret) == ("https://ntfy.example", sealed)


async def test_a_token_keeps_its_server_when_that_was_just_changed(api: Harness, vault: Vault) -> None:
    id = (await made(api, token=None))["id"]
    overtaken(api, id, url="https://b.example")
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"token": TOKEN}))
    stored = endpoint(api, id)
    assert stored.url == "https://ntfy.example"
    assert vault.decrypt(stored.secret, f"channel/{id}/secret/https://ntfy.example") == TOKEN


async def test_it_is_changed_where_it_is_asked(api: Harness) -> None:
    id = (await made(api))["id"]
    sealed = endpoint(api, id).secret
    changed = data(await api.client.patch(f"{CHANNELS}/{id}", json={"topic": "other", "events": ["incident.created"]}))
    assert (changed["config"]["topic"], changed["events"]) == ("other", ["incident.created"])
    assert endpoint(api, id).options == {"topic": "other"}
    assert endpoint(api, id).secret == sealed


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"topic": "a/b"}, "'topic' must be 1 to 64"),
        ({"topic": "docs"}, "'topic' must not be docs"),
        ({"server": "ntfy"}, "'server' must be an http or https URL"),
        ({"server": "http://10.0.0.1"}, "'server' may not be called"),
        ({"server": "http://localhost:8000"}, "'server' may not be called"),
        ({"token": "a b"}, "'token'"),
        ({"url": "https://hooks.example/"}, "'url' is not of a channel of type 'ntfy'"),
        ({"secret": "12345678"}, "'secret' is not of a channel of type 'ntfy'"),
        ({"email": "a@b"}, "'email' is not of a channel of type 'ntfy'"),
    ],
)
async def test_what_makes_none_says_why(api: Harness, fields: dict[str, Any], words: str) -> None:
    answer = await api.client.post(CHANNELS, json=PUSH | fields)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
    id = (await made(api))["id"]
    assert words in await refused(api, id, **fields)


async def test_the_fields_of_ntfy_are_not_of_others(api: Harness) -> None:
    hook = {"channel_type": "webhook", "url": "https://hooks.example/", "topic": "x"}
    answer = await api.client.post(CHANNELS, json=hook)
    assert "'topic' is not of a channel of type 'webhook'" in answer.json()["message"]


async def test_its_token_is_changed_not_rotated(api: Harness) -> None:
    id = (await made(api))["id"]
    answer = await api.client.post(f"{CHANNELS}/{id}/rotate-secret", json={})
    assert answer.status_code in (400, 409)
    assert "kind of channel" in answer.json()["message"]


async def test_the_secret_of_the_project_is_not_its_own(api: Harness) -> None:
    id = (await made(api, token=None))["id"]
    before = endpoint(api, id)
    answer = await api.client.post("/api/v1/account/rotate-webhook-secret", json={})
    assert answer.status_code == 200, answer.text
    assert endpoint(api, id) == before


async def test_a_test_is_sent_and_counted(api: Harness) -> None:
    id = (await made(api))["id"]
    for status, outcome in ((200, "delivered"), (410, "gone")):
        sent = data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
        assert sent["status"] == "pending"
        attempted = DeliveryAttempted(delivery=sent["id"], attempt=1, at=api.log.time, status=status)
        api.log.send(DELIVERIES.name, id, encode(attempted))
        newest = data(await api.client.get(f"{CHANNELS}/{id}/deliveries"))[0]
        assert (newest["id"], newest["status"]) == (sent["id"], outcome)
    shown = data(await api.client.get(f"{CHANNELS}/{id}"))
    assert (shown["disabled"], shown["failures"]) == (True, 1)


async def test_the_management_api_makes_lists_and_removes_it(api: Harness) -> None:
    headers = {"X-Api-Key": WRITE_KEY}
    body = {"kind": "ntfy", "server": "https://ntfy.example", "topic": "t", "token": TOKEN, "name": "phones"}
    answer = await api.client.post("/api/v3/channels/", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    one = answer.json()
    assert one == {
        "id": one["id"], "name": "phones", "kind": "ntfy", "server": "https://ntfy.example", "topic": "t",
        "has_token": True, "events": list(DEFAULT_NOTICES), "digest": True, "quiet_hours": None, "repeat_minutes": None,
    }  # fmt: skip
    listed = (await api.client.get("/api/v3/channels/", headers=headers)).json()["channels"]
    assert listed == [{"id": one["id"], "name": "phones", "kind": "ntfy"}]
    [detailed] = (await api.client.get("/api/v3/channels/?details=1", headers=headers)).json()["channels"]
    assert one.items() <= detailed.items()
    bad = await api.client.post("/api/v3/channels/", json=body | {"topic": "a b"}, headers=headers)
    assert (bad.status_code, "topic must be" in bad.json()["error"]) == (400, True)
    assert (await api.client.delete(f"/api/v3/channels/{one['id']}", headers=headers)).json() == one


async def test_neither_token_nor_topic_is_told_by_the_audit_trail_nor_the_token_by_any_record(api: Harness) -> None:
    id = (await made(api))["id"]
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"topic": "secret-topic-2", "token": TOKEN + "2"}))
    entries = [
        entry for _, entry in api.log.of(TRANSITIONS) if entry["type"] == "thing.changed" and entry["thing"] == id
    ]
    assert len(entries) == 2
    for entry in entries:
        assert "secret-topic" not in str(entry)
        assert {change["field"] for change in entry["changes"] if change.get("hidden")} >= {"options", "secret"}
    told = {change["field"]: change["new"] for change in entries[0]["changes"] if not change.get("hidden")}
    assert (told["kind"], told["url"]) == ("ntfy", "https://ntfy.example")
    for values in api.log.records.values():
        assert all(TOKEN.encode() not in value for _, value in values)


async def test_who_writes_to_kafka_makes_no_channel_that_leads_nowhere(api: Harness) -> None:
    id = (await made(api))["id"]
    definition = api.log.directory.channel(id)
    assert definition is not None
    other = replace(definition, id="7c9e6679-7425-40de-944b-e07fc1f90ae7", options={})
    api.log.send(PROJECTS.name, api.project, encode(ChannelCreate(request="r", at=api.log.time, channel=other)))
    [letter] = [value for _, value in api.log.of(DEAD_LETTERS)]
    assert "an ntfy channel whose topic" in letter["reason"]
