"""The pages that ask what other settings would have told."""

import asyncio
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from query_api.web.past.what_if_form import read_form
from query_api.web.past.what_if_shown import MOST_LISTED, settings_words, shown
from query_api.web.shown.plots import Stretch, timelines
from query_api.web.shown.shown_times import ShownTimes
from query_api.what_if.port import NoAnswer
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.schedules import Simple, parse_schedule, zone
from schemas.times import iso, read_iso
from schemas.what_if.questions import Question
from tests.harness import ADMIN_PASSWORD, OTHER_KEY, POP_KEY, Harness

AUTH = ("", ADMIN_PASSWORD)
NOW = read_iso("2026-03-02T12:00:00+00:00")
UTC = ShownTimes(zone("UTC"), "UTC", NOW)
HOSTILE = '"><script>alert(1)</script>&'
CHECK = Check(id="c", project="p", version=1, created=0, schedule=Simple(period=3_600), grace=300)
MONITOR = Monitor(id="m", project="p", version=1, created=0, revised=0, name="Shop")


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def text(harness: Harness, path: str, status: int = 200, **query: str) -> str:
    answer = await harness.client.get(path, params=query or None, auth=AUTH)
    assert answer.status_code == status, answer.text
    return answer.text


async def late_runs(harness: Harness) -> str:
    """A check whose runs came 90 s and 300 s after its grace of a minute had begun."""
    channel = harness.make_channel("pager")
    body = {"name": "backup", "timeout": 60, "grace": 60, "channels": channel}
    check = str((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
    for seconds in (30, 150, 30, 360, 30):
        harness.log.ping(check)
        harness.log.tick(seconds)
    return check


async def test_what_a_longer_grace_would_have_told(harness: Harness) -> None:
    check = await late_runs(harness)
    page = await text(harness, f"/checks/{check}/what-if")
    assert 'placeholder="1m"' in page
    assert "What would have been" not in page
    page = await text(harness, f"/checks/{check}/what-if", grace="3m", days="7")
    assert "With grace 3m: 1 alert instead of 2 (1 spared, 1 later)." in page
    assert re.findall(r'<th scope="row">(\w+)</th><td>down</td>', page) == ["later", "spared"]
    assert "<td>2 min later</td>" in page
    assert page.count('<rect class="down"') == 3
    assert 'aria-label="Troubles that were told: 2 as it was, 1 with grace 3m"' in page
    assert 'value="3m"' in page
    assert '<option value="7" selected>' in page


async def test_several_values_are_tried(harness: Harness) -> None:
    check = await late_runs(harness)
    page = await text(harness, f"/checks/{check}/what-if", grace="1m,3m,10m", period="1m")
    rows = re.findall(r'<th scope="row"><bdi>([^<]*)</bdi></th><td>(\d+)</td><td>(\d*)</td>', page)
    settings = [f"period 1m, grace {value}" for value in ("1m", "3m", "10m")]
    assert rows == [("as it was", "2", ""), *zip(settings, "210", "012", strict=True)]
    link = re.search(r'href="(/checks/[^"]*what-if\?grace=[^"]*)"', page)
    assert link is not None
    assert "Which value?" in await text(harness, link[1].replace("&amp;", "&"))


async def test_a_monitor(harness: Harness) -> None:
    channel = harness.make_channel("pager")
    body = {"name": "Shop", "url": "https://shop.example/", "confirmations": 1, "alert_channel_ids": [channel]}
    headers = {"Authorization": f"Bearer {POP_KEY}"}
    monitor = (await harness.client.post("/api/v1/monitors", json=body, headers=headers)).json()["data"]["id"]
    for ok in (True, False, True, True):
        harness.log.probe_next(monitor, ok)
    page = await text(harness, f"/monitors/{monitor}/what-if", confirmations="2")
    assert "With 2 failing results in a row: 0 alerts instead of 1 (1 spared)." in page
    assert f'href="/monitors/{monitor}/what-if"' in await text(harness, f"/monitors/{monitor}")


async def test_what_makes_no_sense_is_said_beside_the_form(harness: Harness) -> None:
    check = await late_runs(harness)
    path = f"/checks/{check}/what-if"
    page = await text(harness, path, 400, grace="soon & <b>")
    assert 'value="soon &amp; &lt;b&gt;"' in page
    assert 'role="alert"><bdi>Field' in page
    page = await text(harness, path, 400, grace="1m,2m", period="1m..1h")
    assert "Give several values of one setting only, not of Grace and Period." in page
    await text(harness, path, 400, grace="1s")
    assert "What would have been" not in await text(harness, path, confirmations="2", days="x")


async def test_who_comes_while_another_question_is_answered_is_told_to_try_again(harness: Harness) -> None:
    check = await late_runs(harness)
    harness.questions.refuses = NoAnswer("Another question is being answered", 10)
    answer = await harness.client.get(f"/checks/{check}/what-if?grace=3m", auth=AUTH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "Another question is being answered." in answer.text
    assert 'value="3m"' in answer.text


async def test_a_question_ends_when_its_reader_leaves(harness: Harness) -> None:
    check = await late_runs(harness)
    asked, ended = asyncio.Event(), asyncio.Event()

    class Endless:
        async def ask(self, question: Question) -> bytes:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

    harness.questions.process = Endless()
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await messages.put({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/checks/{check}/what-if"
    request = harness.client.build_request("GET", path)
    headers = [(b"host", b"pingfold.test"), (b"authorization", b"Basic YWRtaW46b3BlbiBzZXNhbWU=")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": request.url.raw_path, "query_string": b"grace=3m", "root_path": "",
        "headers": headers, "server": ("pingfold.test", 80), "client": ("192.0.2.7", 5),
    }  # fmt: skip
    serving = asyncio.create_task(harness.app(scope, messages.get, send))
    await asyncio.wait_for(asked.wait(), 10)
    await messages.put({"type": "http.disconnect"})
    await asyncio.wait_for(ended.wait(), 10)
    await asyncio.wait([serving], timeout=10)
    assert serving.done()


async def test_things_of_others_are_not_found(harness: Harness) -> None:
    """Nor asked about: the question is put in the name of the project of the thing."""
    asked: list[Question] = []

    class Noted:
        async def ask(self, question: Question) -> bytes:
            asked.append(question)
            raise NoAnswer("Enough")

    body = {"name": "theirs", "timeout": 60, "grace": 60}
    answer = await harness.client.post("/api/v3/checks/", json=body, headers={"X-Api-Key": OTHER_KEY})
    harness.questions.process = Noted()
    await text(harness, f"/checks/{answer.json()['uuid']}/what-if", 400, grace="3m")
    assert [question.project for question in asked] == [harness.other]
    unknown = "00000000-0000-4000-8000-000000000000"
    for path in (f"/checks/{unknown}/what-if", f"/monitors/{unknown}/what-if", "/checks/x/what-if"):
        assert "<h1>There is no such" in await text(harness, path, 404)


def test_what_is_asked_is_what_stands_in_the_address() -> None:
    said = [("grace", " 5m..1h "), ("period", "2h"), ("days", "90"), ("confirmations", "3"), ("x", "y")]
    form = read_form(CHECK, said)
    expected = {"thing": "c", "since": "90d", "set": {"period": "2h"}, "sweep": "grace=5m..1h"}
    assert form.body("c") == expected
    cron = read_form(Check(**{name: getattr(CHECK, name) for name in ("id", "project", "version", "created")},
                           schedule=parse_schedule("0 3 * * *", "UTC"), grace=60), said)  # fmt: skip
    assert [field.name for field in cron.fields] == ["grace"]
    assert read_form(MONITOR, said).body("m") == {"thing": "m", "since": "90d", "set": {"confirmations": "3"}}
    assert read_form(MONITOR, []).is_empty
    for thing in (CHECK, MONITOR):
        for field in read_form(thing, []).fields:
            assert field.now in field.tried.split(",")
            assert len(set(field.tried.split(","))) > 2


def test_long_lists_are_cut() -> None:
    at = iso(NOW - 3_600_000_000)
    side: dict[str, Any] = {
        "began_at": at,
        "told_at": at,
        "ended_at": None,
        "length_seconds": None,
        "alert_channel_ids": [],
    }
    alert = {"verdict": "spared", "id": "c", "name": HOSTILE, "status": HOSTILE, "sent": side, "imagined": None,
             "later_seconds": None}  # fmt: skip
    uptime = {"uptime_percentage": None, "imagined_uptime_percentage": None, "down_seconds": 0,
              "imagined_down_seconds": 0}  # fmt: skip
    names = ("sent", "imagined", "kept", "earlier", "later", "spared", "added", "undecided", "other_channels",
             "short_sent", "short_imagined", "long_sent", "long_missed")  # fmt: skip
    case = {"settings": {"grace": 60}, "median_later_seconds": None, "worst_later_seconds": None, "uptime": uptime}
    answer = {"since": iso(NOW - 86_400_000_000), "until": iso(NOW), "short_seconds": 300, "notes": [], "events": 1,
              "cases": [case | dict.fromkeys(names, 0)], "alerts": [alert] * (MOST_LISTED + 3), "alerts_left_out": 2,
              "things": [], "things_left_out": 0}  # fmt: skip
    found = shown(answer, False, UTC)
    assert (len(found.alerts), found.left_out) == (MOST_LISTED, 5)
    assert found.plot is not None
    assert "<script" not in found.plot
    assert "down to" not in found.plot


def test_lines_of_time_stay_within_their_plot() -> None:
    plot = timelines(
        [(HOSTILE, [Stretch("down", -3, 0.5, HOSTILE), Stretch("late", 1, 7, "x")]), ("none", [])], "two", ("a", "b")
    )
    for rect in ElementTree.fromstring(plot).iter("rect"):
        x, width = float(rect.get("x", "")), float(rect.get("width", ""))
        assert 0 <= x <= x + width <= 720
        assert width > 0
    assert "<script" not in plot


def test_settings_in_words() -> None:
    assert settings_words({}) == "as it is"
    assert settings_words({"confirmations": 1, "recoveries": 3}) == "1 failing result in a row, 3 good results in a row"
    assert settings_words({"grace": 1_200, "late_limit": None, "confirmations": 3}) == (
        "grace 20m, late limit none, 3 failing results in a row"
    )
