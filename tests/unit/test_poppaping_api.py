"""The PoppaPing API over the real folds, in memory: keys, scopes and monitors (docs/compatibility/poppaping.md)."""

import json
from typing import Any

import pytest

from infra.secrets.secrets import hash_api_key
from schemas.base import SECOND
from schemas.definitions import ApiKey, KeyKind, KeyScope
from schemas.ids import new_id
from schemas.requests import KeyCreate
from tests.harness import POP_KEY, WRITE_KEY, Harness
from tests.poppaping_client import BODY, LIMIT_HEADERS, OTHERS_KEY, UNKNOWN, V1, fault, made, seen, with_key


@pytest.fixture
def harness() -> Harness:
    return with_key(Harness())


def add_key(
    harness: Harness,
    text: str,
    scopes: tuple[KeyScope, ...] = (),
    expires: int | None = None,
    kind: KeyKind = "poppaping",
) -> str:
    key = ApiKey(
        id=new_id(),
        project=harness.project,
        kind=kind,
        hash=hash_api_key(text),
        prefix=text[:4],
        created=0,
        scopes=scopes,
        expires=expires,
    )
    harness.request(harness.project, KeyCreate(request=new_id(), at=harness.log.time, key=key))
    return key.id


# ---- keys and scopes


async def test_both_headers_carry_the_key(harness: Harness) -> None:
    assert (await harness.client.get(f"{V1}/monitors")).status_code == 200
    del harness.client.headers["Authorization"]
    assert (await harness.client.get(f"{V1}/monitors", headers={"X-API-Key": POP_KEY})).status_code == 200
    assert (await harness.client.get(f"{V1}/account", headers={"authorization": f"bearer {POP_KEY}"})).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer nope"},
        {"X-API-Key": "x" * 300},
        {"X-API-Key": WRITE_KEY},
    ],
)
async def test_no_key_or_a_wrong_one(harness: Harness, headers: dict[str, str]) -> None:
    del harness.client.headers["Authorization"]
    for path in ("/monitors", "/account", "/incidents", "/alerts", f"/monitors/{UNKNOWN}"):
        answer = await harness.client.get(V1 + path, headers=headers)
        assert fault(answer) == (401, "unauthorized")
        assert set(answer.headers) >= LIMIT_HEADERS


async def test_an_expired_and_a_revoked_key(harness: Harness) -> None:
    add_key(harness, "soon-over", expires=harness.log.time + 10 * SECOND)
    headers = {"Authorization": "Bearer soon-over"}
    assert (await harness.client.get(f"{V1}/account", headers=headers)).is_success
    harness.log.tick(10)
    assert fault(await harness.client.get(f"{V1}/account", headers=headers)) == (401, "key_expired")


@pytest.mark.parametrize("kind", ["healthchecks", "healthchecks-readonly", "poppaping"])
async def test_an_expired_key_opens_nothing_in_any_api(harness: Harness, kind: KeyKind) -> None:
    del harness.client.headers["Authorization"]
    key = "soon-over".ljust(32, "-")
    add_key(harness, key, expires=harness.log.time + 10 * SECOND, kind=kind)
    paths = ["/api/v1/checks/", "/api/v2/checks/", "/api/v3/checks/", f"{V1}/monitors"]

    async def opened() -> set[str]:
        answers = {path: await harness.client.get(path, headers={"X-Api-Key": key}) for path in paths}
        assert all(answer.status_code in (200, 401) for answer in answers.values())
        return {path for path, answer in answers.items() if answer.status_code == 200}

    assert await opened() == ({paths[-1]} if kind == "poppaping" else set(paths[:-1]))
    harness.log.tick(10)
    assert await opened() == set()


