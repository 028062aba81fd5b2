"""Channels of services in every API, over the real folds, in memory: made, changed, listed, tested, and told of without
secrets."""

import json
from dataclasses import replace as with_fields
from itertools import product
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from infra.secrets.secrets import SecretError, Vault
from pingfold.commands import client as talk
from pingfold.errors import CommandFailed
from schemas.base import encode
from schemas.channels.kind import InvalidChannelField
from schemas.channels.kinds import CHANNEL_KINDS, KIND_NAMES, kind_named, listed_name
from schemas.channels.messages import MessageKind
from schemas.definitions import Channel
from schemas.deliveries import DeliveryAttempted, Endpoint
from schemas.ids import new_id
from schemas.origins import origin_of
from schemas.requests import ChannelCreate
from schemas.topics import DEAD_LETTERS, DELIVERIES, PROJECTS, TRANSITIONS
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.services import SERVICES, config_of
from tests.updown_client import UPDOWN_KEY, with_updown_keys

CHANNELS = "/api/v1/alert-channels"
# What Healthchecks calls them, and what updown.io does.
LISTED = {
    "apprise": "apprise",
    "slack": "slack",
    "msteams": "msteamsw",
    "discord": "discord",
    "telegram": "telegram",
    "pushover": "po",
    "pagerduty": "pd",
    "opsgenie": "opsgenie",
    "matrix": "matrix",
    "googlechat": "gchat",
    "mattermost": "mattermost",
    "twilio": "sms",
    "webhook": "webhook",
    "email": "email",
    "ntfy": "ntfy",
    "updown": "updown",
}
RECIPIENTS = {"slack": "slack_compatible", "msteams": "msteams", "telegram": "telegram", "twilio": "sms"}


def secret_of(kind: str, config: dict[str, Any]) -> str:
    """What nobody may read: of a URL all behind the host."""
    text = str(config[CHANNEL_KINDS[kind].secret_field])
    return text.removeprefix("https://svc.example")


@pytest.fixture
def vault() -> Vault:
    return Vault(b"k" * 32, "a test")


@pytest.fixture
def api(vault: Vault) -> Harness:
    harness = with_updown_keys(Harness(test_sends_per_hour=0))
    state = harness.app.state
    state.deps = with_fields(state.deps, encrypt=vault.encrypt, decrypt=vault.decrypt)
    harness.client.headers["Authorization"] = f"Bearer {POP_KEY}"
    del harness.client.headers["X-Api-Key"]
    return harness


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


async def made(api: Harness, kind: str, **fields: Any) -> Any:
    return data(await api.client.post(CHANNELS, json={"channel_type": kind} | config_of(kind) | fields), 201)


async def refused(api: Harness, kind: str, **fields: Any) -> str:
    answer = await api.client.post(CHANNELS, json={"channel_type": kind} | config_of(kind) | fields)
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["message"]
    return message


def endpoint(api: Harness, id: str) -> Endpoint:
    """What the sender has of a channel."""
    told = [event for key, event in api.log.of(DELIVERIES) if key == id and event["type"] == "endpoint.defined"]
    return msgspec.convert(told[-1]["endpoint"], Endpoint)


@pytest.mark.parametrize("kind", SERVICES)
async def test_one_is_made_its_secret_sealed_and_never_shown(api: Harness, vault: Vault, kind: str) -> None:
    config = config_of(kind)
    shown = await made(api, kind, name="Ops")
    assert (shown["channel_type"], shown["config"]["server"]) == (kind, "https://svc.example")
    read = await api.client.get(f"{CHANNELS}/{shown['id']}")
    assert data(read) == shown
    secret = secret_of(kind, config)
    assert secret not in read.text
    stored = endpoint(api, shown["id"])
    assert (stored.kind, stored.url) == (kind, "https://svc.example")
    assert vault.decrypt(stored.secret, f"channel/{shown['id']}/secret/https://svc.example").endswith(secret)
    for place in (f"channel/{shown['id']}/secret", f"channel/{shown['id']}/secret/https://evil.example"):
        with pytest.raises(SecretError):
            vault.decrypt(stored.secret, place)
    for values in api.log.records.values():
        assert all(secret.encode() not in value for _, value in values)
    [entry] = [event for _, event in api.log.of(TRANSITIONS) if event.get("thing") == shown["id"]]
    assert secret not in str(entry)


