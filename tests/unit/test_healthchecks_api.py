"""The Management API over the real folds, in memory (docs/compatibility/management.md)."""

import asyncio
import hashlib
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.healthchecks.fields import RULES
from schemas.base import SECOND
from schemas.topics import PINGS, PROJECTS, TRANSITIONS
from tests.conformance import resolved
from tests.harness import OTHER_KEY, READ_KEY, WRITE_KEY, Harness

CHECKS = "/api/v3/checks/"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
JSON_HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def made(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await harness.client.post(CHECKS, json=fields)
    assert answer.status_code == 201, answer.text
    check: dict[str, Any] = answer.json()
    return check


async def seen(harness: Harness, id: str, version: int = 3) -> dict[str, Any]:
    answer = await harness.client.get(f"/api/v{version}/checks/{id}")
    assert answer.status_code == 200
    assert "Pingfold-Stale" not in answer.headers
    check: dict[str, Any] = answer.json()
    return check


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# ---- keys


@pytest.mark.parametrize("key", [None, "", "short", "x" * 33])
async def test_no_key(harness: Harness, key: str | None) -> None:
    del harness.client.headers["X-Api-Key"]
    headers = {} if key is None else {"X-Api-Key": key}
    for method, path in (("GET", CHECKS), ("POST", CHECKS), ("DELETE", CHECKS + UNKNOWN), ("GET", "/api/v1/channels/")):
        answer = await harness.client.request(method, path, headers=headers)
        assert error_of(answer) == (401, "missing api key")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("key", ["x" * 32, "p" * 32, "é" * 32])
async def test_a_wrong_key(harness: Harness, key: str) -> None:
    answer = await harness.client.get(CHECKS, headers={b"X-Api-Key": key.encode("latin-1")})
    assert error_of(answer) == (401, "wrong api key")


async def test_a_read_only_key_only_reads(harness: Harness) -> None:
    id = (await made(harness))["uuid"]
    read = {"X-Api-Key": READ_KEY}
    for path in (CHECKS, CHECKS + id, f"{CHECKS}{id}/flips/"):
        assert (await harness.client.get(path, headers=read)).status_code == 200
    for method, path in (
        ("POST", CHECKS),
        ("POST", CHECKS + id),
        ("DELETE", CHECKS + id),
        ("POST", f"{CHECKS}{id}/pause"),
        ("POST", f"{CHECKS}{id}/resume"),
        ("GET", f"{CHECKS}{id}/pings/"),
        ("GET", f"{CHECKS}{id}/pings/1/body"),
        ("GET", "/api/v3/channels/"),
    ):
        answer = await harness.client.request(method, path, headers=read)
        assert error_of(answer) == (401, "wrong api key")


async def test_a_key_in_the_body_of_a_post(harness: Harness) -> None:
    del harness.client.headers["X-Api-Key"]
    assert (await harness.client.post(CHECKS, json={"api_key": WRITE_KEY})).status_code == 201
    assert error_of(await harness.client.post(CHECKS, json={"api_key": 5})) == (401, "missing api key")
    # The header wins, whatever it says.
    answer = await harness.client.post(CHECKS, json={"api_key": WRITE_KEY}, headers={"X-Api-Key": "x"})
    assert error_of(answer) == (401, "missing api key")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "could not parse request body"),
        (b"\xff\xfe", "could not parse request body"),
        (b'"\\ud800"', "could not parse request body"),
        (b'{"name": NaN}', "could not parse request body"),
        (b"[" * 100_000, "could not parse request body"),
        (b'{"timeout": ' + b"9" * 5_000 + b"}", "could not parse request body"),
        (b"[]", "json validation error: value is not an object"),
        (b"null", "json validation error: value is not an object"),
        (b"1", "json validation error: value is not an object"),
    ],
)
async def test_a_body_is_looked_at_when_the_key_is_right(harness: Harness, body: bytes, error: str) -> None:
    for path in (CHECKS, CHECKS + UNKNOWN, f"{CHECKS}{UNKNOWN}/pause", f"{CHECKS}{UNKNOWN}/resume"):
        answer = await harness.client.post(path, content=body)
        assert error_of(answer) == (400, error)
        answer = await harness.client.post(path, content=body, headers={"X-Api-Key": "x"})
        assert error_of(answer)[0] == (401 if len(body) <= 16_384 else 413)


