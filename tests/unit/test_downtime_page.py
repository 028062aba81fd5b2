"""The page that `details_url` of the updown APIs leads to, over the real folds, in memory."""

from typing import Any

import httpx
import pytest

from schemas.probes import Phases
from tests.harness import ADMIN_PASSWORD, WRITE_KEY, Harness
from tests.updown_client import CHECKS, URL, made, updown

AUTH = ("admin", ADMIN_PASSWORD)
NOBODYS = "/downtimes/0123456789abcdef01234567"


@pytest.fixture
def harness() -> Harness:
    return updown()


async def told(harness: Harness, token: str) -> dict[str, Any]:
    """The newest downtime."""
    downtime: dict[str, Any] = (await harness.client.get(f"{CHECKS}/{token}/downtimes")).json()[0]
    return downtime


async def opened(harness: Harness, downtime: dict[str, Any]) -> httpx.Response:
    path = downtime["details_url"].removeprefix(harness.settings.base_url)
    return await harness.client.get(path, auth=AUTH)


def probe(harness: Harness, ok: bool, until: str) -> None:
    [monitor] = harness.log.directory.monitors_of(harness.project)
    for _ in range(30):
        harness.log.tick(5)
        harness.log.probe(monitor.id, ok=ok, address="192.0.2.9", phases=Phases(first_byte=90_000))
        state = harness.log.monitor_states.state(monitor.id)
        if state is not None and state.status == until:
            return
    raise AssertionError("it is not so after 30 results")


async def test_a_downtime_of_a_monitor(harness: Harness) -> None:
    token = (await made(harness, url=URL, alias="Shop & <more>"))["token"]
    probe(harness, True, "up")
    probe(harness, False, "down")
    page = await opened(harness, await told(harness, token))
    assert page.status_code == 200
    for words in ("Shop &amp; &lt;more&gt;", "it is down now", "Connection timed out", "192.0.2.9", "taken to be down"):
        assert words in page.text, words
    assert "taken to be up" not in page.text
    probe(harness, True, "up")
    page = await opened(harness, await told(harness, token))
    assert "it is down now" not in page.text
    assert "taken to be up" in page.text
    assert page.headers["Cache-Control"] == "no-store"


async def test_a_downtime_of_a_pulse_check(harness: Harness) -> None:
    token = (await made(harness, url="", type="pulse", period=60, alias="Nightly"))["token"]
    [check] = harness.log.directory.checks_of(harness.project)
    harness.log.ping(check.id)
    harness.log.tick(120)
    page = await opened(harness, await told(harness, token))
    assert page.status_code == 200
    assert "Nightly" in page.text
    assert f"checks/{check.id}" in page.text


async def test_who_may_see_it(harness: Harness) -> None:
    await made(harness)
    probe(harness, False, "down")
    [monitor] = harness.log.directory.monitors_of(harness.project)
    path = (await told(harness, monitor.token))["details_url"].removeprefix(harness.settings.base_url)
    for each in (path, NOBODYS):
        answer = await harness.client.get(each, auth=("admin", "wrong"), headers={"X-Api-Key": WRITE_KEY})
        assert answer.status_code == 401
        answer = await harness.client.get(each, headers={"X-Api-Key": WRITE_KEY})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/sign-in?next={each}")


async def test_what_is_no_downtime(harness: Harness) -> None:
    for path in (NOBODYS, "/downtimes/x", "/downtimes/%25", "/downtimes/" + "0" * 23):
        answer = await harness.client.get(path, auth=AUTH)
        assert (answer.status_code, "There is no such downtime." in answer.text) == (404, True)
    token = (await made(harness))["token"]
    probe(harness, False, "down")
    downtime = await told(harness, token)
    assert (await harness.client.delete(f"{CHECKS}/{token}")).status_code == 200
    assert (await opened(harness, downtime)).status_code == 404


async def test_without_history_it_says_so() -> None:
    harness = Harness(history=False)
    answer = await harness.client.get(NOBODYS, auth=AUTH)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
