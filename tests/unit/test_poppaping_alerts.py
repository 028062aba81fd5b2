"""Alert channels and their deliveries in the PoppaPing API, over the real folds, in memory."""

import json
from typing import Any

import httpx
import pytest

from infra.secrets.secrets import hash_api_key
from query_api.poppaping import channel_service
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.notices import DEFAULT_NOTICES, NOTICES
from schemas.requests import KeyCreate
from schemas.topics import DELIVERIES
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.poppaping_channels import CHANNELS, MAIL, data, iso, log_of, made, open_api, report

UNKNOWN = "00000000-0000-4000-8000-000000000000"
ALL = list(NOTICES)


@pytest.fixture
def api() -> Harness:
    return open_api()


def reasons(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "message"}
    return answer.status_code, body["message"]


# ---- making and changing


@pytest.mark.parametrize(
    ("body", "addresses"),
    [
        (MAIL, ["ops@example.org"]),
        ({"channel_type": "email", "addresses": ["a@b", "c@d", "a@b"]}, ["a@b", "c@d"]),
        (
            {"channel_type": "email", "addresses": ["b\u00fcro@b", "a@B\u00fccher.example", "bu\u0308ro@b"]},
            ["b\u00fcro@b", "a@xn--bcher-kva.example"],
        ),
    ],
)
async def test_an_email_channel_is_made_and_listed(api: Harness, body: dict[str, Any], addresses: list[str]) -> None:
    channel = data(await api.client.post(CHANNELS, json=body), 201)
    assert (channel["channel_type"], channel["config"]) == ("email", {"addresses": addresses})
    assert channel["events"] == list(DEFAULT_NOTICES)
    assert data(await api.client.get("/api/v1/alerts")) == [channel]
    assert data(await api.client.get(f"{CHANNELS}/{channel['id']}")) == channel
    definition = api.log.directory.channel(channel["id"])
    assert definition is not None
    assert list(definition.addresses) == addresses


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "nobody"}, "'addresses' must be"),
        ({"email": "a@b\r\nRCPT TO:<x@y>"}, "'addresses' must be"),
        ({"email": "=?utf-8?q?a?=@b"}, "'addresses' must not hold"),
        ({"email": "a\u200bb@b"}, "'addresses' must be"),
        ({"email": "a\u202eb@b"}, "'addresses' must be"),
        ({"email": "b\u00fc ro@b"}, "'addresses' must be"),
        ({"email": "\u00fc" * 130 + "@b"}, "at most 254 bytes in UTF-8"),
        ({"email": "a@b\u00fc cher.example"}, "the domain must be a host name"),
        ({"email": "a\u00adb@b"}, "a character that nobody sees"),
        ({"email": "a@b", "addresses": ["a@b"]}, "'email'"),
        ({"addresses": []}, "'addresses' must name"),
        ({"addresses": [f"a{n}@b" for n in range(21)]}, "'addresses' must be"),
        ({}, "'addresses' must name"),
        ({"email": "a@b", "url": "https://x/"}, "'url' is not of a channel of type 'email'"),
        ({"email": "a@b", "secret": "12345678"}, "'secret' is not of"),
        ({"channel_type": "webhook", "url": "https://x/", "email": "a@b"}, "'email' is not of"),
        ({"channel_type": "webhook", "url": "ftp://x/"}, "'url' must be"),
        ({"channel_type": "webhook"}, "'url' must be"),
        ({"channel_type": "pigeon"}, "'channel_type' must be"),
        ({"email": 5}, "'email'"),
        ({"email": "a@b", "events": ["monitor.bored"]}, "'events[0]'"),
        ({"email": "a@b", "mood": "good"}, "mood"),
    ],
)
async def test_what_makes_no_channel_says_why(api: Harness, fields: dict[str, Any], words: str) -> None:
    status, message = reasons(await api.client.post(CHANNELS, json={"channel_type": "email"} | fields))
    assert status == 400
    assert words in message
    assert data(await api.client.get("/api/v1/alerts")) == []