async def test_a_body_too_large(harness: Harness) -> None:
    answer = await harness.client.post(CHECKS, content=b'{"desc": "' + b"x" * 2**20 + b'"}')
    assert error_of(answer) == (413, "request body is too large")


async def test_another_project_is_closed(harness: Harness) -> None:
    id = (await made(harness, name="secret"))["uuid"]
    other = {"X-Api-Key": OTHER_KEY}
    for method, path in (
        ("GET", CHECKS + id),
        ("POST", CHECKS + id),
        ("DELETE", CHECKS + id),
        ("POST", f"{CHECKS}{id}/pause"),
        ("GET", f"{CHECKS}{id}/pings/"),
        ("GET", f"{CHECKS}{id}/flips/"),
    ):
        answer = await harness.client.request(method, path, headers=other)
        assert (answer.status_code, answer.content) == (403, b"")
    assert (await harness.client.get(CHECKS, headers=other)).json() == {"checks": []}
    key = (await harness.client.get(CHECKS, headers={"X-Api-Key": READ_KEY})).json()["checks"][0]["unique_key"]
    assert (await harness.client.get(CHECKS + key, headers=other)).status_code == 404


# ---- create


async def test_create_with_nothing(harness: Harness) -> None:
    for path in ("/api/v1/checks/", "/api/v2/checks", CHECKS):
        for content in (b"", b"{}"):
            answer = await harness.client.post(path, content=content, headers=JSON_HEADERS)
            assert answer.status_code == 201
            check = answer.json()
            assert (check["status"], check["timeout"], check["grace"], check["channels"]) == ("new", 86_400, 3_600, "")
            assert await seen(harness, check["uuid"], int(path[6])) == check
            assert check["update_url"].endswith(f"{path[:14].rstrip('/')}/{check['uuid']}")
    assert len((await harness.client.get(CHECKS)).json()["checks"]) == 6


async def test_create_with_everything(harness: Harness) -> None:
    channel = harness.make_channel("ops")
    fields = {
        "name": "Backup", "slug": "backup", "tags": "db prod", "desc": "nightly", "schedule": "0 2 * * *",
        "tz": "Europe/Kiev", "grace": 7200, "late_limit": 600, "run_limit": 900, "methods": "POST",
        "manual_resume": True, "start_kw": "begin", "success_kw": "ok", "failure_kw": "bad", "filter_http_body": True,
        "channels": "ops",
    }  # fmt: skip
    check = await made(harness, timeout=60, unique=[], **fields)
    assert {name: check[name] for name in fields} == fields | {"tz": "Europe/Kyiv", "channels": channel}
    assert "timeout" not in check


async def test_a_bad_request_makes_nothing(harness: Harness) -> None:
    requests = len(harness.log.of(PROJECTS))
    answer = await harness.client.post(CHECKS, json={"name": "ok", "timeout": 59})
    assert error_of(answer) == (400, "json validation error: timeout is too small")
    assert len(harness.log.of(PROJECTS)) == requests


async def test_channels(harness: Harness) -> None:
    first, twin, _ = (harness.make_channel(name) for name in ("ops", "twin", "twin"))
    assert (await made(harness, channels=f"ops,{twin}"))["channels"] == ",".join(sorted([first, twin]))
    assert len((await made(harness, channels="*"))["channels"].split(",")) == 3
    for text, error in (
        ("nope", "invalid channel identifier: nope"),
        ("twin", "non-unique channel identifier: twin"),
        ("ops,", "empty channel identifier"),
    ):
        assert error_of(await harness.client.post(CHECKS, json={"channels": text})) == (400, error)
    assert len((await harness.client.get(CHECKS)).json()["checks"]) == 2
    for path in ("/api/v3/channels/", "/api/v3/channels"):
        listed = (await harness.client.get(path)).json()["channels"]
        assert [(one["name"], one["kind"]) for one in listed if one["id"] == first] == [("ops", "webhook")]
        assert len(listed) == 3


