"""How fast passwords may be guessed, whose guesses hold up whom, and what is left of it in memory."""

import asyncio
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from infra.budgets import Budget, Budgets
from infra.http_server.forwarded import Forwarded
from infra.secrets.passwords import hash_password
from infra.settings.settings import Settings
from query_api.http.refusals import ApiError
from query_api.pages import guessing
from query_api.pages.guessing import OF_PEER, OF_THING, PasswordGuessLimiter, PasswordHashes
from query_api.pages.page_password import PagePasswordGuard, given_password
from query_api.password_pool import PasswordPool
from tests.harness import ADMIN_PASSWORD, Harness


class Moving:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def browser(harness: Harness, address: str, **headers: str) -> Iterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(harness.app, client=(address, 5))
    yield httpx.AsyncClient(transport=transport, base_url="http://pingfold.test", headers=headers)


async def look(harness: Harness, address: str, password: str, path: str = "/", **headers: str) -> httpx.Response:
    with browser(harness, address, **headers) as client:
        return await client.get(path, auth=("me", password))


async def test_guesses_at_the_dashboard_are_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness()
    clock = Moving()
    harness.app.state.admin_guesses = PasswordGuessLimiter("dashboard", Forwarded([ip_network("127.0.0.0/8")]), clock)
    with capture_logs() as logs:
        answers = [await look(harness, "192.0.2.1", f"guess {n}") for n in range(OF_PEER.most + 5)]
    assert [answer.status_code for answer in answers] == [401] * OF_PEER.most + [429] * 5
    assert answers[-1].headers["retry-after"] == "30"
    assert "try again in 30 s" in answers[-1].json()["error"]
    (told,) = [one for one in logs if one["event"] == "password.wrong"]
    assert (told["door"], told["address"]) == ("dashboard", "192.0.2.1")
    assert "guess" not in str(told)
    # Right or wrong, it waits; others do not, be it through the same proxy.
    assert (await look(harness, "192.0.2.1", ADMIN_PASSWORD)).status_code == 429
    assert (await look(harness, "192.0.2.2", ADMIN_PASSWORD)).status_code == 200
    through = {"X-Forwarded-For": "198.51.100.1, 192.0.2.1"}
    assert (await look(harness, "127.0.0.1", ADMIN_PASSWORD, **through)).status_code == 429
    assert (await look(harness, "127.0.0.1", ADMIN_PASSWORD, **{"X-Forwarded-For": "192.0.2.3"})).status_code == 200
    clock.seconds += 30
    assert (await look(harness, "192.0.2.1", ADMIN_PASSWORD)).status_code == 200
    # Who knows it after all may forget it as often again.
    assert [(await look(harness, "192.0.2.1", "x")).status_code for _ in range(OF_PEER.most)] == [401] * OF_PEER.most


async def test_no_empty_password_opens_the_dashboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINGFOLD_ADMIN_PASSWORD", "")
    assert Settings().admin_password is None
    harness = Harness()
    for auth in (("", ""), ("admin", "")):
        assert (await harness.client.get("/", auth=auth)).status_code == 401


def test_a_guesser_with_many_addresses_shuts_out_no_known_one() -> None:
    clock = Moving()
    guesses = PasswordGuessLimiter("dashboard", Forwarded([]), clock)

    class Asked:
        def __init__(self, address: str) -> None:
            self.client, self.headers = httpx.URL(f"http://{address}/"), httpx.Headers()

    def asked(address: str) -> Any:
        return Asked(address)

    guesses.right("page", asked("192.0.2.1"))
    for number in range(OF_THING.most):
        guesses.begin("page", asked(f"198.51.100.{number}"))
        guesses.wrong("page", asked(f"198.51.100.{number}"))
    with pytest.raises(ApiError, match="too many wrong passwords"):
        guesses.begin("page", asked("203.0.113.1"))
    guesses.begin("page", asked("192.0.2.1"))
    guesses.begin("another", asked("203.0.113.1"))
    clock.seconds += OF_THING.seconds
    guesses.begin("page", asked("203.0.113.1"))


