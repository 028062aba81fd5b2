"""Status pages over the real folds, in memory: the endpoints that make them, where they are, and who may see them."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from infra.http_server.forwarded import Forwarded
from infra.secrets.secrets import hash_api_key
from ingest.ping.urls import is_ping
from query_api.pages.guessing import PasswordGuessLimiter
from schemas.definitions import ApiKey, KeyScope
from schemas.ids import new_id
from schemas.requests import KeyCreate
from schemas.topics import DEFINITIONS, PROJECTS
from tests.harness import Harness
from tests.public_pages import (
    PAGES,
    PASSWORD,
    ask,
    basic,
    component,
    make,
    make_full,
    shown,
)

UNKNOWN = "00000000-0000-4000-8000-000000000000"
OTHERS_KEY = "p" * 32


@pytest.fixture
def harness() -> Harness:
    return Harness()


# ---- the endpoints of the PoppaPing API


async def test_a_page_is_made_read_changed_and_deleted(harness: Harness) -> None:
    page, monitor, check = await make_full(harness, title="Example Inc.", description="All of it")
    assert page["slug"] == "example-inc"
    assert page["url"].endswith(f"/status/example-inc-{page['id'][:8]}")
    assert page["public"] is True
    assert page["status"] == "operational"
    assert page["components"] == [
        {
            "type": "monitor", "id": monitor, "name": "", "group": "Public", "shown_as": "Website",
            "current_status": "up",
        },
        {
            "type": "check", "id": check, "name": "Nightly backup", "group": "", "shown_as": "Nightly backup",
            "current_status": "up",
        },
    ]  # fmt: skip
    path = f"{PAGES}/{page['id']}"
    assert (await ask(harness, "GET", path)).json() == {"data": page}
    harness.log.ping(check, "fail")
    read = (await ask(harness, "GET", path)).json()["data"]
    assert (read["status"], read["components"][1]["current_status"]) == ("partial_outage", "down")

    harness.log.tick(1)
    changed = (await ask(harness, "PATCH", path, {"title": "New", "components": []})).json()["data"]
    assert (changed["title"], changed["slug"], changed["components"]) == ("New", "example-inc", [])
    assert changed["description"] == "All of it"
    assert changed["status"] == "unknown"
    assert changed["updated_at"] > page["updated_at"]

    listed = (await ask(harness, "GET", PAGES)).json()
    assert listed["meta"] == {"page": 1, "per_page": 25, "total": 1, "total_pages": 1}
    assert [one["title"] for one in listed["data"]] == ["New"]
    gone = await ask(harness, "DELETE", path)
    assert gone.json() == {"data": {"id": page["id"], "deleted": True}}
    for method in ("GET", "DELETE", "PATCH"):
        answer = await ask(harness, method, path, {})
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert (await shown(harness, page)).status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": 7}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "T", "slug": "No Blanks"}, "slug"),
        ({"title": "T", "colour": "red"}, "colour"),
        ({"title": "T", "password": "short"}, "password"),
        ({"title": "T", "components": [{"type": "monitor"}]}, "id"),
        ({"title": "T", "components": [component("host", UNKNOWN)]}, "type"),
        ({"title": "T", "components": [component("monitor", UNKNOWN)]}, f"no such component: {UNKNOWN}"),
        ({"title": "T", "components": [component("check", "../x")]}, "no such component: ../x"),
        ({"title": "T", "components": [component("check", UNKNOWN)] * 2}, "twice"),
        ({"title": "T", "components": [component("check", UNKNOWN)] * 101}, "components"),
        ([], "object"),
    ],
    ids=str,
)
async def test_what_makes_no_page_is_told(harness: Harness, body: Any, words: str) -> None:
    answer = await ask(harness, "POST", PAGES, body)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert words in answer.json()["message"]
    assert (await ask(harness, "GET", PAGES)).json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", PAGES, "status-pages:read"),
        ("GET", f"{PAGES}/{UNKNOWN}", "status-pages:read"),
        ("POST", PAGES, "status-pages:write"),
        ("PATCH", f"{PAGES}/{UNKNOWN}", "status-pages:write"),
        ("DELETE", f"{PAGES}/{UNKNOWN}", "status-pages:write"),
    ],
)
async def test_each_endpoint_has_its_scope(harness: Harness, method: str, path: str, scope: KeyScope) -> None:
    for text, scopes in (("has-it", (scope,)), ("lacks-it", ("monitors:read",))):
        key = ApiKey(
            id=new_id(), project=harness.project, kind="poppaping", hash=hash_api_key(text), prefix="", created=0,
            scopes=scopes,
        )  # fmt: skip
        harness.request(harness.project, KeyCreate(request=new_id(), at=harness.log.time, key=key))
    lacking = await ask(harness, method, path, {"title": "T"}, key="lacks-it")
    assert (lacking.status_code, lacking.json()["error"]) == (403, "insufficient_scope")
    assert scope in lacking.json()["message"]
    assert (await ask(harness, method, path, {"title": "T"}, key="has-it")).status_code in (200, 201, 404)
    assert (await ask(harness, method, path, {"title": "T"}, key="nobody")).status_code == 401


async def test_a_page_of_another_project_is_not_there(harness: Harness) -> None:
    page, monitor, _ = await make_full(harness)
    path = f"{PAGES}/{page['id']}"
    for method in ("GET", "PATCH", "DELETE"):
        assert (await ask(harness, method, path, {}, key=OTHERS_KEY)).status_code == 404
    assert (await ask(harness, "GET", PAGES, key=OTHERS_KEY)).json()["data"] == []
    stolen = await ask(
        harness, "POST", PAGES, {"title": "T", "components": [component("monitor", monitor)]}, key=OTHERS_KEY
    )
    assert stolen.status_code == 400
    assert "no such component" in stolen.json()["message"]


async def test_while_kafka_is_away_it_says_so(harness: Harness) -> None:
    page = await make(harness)
    harness.log.broken = True
    for method, path in (("POST", PAGES), ("PATCH", f"{PAGES}/{page['id']}"), ("GET", f"{PAGES}/{UNKNOWN}")):
        assert (await ask(harness, method, path, {"title": "T"})).status_code == 503
    assert (await ask(harness, "GET", f"{PAGES}/{page['id']}")).status_code == 200
    assert (await harness.client.get(f"/status/{UNKNOWN}")).status_code == 503
    assert (await shown(harness, page)).status_code == 200


# ---- where a page is


async def test_the_addresses_of_a_page(harness: Harness) -> None:
    page = await make(harness, title="Straße & Söhne", slug="old")
    short = page["id"][:8]
    for ref in (page["id"], f"old-{short}", short):
        assert (await harness.client.get(f"/status/{ref}")).status_code == 200
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"slug": "new-name"})
    for ref in (f"new-name-{short}", f"old-{short}"):
        assert (await harness.client.get(f"/status/{ref}")).status_code == 200
    for ref in ("old", f"old{short}", f"old-{short[:7]}", "x", "%00", "..%2f", UNKNOWN, f"old-{'0' * 8}"):
        for suffix in ("", ".json", ".atom", "/badge.svg"):
            answer = await harness.client.get(f"/status/{ref}{suffix}")
            assert (answer.status_code, answer.json()) == (404, {"error": "not found"})
    assert (await make(harness, title="日本"))["url"].count("-") == 4  # without a slug: the whole id


def test_no_ping_has_such_an_address() -> None:
    for path in ("/status/x", "/status/x/badge.svg", f"/status/{UNKNOWN}", f"/status/{UNKNOWN}.json"):
        assert not is_ping(path)


async def test_every_form_has_its_type_and_answers_head(harness: Harness) -> None:
    page, *_ = await make_full(harness)
    for suffix, media_type in {
        "": "text/html; charset=utf-8",
        ".json": "application/json",
        ".atom": "application/atom+xml; charset=utf-8",
        "/badge.svg": "image/svg+xml; charset=utf-8",
    }.items():
        answer = await shown(harness, page, suffix)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        head = await harness.client.head(f"/status/{page['id']}{suffix}")
        assert (head.status_code, head.headers["ETag"]) == (200, answer.headers["ETag"])
    assert (await harness.client.post(f"/status/{page['id']}")).status_code == 405


# ---- passwords


async def test_a_page_with_a_password(harness: Harness) -> None:
    page, _, _ = await make_full(harness, password=PASSWORD)
    assert page["public"] is False
    for suffix in ("", ".json", ".atom", "/badge.svg"):
        for headers in (
            {},
            basic("wrong password"),
            basic(""),
            basic("x" * 5_000),
            {"Authorization": "Basic ?"},
            {"Authorization": f"Bearer {PASSWORD}"},
        ):
            sent = {name.encode(): value.encode() for name, value in headers.items()}
            answer = await harness.client.get(f"/status/{page['id']}{suffix}", headers=sent)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.headers["Cache-Control"] == "no-store"
            assert "ETag" not in answer.headers
            assert "Website" not in answer.text
        answer = await shown(harness, page, suffix, **basic(PASSWORD))
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Vary"] == "Authorization, Accept-Encoding"
        assert "Access-Control-Allow-Origin" not in answer.headers
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert (await shown(harness, page, suffix, **tag)).status_code == 401
        assert (await shown(harness, page, suffix, **tag, **basic(PASSWORD))).status_code == 304


async def test_a_changed_password_shuts_out_at_once_and_none_opens(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    assert (await shown(harness, page, **basic(PASSWORD))).status_code == 200
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"password": "another one"})
    assert (await shown(harness, page, **basic(PASSWORD))).status_code == 401
    assert (await shown(harness, page, **basic("another one"))).status_code == 200
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"title": "Still closed"})
    assert (await shown(harness, page)).status_code == 401
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"password": None})
    assert (await shown(harness, page)).headers["Cache-Control"] == "public, max-age=15"


async def test_a_password_is_nowhere_in_the_log(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    written = [
        json.dumps(value, ensure_ascii=False) for topic in (PROJECTS, DEFINITIONS) for _, value in harness.log.of(topic)
    ]
    assert any("scrypt$" in value for value in written)
    assert not any(PASSWORD in value for value in written)
    answer = await ask(harness, "GET", f"{PAGES}/{page['id']}")
    assert "scrypt" not in answer.text


@pytest.mark.slow
async def test_many_wrong_passwords_at_once_are_put_off(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    # A guess comes back every 30 seconds: none passes here, however long thirty hashes take.
    still = PasswordGuessLimiter("status page", Forwarded(harness.settings.trusted_proxies), lambda: 0.0)
    harness.app.state.status_pages._door._guesses = still
    answers = await asyncio.gather(*(shown(harness, page, **basic(f"guess {n}")) for n in range(30)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {401, 429}
    assert codes.count(401) == 10
    # They are too many; another address is not held up by that.
    assert (await shown(harness, page, **basic(PASSWORD))).status_code == 429
    transport = httpx.ASGITransport(harness.app, client=("192.0.2.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://pingfold.test") as other:
        assert (await other.get(f"/status/{page['id']}", headers=basic(PASSWORD))).status_code == 200
