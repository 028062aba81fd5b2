"""Signing in at an OpenID Connect provider, over real HTTP: who is let in, who is not, and what the token must say."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from tests.harness import Harness
from tests.openid_service import CLIENT, SECRET, OpenIdService, new_key
from tests.people_world import ANN, PASSWORD, invited, joined, membership, owner, person
from tests.service import serving
from tests.web_browser import SITE, Browser


class World(NamedTuple):
    harness: Harness
    provider: OpenIdService

    async def sign_in(self, browser: Browser | None = None, next: str = "/") -> httpx.Response:
        """As a browser that follows the link of the sign-in page, and comes back; the last answer."""
        browser = browser or Browser(self.harness)
        there = await browser.get("/sign-in/oidc", params={"next": next})
        assert there.status_code == 303, there.text
        back = self.provider.authorize(urlsplit(there.headers["Location"]).query)
        return await browser.get(back.removeprefix(SITE), headers={"Sec-Fetch-Site": "cross-site"})

    async def invite(self, role: str = "editor") -> str:
        return await invited(await owner(self.harness), self.harness.project, ANN, role)


@contextlib.asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    async with serving(OpenIdService(f"{SITE}/sign-in/oidc/back")) as provider:
        wanted = {"public_url": SITE, "oidc_issuer": provider.url, "oidc_client_id": CLIENT} | settings
        harness = Harness(**wanted, oidc_client_secret=SECRET, oidc_name="Example <Ltd>")
        yield World(harness, provider)


async def test_who_is_invited_joins_by_signing_in() -> None:
    async with world() as w:
        assert "Sign in with Example &lt;Ltd&gt;" in (await Browser(w.harness).get("/sign-in?next=/people")).text
        await w.invite()
        browser = Browser(w.harness)
        answer = await w.sign_in(browser, "/people?x=1")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/people?x=1"), answer.text
        assert (membership(w.harness).role, person(w.harness).name) == ("editor", "Ann")
        assert (await browser.get("/account")).status_code == 200
        assert (await w.sign_in()).status_code == 303
        assert (await Browser(w.harness).sign_in(ANN, "")).status_code == 400  # no password opens anything


async def test_what_was_set_before_an_address_was_proved_counts_no_more() -> None:
    """Somebody else may have followed the link of the invitation."""
    async with world() as w:
        eve = await joined(w.harness, await w.invite())
        assert (await w.sign_in()).status_code == 303
        assert (await eve.get("/account")).status_code == 303
        assert (await Browser(w.harness).sign_in(ANN, PASSWORD)).status_code == 403
        # Nor does whoever is given the address later.
        w.provider.claims |= {"sub": "1002"}
        answer = await w.sign_in()
        assert (answer.status_code, "another account" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
        {"email": "bob@example.org"},
        {"email": "no address"},
        {"sub": None},
        {"sub": ""},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_000_000_000},  # 2001
        {"exp": None},
        {"iat": 4_000_000_000},  # 2096
    ],
    ids=str,
)
async def test_whose_token_says_something_else_is_not_let_in(claims: dict[str, Any]) -> None:
    async with world() as w:
        await w.invite()
        w.provider.claims |= claims
        answer = await w.sign_in()
        assert answer.status_code == 403
        assert membership(w.harness).joined is None
        assert w.harness.people_tokens.name not in str(answer.headers.get("Set-Cookie"))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "another key"])
async def test_a_token_is_signed_by_the_provider(algorithm: str) -> None:
    async with world() as w:
        await w.invite()
        if algorithm == "another key":
            w.provider.key = new_key()
        else:
            w.provider.algorithm = algorithm
        assert (await w.sign_in()).status_code == 403
        assert membership(w.harness).joined is None


async def test_keys_may_be_changed_by_the_provider() -> None:
    async with world() as w:
        await w.invite()
        assert (await w.sign_in()).status_code == 303
        w.provider.key = w.provider.published = new_key()
        assert (await w.sign_in()).status_code == 303


async def test_only_the_browser_that_began_is_signed_in() -> None:
    """A code that somebody else has got is no sign-in of mine, and none twice."""
    async with world() as w:
        await w.invite()
        mine, his = Browser(w.harness), Browser(w.harness)
        there = await his.get("/sign-in/oidc")
        back = w.provider.authorize(urlsplit(there.headers["Location"]).query).removeprefix(SITE)
        assert (await mine.get(back)).status_code == 403
        await mine.get("/sign-in/oidc")
        assert (await mine.get(back)).status_code == 403
        assert (await his.get(back)).status_code == 303
        assert (await his.get(back)).status_code == 403
        for query in ("", "?code=x", "?state=%C3%BC&code=x", "?error=access_denied&state=x"):
            assert (await mine.get(f"/sign-in/oidc/back{query}")).status_code == 403


async def test_only_domains_that_are_allowed() -> None:
    async with world(oidc_domains=("example.com",)) as w:
        await w.invite()
        answer = await w.sign_in()
        assert (answer.status_code, "of this domain" in answer.text) == (403, True)


async def test_a_provider_that_is_away_keeps_nobody_from_his_password() -> None:
    async with world() as w:
        w.provider.broken = 500
        answer = await Browser(w.harness).get("/sign-in/oidc")
        assert (answer.status_code, "did not succeed" in answer.text) == (503, True)
        assert w.provider.url not in answer.text
        assert (await Browser(w.harness).sign_in()).status_code == 303


async def test_it_leads_to_no_other_site() -> None:
    async with world() as w:
        await w.invite()
        assert (await w.sign_in(next="https://evil.example/")).headers["Location"] == "/"


async def test_without_a_provider_there_is_no_such_page() -> None:
    harness = Harness()
    assert (await Browser(harness).get("/sign-in/oidc")).status_code == 404
    assert "/sign-in/oidc" not in (await Browser(harness).get("/sign-in")).text
