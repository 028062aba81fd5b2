"""The Management API in memory: keys, and the life of a check (docs/compatibility/management.md)."""

import asyncio
import hashlib

import pytest

from schemas.topics import PROJECTS
from tests.harness import OTHER_KEY, READ_KEY, WRITE_KEY, Harness
from tests.management_calls import CHECKS, UNKNOWN, error_of, made, seen

JSON_HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


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