@pytest.mark.parametrize("missing", ["smtp_host", "smtp_from"])
async def test_without_a_mail_server_an_email_channel_is_refused_with_the_name_of_the_setting(missing: str) -> None:
    settings: dict[str, Any] = {"smtp_host": "mail.example.org", "smtp_from": "a@b"} | {missing: None}
    api = Harness(**settings)
    api.client.headers["X-Api-Key"] = POP_KEY
    status, message = reasons(await api.client.post(CHANNELS, json=MAIL))
    assert (status, f"PINGFOLD_{missing.upper()} is not set" in message) == (400, True)
    old = await api.client.post(
        "/api/v3/channels/", json={"kind": "email", "email": "a@b"}, headers={"X-Api-Key": WRITE_KEY}
    )
    assert old.status_code == 400
    assert f"PINGFOLD_{missing.upper()} is not set" in old.json()["error"]


async def test_the_management_api_makes_email_channels_too(api: Harness) -> None:
    headers = {"X-Api-Key": WRITE_KEY}
    body = {"kind": "email", "email": "a@b, c@d", "name": "on call"}
    answer = await api.client.post("/api/v3/channels/", json=body, headers=headers)
    assert answer.status_code == 201
    assert (answer.json()["kind"], answer.json()["email"]) == ("email", "a@b,c@d")
    bad = await api.client.post("/api/v3/channels/", json={"kind": "email", "email": "a@b,"}, headers=headers)
    assert bad.status_code == 400


async def test_a_channel_is_changed_where_it_is_asked(api: Harness) -> None:
    id = await made(api, name="ops", secret="12345678")
    body: dict[str, Any] = {
        "name": "night",
        "url": "https://hooks.example/y",
        "events": ["incident.created", "monitor.down"],
    }
    changed = data(await api.client.patch(f"{CHANNELS}/{id}", json=body))
    assert (changed["name"], changed["config"]) == ("night", {"url": "https://hooks.example/y"})
    assert changed["events"] == ["monitor.down", "incident.created"]
    channel = api.log.directory.channel(id)
    assert channel is not None
    assert channel.secret == "sealed 87654321"
    data(await api.client.patch(f"{CHANNELS}/{id}", json={"secret": None}))
    channel = api.log.directory.channel(id)
    assert channel is not None
    assert (channel.secret, channel.name) == (None, "night")
    for body, words in (
        ({"addresses": ["a@b"]}, "'addresses' is not of"),
        ({"url": "no"}, "'url' must be"),
        ({"channel_type": "email"}, "channel_type"),
    ):
        status, message = reasons(await api.client.patch(f"{CHANNELS}/{id}", json=body))
        assert (status, words in message) == (400, True)
    mail = data(await api.client.post(CHANNELS, json=MAIL), 201)["id"]
    assert data(await api.client.patch(f"{CHANNELS}/{mail}", json={"email": "x@y"}))["config"] == {"addresses": ["x@y"]}
    assert reasons(await api.client.patch(f"{CHANNELS}/{mail}", json={"addresses": []}))[0] == 400


async def test_a_channel_that_was_disabled_says_so_and_is_enabled_by_a_change(api: Harness) -> None:
    id = await made(api)
    data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    report(api, id, 410)
    shown = data(await api.client.get(f"{CHANNELS}/{id}"))
    assert (shown["disabled"], shown["disabled_because"]) == (True, "answered 410 Gone")
    assert shown["disabled_at"] is not None
    for path in ("test", "deliveries/replay", f"deliveries/{UNKNOWN}/replay"):
        body = {"failed_since": "2020-01-01T00:00:00Z"} if path == "deliveries/replay" else None
        answer = await api.client.post(f"{CHANNELS}/{id}/{path}", json=body)
        assert (answer.status_code, answer.json()["error"]) == (409, "channel_disabled"), path
    shown = data(await api.client.patch(f"{CHANNELS}/{id}", json={}))
    assert (shown["disabled"], shown["disabled_at"], shown["disabled_because"]) == (False, None, None)
    data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)


# ---- test sends


async def test_a_test_is_an_event_of_the_journal_that_says_so(api: Harness) -> None:
    id = await made(api, events=["incident.resolved"])
    sent = data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    [(key, event)] = [(key, event) for key, event in api.log.of(DELIVERIES) if event["type"] == "delivery.requested"]
    assert key == id
    assert event["data"]["test"] is True
    [pending] = api.log.delivery_states.pending(id)
    body = json.loads(pending.delivery.body)
    assert body["event"] == sent["event"] == "incident.resolved"
    assert set(body["data"]) == {"test", "monitor", "incident"}
    assert body["data"]["incident"]["status"] == "resolved"
    assert body["data"]["monitor"]["url"] == "/"  # the sender puts the address of now before it
    assert (sent["id"], sent["event_id"], sent["status"]) == (pending.id, pending.delivery.event, "pending")
    assert [line["id"] for line in await log_of(api, id)] == [sent["id"]]


