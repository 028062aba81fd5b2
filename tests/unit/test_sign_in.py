"""Signing in and out in memory: what a session opens, when it ends, and what is no session."""

import dataclasses
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from infra.secrets.people_tokens import PeopleTokens
from infra.settings.settings import Settings
from ingest.ping.urls import is_bulk, is_ping
from query_api.web.forms.forms import local_path
from query_api.web.viewer import viewer
from tests.harness import ADMIN_PASSWORD, Harness
from tests.web_browser import Browser, form_of

DAY = 86_400
_PAGES = "query_api.web."


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def browser(harness: Harness) -> Browser:
    return Browser(harness)


def cookie_of(answer: httpx.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers["Set-Cookie"])


async def test_the_admin_password_opens_the_dashboard(browser: Browser) -> None:
    led = await browser.get("/?tag=a&x=%2F")
    assert (led.status_code, led.headers["Location"]) == (303, "/sign-in?next=/%3Ftag%3Da%26x%3D%252F")
    page = await browser.get(led.headers["Location"])
    answer = await browser.send_form_of(page, {"name": "admin", "password": ADMIN_PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?tag=a&x=%2F")
    [cookie] = cookie_of(answer).values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    assert (await browser.get("/")).status_code == 200
    # Who is signed in needs no form.
    assert (await browser.get("/sign-in?next=/checks/x")).headers["Location"] == "/checks/x"


async def test_wrong_is_wrong_whatever_it_was(browser: Browser) -> None:
    told = set()
    for name, password in (("admin", "open sesame!"), ("nobody@example.org", "sesame?"), ("root", ADMIN_PASSWORD)):
        answer = await browser.sign_in(name, password)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
        told.add(answer.text.replace(f'value="{name}"', ""))
        assert password not in answer.text
    assert len(told) == 1
    assert (await browser.sign_in("admin", "")).status_code == 400


async def test_guesses_are_slowed_down_in_the_page(browser: Browser) -> None:
    for n in range(10):
        assert (await browser.sign_in("admin", f"guess {n}")).status_code == 403
    answer = await browser.sign_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert "Too many wrong passwords; try again in 30 s." in answer.text


async def test_a_session_ends_when_nobody_is_seen(harness: Harness, browser: Browser) -> None:
    await browser.sign_in()
    for _ in range(4):  # each look keeps it for as long again
        harness.log.time += 6 * DAY * 1_000_000
        assert (await browser.get("/")).status_code == 200
    harness.log.time += 7 * DAY * 1_000_000
    assert (await browser.get("/")).status_code == 303


async def test_a_session_ends_after_its_longest_time(harness: Harness, browser: Browser) -> None:
    await browser.sign_in()
    for _ in range(5):
        harness.log.time += 5 * DAY * 1_000_000
        assert (await browser.get("/")).status_code == 200
    harness.log.time += 5 * DAY * 1_000_000
    assert (await browser.get("/")).status_code == 303


async def test_another_admin_password_ends_its_sessions(harness: Harness, browser: Browser) -> None:
    await browser.sign_in()
    deps = harness.app.state.deps
    harness.app.state.deps = dataclasses.replace(deps, admin_password="another")
    assert (await browser.get("/")).status_code == 303


async def test_no_process_remembers_a_session(harness: Harness, browser: Browser) -> None:
    """Another process with the same keys knows it; one of another Pingfold does not."""
    await browser.sign_in()
    other = Harness()
    other.app.state.deps = harness.app.state.deps
    elsewhere = Browser(other)
    elsewhere.cookies = browser.cookies
    assert (await elsewhere.get("/")).status_code == 200
    strange = Harness()
    keys = PeopleTokens(lambda purpose: f"other keys of {purpose}".encode())
    strange.app.state.deps = dataclasses.replace(strange.app.state.deps, people_tokens=keys)
    [name] = browser.cookies
    for sent in (name, f"pingfold_{keys.name}"):
        answer = await Browser(strange).get("/", headers={"Cookie": f"{sent}={browser.cookies[name]}"})
        assert answer.status_code == 303


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: "B" + text[1:], lambda _: "", lambda _: "ü"])
async def test_a_changed_cookie_is_none(browser: Browser, change: object) -> None:
    await browser.sign_in()
    [(name, value)] = browser.cookies.items()
    browser.cookies.clear()
    header = f"{name}={change(value)}".encode()  # type: ignore[operator]
    assert (await browser.get("/", headers={b"Cookie": header})).status_code == 303