async def test_the_limit_of_a_project(harness: Harness) -> None:
    harness.make_project("small", {"hcw_" + "s" * 28: "healthchecks"}, check_limit=1)
    small = {"X-Api-Key": "hcw_" + "s" * 28}
    assert (await harness.client.post(CHECKS, headers=small)).status_code == 201
    refused = await harness.client.post(CHECKS, headers=small)
    assert (refused.status_code, refused.content) == (403, b"")


async def test_upsert(harness: Harness) -> None:
    check = await made(harness, name="a", schedule="0 2 * * *", tz="Europe/Oslo")
    answer = await harness.client.post(CHECKS, json={"name": "a", "schedule": "0 3 * * *", "unique": ["name"]})
    assert answer.status_code == 200
    assert answer.json() == check | {"schedule": "0 3 * * *"}
    answer = await harness.client.post(CHECKS, json={"name": "a", "timeout": 60, "tz": "UTC", "unique": ["name"]})
    assert (answer.status_code, answer.json()["timeout"], answer.json()["uuid"]) == (200, 60, check["uuid"])
    for fields in ({"name": "A", "unique": ["name"]}, {"name": "a", "unique": ["name", "slug"]}, {"name": "a"}):
        assert (await harness.client.post(CHECKS, json=fields)).status_code == 201


