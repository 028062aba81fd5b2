"""What somebody tries who is signed in with less than he wants, who has a cookie of another, or none."""

import re
from typing import Any

import httpx
import pytest

from infra.secrets.people_tokens import PeopleTokens
from schemas.topics import DEFINITIONS
from tests.harness import ADMIN_PASSWORD, Harness
from tests.people_world import ANN, PASSWORD, invited, joined, member, membership, owner, person
from tests.web_browser import SITE, Browser, form_of

_WEB = "query_api.web."
# Forms that somebody sends about himself, or that need no session.
_OWN = ("/sign-in", "/sign-in/code", "/sign-out", "/preferences", "/invitations/{token}", "/account/")


@pytest.fixture
def harness() -> Harness:
    return Harness()


def routes_of(harness: Harness, method: str) -> list[str]:
    """The paths of the pages that answer a method."""
    found = [(route, getattr(route, "endpoint", None)) for route in harness.app.routes]
    return [
        route.path  # type: ignore[attr-defined]
        for route, endpoint in found
        if endpoint is not None and endpoint.__module__.startswith(_WEB) and method in (route.methods or ())  # type: ignore[attr-defined]
    ]


def at(harness: Harness, path: str, thing: str) -> str:
    """A path of things that are there."""
    known = {"project": harness.project, "member": membership(harness).id, "person": person(harness).id}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda name: known.get(name[1], thing), path)


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_no_form_does_more_than_a_role_may(harness: Harness, role: str) -> None:
    """Whatever forms there will be: a viewer changes nothing, an editor nobody's rights."""
    ann = await member(harness, role)
    check = (await harness.client.post("/api/v3/checks/", json={"name": "a"})).json()["uuid"]
    token = form_of((await ann.get("/sign-out")).text)[1]
    paths = [path for path in routes_of(harness, "POST") if not path.startswith(_OWN)]
    assert any(path.endswith("/invite") for path in paths)
    for path in paths:
        if role == "editor" and not path.startswith("/people"):
            continue
        before = harness.log.of(DEFINITIONS)
        fields = token | {"mail": "eve@example.org", "role": "owner", "sure": "yes", "name": "Eve"}
        answer = await ann.post(at(harness, path, check), data=fields)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
        assert harness.log.of(DEFINITIONS) == before, path


async def test_no_form_is_taken_without_a_session_or_from_elsewhere(harness: Harness) -> None:
    await member(harness, "owner")
    boss = await owner(harness)
    basic = httpx.BasicAuth("me", ADMIN_PASSWORD)
    token = form_of((await boss.get("/sign-out", auth=basic)).text)[1]  # what a page says to a script
    before = harness.log.of(DEFINITIONS)
    for path in routes_of(harness, "POST"):
        if path == "/preferences":  # which hold nothing but how pages look
            continue
        to = at(harness, path, "x")
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            for auth in (httpx.USE_CLIENT_DEFAULT, basic):
                answer = await boss.post(to, data=token, headers=headers, auth=auth)
                assert answer.status_code in (403, 404), (path, answer.status_code)
        for_basic = await Browser(harness).post(to, data={"form_token": "x"}, auth=basic)
        assert 400 <= for_basic.status_code < 500, (path, for_basic.status_code)
    assert harness.log.of(DEFINITIONS) == before


async def test_every_page_forbids_what_pages_need_not(harness: Harness) -> None:
    boss = await owner(harness)
    await member(harness, "viewer")
    seen = 0
    for path in routes_of(harness, "GET"):
        if path.startswith(("/live", "/sign-in/oidc")):
            continue
        for browser in (boss, Browser(harness)):
            answer = await browser.get(at(harness, path, "0f6c7d3e-6b0e-4f0a-9a55-0a5a4f3f7d10"))
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                seen += 1
                headers = answer.headers
                assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "same-origin"), path
                assert headers["X-Content-Type-Options"] == "nosniff", path
                assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
                assert "unsafe" not in headers["Content-Security-Policy"], path
    assert seen > 10