async def test_a_channel_without_events_cannot_be_tested(api: Harness) -> None:
    id = await made(api, events=[])
    assert reasons(await api.client.post(f"{CHANNELS}/{id}/test"))[0] == 409


async def test_tests_and_replays_never_push_out_what_has_happened(
    api: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_service, "MOST_ASKED_FOR", 3)
    id = await made(api)
    ended = []
    for _ in range(4):
        ended.append(data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)["id"])
        report(api, id)
    started = iso(api.log.time, -60)
    data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    answer = await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json={"from": started})
    assert data(answer, 202) == {"replayed": 2, "more": True}
    for path in ("test", f"deliveries/{ended[-1]}/replay"):
        answer = await api.client.post(f"{CHANNELS}/{id}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (429, "too_many_pending")
    answer = await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json={"from": started})
    assert data(answer, 202) == {"replayed": 0, "more": True}
    # One that is pending is hurried all the same, since that makes no other.
    [waiting, *_] = api.log.delivery_states.pending(id)
    data(await api.client.post(f"{CHANNELS}/{id}/deliveries/{waiting.id}/replay"), 202)
    report(api, id)
    data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)


# ---- the log


async def test_the_log_shows_what_is_pending_and_what_has_ended(api: Harness) -> None:
    id = await made(api)
    for status in (200, 500):
        data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
        report(api, id, status)
        api.log.tick(1)
    data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    fresh, waiting, delivered = await log_of(api, id)
    assert (fresh["status"], fresh["attempts"], fresh["last_error"], fresh["next_attempt_at"]) == (
        "pending", 0, None, None,
    )  # fmt: skip
    assert (waiting["status"], waiting["attempts"], waiting["last_error"]) == ("pending", 1, "HTTP 500")
    assert waiting["next_attempt_at"] is not None
    assert (delivered["status"], delivered["attempts"], delivered["replay_id"]) == ("delivered", 1, None)
    assert delivered["created_at"] <= delivered["finished_at"]
    assert {line["event"] for line in (fresh, waiting, delivered)} == {"monitor.down"}


async def test_the_log_has_pages(api: Harness) -> None:
    id = await made(api)
    sent = []
    for n in range(7):
        api.log.tick(1)
        sent.append(data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)["id"])
        if n < 4:
            report(api, id)
    pages = [await log_of(api, id, page=page, per_page=2) for page in range(1, 6)]
    assert [line["id"] for page in pages for line in page] == sent[::-1]
    assert [len(page) for page in pages] == [2, 2, 2, 1, 0]
    answer = await api.client.get(f"{CHANNELS}/{id}/deliveries", params={"per_page": 2})
    assert answer.json()["meta"] == {"page": 1, "per_page": 2, "total": 7, "total_pages": 4}


