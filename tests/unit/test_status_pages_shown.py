"""What a status page shows, in every form, over the real folds in memory; what may be kept of it."""

import asyncio
import json
from importlib.resources import files
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest

from query_api.pages import status_board, status_formats
from query_api.pages.status_board import DAYS, Overall, Status
from query_api.poppaping.monitor_object import CurrentStatus
from schemas.probe_kinds import FAILURE_WORDS, PROBER_ERRORS, Failure
from schemas.topics import PROBE_RESULTS
from schemas.transitions import VisibleStatus
from tests.harness import Harness
from tests.public_pages import (
    PAGES,
    ask,
    component,
    later,
    make,
    make_check,
    make_full,
    shown,
)

UNKNOWN = "00000000-0000-4000-8000-000000000000"
HOSTILE = "<script>alert(1)</script>\"'&\x0b\x00]]>"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def harness() -> Harness:
    return Harness()


# ---- what is shown


async def test_the_page_of_two_components(harness: Harness) -> None:
    page, _, check = await make_full(harness, title="Example", description="All of it")
    text = (await shown(harness, page)).text
    for words in ("Example", "All of it", "All systems operational", "Website", "Nightly backup", "Public"):
        assert words in text
    assert text.count("<rect") == 2 * DAYS
    assert "None in the last 14 days" in text
    assert "<script" not in text

    harness.log.tick(60)
    harness.log.ping(check, "fail")
    later(harness)
    text = (await shown(harness, page)).text
    assert "Partial outage" in text
    assert "<strong>Nightly backup</strong></bdi> is down" in text

    harness.log.tick(600)
    harness.log.ping(check)
    later(harness)
    text = (await shown(harness, page)).text
    assert "is down" not in text
    assert "<strong>Nightly backup</strong></bdi> was down for 10 min" in text


async def test_json_tells_days_uptime_and_incidents(harness: Harness) -> None:
    page, monitor, check = await make_full(harness)
    harness.log.tick(1_000)
    harness.log.ping(check)
    harness.log.ping(check, "fail")
    harness.log.tick(30)
    harness.log.ping(check)
    harness.log.tick(10)
    told = (await shown(harness, page, ".json")).json()
    assert (told["page"]["id"], told["status"], told["history_available"]) == (page["id"], "unknown", True)
    backup, website = told["components"]
    assert (backup["name"], backup["group"], backup["status"]) == ("Nightly backup", None, "up")
    assert (website["name"], website["group"], website["status"]) == ("Website", "Public", "unknown")
    assert len(backup["days"]) == DAYS
    today = backup["days"][-1]
    # 30 s of 1,040; what was not observed before counts for nothing.
    assert today == {"date": "2025-06-15", "uptime_percentage": 97.12, "down_seconds": 30}
    assert backup["uptime_percentage"] == 97.12
    assert backup["days"][0] == {"date": "2025-03-18", "uptime_percentage": None, "down_seconds": 0}
    [incident] = told["incidents"]
    assert (incident["component"], incident["status"]) == ("Nightly backup", "resolved")
    assert incident["started_at"] == "2025-06-15T15:23:20+00:00"
    assert incident["resolved_at"] == "2025-06-15T15:23:50+00:00"
    assert monitor not in json.dumps(told)


async def test_a_moment_of_downtime_is_never_a_hundred_per_cent(harness: Harness) -> None:
    page, _, check = await make_full(harness)
    harness.log.ping(check, "fail")
    harness.log.time += 1_000
    harness.log.ping(check)
    harness.log.tick(3_000)
    [backup, _] = (await shown(harness, page, ".json")).json()["components"]
    assert backup["uptime_percentage"] == backup["days"][-1]["uptime_percentage"] == 99.99
    text = (await shown(harness, page)).text
    assert text.count('<rect class="g"') == 2
    # A short outage does not paint the day red; the website was never down.
    assert text.count('<rect class="r"') == text.count('y="28" width="3" height="4"') == 1
    assert text.count("<li>2025-06-15: 99.99 % up, down 1 s</li>") == 1
    assert "99.99 % uptime" in text
    assert "100 % uptime" in text


async def test_days_without_observation_are_grey(harness: Harness) -> None:
    page, _, _ = await make_full(harness)
    harness.log.tick(60)
    text = (await shown(harness, page)).text
    assert text.count('<rect class="n"') == 2 * (DAYS - 1)
    assert text.count('<rect class="g"') == 2
    assert "2025-06-14: not observed" in text


async def test_nobody_learns_the_id_of_a_thing(harness: Harness) -> None:
    """The id of a check is the key to its ping URL."""
    page, monitor, check = await make_full(harness)
    harness.log.ping(check, "fail")
    for _ in range(2):
        for suffix in ("", ".json", ".atom", "/badge.svg"):
            text = (await shown(harness, page, suffix)).text
            assert monitor not in text
            assert check not in text
            assert "Backup" not in text  # it is called otherwise here
        harness.log.ping(check)
        later(harness)