NEEDS: list[tuple[str, str, KeyScope]] = [
    ("GET", "/monitors", "monitors:read"),
    ("GET", f"/monitors/{UNKNOWN}", "monitors:read"),
    ("GET", f"/monitors/{UNKNOWN}/uptime", "monitors:read"),
    ("GET", f"/monitors/{UNKNOWN}/checks", "monitors:read"),
    ("POST", "/what-if", "monitors:read"),
    ("POST", "/monitors", "monitors:write"),
    ("PATCH", f"/monitors/{UNKNOWN}", "monitors:write"),
    ("DELETE", f"/monitors/{UNKNOWN}", "monitors:write"),
    ("POST", f"/monitors/{UNKNOWN}/pause", "monitors:write"),
    ("POST", f"/monitors/{UNKNOWN}/resume", "monitors:write"),
    ("GET", "/incidents", "incidents:read"),
    ("GET", f"/incidents/{UNKNOWN}", "incidents:read"),
    ("GET", "/alerts", "alerts:read"),
    ("POST", "/alert-channels", "alerts:write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
async def test_each_call_needs_its_scope(harness: Harness, method: str, path: str, scope: KeyScope) -> None:
    every: tuple[KeyScope, ...] = ("monitors:read", "monitors:write", "incidents:read", "alerts:read", "alerts:write")
    add_key(harness, "all-but-one", scopes=tuple(one for one in every if one != scope))
    add_key(harness, "only-one", scopes=(scope,))
    refused = await harness.client.request(method, V1 + path, headers={"Authorization": "Bearer all-but-one"})
    assert fault(refused) == (403, "insufficient_scope")
    taken = await harness.client.request(method, V1 + path, headers={"Authorization": "Bearer only-one"})
    assert taken.status_code in (200, 400, 404)


async def test_any_key_sees_the_account(harness: Harness) -> None:
    add_key(harness, "narrow", scopes=("alerts:read",))
    headers = {"Authorization": "Bearer narrow"}
    account = (await harness.client.get(f"{V1}/account", headers=headers)).json()["data"]
    assert (account["name"], account["plan"], account["key"]["scopes"]) == ("main", "self-hosted", ["alerts:read"])
    await made(harness)
    paused = await made(harness, paused=True)
    assert paused["current_status"] == "paused"
    # A bare object, as on PoppaPing's page.
    assert (await harness.client.get(f"{V1}/account/usage", headers=headers)).json() == {
        "monitors_used": 2,
        "monitors_active": 1,
        "monitors_limit": None,
        "checks_last_24h": 0,
        "plan": "self-hosted",
    }


# ---- monitors


async def test_a_monitor_is_made_as_the_seed_shows(harness: Harness) -> None:
    monitor = await made(harness)
    assert (
        monitor
        | {
            "name": "Production API",
            "url": "https://api.example.com/health",
            "method": "GET",
            "interval_seconds": 60,
            "timeout_seconds": 30,
            "headers": {},
            "regions": [],
            "type": "http",
            "current_status": "pending",
            "response_time_ms": None,
        }
        == monitor
    )
    listed = (await harness.client.get(f"{V1}/monitors")).json()
    assert listed == {"data": [monitor], "meta": {"page": 1, "per_page": 25, "total": 1, "total_pages": 1}}
    harness.log.probe(monitor["id"])
    now = await seen(harness, monitor["id"])
    assert (now["current_status"], now["response_time_ms"], now["uptime_percentage"]) == ("up", 142, 100.0)


async def test_only_the_fields_given_change(harness: Harness) -> None:
    monitor = await made(harness, headers={"Authorization": "Bearer s3cret", "X-A": "b"}, expected_statuses=[204, 200])
    assert monitor["headers"] == {"Authorization": "[hidden]", "X-A": "[hidden]"}
    assert monitor["expected_statuses"] == [200, 204]
    path = f"{V1}/monitors/{monitor['id']}"
    answer = await harness.client.patch(path, json={"interval_seconds": 30})
    changed = answer.json()["data"]
    assert changed == monitor | {"interval_seconds": 30, "updated_at": changed["updated_at"]}
    # What was hidden and comes back keeps its value; what is left out of the headers is gone.
    await harness.client.patch(path, json={"headers": {"Authorization": "[hidden]"}})
    definition = harness.log.directory.monitor(monitor["id"])
    assert definition is not None
    sealed = json.loads(definition.target.sealed.removeprefix("sealed ")[::-1])
    assert sealed["headers"] == {"Authorization": "Bearer s3cret"}
    await harness.client.patch(path, json={"headers": None})
    assert (await seen(harness, monitor["id"]))["headers"] == {}


STORED = {"headers": {"Authorization": "Bearer s3cret"}, "body": "s3cret", "url": "http://a.test/x"}


@pytest.mark.parametrize(
    "moved",
    [
        {"url": "http://evil.test/x"},
        {"url": "http://a.test:8080/x"},
        {"url": "https://a.test:8443/x"},
        {"url": "http://a.test.evil.test/x"},
        {"url": "http://evil.test/", "headers": {"Authorization": "[hidden]"}, "body": "new"},
        {"url": "http://evil.test/", "headers": {"authorization": "[hidden]"}, "body": ""},
        {"url": "http://evil.test/", "headers": {}},
        {"url": "http://evil.test/", "body": "new"},
        {"type": "tcp", "host": "a.test", "port": 80, "headers": {"Authorization": "[hidden]"}},
    ],
)
async def test_what_is_stored_is_not_sent_elsewhere(harness: Harness, moved: dict[str, Any]) -> None:
    """Whoever may change a monitor cannot read its credentials by sending them to himself."""
    monitor = await made(harness, **STORED)
    before = harness.log.directory.monitor(monitor["id"])
    answer = await harness.client.patch(f"{V1}/monitors/{monitor['id']}", json=moved)
    assert fault(answer) == (400, "validation_error")
    assert "must be given anew" in answer.json()["message"]
    assert harness.log.directory.monitor(monitor["id"]) == before


@pytest.mark.parametrize(
    ("changes", "origin", "headers", "body"),
    [
        ({"url": "http://a.test/y?z"}, "http://a.test", {"Authorization": "Bearer s3cret"}, "s3cret"),
        ({"url": "HTTP://A.test:80/"}, "http://a.test", {"Authorization": "Bearer s3cret"}, "s3cret"),
        ({"url": "https://a.test/"}, "https://a.test", {"Authorization": "Bearer s3cret"}, "s3cret"),
        ({"url": "http://b.test/", "headers": {"X": "y"}, "body": "n"}, "http://b.test", {"X": "y"}, "n"),
        ({"url": "http://b.test/", "headers": {"X": "[hidden]"}, "body": "n"}, "http://b.test", {"X": ""}, "n"),
    ],
)
async def test_what_is_sealed_belongs_to_an_origin(
    harness: Harness, changes: dict[str, Any], origin: str, headers: dict[str, str], body: str
) -> None:
    monitor = await made(harness, **STORED)
    answer = await harness.client.patch(f"{V1}/monitors/{monitor['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    definition = harness.log.directory.monitor(monitor["id"])
    assert definition is not None
    sealed = json.loads(definition.target.sealed.removeprefix("sealed ")[::-1])
    assert sealed == {"headers": headers, "body": body, "origin": origin}


async def test_what_is_sealed_goes_with_its_kind(harness: Harness) -> None:
    """By way of another kind nothing comes back for another address."""
    path = f"{V1}/monitors/{(await made(harness, **STORED))['id']}"
    assert (await harness.client.patch(path, json={"type": "tcp", "host": "a.test", "port": 80})).status_code == 200
    answer = await harness.client.patch(
        path, json={"type": "http", "url": "http://evil.test/", "headers": {"Authorization": "[hidden]"}}
    )
    assert answer.status_code == 200, answer.text
    definition = harness.log.directory.monitor(path.rpartition("/")[2])
    assert definition is not None
    assert "s3cret" not in definition.target.sealed[::-1]


async def test_pause_resume_and_delete(harness: Harness) -> None:
    id = (await made(harness))["id"]
    harness.log.probe(id)
    paused = (await harness.client.post(f"{V1}/monitors/{id}/pause")).json()["data"]
    assert (paused["current_status"], paused["paused"]) == ("paused", True)
    again = await harness.client.post(f"{V1}/monitors/{id}/pause")
    assert again.json()["data"] == paused
    resumed = (await harness.client.post(f"{V1}/monitors/{id}/resume")).json()["data"]
    assert resumed["current_status"] == "pending"
    assert (await harness.client.delete(f"{V1}/monitors/{id}")).json() == {"data": {"id": id, "deleted": True}}
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/uptime")):
        answer = await harness.client.request(method, f"{V1}/monitors/{id}{end}", json={})
        assert fault(answer) == (404, "not_found")
        assert answer.json()["message"] == "Monitor not found."


async def test_nobody_sees_the_monitors_of_others(harness: Harness) -> None:
    id = (await made(harness))["id"]
    others = {"Authorization": f"Bearer {OTHERS_KEY}"}
    assert (await harness.client.get(f"{V1}/monitors", headers=others)).json()["data"] == []
    for method, end in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/checks")):
        answer = await harness.client.request(method, f"{V1}/monitors/{id}{end}", json={}, headers=others)
        assert fault(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"url": None}, "'url' is required"),
        ({"name": None}, "'name' is required"),
        ({"name": ""}, "'name'"),
        ({"name": 5}, "'name'"),
        ({"url": "ftp://a.test/"}, "http://"),
        ({"url": "https://user:secret@a.test/"}, "credentials"),
        ({"url": "https:///x"}, "not a valid URL"),
        ({"url": "http://[::1"}, "not a valid URL"),
        ({"url": "https://a.test/\nX: y"}, "blanks"),
        ({"url": "https://b ücher.test/"}, "blanks"),
        ({"url": f"https://{'ü' * 60}.test/"}, "63 characters"),
        ({"url": "https://a.test:99999/"}, "not a valid URL"),
        ({"interval_seconds": 0}, "'interval_seconds'"),
        ({"interval_seconds": "60"}, "'interval_seconds'"),
        ({"timeout_seconds": 1000}, "'timeout_seconds'"),
        ({"method": "BREW"}, "'method'"),
        ({"headers": {"a b": "c"}}, "'headers'"),
        ({"headers": {"X-A": "b\r\nX-B: c"}}, "'headers"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "must not hold Transfer-Encoding"),
        ({"headers": {"content-length": "5"}}, "must not hold content-length"),
        ({"headers": {"host": "a b"}}, "Field 'headers': host must be a host name"),
        ({"regions": ["mars"]}, "Unknown region 'mars'"),
        ({"expected_statuses": [42]}, "'expected_statuses"),
        ({"alert_channel_ids": ["nobody"]}, "'alert_channel_ids'"),
        ({"type": "tcp"}, "'host' is required"),
        ({"type": "tcp", "host": "a.test"}, "'port' is required"),
        ({"type": "game", "host": "a.test", "port": 1}, "'type'"),
        ({"intervall_seconds": 60}, "intervall_seconds"),
    ],
)
async def test_what_is_wrong_is_said(harness: Harness, body: dict[str, Any], words: str) -> None:
    whole = {name: value for name, value in (BODY | body).items() if value is not None}
    answer = await harness.client.post(f"{V1}/monitors", json=whole)
    assert fault(answer) == (400, "validation_error")
    assert words in answer.json()["message"]
    assert (await harness.client.get(f"{V1}/monitors")).json()["meta"]["total"] == 0


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b'"x"', b"[" * 100_000])
async def test_a_body_that_is_no_object(harness: Harness, content: bytes) -> None:
    assert fault(await harness.client.post(f"{V1}/monitors", content=content)) == (400, "validation_error")


