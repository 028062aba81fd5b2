"""The past: everything as it was at a moment."""

import dataclasses
import re
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.web.overview.overview_filter import OverviewFilter
from query_api.web.past import past
from query_api.web.past.past_moment import read_past
from query_api.web.shown.time_range import DAY
from query_api.web.viewer import Viewer, viewer
from schemas.actors import Actor
from schemas.base import SECOND, Micros
from schemas.schedules import zone
from schemas.times import exact_iso
from tests.harness import ADMIN_PASSWORD, OTHER_KEY, POP_KEY, Harness

AUTH = ("", ADMIN_PASSWORD)
NOW: Micros = 1_750_000_000 * SECOND


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def shown(harness: Harness, at: Micros | None = None, **query: str) -> str:
    asked = query if at is None else query | {"at": exact_iso(at)}
    answer = await harness.client.get("/past", params=asked, auth=AUTH)
    assert answer.status_code == 200, answer.text
    return answer.text


async def made(harness: Harness, name: str, key: str = "", **fields: object) -> str:
    headers = {"X-Api-Key": key} if key else {}
    body = {"name": name, "timeout": 86_400, "grace": 300, **fields}
    return str((await harness.client.post("/api/v3/checks/", json=body, headers=headers)).json()["uuid"])


async def told(harness: Harness) -> tuple[str, Micros]:
    """A check that is up, fails a minute later, and is up again after another; when it failed."""
    check = await made(harness, "backup", tags="prod")
    harness.log.tick(60)
    harness.log.ping(check)
    harness.log.tick(60)
    failed = harness.log.now()
    harness.log.ping(check, "fail", exitstatus=3)
    harness.log.tick(60)
    harness.log.ping(check)
    harness.log.tick(60)
    return check, failed


async def test_everything_stands_there_as_it_was(harness: Harness) -> None:
    check, failed = await told(harness)
    page = await shown(harness, failed + 30 * SECOND)
    assert '<span class="status down">down</span>' in page
    assert "for 30 s, until <time" in page
    assert "The job reported a failure: Exit status 3" in page
    assert ">1</strong> down<" in page
    assert "Needed attention" in page
    assert re.search(f'href="/checks/{check}/why\\?at=[^"]*"', page)
    page = await shown(harness, failed - SECOND)
    assert '<span class="status up">up</span>' in page
    assert "Nothing needed attention." in page
    assert "A ping came" in page
    page = await shown(harness, failed - 110 * SECOND)
    assert '<span class="status new">new</span>' in page
    page = await shown(harness, failed - 3_600 * SECOND)
    assert '<span class="status absent">not there yet</span>' in page
    assert ">1</strong> up<" in await shown(harness)


async def test_steps_lead_from_change_to_change(harness: Harness) -> None:
    _, failed = await told(harness)
    page = await shown(harness, failed + 30 * SECOND, q="backup")
    links = dict(re.findall(r'href="(/past[^"]*)" rel="(prev|next)"', page))
    assert {rel: answer for answer, rel in links.items()}.keys() == {"prev", "next"}
    for link, rel in links.items():
        page = (await harness.client.get(link.replace("&amp;", "&"), auth=AUTH)).text
        assert ('<span class="status down">' in page) == (rel == "prev")
        assert 'value="backup"' in page


