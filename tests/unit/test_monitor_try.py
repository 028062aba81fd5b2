"""One probe of what somebody is about to save: by the API, and in the form of a monitor."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from pingfold.cli import app
from pingfold.commands import monitor_try
from query_api.trying import A_MINUTE, LONGEST_SECONDS, OF_PROJECT, TooManyTries, TryLimiter
from schemas.base import SECOND
from schemas.probe_kinds import PROBE_KINDS
from schemas.probes import FamilyResult
from schemas.topics import PROBE_RESULTS, PROJECTS
from tests.harness import POP_KEY, Harness
from tests.people_world import member
from tests.web_browser import fields_of, form_of

TRY = "/api/v1/monitors/try"
SHOP = {"url": "https://shop.example.com/"}
SECRET = "an-important-secret"
ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
HTTP = {"type": "http", "url": "https://a.example/"}


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def ask(harness: Harness, path: str, body: Any, key: str = POP_KEY) -> httpx.Response:
    return await harness.client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})


async def made(harness: Harness, **fields: Any) -> str:
    answer = await ask(harness, "/api/v1/monitors", {"name": "Shop", **SHOP, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def test_what_is_asked_for_is_probed_and_nothing_is_kept(harness: Harness) -> None:
    journals = {topic: len(list(harness.log.of(topic))) for topic in (PROJECTS, PROBE_RESULTS)}
    body = {**SHOP, "keyword": "Welcome", "headers": {"X-Token": SECRET}, "timeout_seconds": 90}
    answer = await ask(harness, TRY, body)
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]
    assert (told["status"], told["status_code"], told["response_time_ms"], told["error"]) == ("up", 200, 12.3, None)
    assert told["phases"]["tls_ms"] == 3.0
    assert told["phases"]["redirects_ms"] is None
    [(monitor, sealed)] = harness.tries.asked
    assert (monitor.target.url, monitor.target.keyword, monitor.timeout) == (SHOP["url"], "Welcome", LONGEST_SECONDS)
    assert sealed.headers == {"X-Token": SECRET}
    assert SECRET not in answer.text
    assert {topic: len(list(harness.log.of(topic))) for topic in journals} == journals


async def test_a_monitor_is_tried_as_it_would_be(harness: Harness) -> None:
    id = await made(harness, headers={"X-Token": SECRET}, keyword="Old")
    before = harness.log.directory.monitor(id)
    assert (await ask(harness, f"/api/v1/monitors/{id}/try", {})).status_code == 200
    assert (await ask(harness, f"/api/v1/monitors/{id}/try", {"keyword": "New"})).status_code == 200
    assert [(monitor.target.keyword, sealed.headers) for monitor, sealed in harness.tries.asked] == [
        ("Old", {"X-Token": SECRET}),
        ("New", {"X-Token": SECRET}),
    ]
    assert harness.log.directory.monitor(id) == before
    moved = await ask(harness, f"/api/v1/monitors/{id}/try", {"url": "https://evil.example.com/"})
    assert moved.status_code == 400, "what is stored is sent to no other address"
    assert len(harness.tries.asked) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"url": "http://127.0.0.1/"}, "Field 'url': "),
        ({"type": "tcp", "host": "10.0.0.1", "port": 5432}, "Field 'host': "),
        ({}, "Field 'url'"),
        ({"url": "https://a.example/", "nonsense": 1}, "nonsense"),
        ({"type": "tcp", "host": "a.example"}, "Field 'port'"),
        ({"url": "https://a.example/", "interval_seconds": "x"}, "interval_seconds"),
    ],
)
async def test_what_cannot_be_probed_is_told_as_when_it_is_made(harness: Harness, body: Any, said: str) -> None:
    answer = await ask(harness, TRY, body)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["message"]
    assert harness.tries.asked == []


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"ok": False, "failure": "status", "detail": "500", "status": 500}, "down", "status: 500"),
        ({"ok": False, "failure": "prober_error", "detail": "no sockets"}, "unknown", "prober_error: no sockets"),
        ({"ok": False, "failure": "refused target", "detail": "x", "status": None}, "unknown", "refused target: x"),
        ({"ok": False, "failure": "refused target", "detail": "x", "status": 302}, "down", "refused target: x"),
    ],
)  # fmt: skip
async def test_what_it_comes_to_is_told(harness: Harness, changes: Any, status: str, error: str) -> None:
    harness.tries.result = replace(harness.tries.result, address="10.1.2.3", **changes)
    told = (await ask(harness, TRY, SHOP)).json()["data"]
    assert (told["status"], told["error"], told["address"]) == (status, error, None)


async def test_there_is_a_bound_on_tries(harness: Harness) -> None:
    for _ in range(A_MINUTE):
        assert (await ask(harness, TRY, SHOP)).status_code == 200
    refused = await ask(harness, TRY, SHOP)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    harness.log.tick(60)
    assert (await ask(harness, TRY, SHOP)).status_code == 200


async def test_tries_that_are_under_way_are_bounded_and_counted_until_they_end() -> None:
    limiter = TryLimiter()
    for _ in range(3):
        with limiter.one("p", 0), pytest.raises(ZeroDivisionError):
            raise ZeroDivisionError
    harness = Harness()
    harness.tries.holding = asyncio.Event()
    under_way = [asyncio.ensure_future(ask(harness, TRY, SHOP)) for _ in range(OF_PROJECT)]
    while len(harness.tries.asked) < OF_PROJECT:
        await asyncio.sleep(0)
    assert (await ask(harness, TRY, SHOP)).status_code == 429
    harness.tries.holding.set()
    assert [one.status_code for one in await asyncio.gather(*under_way)] == [200] * OF_PROJECT
    assert (await ask(harness, TRY, SHOP)).status_code == 200


def test_nobody_takes_all_tries() -> None:
    limiter, held = TryLimiter(), []
    for number in range(4):
        for _ in range(OF_PROJECT):
            held.append(limiter.one(f"p{number}", number * SECOND))
            held[-1].__enter__()
    with pytest.raises(TooManyTries), limiter.one("another", 0):
        pass
    held.pop().__exit__(None, None, None)
    with limiter.one("another", 0):
        pass


async def test_other_keys_try_nothing(harness: Harness) -> None:
    id = await made(harness)
    assert (await ask(harness, TRY, SHOP, "pp_live_" + "x" * 32)).status_code == 401
    assert (await ask(harness, f"/api/v1/monitors/{id}/try", {}, "p" * 32)).status_code == 404


TARGETS: dict[str, dict[str, str]] = {
    "http": {"url": "https://shop.example.com/", "headers": f"X-Token: {SECRET}"},
    "tcp": {"host": "db.example.com", "port": "5432"},
    "tls": {"host": "db.example.com", "port": "636"},
    "icmp": {"host": "router.example.com"},
    "dns": {"host": "example.com", "dns_record": "MX"},
    "smtp": {"host": "mail.example.com"},
}


@pytest.mark.parametrize("kind", PROBE_KINDS)
async def test_the_form_of_each_kind_tries_what_stands_in_it(harness: Harness, kind: str) -> None:
    ann = await member(harness, "editor")
    page = await ann.get(f"/monitors/new?type={kind}&project={harness.project}")
    typed = fields_of(page, "/monitors/new") | TARGETS[kind] | {"try": "1"}
    tried = await ann.post("/monitors/new", data=typed)
    assert tried.status_code == 200, re.findall(r'class="problem".*', tried.text)
    assert 'class="status up"' in tried.text
    assert "answered 200 in 12.3 ms" in tried.text
    assert "name lookup 1 ms, connect 2 ms, TLS 3 ms, first byte 4 ms" in tried.text
    [(monitor, _)] = harness.tries.asked
    assert (monitor.kind, monitor.project) == (kind, harness.project)
    assert list(harness.log.directory.monitors_of(harness.project)) == []
    shown = fields_of(tried, "/monitors/new")
    assert {name: shown.get(name) for name in TARGETS[kind]} == TARGETS[kind], "what was typed stays"
    assert form_of(tried.text, "/monitors/new")[1]["once"] == typed["once"]


async def test_the_form_of_a_monitor_tries_its_changes_and_changes_nothing(harness: Harness) -> None:
    id = await made(harness, headers={"X-Token": SECRET})
    ann = await member(harness, "editor")
    page = await ann.get(f"/monitors/{id}/edit")
    harness.tries.result = replace(
        harness.tries.result,
        ok=False,
        failure="keyword",
        detail="not found",
        url="https://shop.example.com/welcome",
        families=(FamilyResult("ipv4", True, 1_000), FamilyResult("ipv6", False, 2_000, "connect", "refused")),
    )
    typed = fields_of(page, "/edit") | {"keyword": "Welcome", "try": "1"}
    tried = await ann.post(f"/monitors/{id}/edit", data=typed)
    assert tried.status_code == 200
    for words in ("keyword: not found, after 12.3 ms", "Redirected to", "Down: connect: refused, after 2 ms"):
        assert words in tried.text
    [(monitor, sealed)] = harness.tries.asked
    assert (monitor.target.keyword, sealed.headers) == ("Welcome", {"X-Token": SECRET})
    known = harness.log.directory.monitor(id)
    assert known is not None
    assert known.target.keyword == ""
    assert SECRET not in tried.text
    wrong = await ann.post(f"/monitors/{id}/edit", data=typed | {"max_redirects": "x", "timeout_seconds": "soon"})
    assert wrong.status_code == 400
    assert "Timeout must be a duration" in wrong.text
    assert 'class="status' not in wrong.text


async def test_what_a_target_says_is_shown_and_nothing_else(harness: Harness) -> None:
    hostile = "<script>document.title='run'</script>"
    ann = await member(harness, "editor")
    page = await ann.get(f"/monitors/new?type=http&project={harness.project}")
    harness.tries.result = replace(
        harness.tries.result, ok=False, failure="protocol", detail=hostile, url=f"https://a.example/{hostile}"
    )
    tried = await ann.post("/monitors/new", data=fields_of(page, "/monitors/new") | SHOP | {"try": "1"})
    assert tried.status_code == 200
    assert tried.text.count("&lt;script&gt;document.title=&#39;run&#39;&lt;/script&gt;") == 2
    assert hostile not in tried.text


async def test_a_viewer_tries_nothing(harness: Harness) -> None:
    id = await made(harness)
    eve = await member(harness, "viewer")
    _, fields = form_of((await eve.get("/account")).text, "/account/sign-out-everywhere")
    for path in ("/monitors/new", f"/monitors/{id}/edit"):
        body = {"form_token": fields["form_token"], "project": harness.project, "type": "http", "try": "1", **SHOP}
        assert (await eve.post(path, data=body)).status_code == 403
    assert harness.tries.asked == []


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (["https://a.example/", "--set", "keyword=Hi"], TRY, HTTP | {"keyword": "Hi"}),
        (["a.example:25", "--type", "tcp"], TRY, {"type": "tcp", "host": "a.example", "port": 25}),
        (["[2001:db8::1]:25", "--type", "tcp"], TRY, {"type": "tcp", "host": "2001:db8::1", "port": 25}),
        (["2001:db8::1", "--type", "icmp"], TRY, {"type": "icmp", "host": "2001:db8::1"}),
        (["a.example", "--type", "dns", "--set", "port=53"], TRY, {"type": "dns", "host": "a.example", "port": 53}),
        ([ID, "--set", "follow_redirects=false"], f"/api/v1/monitors/{ID}/try", {"follow_redirects": False}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", ["up", "down"])
def test_the_command_asks_the_api(
    monkeypatch: pytest.MonkeyPatch, words: list[str], path: str, body: dict[str, object], status: str
) -> None:
    asked: list[tuple[object, ...]] = []
    phases = {f"{name}_ms": 1.5 for name in ("redirects", "lookup", "connect", "tls", "first_byte")}
    family = {"family": "ipv6", "status": "down", "error": "connect: refused"}
    told: dict[str, Any] = {"status": status, "error": "status: 500" if status == "down" else None, "status_code": 500}
    told |= {"response_time_ms": 12.3, "phases": phases, "address": "192.0.2.80", "families": [family]}
    told |= {"redirected_to": None, "tls_expires_at": None}

    def ask(method: str, path: str, headers: object, body: object, timeout: float) -> object:
        asked.append((method, path, body))
        return {"data": told}

    monkeypatch.setenv("PINGFOLD_KEY", POP_KEY)
    monkeypatch.setattr(monitor_try, "ask_api", ask)
    result = CliRunner().invoke(app, ["monitor", "try", *words])
    assert (result.exit_code, asked) == (0 if status == "up" else 3, [("POST", path, body)]), result.output
    first = "up: answered with 500, 12.3 ms" if status == "up" else "down: status: 500, 12.3 ms"
    assert result.stdout.splitlines()[0] == first
    assert "ipv6: down: connect: refused" in result.stdout


@pytest.mark.parametrize(("words", "said"), [(["x", "--type", "y"], "--type y"), (["x", "--set", "y"], "--set y")])
def test_the_command_says_what_is_wrong(words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["monitor", "try", *words])
    assert said in str(result.exception)