async def test_the_management_api_lists_each_by_the_name_that_healthchecks_has(api: Harness) -> None:
    headers, ids = {"X-Api-Key": WRITE_KEY}, set()
    for kind in SERVICES:
        for name in {kind, LISTED[kind]}:
            body = {"kind": name, "name": "Ops"} | config_of(kind)
            answer = await api.client.post("/api/v3/channels/", json=body, headers=headers)
            assert answer.status_code == 201, answer.text
            assert (answer.json()["kind"], answer.json()["server"]) == (LISTED[kind], "https://svc.example")
            ids.add((answer.json()["id"], "Ops", LISTED[kind]))
    for version in ("v1", "v2", "v3"):
        listed = (await api.client.get(f"/api/{version}/channels/", headers=headers)).json()["channels"]
        assert {(one["id"], one["name"], one["kind"]) for one in listed} == ids
    detailed = await api.client.get("/api/v3/channels/?details=1", headers=headers)
    assert all(secret_of(kind, config_of(kind)) not in detailed.text for kind in SERVICES)


async def test_an_unknown_kind_is_refused_with_all_names(api: Harness) -> None:
    answer = await api.client.post("/api/v3/channels/", json={"kind": "pigeon"}, headers={"X-Api-Key": WRITE_KEY})
    assert answer.status_code == 400
    assert all(name in answer.json()["error"] for name in KIND_NAMES)


def test_every_kind_is_found_by_both_of_its_names() -> None:
    assert {name: listed_name(name) for name in CHANNEL_KINDS} == LISTED
    for name, listed in LISTED.items():
        assert kind_named(name) is kind_named(listed) is CHANNEL_KINDS[name]
    assert kind_named("pigeon") is None


async def test_updown_lists_each_as_a_recipient(api: Harness) -> None:
    for kind in SERVICES:
        await made(api, kind, name=kind)
    answer = await api.client.get("/api/recipients", headers={"X-Api-Key": UPDOWN_KEY})
    found = {one["name"]: one for one in answer.json()}
    assert set(found) == set(SERVICES)
    for kind, one in found.items():
        assert one["type"] == RECIPIENTS.get(kind, kind)
        assert one["id"].startswith(f"{one['type']}:")
        assert secret_of(kind, config_of(kind)) not in answer.text


@pytest.mark.parametrize("kind", ["slack", "msteams"])
async def test_updown_makes_what_a_url_is_enough_for(api: Harness, kind: str) -> None:
    body = {"type": RECIPIENTS[kind], "value": config_of(kind)["url"]}
    answer = await api.client.post("/api/recipients", json=body, headers={"X-Api-Key": UPDOWN_KEY})
    assert answer.status_code == 201, answer.text
    assert answer.json()["type"] == RECIPIENTS[kind]
    [channel] = data(await api.client.get("/api/v1/alerts"))
    assert channel["channel_type"] == kind
    tested = await api.client.post(
        f"/api/recipients/{answer.json()['id']}/test", json={}, headers={"X-Api-Key": UPDOWN_KEY}
    )
    assert tested.status_code == 202, tested.text


@pytest.mark.parametrize(("type", "kind"), [("sms", "twilio"), ("telegram", "telegram")])
async def test_updown_says_what_it_makes_no_recipient_of(api: Harness, type: str, kind: str) -> None:
    body = {"type": type, "value": "+15558675310"}
    answer = await api.client.post("/api/recipients", json=body, headers={"X-Api-Key": UPDOWN_KEY})
    assert answer.status_code == 400
    assert "needs more than a value" in answer.json()["error"]
    assert kind in answer.json()["error"]


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_test_is_sent_and_what_is_gone_is_told(api: Harness, kind: str) -> None:
    id = (await made(api, kind))["id"]
    for fields, outcome in (
        ({"status": 200}, "delivered"),
        ({"status": 403, "error": "no", "refused": "channel"}, "gone"),
    ):
        sent = data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
        attempted = DeliveryAttempted(delivery=sent["id"], attempt=1, at=api.log.time, **fields)
        api.log.send(DELIVERIES.name, id, encode(attempted))
        newest = data(await api.client.get(f"{CHANNELS}/{id}/deliveries"))[0]
        assert (newest["id"], newest["status"]) == (sent["id"], outcome)
    shown = data(await api.client.get(f"{CHANNELS}/{id}"))
    assert (shown["disabled"], shown["disabled_because"]) == (True, "no")


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_change_keeps_what_it_does_not_name(api: Harness, vault: Vault, kind: str) -> None:
    id = (await made(api, kind))["id"]
    before = endpoint(api, id)
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"name": "Night", "events": ["monitor.down"]}))
    after = endpoint(api, id)
    assert (after.url, after.secret, after.options) == (before.url, before.secret, before.options)
    elsewhere = config_of(kind, "https://other.example")
    found = CHANNEL_KINDS[kind]
    if found.secret_field != found.url_field:
        answer = await api.client.patch(f"{CHANNELS}/{id}", json={"server": "https://other.example"})
        assert f"'{found.secret_field}' was given for another server: give it again." in answer.json()["message"]
    shown = data(await api.client.patch(f"{CHANNELS}/{id}", json=elsewhere))
    assert shown["config"]["server"] == "https://other.example"
    vault.decrypt(endpoint(api, id).secret, f"channel/{id}/secret/https://other.example")


