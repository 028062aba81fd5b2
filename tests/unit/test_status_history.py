"""The past of a status page, a month at a time: what stands there, which months there are, and who may read it."""

from typing import Any

import httpx
import pytest

from query_api.history.status_pages import DAY
from query_api.pages import status_history
from schemas.base import SECOND
from tests.harness import Harness
from tests.public_pages import PAGES, PASSWORD, ask, basic, component, later, make, make_check


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def past(harness: Harness, page: dict[str, Any], month: str = "", **headers: str) -> httpx.Response:
    query = f"?month={month}" if month else ""
    return await harness.client.get(f"/status/{page['id']}/history{query}", headers=headers)


def outage(harness: Harness, check: str) -> None:
    harness.log.ping(check, "fail")
    harness.log.tick(180)
    harness.log.ping(check)


async def seen(harness: Harness) -> tuple[dict[str, Any], str]:
    """A page in June of a check, which has been down once."""
    check = await make_check(harness, timeout=31_536_000)
    page = await make(harness, components=[component("check", check, name="Nightly backup")])
    outage(harness, check)
    return page, check


def months_pass(harness: Harness, months: int) -> None:
    harness.log.time += months * 30 * DAY
    later(harness)


async def test_a_month_shows_what_ended_in_it(harness: Harness) -> None:
    page, check = await seen(harness)
    post = {"title": "Backups fail", "text": "A disk is full.", "status": "resolved", "affected": [check]}
    assert (await ask(harness, "POST", f"{PAGES}/{page['id']}/posts", post)).status_code == 201
    months_pass(harness, 2)
    outage(harness, check)
    outage(harness, check)
    text = (await past(harness, page)).text
    assert "<h2>August 2025</h2>" in text
    assert text.count("was down for 3 min") == 2
    assert "Backups fail" not in text
    june = (await past(harness, page, "2025-06")).text
    for words in ("<h2>June 2025</h2>", "<bdi>Backups fail</bdi>", "A disk is full.", "<h3>2025-06-15</h3>"):
        assert words in june
    assert june.count("was down for 3 min") == 1
    assert check not in june
    assert "None ended in this month." in (await past(harness, page, "2025-07")).text


async def test_links_lead_where_there_are_months(harness: Harness) -> None:
    page, _ = await seen(harness)
    first = (await past(harness, page)).text
    assert ('rel="prev"' in first, 'rel="next"' in first) == (False, False)
    months_pass(harness, 2)
    july = (await past(harness, page, "2025-07")).text
    assert "/history?month=2025-06" in july
    assert "/history?month=2025-08" in july
    for month in ("2025-05", "2025-09", "2001-01", "2199-12"):
        assert (await past(harness, page, month)).status_code == 404, month
    for month in ("soon", "1970-01", "2025-13", "9999-99", "%00", "2025-07-01"):
        answer = await past(harness, page, month)
        assert (answer.status_code, "<h2>August 2025</h2>" in answer.text) == (200, True), month


async def test_so_many_are_shown_and_that_there_were_more_is_said(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_history, "MOST", 2)
    page, check = await seen(harness)
    outage(harness, check)
    later(harness)
    text = (await past(harness, page)).text
    assert (text.count("was down for"), "There were more" in text) == (2, False)
    outage(harness, check)
    later(harness)
    text = (await past(harness, page)).text
    assert (text.count("was down for"), "There were more: the last 2 are shown." in text) == (2, True)


async def test_without_history_it_is_said_what_is_missing(harness: Harness) -> None:
    page, _ = await seen(harness)
    harness.page_history.away = True
    text = (await past(harness, page)).text
    assert "the incidents of this month are missing" in text
    assert "None ended" not in text


async def test_only_who_may_see_the_page_sees_its_past(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    assert (await past(harness, page)).status_code == 401
    answer = await past(harness, page, **basic(PASSWORD))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-cache")
    assert (await harness.client.get("/status/nothing/history")).status_code == 404
    public = await past(harness, await make(harness))
    assert public.headers["Cache-Control"] == "public, max-age=15"
    assert int(public.headers["Age"]) <= 5 * SECOND
