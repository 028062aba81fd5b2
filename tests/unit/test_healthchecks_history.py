"""The Management API in memory: history, freshness, trouble, verbs and paths (docs/compatibility/management.md)."""

import asyncio
import json
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.healthchecks.fields import RULES
from schemas.base import SECOND
from schemas.topics import PINGS, TRANSITIONS
from tests.conformance import resolved
from tests.harness import OTHER_KEY, READ_KEY, WRITE_KEY, Harness
from tests.management_calls import CHECKS, UNKNOWN, error_of, made, seen


@pytest.fixture
def harness() -> Harness:
    return Harness()


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
        assert answer.headers["Access-Control-Allow-Headers"] == (
            "X-Api-Key, Content-Type, If-None-Match, Idempotency-Key, Pingfold-If-Version"
        )
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


@cache
def shared() -> tuple[Harness, str]:
    """One for all examples, and a check of it."""
    harness = Harness()
    return harness, asyncio.run(made(harness, name="known"))["uuid"]


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "POST", "POST", "DELETE", "PUT", "OPTIONS"]),
    version=st.sampled_from([1, 2, 3, 4]),
    code=st.sampled_from(["known", UNKNOWN, "0" * 40]) | st.text(max_size=45),
    tail=st.sampled_from(TAILS) | st.text(max_size=10),
    query=st.text(max_size=10) | st.sampled_from(["tag=a", "slug=", "seconds=1", "start=0", "end=99999999999"]),
    key=st.sampled_from([WRITE_KEY, WRITE_KEY, READ_KEY, OTHER_KEY, ""]),
    body=BODIES,
)
def test_no_request_gives_a_5xx(
    method: str, version: int, code: str, tail: str, query: str, key: str, body: bytes
) -> None:
    harness, known = shared()
    code = known if code == "known" else code
    path = f"/api/v{version}/checks/{code}{tail}" if code else f"/api/v{version}/checks{tail}"
    url = f"{quote(path)}?{quote(query, safe='=')}"
    answer = asyncio.run(harness.client.request(method, url, content=body, headers={"X-Api-Key": key}))
    assert answer.status_code < 500, answer.text
    assert "html" not in answer.headers.get("Content-Type", "")
    if answer.status_code >= 400 and answer.content:
        assert answer.status_code == 409 or answer.json()["error"]