async def test_a_closed_address_is_refused(api: Harness) -> None:
    closed = ("http://10.0.0.1", "http://localhost:8000", "http://[::1]")
    for kind, url in product(SERVICES, closed):
        field = CHANNEL_KINDS[kind].url_field
        assert f"'{field}' may not be called" in await refused(api, kind, **config_of(kind, url))


async def test_each_field_that_is_wrong_or_missing_is_named(api: Harness) -> None:
    for kind, field in [(name, field) for name in SERVICES for field in config_of(name)]:
        found, value = CHANNEL_KINDS[kind], config_of(kind)[field]
        rest = {name: given for name, given in config_of(kind).items() if name != field}
        answer = await api.client.post(CHANNELS, json={"channel_type": kind} | rest)
        if field == "server" and kind != "matrix":  # by default the service's own
            assert data(answer, 201)["config"]["server"] == found.server  # type: ignore[attr-defined]
        else:
            assert answer.json()["message"].startswith(f"Field '{field}' must be")
        for wrong in ("", "a b\r\nX: y", "\N{BOMB}", "x" * 5_000, 5, None, ["x"]):
            if field == "server" and wrong == "":
                continue
            told = await refused(api, kind, **{field: wrong})
            assert f"'{field}'" in told or f"`$.{field}`" in told, told
            assert str(value) not in told


async def test_the_fields_of_another_kind_are_refused(api: Harness) -> None:
    for kind in SERVICES:
        assert f"'email' is not of a channel of type '{kind}'" in await refused(api, kind, email="a@b.example")


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("slack", {"url": "https://hooks.slack.com/services/T1"}, "must be the whole URL that Slack gives"),
        ("slack", {"url": "https://svc.example/"}, "must be the whole URL that Slack gives"),
        ("msteams", {"url": "https://prod-1.x.logic.azure.com/workflows/a/triggers/manual"}, "that Teams gives"),
        ("discord", {"url": "https://discord.com/channels/1/2"}, "that Discord gives"),
        ("googlechat", {"url": "https://chat.googleapis.com/v1/spaces/x/messages?key=k"}, "that Google Chat gives"),
        ("mattermost", {"url": "https://mm.example/channels/town"}, "that Mattermost gives"),
        ("telegram", {"bot_token": "123"}, "the token that @BotFather gave"),
        ("telegram", {"chat_id": "me"}, "the number of a chat"),
        ("telegram", {"thread_id": "x"}, "the number of a topic"),
        ("pushover", {"device": "a b"}, "names of devices"),
        ("pagerduty", {"routing_key": "x"}, "32 letters and digits"),
        ("matrix", {"room_id": "#ops:example.org"}, "which begins with !"),
        ("matrix", {"server": "https://user:pw@m.example"}, "must not hold credentials"),
        ("twilio", {"to_number": "0170 1234567"}, "a number such as +1"),
        ("twilio", {"from_number": "123"}, "a number such as +1"),
    ],
)
def test_what_is_wrong_is_said(kind: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidChannelField) as error:
        CHANNEL_KINDS[kind].validate(config_of(kind) | fields, None)
    assert (error.value.field, words in error.value.problem) == (next(iter(fields)), True)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("slack", "https://hooks.slack.com/services/T0/B0/x"),
        ("slack", "https://hooks.slack.com/workflows/T0/A0/1/x"),
        ("slack", "https://rocket.example/hooks/a/b"),
        ("msteams", "https://prod-1.westeurope.logic.azure.com:443/workflows/a/triggers/manual/paths/invoke?sig=x"),
        ("msteams", "https://contoso.webhook.office.com/webhookb2/a@b/IncomingWebhook/c/d"),
        ("discord", "https://discord.com/api/v10/webhooks/1/x_-y?thread_id=5"),
        ("discord", "https://ptb.discordapp.com/api/webhooks/1/x"),
        ("googlechat", "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t"),
        ("mattermost", "https://example.org/mattermost/hooks/abc"),
    ],
)
def test_urls_as_the_services_give_them_are_taken(kind: str, url: str) -> None:
    stored = CHANNEL_KINDS[kind].validate({"url": url}, None)
    assert (stored["secret"], origin_of(stored["url"])) == (url, origin_of(url))
    assert url.startswith(f"{stored['url']}/")