async def test_a_removed_thing_is_left_out(harness: Harness) -> None:
    page, monitor, check = await make_full(harness)
    harness.log.probe(monitor, ok=False)
    harness.log.probe(monitor, ok=False)
    assert (await shown(harness, page, ".json")).json()["status"] == "partial_outage"
    assert (await ask(harness, "DELETE", f"/api/v1/monitors/{monitor}")).status_code == 200
    later(harness)
    told = (await shown(harness, page, ".json")).json()
    assert [one["name"] for one in told["components"]] == ["Nightly backup"]
    assert (told["status"], told["incidents"]) == ("operational", [])
    read = (await ask(harness, "GET", f"{PAGES}/{page['id']}")).json()["data"]
    assert [one["id"] for one in read["components"]] == [check]
    assert (await ask(harness, "DELETE", f"/api/v1/monitors/{UNKNOWN}")).status_code == 404
    await harness.client.delete(f"/api/v3/checks/{check}")
    later(harness)
    assert "Nothing is shown here yet" in (await shown(harness, page)).text


async def test_the_status_of_all_together(harness: Harness) -> None:
    first, second, waiting = [await make_check(harness, name) for name in ("one", "two", "three")]
    page = await make(harness, components=[component("check", id) for id in (first, second, waiting)])

    async def status() -> str:
        told: str = (await ask(harness, "GET", f"{PAGES}/{page['id']}")).json()["data"]["status"]
        return told

    assert await status() == "unknown"
    harness.log.ping(first)
    assert await status() == "operational"
    harness.log.ping(second, "fail")
    assert await status() == "partial_outage"
    harness.log.ping(first, "fail")
    assert await status() == "major_outage"
    await harness.client.post(f"/api/v3/checks/{first}/pause", json={})
    await harness.client.post(f"/api/v3/checks/{second}/pause", json={})
    assert await status() == "unknown"


async def test_hostile_names_are_only_text(harness: Harness) -> None:
    check = await make_check(harness, "<b>Backup</b>")
    harness.log.ping(check, "fail")
    page = await make(
        harness,
        title=HOSTILE,
        description=HOSTILE,
        components=[component("check", check, name=HOSTILE, group=HOSTILE)],
    )
    text = (await shown(harness, page)).text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    told = (await shown(harness, page, ".json")).json()
    assert told["page"]["title"] == told["components"][0]["name"] == HOSTILE
    feed = ElementTree.fromstring((await shown(harness, page, ".atom")).content)
    assert feed.findtext(f"{ATOM}title") == "<script>alert(1)</script>\"'&]]>"
    badge = ElementTree.fromstring((await shown(harness, page, "/badge.svg")).content)
    assert not [one for one in badge.iter() if one.tag.endswith("script")]


async def test_the_feed_has_an_entry_for_each_incident(harness: Harness) -> None:
    page, monitor, check = await make_full(harness)
    harness.log.ping(check, "fail")
    harness.log.tick(90)
    harness.log.ping(check)
    harness.log.tick(1)
    harness.log.probe(monitor, ok=False)
    harness.log.probe(monitor, ok=False)
    feed = ElementTree.fromstring((await shown(harness, page, ".atom")).content)
    assert feed.tag == f"{ATOM}feed"
    assert [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")] == [
        "Website is down",
        "Nightly backup was down for 2 min",
    ]
    for element in (feed, *feed.iter(f"{ATOM}entry")):
        assert {one.tag for one in element} >= {f"{ATOM}{name}" for name in ("id", "title", "updated", "link")}
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert len(set(ids)) == 2
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links == {"self": f"{page['url']}.atom", "alternate": page["url"]}
    later(harness)
    again = ElementTree.fromstring((await shown(harness, page, ".atom")).content)
    assert [entry.findtext(f"{ATOM}id") for entry in again.iter(f"{ATOM}entry")] == ids


async def test_the_badge_tells_the_status(harness: Harness) -> None:
    page, _, check = await make_full(harness, title="A title so long that no badge could ever hold all of it, really")
    harness.page_history.away = True
    badge = await shown(harness, page, "/badge.svg")
    root = ElementTree.fromstring(badge.content)
    assert root.get("aria-label") == "A title so long that no badge could eve…: operational"
    assert int(root.get("width", "0")) < 450
    harness.log.ping(check, "fail")
    later(harness)
    assert "partial outage" in (await shown(harness, page, "/badge.svg")).text
    assert harness.page_history.asked == 0


# ---- caches