async def test_the_slider_leads_to_an_address_that_names_the_moment(harness: Harness) -> None:
    _, failed = await told(harness)
    asked = {"to": str(failed // SECOND), "status": "down", "range": "24h"}
    answer = await harness.client.get("/past", params=asked, auth=AUTH)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/past?at=2025-06-15T15%3A08%3A40%2B00%3A00&range=24h&status=down"
    page = (await harness.client.get(answer.headers["location"], auth=AUTH)).text
    assert '<span class="status down">' in page
    slider = re.search(
        r'<input id="moment" type="range" name="to" min="(\d+)" max="(\d+)" step="60" value="(\d+)"', page
    )
    assert slider is not None
    first, last, value = map(int, slider.groups())
    assert first <= value <= last
    assert value <= failed // SECOND < value + 60


@pytest.mark.parametrize("ago", [0, 1, 59, 3_600, 90_000, 10**6, 10**7, 10**9])
@pytest.mark.parametrize("span", ["", "24h", "7d", "30d", "90d", "x"])
def test_a_slider_holds_its_moment_and_has_a_bounded_number_of_places(ago: int, span: str) -> None:
    moment = read_past([("at", exact_iso(NOW - ago * SECOND)), ("range", span)], NOW, zone("UTC"))
    slider = moment.slider
    assert slider["min"] <= slider["value"] <= slider["max"]
    assert slider["value"] <= moment.at // SECOND < slider["value"] + slider["step"]
    assert (slider["max"] - slider["min"]) % slider["step"] == 0
    assert (slider["max"] - slider["min"]) // slider["step"] <= 100_000
    assert all(at is None or 0 <= at <= NOW for _, at in moment.steps(0, 0))


@pytest.mark.parametrize(
    ("said", "at", "fault"),
    [
        ({}, NOW, False),
        ({"at": ""}, NOW, False),
        ({"at": "2025-06-15T15:00:00"}, NOW - 400 * SECOND, False),
        ({"at": "soon"}, NOW, True),
        ({"at": "2999-01-01"}, NOW, True),
        ({"at": "0001-01-01"}, NOW, True),
        ({"at": "9" * 5_000}, NOW, True),
        ({"to": "1749996800"}, NOW - 3_200 * SECOND, False),
        ({"to": "-1"}, NOW, False),
        ({"to": "99999999999"}, NOW, False),
        ({"to": "²", "at": "2025-06-15T15:00:00"}, NOW - 400 * SECOND, False),
    ],
)
def test_a_moment_is_read_from_the_address(said: dict[str, str], at: Micros, fault: bool) -> None:
    moment = read_past(said.items(), NOW, zone("UTC"))
    assert moment.at == at
    assert bool(moment.fault) == fault
    again = dict(re.findall("(at|range)=([^&]*)", moment.query(NOW - DAY, OverviewFilter())))
    assert again == {"at": exact_iso(NOW - DAY).replace(":", "%3A").replace("+", "%2B")}


async def test_a_wrong_moment_is_said_beside_the_present(harness: Harness) -> None:
    await told(harness)
    page = (await harness.client.get("/past?at=<b>soon</b>", auth=AUTH)).text
    assert "The time must be like" in page
    assert '<span class="status up">' in page


async def test_what_is_gone_is_shown_as_such(harness: Harness) -> None:
    check, failed = await told(harness)
    assert (await harness.client.delete(f"/api/v3/checks/{check}")).is_success
    page = await shown(harness, failed + 30 * SECOND)
    assert '<bdi class="of">backup</bdi>' in page
    assert "removed since" in page
    assert ">1</strong> down<" in page
    assert f"/checks/{check}" not in page
    assert "backup" not in await shown(harness)
    assert "backup" not in await shown(harness, failed - 3_600 * SECOND)
    assert "backup" not in await shown(harness, failed + 30 * SECOND, q="other")
    assert "backup" not in await shown(harness, failed + 30 * SECOND, status="up")


async def test_filters_choose_by_what_was(harness: Harness) -> None:
    _, failed = await told(harness)
    await made(harness, "other job")
    at = failed + 30 * SECOND
    assert ">other job<" in await shown(harness, at)  # it was not there yet
    page = await shown(harness, at, status="down")
    assert ">backup<" in page
    assert ">other job<" not in page
    assert "Nothing matched" in await shown(harness, at, status="late")
    assert ">backup<" not in await shown(harness, at, project=harness.other)
    assert ">backup<" not in await shown(harness, at, project="no such")
    assert ">other job<" not in await shown(harness, at, tag="prod")


async def test_many_things_have_pages(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "PER_PAGE", 2)
    for number in range(3):
        await made(harness, f"check {number}")
    at = harness.log.now()
    first, last = await shown(harness, at), await shown(harness, at, page="2")
    assert [page.count('class="thing new"') for page in (first, last)] == [2, 1]
    assert "page=2" in first
    assert "Page 2 of 2, 3 things" in last


async def test_a_gap_is_told(harness: Harness) -> None:
    _, failed = await told(harness)

    async def gaps(*_: Any) -> list[tuple[int, int | None]]:
        return [(failed - 5 * SECOND, failed + 20 * SECOND), (failed + 10 * SECOND, None)]

    harness.report_history.gaps = gaps  # type: ignore[method-assign,assignment]
    page = await shown(harness, failed + 5 * SECOND)
    assert "Not observed from 15:08 to 15:09: pings may have been lost" in page
    assert "Not observed from 15:08 on" not in page
    assert "Not observed from 15:08 on: " in await shown(harness, failed + 30 * SECOND)
    assert "Not observed" not in await shown(harness, failed - 30 * SECOND)


async def test_what_history_does_not_tell_is_not_known(harness: Harness) -> None:
    _, failed = await told(harness)
    deps, at = harness.app.state.deps, failed + 30 * SECOND

    class Behind:
        """The newest change is not in history."""

        async def then(self, things: Any, projects: Any, at: Micros) -> Any:
            rows = await deps.past_things.then(things, projects, min(at, failed))
            return [row._replace(newest=row.newest - 1, after=0) for row in rows]

        async def gone(self, *_: Any) -> Any:
            return []

    class Away:
        async def then(self, *_: Any) -> Any:
            raise ClickHouseUnavailable("ClickHouse is away")

        gone = then

    harness.app.state.deps = dataclasses.replace(deps, past_things=Behind())
    page = await shown(harness, at)
    assert '<span class="status unknown">not known</span>' in page
    assert "Nothing needed attention" not in page
    for reader in (Away(), None):
        harness.app.state.deps = dataclasses.replace(deps, past_things=reader, report_history=None)
        page = await shown(harness, at)
        assert "History does not answer now: only what has not changed since is known here." in page
        assert ">1</strong> not known<" in page
        assert '<span class="status up">up</span>' in await shown(harness)


async def test_a_viewer_sees_the_past_of_his_projects_only(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    _, failed = await told(harness)
    gone = await made(harness, "secret gone")
    harness.log.ping(gone)
    harness.log.tick(5)
    assert (await harness.client.delete(f"/api/v3/checks/{gone}")).is_success
    theirs = await made(harness, "theirs", OTHER_KEY)
    harness.log.ping(theirs)

    async def sees_other(**_: object) -> Viewer:
        return Viewer("eve", (harness.other,), frozenset(), Actor(kind="admin"))

    for route in harness.app.routes:
        for one in getattr(route, "dependant", Dependant()).dependencies:
            if one.call is viewer:
                monkeypatch.setattr(one, "call", sees_other)
    moments = (failed + 30 * SECOND, harness.log.now() - 6 * SECOND, harness.log.now())
    for query in ({}, {"project": harness.project}, {"q": gone}, {"status": "down"}, {"tag": "prod"}):
        for at in moments:
            page = await shown(harness, at, **query)
            assert "backup" not in page
            assert "secret" not in page
            assert "1</strong> down" not in page
    # Nor when something else changed.
    page = await shown(harness, failed + 30 * SECOND)
    assert 'rel="prev"' not in page
    assert page.count('rel="next"') == 1
    assert exact_iso(harness.log.now()).replace(":", "%3A").replace("+", "%2B") in page
    assert ">theirs<" in page


async def test_a_check_that_was_made_again_has_a_past_of_its_own(harness: Harness) -> None:
    uuid = "7d5bcb5c-5c4b-4a2e-8d4b-53b8b2c2a9f1"
    body = {"name": "backup", "timeout": 86_400, "grace": 300}
    moments = []
    for _ in range(2):
        answer = await harness.client.post(f"/api/v3/checks/{uuid}?create=1", json=body)
        assert answer.status_code == 201, answer.text
        harness.log.tick(30)
        harness.log.ping(uuid, "fail")
        harness.log.tick(30)
        moments.append(harness.log.now())
        harness.log.tick(1)
        assert (await harness.client.delete(f"/api/v3/checks/{uuid}")).is_success
        harness.log.tick(60)
        moments.append(harness.log.now())
        harness.log.tick(1)
    assert (await harness.client.post(f"/api/v3/checks/{uuid}?create=1", json=body)).status_code == 201
    harness.log.tick(60)
    moments.append(harness.log.now())
    harness.log.tick(1)
    harness.log.ping(uuid)
    found = [re.search('<li class="thing (\\w+)">', await shown(harness, at)) for at in moments]
    statuses = [None if one is None else one[1] for one in found]
    assert statuses == ["down", "absent", "down", "absent", "new"]


async def test_incidents_and_things_lead_there(harness: Harness) -> None:
    check, failed = await told(harness)
    page = await shown(harness, failed + 30 * SECOND)
    incident = re.search(r'href="(/incidents/[0-9a-f-]{36})"', page)
    assert incident is not None
    text = (await harness.client.get(incident[1], auth=AUTH)).text
    assert 'href="/past?at=2025-06-15T15%3A08%3A40%2B00%3A00"' in text
    assert f'href="/past?q={check}"' in (await harness.client.get(f"/checks/{check}", auth=AUTH)).text
    assert '<a href="/past">Past</a>' in text
    body = {"name": "Shop", "url": "https://shop.example/"}
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    monitor = (await harness.client.post("/api/v1/monitors", json=body, headers=headers)).json()["data"]["id"]
    assert f'href="/past?q={monitor}"' in (await harness.client.get(f"/monitors/{monitor}", auth=AUTH)).text