@pytest.mark.parametrize("kind", SERVICES)
async def test_who_writes_to_kafka_makes_no_channel_that_leads_nowhere(api: Harness, kind: str) -> None:
    id = (await made(api, kind))["id"]
    definition = api.log.directory.channel(id)
    assert definition is not None
    found = CHANNEL_KINDS[kind]
    wrong: list[Channel] = [replace(definition, secret=None), replace(definition, url="")]
    if "options" in found.stored:
        wrong.append(replace(definition, options={}))
    for each in wrong:
        assert found.problem(each).startswith(found.title)
        request = ChannelCreate(request=new_id(), at=api.log.time, channel=replace(each, id=new_id()))
        api.log.send(PROJECTS.name, api.project, encode(request))
    assert len(api.log.of(DEAD_LETTERS)) == len(wrong)
    assert found.problem(definition) == ""


@pytest.mark.parametrize(
    ("kind", "target", "body"),
    [
        ("slack", "https://hooks.slack.com/services/a/b/c", {"url": "https://hooks.slack.com/services/a/b/c"}),
        ("telegram", "-100123", {"chat_id": "-100123", "bot_token": "S"}),
        (
            "telegram",
            "@news@https://tg.example",
            {"chat_id": "@news", "server": "https://tg.example", "bot_token": "S"},
        ),
        ("po", "u" * 30, {"user_key": "u" * 30, "app_token": "S"}),
        ("pagerduty", "k" * 32, {"routing_key": "k" * 32}),
        ("opsgenie", "k@https://api.eu.opsgenie.com", {"genie_key": "k", "server": "https://api.eu.opsgenie.com"}),
        (
            "matrix",
            "!a:b.org@https://m.b.org",
            {"room_id": "!a:b.org", "server": "https://m.b.org", "access_token": "S"},
        ),
        ("sms", "AC1:+1:+2", {"account_sid": "AC1", "from_number": "+1", "to_number": "+2", "auth_token": "S"}),
        (
            "sms",
            "AC1:+1:+2@http://t.x",
            {"account_sid": "AC1", "from_number": "+1", "to_number": "+2", "server": "http://t.x"},
        ),
    ],
)
def test_one_is_made_at_a_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, target: str, body: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = []
    found = kind_named(kind)
    assert isinstance(found, MessageKind)
    shown: dict[str, Any] = {"server": "https://x.example"} | {name: "there" for name in getattr(found, "names", ())}
    rest = {"id": "c", "name": "", "events": [], "disabled": False, "failures": 0, "last_success": None}

    def call(method: str, path: str, headers: dict[str, str], given: dict[str, Any] | None = None) -> Any:
        asked.append(given or {})
        one = {"kind": listed_name(found.name)} | shown | rest
        return {"channels": [one]} if method == "GET" else one

    monkeypatch.setenv("PINGFOLD_KEY", "a key")
    monkeypatch.setattr(talk, "ask_api", call)
    talk.create_channel(kind, target, secret="S" if "S" in body.values() else None)
    assert body.items() <= asked[0].items()
    if found.secret_field in found.of_target(target):
        with pytest.raises(CommandFailed, match="has no secret beside its target"):
            talk.create_channel(kind, target, secret="S")
    capsys.readouterr()
    talk.list_channels()
    told = capsys.readouterr().out
    assert "there" in told or "https://x.example" in told


def test_a_target_that_lacks_something_is_for_the_api_to_refuse() -> None:
    with pytest.raises(InvalidChannelField, match=r"account_sid"):
        CHANNEL_KINDS["twilio"].validate(CHANNEL_KINDS["twilio"].of_target("AC1") | {"auth_token": "f" * 32}, None)


def test_a_name_that_is_not_needed_is_taken_away_by_an_empty_text() -> None:
    for kind, field, value in (("telegram", "thread_id", "42"), ("pushover", "device", "phone")):
        found = CHANNEL_KINDS[kind]
        stored = found.validate(config_of(kind) | {field: value}, None)
        known = Channel(id="c", project="p", kind=kind, created=0, **stored)
        assert stored["options"][field] == value
        assert found.validate({field: ""}, known) == {"options": found.validate(config_of(kind), None)["options"]}
        assert found.validate({}, known) == {}


def test_secrets_are_no_part_of_what_is_shown() -> None:
    for kind in SERVICES:
        found = CHANNEL_KINDS[kind]
        stored = found.validate(config_of(kind), None)
        secret = stored["secret"]
        known = Channel(id="c", project="p", kind=kind, created=0, **stored)
        for shown in (found.show_config(known), found.show_form(known), found.redact(known)):
            assert secret not in json.dumps(msgspec.to_builtins(shown))
        assert found.told == frozenset()
