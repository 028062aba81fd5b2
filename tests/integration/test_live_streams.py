"""Live pages over real sockets: over both versions of HTTP, behind a prefix and a proxy, and when the server is started
anew; in a real browser where that matters."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from infra.http_server.bounds import BOUNDS
from pingfold.roles.path_prefix import PathPrefix
from query_api.web import live
from tests.chromium import NEEDS_CHROMIUM, chromium, visit
from tests.harness import ADMIN_PASSWORD, WRITE_KEY, Harness
from tests.http2_client import Http2Client
from tests.http_client import HttpServer, wait_until
from tests.memory import Memory
from tests.public_pages import basic
from tests.web_browser import form_of

PREFIX = "/watch"


class Waiting(Memory):
    """A log in memory in which waiting takes time, as it does beside others who change something."""

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return condition()
        return True


class Proxy:
    """What stands in front: it collects an answer before it hands it on, but for one that asks it not to; `is_deaf`:
    that one, too."""

    def __init__(self, app: Any) -> None:
        self._app, self.is_deaf = app, False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        held: list[Any] = []
        hold = True

        async def keep(message: Any) -> None:
            nonlocal hold
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                hold = self.is_deaf or headers.get(b"x-accel-buffering") != b"no"
            held.append(message)
            if not hold or not message.get("more_body", message["type"] == "http.response.start"):
                while held:
                    await send(held.pop(0))

        await self._app(scope, receive, keep)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.0)
    monkeypatch.setattr(live, "HEARTBEAT", 0.2)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.setattr("tests.harness.Memory", Waiting)
    return Harness(public_url=f"http://pingfold.test{PREFIX}")


@pytest.fixture
def proxy(harness: Harness) -> Proxy:
    return Proxy(PathPrefix(harness.app, harness.settings.path_prefixes))


@pytest.fixture
def server(proxy: Proxy) -> Iterator[HttpServer]:
    with HttpServer(proxy, BOUNDS) as one:
        yield one


def site(server: HttpServer) -> httpx.Client:
    """A browser below the prefix."""
    headers = {"Sec-Fetch-Site": "same-origin"}
    return httpx.Client(base_url=f"http://127.0.0.1:{server.port}{PREFIX}", headers=headers, timeout=20.0)


def sent(browser: httpx.Client, path: str, fields: dict[str, str], action: str = "") -> httpx.Response:
    to, hidden = form_of(browser.get(path).text, action or path)
    return browser.post(to.removeprefix(PREFIX), data=hidden | fields)


def called(server: HttpServer, path: str, body: dict[str, str]) -> Any:
    with site(server) as program:
        answer = program.post(f"/api/v3/checks/{path}", json=body, headers={"X-Api-Key": WRITE_KEY})
    assert answer.is_success, answer.text
    return answer.json()


def made(server: HttpServer) -> str:
    return str(called(server, "", {"name": "backup"})["uuid"])


def paused(server: HttpServer, check: str, verb: str = "pause") -> None:
    called(server, f"{check}/{verb}", {})


def test_a_stream_ends_with_the_session(server: HttpServer, harness: Harness) -> None:
    with site(server) as browser:
        assert sent(browser, "/sign-in", {"name": "admin", "password": ADMIN_PASSWORD}).status_code == 303
        with browser.stream("GET", "/live") as stream:
            events = stream.iter_text()
            assert next(events).startswith("retry:")
            wait_until(lambda: harness.app.state.streams.open == 1)
            assert sent(browser, "/account", {}, "/sign-out-everywhere").status_code == 303
            assert "event: ended" in "".join(events)
        wait_until(lambda: harness.app.state.streams.open == 0)


def test_a_stream_over_http_2(server: HttpServer, harness: Harness) -> None:
    check = made(server)
    client = Http2Client(server.connect())
    stream = client.begin(f"{PREFIX}/live", headers=[("authorization", basic(ADMIN_PASSWORD)["Authorization"])])

    def heard(words: bytes) -> bool:
        client.read()
        return stream in client.answers and words in client.answers[stream].body

    wait_until(lambda: heard(b"retry:"))
    assert client.answers[stream].headers["content-type"].startswith("text/event-stream")
    # Others share the connection meanwhile.
    assert client.ask(f"{PREFIX}/sign-in").status == 200
    paused(server, check)
    wait_until(lambda: heard(b"event: changed"))
    assert stream not in client.ended
    client.h2.reset_stream(stream)
    client.flush()
    wait_until(lambda: harness.app.state.streams.open == 0)


@NEEDS_CHROMIUM
def test_a_page_stays_live_behind_proxies_and_over_a_restart(
    server: HttpServer, proxy: Proxy, harness: Harness
) -> None:
    check = made(server)
    with chromium() as browser, visit(browser, ADMIN_PASSWORD, timezone_id="UTC", may_fail=True) as page:
        page.clock.install()
        page.goto(f"http://127.0.0.1:{server.port}{PREFIX}/")
        status, state = page.locator("li.thing .status"), page.locator("#live-state")
        expect(state).to_have_text("Live")
        paused(server, check)
        expect(status).to_have_text("paused")
        server.stop()
        expect(state).to_contain_text("is older")
        harness.app.state.streams.most = 0  # whoever comes back is refused at first
        with HttpServer(proxy, BOUNDS, port=server.port) as again:
            page.clock.run_for(5_000)
            paused(again, check, "resume")
            harness.app.state.streams.most = 100  # of which one person may open a tenth
            page.clock.run_for(20_000)
            expect(status).to_have_text("new")
            expect(state).to_have_text("Live")
            proxy.is_deaf = True
            page.reload()
            paused(again, check)
            page.clock.run_for(46_000)
            expect(status).to_have_text("paused")
            expect(state).to_contain_text("no news gets through")
