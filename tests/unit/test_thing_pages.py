"""The pages of a check, a monitor, an incident and an explanation: what stands there, and what is missing there."""

import asyncio
import dataclasses
import re
from typing import Any

import pytest

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.web import asking
from query_api.web.checks.snippets import snippets
from query_api.web.incidents import incidents
from schemas.probes import Phases
from schemas.schedules import Simple, parse_schedule
from tests.harness import ADMIN_PASSWORD, POP_KEY, Harness

AUTH = ("", ADMIN_PASSWORD)
KEY = {"Authorization": f"Bearer {POP_KEY}"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def text(harness: Harness, path: str, status: int = 200) -> str:
    answer = await harness.client.get(path, auth=AUTH)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


async def pinged(harness: Harness) -> str:
    """A check with two runs, of which the second failed."""
    channel = harness.make_channel("pager")
    body = {"name": "backup", "timeout": 86_400, "grace": 300, "channels": channel}
    check = str((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
    for kind, seconds in (("start", 10), ("success", 5), ("start", 30), ("fail", 1)):
        said = {"body": f"{kind} " + "x" * 400, "ua": "curl/8", "remote_addr": "192.0.2.7"}
        harness.log.ping(check, kind, exitstatus=3 if kind == "fail" else None, **said)  # type: ignore[arg-type]
        harness.log.tick(seconds)
    return check


async def probed(harness: Harness) -> str:
    body = {"name": "Shop", "url": "https://shop.example/", "confirmations": 2}
    monitor = str((await harness.client.post("/api/v1/monitors", json=body, headers=KEY)).json()["data"]["id"])
    for ok in (True, True, False, False):
        harness.log.probe_next(monitor, ok, status=200 if ok else None, phases=Phases(connect=2_000, first_byte=90_000))
    return monitor


def incident_of(harness: Harness, thing: str) -> str:
    state = harness.log.states.state(thing) or harness.log.monitor_states.state(thing)
    assert state is not None
    assert state.incident is not None
    return state.incident


async def test_a_check(harness: Harness) -> None:
    check = await pinged(harness)
    page = await text(harness, f"/checks/{check}")
    assert "Exit status 3, since 15:07." in page
    assert "every day, grace 5 min" in page
    assert "The last 2 runs: 1 failed" in page
    assert "How long 2 runs took: at most 30.0 s, the limit is 5 min." in page
    assert "4 pings, newest first" in page
    assert "curl/8" in page
    assert "fail " + "x" * 295 + "…" in page
    assert "fail " + "x" * 296 not in page
    assert "<bdi>pager</bdi>: pending, an attempt is under way" in page
    assert f"/checks/{check}/why?at=2025-06-15T15%3A07%3A25%2B00%3A00" in page
    assert f"/incidents/{incident_of(harness, check)}" in page
    assert f"http://127.0.0.1:8000/ping/{check}/$?" in page


async def test_the_whole_body_of_a_ping(harness: Harness) -> None:
    check = await pinged(harness)
    answer = await harness.client.get(f"/checks/{check}/pings/4", auth=AUTH)
    assert answer.text == "fail " + "x" * 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for other in ("5", "0", "-1", "x", "9" * 40):
        await text(harness, f"/checks/{check}/pings/{other}", 404)


async def test_the_next_runs_are_those_of_the_schedule(harness: Harness) -> None:
    body = {"name": "cron", "schedule": "0 3 * * *", "tz": "Europe/Berlin", "grace": 60}
    check = str((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
    harness.log.ping(check)
    harness.client.cookies.set("pingfold_zone", "Europe/Berlin")
    page = await text(harness, f"/checks/{check}")
    assert "At 03:00 every day (Europe/Berlin), grace 1 min" in page
    for day in range(16, 21):
        assert f">2025-06-{day} 03:00:00 CEST</time>" in page
    await harness.client.post(f"/api/v3/checks/{check}/pause", json={})
    assert "2025-06-16 03:00:00" not in await text(harness, f"/checks/{check}")


async def test_gaps_stand_between_pings(harness: Harness) -> None:
    check = await pinged(harness)

    async def gaps(*_: Any) -> list[tuple[int, int | None]]:
        at = harness.log.now() - 20 * 1_000_000
        return [(at, at + 5_000_000)]

    harness.report_history.gaps = gaps  # type: ignore[method-assign,assignment]
    page = await text(harness, f"/checks/{check}")
    assert "Not observed from 15:07 on, for 5 s: a ping may have been lost." in page


async def test_a_monitor(harness: Harness) -> None:
    monitor = await probed(harness)
    page = await text(harness, f"/monitors/{monitor}?range=24h")
    assert re.search("Connection timed out: after 30 s, since 15:0[6-9], found from local.", page)
    assert re.search(r"Availability of the last 90 days: \d\d\.\d\d % up", page)
    assert "Response time, local: 92 ms on average" in page
    assert "90.0 ms" in page
    assert "<bdi>Connection timed out: after 30 s</bdi>" in page
    assert 'aria-current="true">24h<' in page
    assert "The range must be 24h" in await text(harness, f"/monitors/{monitor}?range=yesterday")
    assert "No results in this time." in await text(harness, f"/monitors/{monitor}?range=2025-01-01..2025-01-02")


async def test_an_incident_from_the_first_result_to_the_last_notice(harness: Harness) -> None:
    monitor = await probed(harness)
    id = incident_of(harness, monitor)
    said = {"by": "eve", "comment": "on it"}
    await harness.client.post(f"/api/v1/incidents/{id}/acknowledge", json=said, headers=KEY)
    page = await text(harness, f"/incidents/{id}")
    assert re.search(r">open</span> for \d+ (?:s|min)\.", page)
    assert "<bdi>eve</bdi> at" in page
    moments = [
        "a probe from local took 142 ms",
        "confirmation 2 from local",
        "from up, because results said so",
        "on it",
    ]
    places = [page.index(moment, page.index("What happened")) for moment in moments]
    assert places == sorted(places)
    listed = await text(harness, f"/incidents?thing={monitor}&status=open")
    assert "Connection timed out: after 30 s" in listed
    assert "acknowledged by eve" in listed
    harness.log.probe_next(monitor)
    assert ">over</span> after" in await text(harness, f"/incidents/{id}")
    assert "None." in await text(harness, "/incidents?status=open")
    over = await text(harness, "/incidents?status=resolved&q=SHOP")
    assert f"/incidents/{id}" in over
    assert f"/incidents/{id}" not in await text(harness, "/incidents?q=other")


async def test_many_incidents_have_pages_those_that_are_open_first(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "PER_PAGE", 2)
    for number in range(5):
        body = {"name": f"job-{number}", "timeout": 86_400, "grace": 300}
        check = str((await harness.client.post("/api/v3/checks/", json=body)).json()["uuid"])
        harness.log.ping(check, "fail")
        harness.log.tick(5)
        if number in (3, 4):  # the newest two are over
            harness.log.ping(check)
            harness.log.tick(5)

    async def listed(query: str) -> list[str]:
        return re.findall(r"<bdi>(job-\d)</bdi>", await text(harness, f"/incidents{query}"))

    assert [await listed(f"?page={number}") for number in (1, 2, 3, 4)] == [
        ["job-2", "job-1"],
        ["job-0", "job-4"],
        ["job-3"],
        [],
    ]
    assert await listed("?status=open&page=2") == ["job-0"]
    assert await listed("?status=resolved") == ["job-4", "job-3"]
    assert "?page=3" in await text(harness, "/incidents?page=2")
    assert "?page=4" not in await text(harness, "/incidents?page=3")


async def test_why_it_is_so(harness: Harness) -> None:
    check = await pinged(harness)
    page = await text(harness, f"/checks/{check}/why")
    assert "The job reported a failure: a check goes down at once." in page
    assert "a fail ping (exit status 3)" in page
    assert "pager, that it is down: pending" in page
    before = await text(harness, f"/checks/{check}/why?at=2025-06-15T15:06:55%2B00:00")
    assert '<span class="status up">up</span> at' in before
    assert "The time must be like" in await text(harness, f"/checks/{check}/why?at=soon")
    assert "between 1970 and now" in await text(harness, f"/checks/{check}/why?at=2999-01-01")


@pytest.mark.parametrize(
    "path",
    [
        f"/checks/{UNKNOWN}", f"/checks/{UNKNOWN}/why", f"/checks/{UNKNOWN}/pings/1", "/checks/x",
        f"/monitors/{UNKNOWN}", f"/monitors/{UNKNOWN}/why", "/monitors/x", f"/incidents/{UNKNOWN}",
        "/downtimes/x",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said_by_a_page(harness: Harness, path: str) -> None:
    assert "<h1>There is no such" in await text(harness, path, 404)


class Away:
    """A reader of a history that does not answer: whatever is asked raises, or takes for ever."""

    def __init__(self, hangs: bool) -> None:
        self._hangs = hangs

    def __getattr__(self, name: str) -> Any:
        if name in ("response_times", "deciding_results", "validity"):
            return self

        async def ask(*_: Any, **__: Any) -> Any:
            if self._hangs:
                await asyncio.Event().wait()
            raise ClickHouseUnavailable("ClickHouse is away")

        return ask


@pytest.mark.parametrize("hangs", [False, True])
async def test_without_history_pages_say_what_is_missing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.01)
    check, monitor = await pinged(harness), await probed(harness)
    incident = incident_of(harness, monitor)
    away: Any = Away(hangs)
    names = ("history", "monitor_history", "delivery_history", "page_history", "audit_history", "report_history")
    harness.app.state.deps = dataclasses.replace(harness.app.state.deps, **dict.fromkeys(names, away))
    assert "2 down" in await text(harness, "/")
    page = await text(harness, f"/checks/{check}")
    assert "pings and runs are missing here" in page
    assert "Exit status 3" in page
    page = await text(harness, f"/monitors/{monitor}")
    for what in ("the days are", "response times are", "changes are", "results are"):
        assert f"{what} missing here" in page
    assert "incidents that are over are missing" in await text(harness, "/incidents")
    assert "some of it is missing" in await text(harness, f"/incidents/{incident}")
    assert "History does not answer now" in await text(harness, f"/incidents/{UNKNOWN}", 503)
    await text(harness, f"/checks/{check}/pings/1", 503)
    await text(harness, f"/checks/{check}/why")
    harness.app.state.deps = dataclasses.replace(harness.app.state.deps, **dict.fromkeys(names), explaining=None)
    for path in ("/", f"/checks/{check}", f"/monitors/{monitor}", "/incidents", f"/incidents/{incident}"):
        await text(harness, path)
    assert "Nothing can be explained here." in await text(harness, f"/checks/{check}/why")


async def test_without_kafka_what_is_known_is_shown(harness: Harness) -> None:
    check, monitor = await pinged(harness), await probed(harness)
    harness.log.broken = True
    for path in ("/", f"/checks/{check}", f"/monitors/{monitor}", "/incidents"):
        await text(harness, path)
    for path in (f"/checks/{UNKNOWN}", f"/monitors/{UNKNOWN}"):
        assert "cannot be told now" in await text(harness, path, 503)


URL = "https://ping.example/7d5bcb5c"


@pytest.mark.parametrize(
    ("schedule", "title", "line"),
    [
        (Simple(period=300), "cron", f"*/5 * * * * JOB; curl -fsS -m 10 --retry 5 -o /dev/null {URL}/$?"),
        (Simple(period=7_200), "cron", f"0 */2 * * * JOB; curl -fsS -m 10 --retry 5 -o /dev/null {URL}/$?"),
        (parse_schedule("15 4 * * 1", "UTC"), "Kubernetes CronJob", '  schedule: "15 4 * * 1"'),
        (parse_schedule("15 4 * * 1", "Europe/Oslo"), "Kubernetes CronJob", '  timeZone: "Europe/Oslo"'),
        (parse_schedule("Mon 04:15", "Europe/Oslo"), "systemd timer", "OnCalendar=Mon 04:15 Europe/Oslo"),
        (Simple(period=90), "systemd timer", "OnUnitActiveSec=90s"),
        (Simple(period=60), "GitHub Actions", '    - cron: "* * * * *"'),
    ],
)
def test_lines_to_paste_have_the_schedule_and_the_url(schedule: Any, title: str, line: str) -> None:
    found = {one.title: one.text for one in snippets(URL, schedule)}
    assert line in found[title].split("\n")
    assert all(URL in one for one in found.values())
    compile(found["Python"], "pasted", "exec")