async def test_cookies_of_others_open_nothing_and_harm_nothing(harness: Harness) -> None:
    ann = await member(harness, "viewer")
    [(name, token)] = ann.cookies.items()
    other = PeopleTokens(lambda purpose: f"other {purpose}".encode())
    theirs = other.session_token(other.new_session(person(harness).id, person(harness).epoch.to_bytes(8), 0))
    for value in (
        theirs,
        f'"{token}',
        token[:-1] + "!",
        token + "=",
        token * 40,
        "%00",
        "\xff",
        "",
        ";;=;",
        "a" * 7_000,
    ):
        answer = await Browser(harness).get("/account", headers=[(b"Cookie", f"{name}={value}".encode("latin-1"))])
        assert (answer.status_code, answer.headers["Location"][:8]) == (303, "/sign-in"), value
    # A browser that has one of another path, too, is one or nobody, and never a fault.
    both = await Browser(harness).get("/account", headers={"Cookie": f"{name}={theirs}; {name}={token}; {name}"})
    assert both.status_code in (200, 303)
    # What is signed for another use is no session.
    for text in (harness.people_tokens.form_token(b"x"), (await ann.get("/account")).text[:60].replace("\n", "")):
        assert (await Browser(harness).get("/account", headers={"Cookie": f"{name}={text}"})).status_code == 303


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "https:evil.example",
        "/sign-in/oidc",
        "\u2028//evil.example",
        "/。evil",
        "//evil.example/%2f..",
        "http:///evil.example",
        " //evil.example",
    ],
)
async def test_a_sign_in_leads_nowhere_else(harness: Harness, next: str) -> None:
    location = (await Browser(harness).sign_in(next=next)).headers["Location"]
    there = httpx.URL(SITE).join(location)
    assert (there.host, str(there).startswith(f"{SITE}/")) == (httpx.URL(SITE).host, True)
    assert not there.path.startswith(("//", "/sign-in"))


async def test_behind_a_prefix_everything_stays_below_it(harness: Harness) -> None:
    below = Harness(public_url="https://up.example/ping")
    browser = Browser(below, site="https://up.example")
    led = await browser.get("/ping/account")
    assert led.headers["Location"].startswith("/ping/sign-in?next=")
    page = await browser.get(led.headers["Location"])
    answer = await browser.send_form_of(page, {"name": "admin", "password": ADMIN_PASSWORD})
    assert answer.headers["Location"] == "/ping/account"
    account = await browser.get(answer.headers["Location"])
    assert account.status_code == 200
    links = re.findall(r'(?:href|action|src)="(/[^"]*)"', account.text)
    assert [link for link in links if not link.startswith("/ping/")] == []


async def test_a_long_password_costs_no_more_and_is_nobodys(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await member(harness, "viewer")
    looks: list[str] = []

    def look(password: str, _stored: str) -> bool:
        looks.append(password)
        return False

    monkeypatch.setattr("query_api.web.people.identity.is_person_password", look)
    assert (await Browser(harness).sign_in(ANN, "x" * 12_000)).status_code == 403
    assert [len(one) for one in looks] == [201]  # a longer one than any that there is


async def test_who_is_taken_out_sees_nothing_with_the_page_still_open(harness: Harness) -> None:
    boss = await owner(harness)
    ann = await joined(harness, await invited(boss, harness.project, ANN, "owner"))
    page = await ann.get(f"/people/{harness.project}")
    id = membership(harness).id
    assert (await boss.send_form(f"/people/{harness.project}", {}, f"{id}/remove")).status_code == 303
    answer = await ann.send_form_of(page, {"mail": "eve@example.org", "role": "owner"}, "/invite")
    assert answer.status_code == 404
    assert (await ann.get(f"/people/{harness.project}")).status_code == 404
    assert harness.log.directory.people.members_of(harness.project) == []


async def test_another_role_meanwhile_is_that_which_counts(harness: Harness) -> None:
    """The link goes on opening, with the role that the owners have given last."""
    boss = await owner(harness)
    path = await invited(boss, harness.project, ANN, "owner")
    token = form_of((await boss.get("/sign-out")).text)[1]
    change: dict[str, Any] = token | {"role": "viewer"}
    to = f"/people/{harness.project}/{membership(harness).id}/role"
    assert (await boss.post(to, data=change)).status_code == 303
    ann = await joined(harness, path)
    assert "as viewer" not in (await ann.get("/account")).text
    assert membership(harness).role == "viewer"
    assert (await Browser(harness).sign_in(ANN, PASSWORD)).status_code == 303
