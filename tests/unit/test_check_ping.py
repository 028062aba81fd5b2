"""A check is pinged from its page, by the request that a job makes; what is not recorded is never said to be."""

import dataclasses
from typing import Any, NamedTuple

import httpx
import pytest

from query_api.web.checks.ping_signals import SIGNALS
from schemas.pings import Ping
from tests.harness import Harness
from tests.people_world import member
from tests.ping_world import World
from tests.web_browser import Browser, form_of


class Both(NamedTuple):
    """The pages, and the ping application that they have; check: known to both."""

    harness: Harness
    pings: World
    check: str

    def recorded(self) -> list[Ping]:
        return [ping for id, ping in self.pings.sink.pings if id == self.check]


@pytest.fixture
async def both() -> Both:
    harness, pings = Harness(), World(pings_per_minute=2)
    harness.app.state.deps = dataclasses.replace(harness.app.state.deps, ping_app=pings.app)
    made = await harness.client.post("/api/v3/checks/", json={"name": "backup"})
    pings.check(made.json()["uuid"], "backup")
    return Both(harness, pings, made.json()["uuid"])


async def pinged(browser: Browser, check: str, signal: str = "") -> Any:
    return await browser.send_form(f"/checks/{check}", {"signal": signal}, "/ping")


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a_ping_from_a_page_is_as_one_of_a_job(both: Both, signal: str) -> None:
    ann = await member(both.harness, "editor")
    others = [pair for pair in ann.headers.raw if pair[0].lower() != b"user-agent"]
    ann.headers = httpx.Headers([*others, (b"User-Agent", b"Web/1 \xfc")])
    answer = await pinged(ann, both.check, signal)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/checks/{both.check}?note=pinged")
    [ping] = both.recorded()
    assert (ping.kind, ping.method, ping.remote_addr) == (signal or "success", "POST", "192.0.2.7")
    assert ping.ua.startswith("Web/1")
    assert "Pinged." in (await ann.get(answer.headers["Location"])).text


async def test_what_is_not_recorded_is_told(both: Both) -> None:
    ann = await member(both.harness, "editor")
    both.pings.sink.full = True
    answer = await pinged(ann, both.check)
    assert (answer.status_code, "The ping is not recorded" in answer.text) == (503, True)
    both.pings.sink.full = False
    statuses = [(await pinged(ann, both.check)).status_code for _ in range(4)]
    assert statuses[0] == 303
    assert statuses[-1] == 429
    assert len(both.recorded()) == statuses.count(303)
    assert (await pinged(ann, both.check, "shout")).status_code == 400


async def test_a_check_that_the_ping_application_does_not_know(both: Both) -> None:
    ann = await member(both.harness, "editor")
    other = (await both.harness.client.post("/api/v3/checks/", json={"name": "new"})).json()["uuid"]
    answer = await pinged(ann, other)
    assert (answer.status_code, "There is no such check." in answer.text) == (404, True)


async def test_only_who_may_change_a_check_pings_it_from_its_page(both: Both) -> None:
    bob = await member(both.harness, "viewer")
    page = (await bob.get(f"/checks/{both.check}")).text
    assert "Ping now" not in page
    _, token = form_of((await bob.get("/sign-out")).text, "/sign-out")
    answer = await bob.post(f"/checks/{both.check}/ping", data=token | {"signal": ""})
    assert (answer.status_code, both.recorded()) == (403, [])


async def test_a_process_that_takes_no_pings_offers_none(both: Both) -> None:
    ann = await member(both.harness, "editor")
    page = await ann.get(f"/checks/{both.check}")
    both.harness.app.state.deps = dataclasses.replace(both.harness.app.state.deps, ping_app=None)
    assert "Ping now" not in (await ann.get(f"/checks/{both.check}")).text
    answer = await ann.send_form_of(page, {"signal": ""}, "/ping")
    assert (answer.status_code, "takes no pings" in answer.text) == (503, True)