async def test_a_hundred_upserts_at_once_make_one_check(harness: Harness) -> None:
    upsert = {"name": "one", "unique": ["name"]}
    answers = await asyncio.gather(*(harness.client.post(CHECKS, json=upsert) for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert len({answer.json()["uuid"] for answer in answers}) == 1


# ---- read


async def test_the_list(harness: Harness) -> None:
    names = []
    for number, tags in enumerate(("a b", "a", "ab", "")):
        harness.log.tick(1)
        names.append((await made(harness, name=str(number), tags=tags, slug=f"s{number % 2}"))["name"])

    async def listed(query: str) -> list[str]:
        return [check["name"] for check in (await harness.client.get(f"{CHECKS}?{query}")).json()["checks"]]

    assert await listed("") == names
    assert await listed("tag=a") == ["0", "1"]
    assert await listed("tag=a&tag=b") == ["0"]
    assert await listed("tag=") == []
    assert await listed("slug=s1") == ["1", "3"]
    assert await listed("slug=s1&tag=a") == ["1"]
    assert await listed("slug=none") == []
    assert (await harness.client.get("/api/v3/checks")).json() == (await harness.client.get(CHECKS)).json()


async def test_read_by_unique_key(harness: Harness) -> None:
    id = (await made(harness, name="x"))["uuid"]
    key = hashlib.sha1(id.replace("-", "")[:16].encode()).hexdigest()
    by_key = await harness.client.get(CHECKS + key, headers={"X-Api-Key": READ_KEY})
    by_id = await harness.client.get(CHECKS + id, headers={"X-Api-Key": READ_KEY})
    assert by_key.json() == by_id.json()
    assert by_key.json()["unique_key"] == key
    assert "uuid" not in by_key.json()
    assert (await harness.client.get(CHECKS + key)).json()["uuid"] == id
    assert (await harness.client.get(f"{CHECKS}{key}/flips/")).json() == {"flips": []}
    unknown = await harness.client.get(CHECKS + "0" * 40)
    assert (unknown.status_code, unknown.content) == (404, b"")
    assert (await harness.client.post(CHECKS + key)).status_code == 405


@pytest.mark.parametrize("code", [UNKNOWN, UNKNOWN.upper().replace("0", "A"), "x", "%00", "%ff", "a" * 41, "ä" * 40])
async def test_no_such_check(harness: Harness, code: str) -> None:
    for method, rest in (("GET", ""), ("POST", ""), ("DELETE", ""), ("POST", "/pause"), ("GET", "/pings/")):
        answer = await harness.client.request(method, CHECKS + code + rest)
        assert error_of(answer) == (404, "not found")


async def test_status_follows_pings_and_time(harness: Harness) -> None:
    id = (await made(harness, timeout=60, grace=60))["uuid"]
    harness.log.ping(id, "start")
    assert (await seen(harness, id, 1))["status"] == "started"
    check = await seen(harness, id)
    assert (check["status"], check["started"], check["next_ping"] is not None) == ("new", True, True)
    harness.log.tick(5)
    harness.log.ping(id)
    check = await seen(harness, id)
    assert (check["status"], check["n_pings"], check["last_duration"]) == ("up", 2, 5)
    harness.log.tick(59)
    assert (await seen(harness, id))["status"] == "up"
    harness.log.tick(1)
    assert (await seen(harness, id))["status"] == "grace"
    harness.log.tick(59)
    assert (await seen(harness, id))["status"] == "grace"
    harness.log.tick(1)
    assert (await seen(harness, id))["status"] == "down"
    harness.log.ping(id, exitstatus=3)
    check = await seen(harness, id)
    assert (check["status"], check["last_exitstatus"]) == ("down", 3)
    assert check["last_success"] != check["last_ping"]


# ---- update, delete, pause, resume


async def test_update_changes_only_what_is_said(harness: Harness) -> None:
    check = await made(harness, name="a", schedule="0 2 * * *", tz="Europe/Oslo", tags="t")
    answer = await harness.client.post(CHECKS + check["uuid"], json={"schedule": "daily"})
    assert (answer.status_code, answer.json()) == (200, check | {"schedule": "daily"})
    answer = await harness.client.post(CHECKS + check["uuid"], json={"tz": "Asia/Tokyo", "name": ""})
    assert answer.json() == check | {"schedule": "daily", "tz": "Asia/Tokyo", "name": ""}
    assert (await harness.client.post(CHECKS + check["uuid"])).json() == answer.json()
    answer = await harness.client.post(CHECKS + check["uuid"], json={"grace": None})
    assert error_of(answer) == (400, "json validation error: grace is not a number")


async def test_names_and_slugs(harness: Harness) -> None:
    for version, slug in ((1, "my-job"), (2, "my-job"), (3, "")):
        answer = await harness.client.post(f"/api/v{version}/checks/", json={"name": "My Job"})
        assert answer.json()["slug"] == slug
        answer = await harness.client.post(f"/api/v{version}/checks/", json={"name": "My Job", "slug": "own"})
        assert answer.json()["slug"] == "own"


async def test_slugs_from_names() -> None:
    harness = Harness(slugs="from-name", ping_endpoint="https://hc-ping.com/", site_name="Our Monitor")
    check = await made(harness, name="Database Backup", slug="own")
    assert check["slug"] == "database-backup"
    assert check["ping_url"] == f"https://hc-ping.com/{check['uuid']}"
    answer = await harness.client.post(CHECKS + check["uuid"], json={"name": "Other"})
    assert answer.json()["slug"] == "other"
    answer = await harness.client.post(CHECKS + check["uuid"], json={"slug": "own"})
    assert answer.json()["slug"] == "other"
    answer = await harness.client.post(CHECKS, json={"name": "OTHER!", "unique": ["slug"]})
    assert (answer.status_code, answer.json()["uuid"]) == (200, check["uuid"])
    assert (await harness.client.get("/openapi.json")).json()["info"]["title"] == "Our Monitor"


async def test_delete(harness: Harness) -> None:
    check = await made(harness, name="a")
    answer = await harness.client.request("DELETE", CHECKS + check["uuid"], headers=JSON_HEADERS)
    assert (answer.status_code, answer.json()) == (200, check)
    for method in ("GET", "POST", "DELETE"):
        assert (await harness.client.request(method, CHECKS + check["uuid"])).status_code == 404


async def test_pause_and_resume(harness: Harness) -> None:
    id = (await made(harness, timeout=60))["uuid"]
    harness.log.ping(id)
    harness.log.ping(id, "start")
    resume, pause = f"{CHECKS}{id}/resume", f"{CHECKS}{id}/pause"
    answer = await harness.client.post(resume, content=b"", headers=JSON_HEADERS)
    assert (answer.status_code, answer.text) == (409, "check is not paused")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for _ in range(2):
        answer = await harness.client.post(pause, content=b"", headers=JSON_HEADERS)
        assert (answer.status_code, answer.json()["status"]) == (200, "paused")
        assert (answer.json()["started"], answer.json()["next_ping"]) == (False, None)
    flips = (await harness.client.get(f"{CHECKS}{id}/flips/")).json()["flips"]
    assert [flip["up"] for flip in flips] == [0, 1]
    answer = await harness.client.post(resume)
    assert (answer.status_code, answer.json()["status"], answer.json()["last_ping"]) == (200, "new", None)
    assert (await harness.client.post(resume)).status_code == 409


# ---- history


async def test_pings_and_bodies(harness: Harness) -> None:
    id = (await made(harness))["uuid"]
    rid = "123e4567-e89b-12d3-a456-426614174000"
    harness.log.ping(id, "start", rid=rid)
    harness.log.tick(1.5)
    harness.log.ping(id, rid=rid, body="hello", scheme="https", method="POST", remote_addr="192.0.2.1", ua="curl")
    harness.log.ping(id, "fail", exitstatus=1, body_base64=b"\xff\x00")
    for path in (f"{CHECKS}{id}/pings/", f"{CHECKS}{id}/pings"):
        failed, success, start = (await harness.client.get(path)).json()["pings"]
    assert success == {
        "type": "success", "date": "2025-06-15T15:06:41.500000+00:00", "n": 2, "scheme": "https",
        "remote_addr": "192.0.2.1", "method": "POST", "ua": "curl", "rid": rid, "exitstatus": None, "duration": 1.5,
        "body_url": f"http://127.0.0.1:8000/api/v3/checks/{id}/pings/2/body",
    }  # fmt: skip
    assert (start["type"], start["body_url"], "duration" in start) == ("start", None, False)
    assert (failed["type"], failed["exitstatus"], failed["n"]) == ("fail", 1, 3)
    for n, body in ((2, b"hello"), (3, b"\xff\x00")):
        answer = await harness.client.get(f"{CHECKS}{id}/pings/{n}/body")
        assert (answer.content, answer.headers["Content-Type"]) == (body, "text/plain")
    for wrong in ("1", "0", "4", "-1", "x", "9" * 5000, "٣"):
        answer = await harness.client.get(f"{CHECKS}{id}/pings/{wrong}/body")
        assert error_of(answer) == (404, "not found")


async def test_flips(harness: Harness) -> None:
    id = (await made(harness, timeout=60, grace=60))["uuid"]
    harness.log.ping(id)
    up = harness.log.time // SECOND
    harness.log.tick(120)
    path = f"{CHECKS}{id}/flips/"
    down = {"timestamp": "2025-06-15T15:08:40+00:00", "up": 0}
    assert (await harness.client.get(path)).json() == {
        "flips": [down, {"timestamp": "2025-06-15T15:06:40+00:00", "up": 1}]
    }
    for query, count in (
        (f"start={up}", 2), (f"start={up + 1}", 1), (f"end={up}", 0), (f"end={up + 1}", 1), ("seconds=60", 1),
        ("seconds=0", 2), ("start=0&end=0&seconds=31536000", 2), ("end=10000000000", 2), (f"start={up + 120}", 1),
        ("start=10000000000", 0),
    ):  # fmt: skip
        assert len((await harness.client.get(f"{path[:-1]}?{query}")).json()["flips"]) == count, query
    for query in ("seconds=31536001", "seconds=", "seconds=-1", "start=x", "end=10000000001", "end=1.5", "start=%00"):
        answer = await harness.client.get(f"{path}?{query}")
        assert (answer.status_code, answer.content) == (400, b"")


async def test_flips_wait_for_the_newest_change_and_say_when_it_does_not_come(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = (await made(harness, timeout=60))["uuid"]
    harness.log.ping(id)
    harness.log.tick(3)
    await harness.client.post(f"{CHECKS}{id}/pause")
    harness.history.late = 2
    answer = await harness.client.get(f"{CHECKS}{id}/flips/")
    assert ([flip["up"] for flip in answer.json()["flips"]], "Pingfold-Stale" in answer.headers) == ([0, 1], False)
    monkeypatch.setattr("query_api.healthchecks.history_routes._FLIPS_WITHIN", 0.0)
    harness.log.tick(2)
    harness.history.late = 10
    answer = await harness.client.get(f"{CHECKS}{id}/flips/")
    assert ([flip["up"] for flip in answer.json()["flips"]], answer.headers["Pingfold-Stale"]) == ([1], "2")


async def test_without_history() -> None:
    harness = Harness(history=False)
    id = (await made(harness))["uuid"]
    for rest in ("pings/", "flips/"):
        answer = await harness.client.get(f"{CHECKS}{id}/{rest}")
        assert error_of(answer) == (503, "history is not available")
        assert answer.headers["Retry-After"] == "1"


# ---- freshness and trouble


async def test_a_read_that_cannot_show_an_acknowledged_ping_says_how_old_it_is(harness: Harness) -> None:
    id = (await made(harness, timeout=60))["uuid"]
    harness.log.tick(2)
    harness.log.held.add(PINGS.name)
    assert "Pingfold-Stale" not in (await harness.client.get(CHECKS + id)).headers
    harness.log.ping(id)
    harness.log.tick(7.5)
    for path in (CHECKS + id, CHECKS):
        answer = await harness.client.get(path)
        assert (answer.status_code, answer.headers["Pingfold-Stale"]) == (200, "8")
    answer = await harness.client.post(f"{CHECKS}{id}/pause")
    assert (answer.status_code, answer.json()["status"], answer.headers["Pingfold-Stale"]) == (200, "new", "8")
    harness.log.held.clear()
    harness.log.tick(1)
    assert (await seen(harness, id))["status"] == "paused"


async def test_a_definition_not_folded_yet_is_stale_in_the_state_only(harness: Harness) -> None:
    harness.log.held.add(PINGS.name)
    answer = await harness.client.post(CHECKS, json={"name": "a"})
    assert (answer.status_code, answer.json()["status"], answer.headers["Pingfold-Stale"]) == (201, "new", "1")


async def test_nobody_is_late_because_the_fold_is(harness: Harness) -> None:
    id = (await made(harness, timeout=60, grace=60))["uuid"]
    harness.log.ping(id)
    harness.log.tick(1)
    harness.log.held.add(PINGS.name)
    harness.log.tick(3600)
    assert (await harness.client.get(CHECKS + id)).json()["status"] == "up"


async def test_without_kafka_nothing_is_claimed(harness: Harness) -> None:
    id = (await made(harness))["uuid"]
    harness.log.broken = True
    assert (await harness.client.get(CHECKS + id)).status_code == 200
    for method, path in (
        ("POST", CHECKS),
        ("POST", CHECKS + id),
        ("DELETE", CHECKS + id),
        ("POST", f"{CHECKS}{id}/pause"),
        ("GET", CHECKS + UNKNOWN),
    ):
        answer = await harness.client.request(method, path)
        assert answer.status_code == 503
        assert answer.json()["error"]
        assert answer.headers["Retry-After"] == "1"
    answer = await harness.client.get(CHECKS, headers={"X-Api-Key": "x" * 32})
    assert answer.status_code == 503


# ---- verbs, paths, documentation

ROUTES = {
    "checks/": "GET, POST",
    "checks": "GET, POST",
    f"checks/{UNKNOWN}": "GET, POST, DELETE",
    f"checks/{UNKNOWN}/pause": "POST",
    f"checks/{UNKNOWN}/resume": "POST",
    f"checks/{UNKNOWN}/pings/": "GET",
    f"checks/{UNKNOWN}/pings/1/body": "GET",
    f"checks/{UNKNOWN}/flips": "GET",
}


@pytest.mark.parametrize(("path", "verbs"), ROUTES.items())
async def test_verbs(harness: Harness, path: str, verbs: str) -> None:
    del harness.client.headers["X-Api-Key"]
    for version in (1, 2, 3):
        url = f"/api/v{version}/{path}"
        answer = await harness.client.options(url)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["Access-Control-Allow-Methods"] == f"{verbs}, OPTIONS"
        assert answer.headers["Access-Control-Allow-Headers"] == "X-Api-Key, Content-Type, If-None-Match"
        assert answer.headers["Access-Control-Max-Age"] == "600"
        for method in ("PUT", "PATCH", "BREW", *({"GET", "POST", "DELETE"} - set(verbs.split(", ")))):
            answer = await harness.client.request(method, url)
            assert (answer.status_code, answer.content) == (405, b"")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_head_is_get_without_the_body(harness: Harness) -> None:
    id = (await made(harness))["uuid"]
    for path in (CHECKS, CHECKS + id, f"{CHECKS}{id}/pings/"):
        get, head = await harness.client.get(path), await harness.client.head(path)
        assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)
    assert (await harness.client.head(f"{CHECKS}{id}/pause")).status_code == 405


@pytest.mark.parametrize("path", ["/api", "/api/v3", "/api/v4/checks/", "/api/v3/nothing", "/redoc", "/%00"])
async def test_other_paths(harness: Harness, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        assert error_of(await harness.client.request(method, path)) == (404, "not found")


async def test_the_published_description(harness: Harness) -> None:
    described = (await harness.client.get("/openapi.json")).json()
    for version in (1, 2, 3):
        paths = {path: set(described["paths"][path]) for path in described["paths"] if path[6] == str(version)}
        assert paths[f"/api/v{version}/checks/"] == {"get", "post"}
        assert paths[f"/api/v{version}/checks/{{code}}"] == {"get", "post", "delete"}
    text = json.dumps(described)
    assert "422" not in text
    assert "HTTPValidationError" not in text
    content = described["paths"]["/api/v3/checks/{code}"]["get"]["responses"]["200"]["content"]["application/json"]
    schema = resolved(described, content["schema"])
    shown = await made(harness, name="x")
    shown_to_readers = (await harness.client.get(CHECKS, headers={"X-Api-Key": READ_KEY})).json()["checks"][0]
    for check in (shown, shown_to_readers):
        assert set(schema["required"]) <= set(check) <= set(schema["properties"])


async def test_the_list_of_pings_goes_up_to_the_state(harness: Harness) -> None:
    id = (await made(harness))["uuid"]
    for _ in range(3):
        harness.log.ping(id)
    harness.log.held.add(PINGS.name)
    harness.log.ping(id)
    assert any(key == id for key, _ in harness.log.of(TRANSITIONS))
    answer = await harness.client.get(f"{CHECKS}{id}/flips/")
    assert answer.headers["Pingfold-Stale"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
VALUES = JSON | st.sampled_from(["* * * * *", "daily", "UTC", "Asia/Tokyo", "*", "POST", 60, 31_536_000, ["name"]])
BODIES = st.binary(max_size=50) | st.dictionaries(st.sampled_from(sorted(RULES)), VALUES, max_size=5).map(
    lambda body: json.dumps(body).encode()
)
TAILS = ["", "/", "/pause", "/resume", "/pings", "/pings/", "/pings/1/body", "/flips", "/flips/"]
SHARED = Harness()
KNOWN = asyncio.run(made(SHARED, name="known"))["uuid"]


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "POST", "POST", "DELETE", "PUT", "OPTIONS"]),
    version=st.sampled_from([1, 2, 3, 4]),
    code=st.sampled_from([KNOWN, UNKNOWN, "0" * 40]) | st.text(max_size=45),
    tail=st.sampled_from(TAILS) | st.text(max_size=10),
    query=st.text(max_size=10) | st.sampled_from(["tag=a", "slug=", "seconds=1", "start=0", "end=99999999999"]),
    key=st.sampled_from([WRITE_KEY, WRITE_KEY, READ_KEY, OTHER_KEY, ""]),
    body=BODIES,
)
def test_no_request_gives_a_5xx(
    method: str, version: int, code: str, tail: str, query: str, key: str, body: bytes
) -> None:
    path = f"/api/v{version}/checks/{code}{tail}" if code else f"/api/v{version}/checks{tail}"
    url = f"{quote(path)}?{quote(query, safe='=')}"
    answer = asyncio.run(SHARED.client.request(method, url, content=body, headers={"X-Api-Key": key}))
    assert answer.status_code < 500, answer.text
    assert "html" not in answer.headers.get("Content-Type", "")
    if answer.status_code >= 400 and answer.content:
        assert answer.status_code == 409 or answer.json()["error"]