async def test_a_sign_in_begins_another_session(browser: Browser) -> None:
    """No cookie that somebody else has put into the browser is the session."""
    await browser.sign_in()
    first = dict(browser.cookies)
    answer = await browser.send_form("/sign-out", {})
    assert (answer.headers["Location"], dict(browser.cookies)) == ("/sign-in", {})
    assert (await browser.get("/")).status_code == 303
    data = {"name": "admin", "password": ADMIN_PASSWORD}
    answer = await browser.post("/sign-in", data=data, headers={"Cookie": "; ".join(map("=".join, first.items()))})
    assert answer.status_code == 303
    assert browser.cookies
    assert dict(browser.cookies) != first


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_no_other_site_signs_anybody_in_or_out(harness: Harness, headers: dict[str, str]) -> None:
    browser = Browser(harness)
    await browser.sign_in()
    page = await browser.get("/sign-out")
    del browser.headers["Sec-Fetch-Site"]
    assert (await browser.send_form_of(page, {}, **headers)).status_code == 403
    data = {"name": "admin", "password": ADMIN_PASSWORD}
    assert (await browser.post("/sign-in", data=data, headers=headers)).status_code == 403
    # Nor does it get a form carried through a sign-in.
    browser.cookies.clear()
    answer = await browser.post("/sign-out", data={"x": "y"}, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/json")


async def test_a_form_needs_the_token_of_its_session(harness: Harness, browser: Browser) -> None:
    await browser.sign_in()
    other = Browser(harness)
    await other.sign_in()
    to, fields = form_of((await other.get("/sign-out")).text)
    for wrong in (fields, {}, {"form_token": "ü"}):
        answer = await browser.post(to, data=wrong)
        assert answer.status_code == 403
        assert "not of your session" in answer.json()["error"]
    answer = await browser.post(to, json={"form_token": fields["form_token"]})
    assert answer.status_code == 415
    assert (await browser.get("/")).status_code == 200


async def test_a_form_survives_a_session_that_ended(harness: Harness, browser: Browser) -> None:
    await browser.sign_in()
    page = await browser.get("/sign-out")
    harness.log.time += 31 * DAY * 1_000_000
    asked = await browser.send_form_of(page, {"name": 'Ann "<b>', "old_password": "secret", "empty": ""})
    assert asked.status_code == 403
    assert "what you entered is kept" in asked.text
    again = await browser.send_form_of(asked, {"name": "admin", "password": "wrong"})
    assert again.status_code == 403
    answer = await browser.send_form_of(again, {"name": "admin", "password": ADMIN_PASSWORD})
    assert answer.status_code == 200
    to, fields = form_of(answer.text)
    assert to == "/sign-out"
    assert "secret" not in asked.text + answer.text
    assert (fields["name"], fields["empty"], "old_password" in fields) == ('Ann "<b>', "", False)
    assert (await browser.send_form_of(answer, {})).headers["Location"] == "/sign-in"


async def test_what_is_carried_was_sent_here(browser: Browser) -> None:
    """A page that somebody else has filled in sends nothing on."""
    page = await browser.get("/sign-in")
    for packed in ("x" * 80, "", "0" * 64 + '["/sign-out", []]'):
        fields = {"name": "admin", "password": ADMIN_PASSWORD, "carried": packed}
        assert (await browser.send_form_of(page, fields)).status_code == 303
        browser.cookies.clear()


async def test_what_is_too_long_is_not_carried(browser: Browser) -> None:
    asked = await browser.post("/sign-out", data={"text": "x" * 13_000})
    assert asked.status_code == 403
    assert "too long to be kept" in asked.text
    assert "carried" not in form_of(asked.text)[1]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/", "/"),
        ("/checks/1?x=//y", "/checks/1?x=//y"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\n/evil.example", "/"),
        ("/ü", "/"),
        ("", "/"),
        ("/sign-out", "/"),
        ("/sign-in?next=/sign-in", "/"),
        ("/" + "x" * 1_000, "/"),
    ],
)
def test_it_leads_to_no_other_site(text: str, path: str) -> None:
    assert local_path(text) == path


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [("https://up.example", "__Host-pingfold_", "/"), ("https://up.example/ping", "__Secure-pingfold_", "/ping/")],
)
async def test_behind_https_the_cookie_is_for_https_only(url: str, name: str, path: str) -> None:
    browser = Browser(Harness(public_url=url), site="https://up.example")
    [cookie] = cookie_of(await browser.sign_in()).values()
    assert cookie.key.startswith(name)
    assert (cookie["secure"], cookie["path"]) == (True, path)


async def test_pages_of_a_sign_in_are_kept_by_nobody(browser: Browser) -> None:
    for path in ("/sign-in", "/"):
        answer = await browser.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
    await browser.sign_in()
    assert (await browser.get("/")).headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in (await browser.get("/sign-out")).headers["Content-Security-Policy"]


@pytest.mark.parametrize("text", ["4m", "forever", "2y", "x"])
def test_no_session_lasts_for_ever(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PINGFOLD_SESSION_LONGEST", text)
    with pytest.raises(ValueError, match="session_longest"):
        Settings()


# What needs no session: it begins or replaces one, is opened by a link, or says how a browser is shown pages. By GET,
# the second step of a sign-in leads to the first.
_OPEN = {
    "GET /assets/{hash}/{name}",
    "GET /invitations/{token}",
    "GET /sign-in",
    "GET /sign-in/code",
    "POST /invitations/{token}",
    "POST /preferences",
    "POST /sign-in",
    "POST /sign-in/code",
}


def test_every_other_page_asks_who_looks() -> None:
    """Whatever pages there will be."""
    asking: dict[str, bool] = {}
    for route in Harness().app.routes:
        if not getattr(getattr(route, "endpoint", None), "__module__", "").startswith(_PAGES):
            continue
        assert isinstance(route, APIRoute), f"{route} cannot be looked into"
        for method in route.methods or ():
            address = f"{method} {route.path}"
            asking[address] = asking.get(address, True) and _asks(route.dependant)
    assert {address for address, asks in asking.items() if not asks} == _OPEN


def test_no_page_is_taken_for_a_ping() -> None:
    """The ping application takes every path whose first part is not reserved, and `/bulk`."""
    paths = [
        getattr(route, "path", "")
        for route in Harness().app.routes
        if getattr(getattr(route, "endpoint", None), "__module__", "").startswith(_PAGES)
    ]
    assert paths
    assert [path for path in paths if is_ping(path) or is_bulk(path)] == []


def _asks(dependant: Any) -> bool:
    return any(one.call is viewer or _asks(one) for one in dependant.dependencies)


async def test_who_is_signed_in_may_send_long_forms(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.send_form("/sign-out", {"text": "x" * 100_000})
    assert answer.status_code == 303
    answer = await browser.post("/sign-out", data={"text": "x" * 20_000})
    assert (answer.status_code, "too large" in answer.text) == (413, True)