async def test_guesses_at_once_are_as_dear_as_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def wrong(password: str, stored: str) -> bool:
        looked_at.append(password)
        return False

    monkeypatch.setattr(guessing, "is_password", wrong)
    clock, door = Moving(), PagePasswordGuard(Forwarded([]), PasswordPool())
    door._guesses = PasswordGuessLimiter("status page", Forwarded([]), clock)
    page: Any = type("Page", (), {"id": "page", "password": "scrypt$"})()

    def asked(number: int) -> Any:
        request: Any = type("Asked", (), {})()
        request.client = httpx.URL("http://192.0.2.1/")
        request.headers = httpx.Headers({"authorization": "Basic " + b64encode(f"u:{number}".encode()).decode()})
        return request

    for step in range(10):
        tries = [door.must_know(page, asked(10 * step + n)) for n in range(10)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert all(isinstance(one, ApiError) for one in found)
        clock.seconds += OF_PEER.seconds
    assert len(looked_at) == OF_PEER.most + 9


async def test_what_was_not_looked_at_costs_nothing() -> None:
    class Full(PasswordPool):
        async def run(self, owner: str, call: Any, *arguments: Any) -> Any:
            raise ApiError(503, "too many")

    door = PagePasswordGuard(Forwarded([]), Full())
    page: Any = type("Page", (), {"id": "page", "password": "scrypt$"})()
    request: Any = type("Asked", (), {})()
    request.client = httpx.URL("http://192.0.2.1/")
    request.headers = httpx.Headers({"authorization": "Basic " + b64encode(b"u:p").decode()})
    for _ in range(2 * OF_PEER.most):
        with pytest.raises(ApiError) as refused:
            await door.must_know(page, request)
        assert refused.value.status == 503


def test_visitors_of_one_page_push_out_nobody_known_at_another() -> None:
    guesses = PasswordGuessLimiter("status page", Forwarded([]), Moving())

    def asked(address: str) -> Any:
        request: Any = type("Asked", (), {})()
        request.client = type("Client", (), {"host": address})()
        request.headers = httpx.Headers()
        return request

    guesses.right("victim", asked("192.0.2.1"))
    for number in range(3_000):
        guesses.right("attacker", asked(f"2001:db8:{number:x}::1"))
    for number in range(OF_THING.most):
        guesses.begin("victim", asked(f"2001:db8:{number:x}::1"))
    guesses.begin("victim", asked("192.0.2.1"))


def test_one_customer_of_ipv6_is_one_peer() -> None:
    guesses = PasswordGuessLimiter("dashboard", Forwarded([ip_network("127.0.0.1/32")]), Moving())

    def asked(address: str) -> Any:
        request: Any = type("Asked", (), {})()
        request.client = httpx.URL("http://127.0.0.1/")
        request.headers = httpx.Headers({"x-forwarded-for": address})
        return request

    for number in range(OF_PEER.most):
        guesses.begin("page", asked(f"2001:db8::{number:x}"))
    with pytest.raises(ApiError):
        guesses.begin("page", asked("2001:db8::ffff:1"))
    guesses.begin("page", asked("2001:db8:0:1::1"))


def test_budgets_are_bounded_and_fill_up() -> None:
    clock = Moving()
    budgets = Budgets(Budget(3, 10.0), clock, 100)
    for number in range(1_000):
        budgets.spend(str(number))
    assert len(budgets) == 100
    for _ in range(50):
        budgets.spend("a")
    assert budgets.wait("a") == 10.0
    clock.seconds += 10.0
    assert budgets.wait("a") == 0.0
    budgets.spend("a")
    assert 0 < budgets.wait("a") <= 10.0


@pytest.mark.slow
async def test_guesses_at_one_page_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = PasswordPool()
    hashes, stored = PasswordHashes(pool), hash_password("the right one")
    guesses = [hashes.is_right("attacked", f"guess {n}", stored) for n in range(40)]
    ends = asyncio.gather(*guesses, return_exceptions=True)
    await asyncio.sleep(0)
    assert await hashes.is_right("other", "the right one", stored)
    assert hashes.remembers("the right one", stored)
    assert not hashes.remembers("guess 1", stored)
    found = await ends
    put_off = [one for one in found if isinstance(one, ApiError)]
    assert len(put_off) == 30
    assert {one.status for one in put_off} == {503}
    assert [one for one in found if not isinstance(one, ApiError)] == [False] * 10
    assert pool.waiting == {}


async def test_guesses_of_very_many_wait_for_seconds_at_most() -> None:
    pool, go = PasswordPool(), threading.Event()
    looks = asyncio.gather(*(pool.run(f"address {n}", go.wait, 30.0) for n in range(300)), return_exceptions=True)
    await asyncio.sleep(0)
    assert pool.waiting.total() == 100
    go.set()
    found = await looks
    assert [one.status for one in found if isinstance(one, ApiError)] == [503] * 200
    assert pool.waiting == {}


def test_a_basic_header_holds_a_password_or_none() -> None:
    assert given_password("Basic " + b64encode(b"u:p:q").decode()) == "p:q"
    empty, no_text = (f"Basic {b64encode(text).decode()}" for text in (b"u:", b"\xff"))
    for text in (None, "", "Bearer x", "Basic !", empty, no_text):
        assert given_password(text) is None
