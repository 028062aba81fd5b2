"""The pages of maintenance: a month of windows, what their buttons do, and forms for each sort of window."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.web.maintenance.maintenance_month import (
    MOST_IN_DAY,
    MOST_TIMES,
    Month,
    occasions_of,
    read_month,
    shown_month,
)
from schemas.base import SECOND
from schemas.ids import new_id
from schemas.maintenance import Maintenance, Once, Recurring
from schemas.schedules import parse_schedule, zone
from schemas.times import local
from tests.harness import POP_KEY, Harness
from tests.memory import START
from tests.people_world import member, owner
from tests.web_browser import fields_of, form_of

KEY = {"Authorization": f"Bearer {POP_KEY}"}
UTC, HOUR = zone("UTC"), 3_600 * SECOND
JUNE = Month(2025, 6)  # START is 15 June 2025, 15:06:40 UTC


@pytest.fixture
def harness() -> Harness:
    return Harness()


def window(when: Once | Recurring, **more: Any) -> Maintenance:
    fields: dict[str, Any] = {"id": new_id(), "project": "p", "version": 1, "created": 0, "revised": 0, "name": "w"}
    return Maintenance(**fields | {"window": when} | more)


def days(month: Month, *windows: Maintenance, tz: str = "UTC") -> dict[str, int]:
    shown = shown_month(month, windows, zone(tz))
    return {day.text: len(day.occasions) + day.more for week in shown.weeks for day in week if day.occasions}


def test_a_window_stands_on_each_of_its_days() -> None:
    once = window(Once(START, START + 30 * HOUR))
    assert days(JUNE, once) == {"2025-06-15": 1, "2025-06-16": 1}
    # 06:00 of the next day but one in Auckland: it ends when that day begins there, or not.
    assert days(JUNE, once, tz="Pacific/Auckland") == {"2025-06-16": 1, "2025-06-17": 1}
    assert days(Month(2025, 8), once) == {}
    weekly = window(Recurring(parse_schedule("0 3 * * 0", "UTC"), 3_600))
    assert days(JUNE, weekly) == dict.fromkeys(
        ["2025-06-01", "2025-06-08", "2025-06-15", "2025-06-22", "2025-06-29", "2025-07-06"], 1
    )
    assert days(JUNE, window(weekly.window, created=START)) == dict.fromkeys(
        ["2025-06-22", "2025-06-29", "2025-07-06"], 1
    )


def test_what_recurs_very_often_is_cut_and_told() -> None:
    often = window(Recurring(parse_schedule("* * * * *", "UTC"), 60))
    shown = shown_month(JUNE, [often], UTC)
    assert shown.cut == [often]
    assert sum(len(day.occasions) + day.more for week in shown.weeks for day in week) == MOST_TIMES
    assert all(len(day.occasions) <= MOST_IN_DAY for week in shown.weeks for day in week)


@given(
    year=st.integers(2001, 2199),
    month=st.integers(1, 12),
    start=st.integers(-40 * 24, 80 * 24),
    lasts=st.integers(1, 60 * 24),
    tz=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_a_day_shows_a_window_if_it_is_open_on_it(year: int, month: int, start: int, lasts: int, tz: str) -> None:
    first = (date(year, month, 1) - date(1970, 1, 1)) // timedelta(hours=1)
    begin, end = (first + start) * HOUR, (first + start + lasts) * HOUR
    shown = shown_month(Month(year, month), [window(Once(begin, end))], zone(tz))
    assert [week[0].weekday for week in shown.weeks] == ["Monday"] * len(shown.weeks)
    opened, closed = local(begin, zone(tz)).date(), local(end - 1, zone(tz)).date()
    for day in (day for week in shown.weeks for day in week):
        assert bool(day.occasions) == (opened <= day.date <= closed), day.text


@given(text=st.text(max_size=12) | st.from_regex(r"\d{4}-\d\d", fullmatch=True))
def test_any_text_names_a_month_that_can_be_shown(text: str) -> None:
    month = read_month(text, START, UTC)
    assert shown_month(month, [], UTC).weeks
    for other in (month.moved(-1), month.moved(1)):
        assert other is None or other.moved(0) == other


def test_a_time_that_was_changed_stands_as_it_was() -> None:
    weekly = Recurring(parse_schedule("0 3 * * 0", "UTC"), 3_600)
    [first, *_] = occasions_of(window(weekly), START, START + 30 * 24 * HOUR)
    assert first.end - first.start == HOUR


async def make(harness: Harness, **body: Any) -> str:
    answer = await harness.client.post("/api/v1/maintenance-windows", json={"name": "Upgrade"} | body, headers=KEY)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def test_the_month_and_the_lists(harness: Harness) -> None:
    opened = await make(harness, duration="1h")
    weekly = await make(harness, name="Backup", schedule="0 3 * * 0", timezone="UTC", duration_minutes=30)
    browser = await owner(harness)
    page = (await browser.get("/maintenance")).text
    assert "<caption>June 2025, by the clock of UTC</caption>" in page
    assert '<td class="inside" aria-current="date"><time datetime="2025-06-15">' in page
    assert page.count(f'href="/maintenance/{weekly}"') == 4  # 22 and 29 June, 6 July, and the list of what is to come
    assert "15:06–16:06" in page
    assert page.index("Open now") < page.index(f'href="/maintenance/{opened}"') < page.index("To come")
    july = (await browser.get("/maintenance?month=2025-07")).text
    assert "July 2025" in july
    assert "15:06–16:06" not in july
    assert "June 2025" in (await browser.get("/maintenance?month=9999-99")).text


async def test_what_is_open_is_extended_and_ended(harness: Harness) -> None:
    id = await make(harness, duration="30m")
    browser = await owner(harness)
    await browser.send_form(f"/maintenance/{id}", {"minutes": "15"}, "/extend")
    now = harness.log.directory.window(id)
    assert now is not None
    assert isinstance(now.window, Once)
    assert now.window.end - now.window.start == 45 * 60 * SECOND
    answer = await browser.send_form(f"/maintenance/{id}", {"minutes": "x"}, "/extend")
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    harness.log.tick(60)
    answer = await browser.send_form(f"/maintenance/{id}", {}, "/end")
    page = (await browser.get(answer.headers["Location"])).text
    assert "It is over now." in page
    assert ">over</span>" in page
    assert "/extend" not in page


async def test_windows_are_made_changed_and_removed(harness: Harness) -> None:
    browser = await owner(harness)
    new = f"/maintenance/new?project={harness.project}"
    monitor = (
        await harness.client.post("/api/v1/monitors", json={"name": "Shop", "url": "https://a.example/"}, headers=KEY)
    ).json()
    named = monitor["data"]["id"]
    answer = await browser.send_form(
        new, {"name": "Now", "when": "now", "duration": "20m", "monitor_ids": named}, f"project={harness.project}"
    )
    page = (await browser.get(answer.headers["Location"])).text
    assert "The window was created." in page
    assert "<dt>Key</dt>" not in page, "a form's own key tells nobody anything"
    keyed = await make(harness, duration="20m", key="pipeline-4711")
    assert "<dt>Key</dt><dd><bdi>pipeline-4711</bdi></dd>" in (await browser.get(f"/maintenance/{keyed}")).text
    assert f'href="/monitors/{named}"' in page
    browser.cookies.set("pingfold_zone", "Europe/Berlin")
    once = {
        "name": "Once",
        "when": "once",
        "starts_at": "2025-06-20T10:00",
        "ends_at": "2025-06-20T11:30",
        "tags": "web",
    }
    answer = await browser.send_form(new, once, f"project={harness.project}")
    id = answer.headers["Location"].split("?")[0].rpartition("/")[2]
    made = harness.log.directory.window(id)
    assert made is not None
    assert made.window == Once(1_750_406_400 * SECOND, 1_750_411_800 * SECOND)
    assert made.tags == ("web",)
    recurs = {"when": "recurs", "schedule": "0 3 * * *", "timezone": "Europe/Berlin", "duration_minutes": "15"}
    answer = await browser.send_form(f"/maintenance/{id}/edit", recurs, "/edit")
    assert answer.status_code == 303, answer.text
    changed = harness.log.directory.window(id)
    assert changed is not None
    assert isinstance(changed.window, Recurring)
    assert (changed.window.duration, changed.tags, changed.name) == (900, ("web",), "Once")
    form = await browser.get(f"/maintenance/new?copy={id}")
    answer = await browser.post(form_of(form.text, harness.project)[0], data=fields_of(form, harness.project))
    copy = harness.log.directory.window(answer.headers["Location"].split("?")[0].rpartition("/")[2])
    assert copy is not None
    assert (copy.window, copy.tags, copy.name, copy.id == id) == (changed.window, ("web",), "Once (copy)", False)
    answer = await browser.send_form(f"/maintenance/{id}/remove", {}, "/remove")
    assert answer.headers["Location"] == "/maintenance?done=removed"
    assert harness.log.directory.window(id) is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"when": "now", "duration": "soon"}, "duration"),
        ({"when": "once", "starts_at": "later", "ends_at": ""}, "starts_at"),
        ({"when": "recurs", "schedule": "x", "duration_minutes": "5"}, "schedule"),
        ({"when": "recurs", "schedule": "0 3 * * *", "timezone": "Mars", "duration_minutes": "5"}, "timezone"),
        ({"when": "recurs", "schedule": "0 3 * * *", "duration_minutes": "0"}, "duration_minutes"),
        ({"when": "once", "starts_at": "2025-06-20T10:00", "ends_at": "2025-06-20T09:00"}, ""),
        ({"when": "never"}, ""),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(harness: Harness, fields: dict[str, str], field: str) -> None:
    new = f"/maintenance/new?project={harness.project}"
    answer = await (await owner(harness)).send_form(new, {"name": "N"} | fields, f"project={harness.project}")
    assert answer.status_code == 400, answer.headers
    assert (f'id="error-{field}"' if field else 'role="alert"') in answer.text
    assert harness.log.directory.windows_of(harness.project) == []


async def test_viewers_change_nothing_and_others_see_nothing(harness: Harness) -> None:
    id = await make(harness, duration="1h")
    bob = await member(harness, "viewer")
    page = (await bob.get(f"/maintenance/{id}")).text
    assert f'action="/maintenance/{id}' not in page
    assert "/maintenance/new" not in (await bob.get("/maintenance")).text
    token = form_of((await bob.get("/sign-out")).text, "/sign-out")[1]
    for path in ("extend", "end", "remove", "edit"):
        answer = await bob.post(f"/maintenance/{id}/{path}", data=token | {"minutes": "15"})
        assert answer.status_code == 403, path
    body = {"name": "Theirs", "duration": "1h"}
    made = await harness.client.post(
        "/api/v1/maintenance-windows", json=body, headers={"Authorization": f"Bearer {'p' * 32}"}
    )
    theirs = made.json()["data"]["id"]
    assert "Theirs" not in re.sub(r"\s+", " ", (await bob.get(f"/maintenance?project={harness.other}")).text)
    for path in ("", "/edit", "/remove"):
        assert (await bob.get(f"/maintenance/{theirs}{path}")).status_code == 404
    for path in ("extend", "end", "remove", "edit"):
        assert (await bob.post(f"/maintenance/{theirs}/{path}", data=token)).status_code == 404
    assert (await bob.get(f"/maintenance/new?project={harness.other}")).status_code == 404