async def test_other_kinds_need_no_url(harness: Harness) -> None:
    monitor = await made(harness, type="tcp", host="db.example.com", port=5432)
    assert (monitor["type"], monitor["url"], monitor["host"], monitor["port"]) == ("tcp", None, "db.example.com", 5432)


async def test_channels_are_every_one_unless_chosen(harness: Harness) -> None:
    one, two = harness.make_channel("one"), harness.make_channel("two")
    assert sorted((await made(harness))["alert_channel_ids"]) == sorted([one, two])
    assert (await made(harness, alert_channel_ids=[one]))["alert_channel_ids"] == [one]
    assert (await made(harness, alert_channel_ids=[]))["alert_channel_ids"] == []


async def test_pages(harness: Harness) -> None:
    ids = []
    for number in range(5):
        ids.append((await made(harness, name=f"m{number}"))["id"])
        harness.log.tick(1)
    page = (await harness.client.get(f"{V1}/monitors?page=2&per_page=2")).json()
    assert [one["id"] for one in page["data"]] == ids[2:4]
    assert page["meta"] == {"page": 2, "per_page": 2, "total": 5, "total_pages": 3}
    beyond = (await harness.client.get(f"{V1}/monitors?page=9")).json()
    assert (beyond["data"], beyond["meta"]["total"]) == ([], 5)
    assert (await harness.client.get(f"{V1}/monitors?per_page=5000")).json()["meta"]["per_page"] == 100
    for query in ("page=0", "page=-1", "page=x", "per_page=0", "page=99999999999999999999"):
        answer = await harness.client.get(f"{V1}/monitors?{query}")
        assert fault(answer) == (400, "validation_error")