@pytest.mark.parametrize("suffix", ["", ".json", ".atom", "/badge.svg"])
async def test_a_public_page_may_be_kept_and_is_told_by_its_tag(harness: Harness, suffix: str) -> None:
    page, _, check = await make_full(harness)
    harness.log.tick(1)
    first = await shown(harness, page, suffix)
    assert first.headers["Cache-Control"] == "public, max-age=15"
    assert first.headers["Age"] == "0"
    tag = first.headers["ETag"]
    later(harness)
    for named in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        same = await shown(harness, page, suffix, **{"If-None-Match": named})
        assert (same.status_code, same.content) == (304, b"")
        assert (same.headers["ETag"], same.headers["Cache-Control"]) == (tag, "public, max-age=15")
    assert (await shown(harness, page, suffix, **{"If-None-Match": '"other"'})).status_code == 200
    harness.log.ping(check, "fail")
    later(harness)
    assert (await shown(harness, page, suffix, **{"If-None-Match": tag})).status_code == 200


async def test_a_page_is_made_once_in_some_seconds_and_never_shown_older(harness: Harness) -> None:
    page, _, check = await make_full(harness)
    first = await asyncio.gather(*(shown(harness, page) for _ in range(20)))
    assert len({answer.headers["ETag"] for answer in first}) == 1
    assert harness.page_history.asked == 2  # days and incidents
    harness.log.ping(check, "fail")
    harness.log.tick(4)
    kept = await shown(harness, page)
    assert (kept.headers["Age"], kept.headers["ETag"]) == ("4", first[0].headers["ETag"])
    harness.log.tick(1)
    fresh = await shown(harness, page)
    assert fresh.headers["Age"] == "0"
    assert "Partial outage" in fresh.text
    assert harness.page_history.asked == 4
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"title": "Changed"})
    assert "Changed" in (await shown(harness, page)).text  # a change is seen at once


async def test_without_history_the_page_still_shows_what_is_now(harness: Harness) -> None:
    page, _, check = await make_full(harness)
    harness.page_history.away = True
    harness.log.ping(check, "fail")
    text = (await shown(harness, page)).text
    assert "History is not available now" in text
    assert "Partial outage" in text
    assert "<strong>Nightly backup</strong></bdi> is down" in text
    assert "<rect" not in text
    assert "None in the last" not in text
    told = (await shown(harness, page, ".json")).json()
    assert told["history_available"] is False
    assert [one["days"] for one in told["components"]] == [[], []]
    assert [one["status"] for one in told["incidents"]] == ["open"]
    assert (await shown(harness, page, ".atom")).status_code == 200
    harness.page_history.away = False
    later(harness)
    assert "History is not available now" not in (await shown(harness, page)).text


async def test_a_fold_that_lags_is_told(harness: Harness) -> None:
    page, _, _ = await make_full(harness)
    harness.log.held = {PROBE_RESULTS.name}
    harness.log.tick(59)
    text = (await shown(harness, page)).text
    assert "newer ones are not known yet" not in text
    assert "All systems operational" in text
    harness.log.tick(5)
    text = (await shown(harness, page)).text
    assert "those of 2025-06-15 15:06 UTC; newer ones are not known yet" in text
    assert "All systems operational" not in text
    told = (await shown(harness, page, ".json")).json()
    assert (told["status"], told["statuses_as_of"]) == ("unknown", "2025-06-15T15:06:40+00:00")


def test_every_status_has_its_words() -> None:
    """Tables of words hold a word for each status that there is; what the API says is what its document says."""
    assert set(status_formats._WORDS) == set(get_args(Status))
    assert set(status_formats._OVERALL) == set(status_formats._BADGE) == set(get_args(Overall))
    assert set(status_board._WORDS) == set(get_args(VisibleStatus)) - {"not_observed", "removed"}  # these are unknown
    assert set(FAILURE_WORDS) == set(get_args(Failure)) - {"", *PROBER_ERRORS}  # what accuses nobody has no cause
    assert set(get_args(CurrentStatus)) == set(get_args(Status))

    page = (Path(status_formats.__file__).parent / "templates" / "status_base.html").read_text()
    assert [overall for overall in get_args(Overall) if f".overall.{overall}" not in page] == []
    styles = files("query_api.web").joinpath("static/web.css").read_text()
    grey = {"new", "paused", "removed"}
    assert [status for status in set(get_args(VisibleStatus)) - grey if f".status.{status}" not in styles] == []


async def test_a_collapsed_section_is_open_while_something_in_it_is_not_well(harness: Harness) -> None:
    check = await make_check(harness)
    harness.log.ping(check)
    sections = [{"title": "Jobs", "collapsed": True}]
    page = await make(harness, components=[component("check", check, group="Jobs")], sections=sections)
    text = (await shown(harness, page)).text
    assert '<details class="group"><summary><h2><bdi>Jobs</bdi></h2> <span class="state up">Operational</span>' in text
    harness.log.ping(check, "fail")
    later(harness)
    text = (await shown(harness, page)).text
    assert '<details class="group" open><summary><h2><bdi>Jobs</bdi></h2></summary>' in text