async def test_without_history_there_is_no_log() -> None:
    api = Harness(history=False)
    api.client.headers["X-Api-Key"] = POP_KEY
    id = await made(api)
    for method, path in (("GET", ""), ("POST", f"/{UNKNOWN}/replay")):
        answer = await api.client.request(method, f"{CHANNELS}/{id}/deliveries{path}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


# ---- sending again


async def test_a_delivery_is_sent_again_under_the_same_id_with_the_same_body(api: Harness) -> None:
    id = await made(api)
    sent = data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    [first] = api.log.delivery_states.pending(id)
    report(api, id)
    again = data(await api.client.post(f"{CHANNELS}/{id}/deliveries/{sent['id']}/replay"), 202)
    assert (again["id"], again["event_id"], again["status"]) == (sent["id"], sent["event_id"], "pending")
    [second] = api.log.delivery_states.pending(id)
    assert (second.delivery.body, second.delivery.event) == (first.delivery.body, first.delivery.event)
    assert second.replay == again["replay_id"]
    report(api, id)
    lines = await log_of(api, id)
    assert [(line["id"], line["replay_id"]) for line in lines] == [(sent["id"], again["replay_id"]), (sent["id"], None)]
    assert sum(event["type"] == "delivery.replayed" for _, event in api.log.of(DELIVERIES)) == 1


async def test_one_that_waits_is_tried_at_once(api: Harness) -> None:
    id = await made(api)
    sent = data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
    report(api, id, 500)
    data(await api.client.post(f"{CHANNELS}/{id}/deliveries/{sent['id']}/replay"), 202)
    [pending] = api.log.delivery_states.pending(id)
    assert (pending.delivery.attempt, pending.delivery.due, pending.replay) == (2, None, "")


async def test_a_range_and_all_that_failed_are_sent_again(api: Harness) -> None:
    id = await made(api)
    times = []
    for status in (200, 410, 200, 410):
        api.log.tick(10)
        data(await api.client.post(f"{CHANNELS}/{id}/test"), 202)
        times.append(api.log.time)
        report(api, id, status)
        if status == 410:
            await api.client.patch(f"{CHANNELS}/{id}", json={})

    api.log.tick(10)
    range = {"from": iso(times[1]), "to": iso(times[2], 1)}
    assert data(await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json=range), 202) == {
        "replayed": 2, "more": False,
    }  # fmt: skip
    assert len(api.log.delivery_states.pending(id)) == 2
    # What is pending is left alone: of the two that failed one is under way already.
    failed = {"failed_since": iso(times[0])}
    assert data(await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json=failed), 202)["replayed"] == 1
    report(api, id)
    assert data(await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json=failed), 202)["replayed"] == 0
    since = {"from": iso(times[0])}
    assert data(await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json=since), 202)["replayed"] == 4


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"to": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "failed_since": "2026-01-01T00:00:00Z"},
        {"from": "yesterday"},
        {"from": 5},
        {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        {"failed_since": None},
    ],
)
async def test_a_range_that_is_none_is_a_fault(api: Harness, body: dict[str, Any]) -> None:
    id = await made(api)
    assert reasons(await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json=body))[0] == 400


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "2026-01-01T00:00:00"])
async def test_any_time_is_taken(api: Harness, moment: str) -> None:
    id = await made(api)
    for body in ({"from": moment}, {"from": moment, "to": moment}, {"failed_since": moment}):
        answer = await api.client.post(f"{CHANNELS}/{id}/deliveries/replay", json=body)
        assert data(answer, 202) == {"replayed": 0, "more": False}


# ---- whose


async def test_unknown_and_foreign_channels_and_deliveries_are_not_found(api: Harness) -> None:
    id = await made(api)
    assert reasons(await api.client.post(f"{CHANNELS}/{id}/deliveries/{UNKNOWN}/replay"))[0] == 404
    other = {"Authorization": f"Bearer {'p' * 32}"}
    range = {"from": "2026-01-01T00:00:00Z"}
    for channel, headers in ((UNKNOWN, {}), ("%0d%0a", {}), (id, other)):
        for method, path in (
            ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries"),
            ("POST", f"/deliveries/{UNKNOWN}/replay"), ("POST", "/deliveries/replay"),
        ):  # fmt: skip
            body = None if method == "GET" else range if path == "/deliveries/replay" else {}
            answer = await api.client.request(method, f"{CHANNELS}/{channel}{path}", json=body, headers=headers)
            assert reasons(answer) == (404, "Alert channel not found."), (method, path)


async def test_scopes(api: Harness) -> None:
    id = await made(api)
    for scope, wanted in (("alerts:read", "read"), ("alerts:write", "write"), ("monitors:write", "none")):
        text = f"pp_live_{scope}".ljust(40, "x")
        key = ApiKey(
            id=new_id(), project=api.project, kind="poppaping", hash=hash_api_key(text), prefix="pp", created=0,
            scopes=(scope,),  # type: ignore[arg-type]
        )  # fmt: skip
        api.request(api.project, KeyCreate(request=new_id(), at=api.log.time, key=key))
        for method, path, needs in (
            ("GET", "", "read"),
            ("GET", "/deliveries", "read"),
            ("PATCH", "", "write"),
            ("POST", "/test", "write"),
            ("POST", "/deliveries/replay", "write"),
            ("POST", f"/deliveries/{UNKNOWN}/replay", "write"),
        ):
            headers = {"Authorization": f"Bearer {text}"}
            answer = await api.client.request(
                method, f"{CHANNELS}/{id}{path}", json=None if method == "GET" else {}, headers=headers
            )
            assert (answer.status_code == 403) is (needs != wanted), (scope, method, path)


async def test_when_kafka_is_away_nothing_is_promised(api: Harness) -> None:
    id = await made(api)
    api.log.broken = True
    answer = await api.client.post(f"{CHANNELS}/{id}/test")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
