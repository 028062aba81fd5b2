"""Status pages over the real folds, in memory: the endpoints that make them, and what the public sees."""

import asyncio
import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import httpx
import msgspec
import pytest

from infra.secrets.secrets import hash_api_key
from ingest.ping.urls import is_ping
from query_api.healthchecks.status import StatusWord
from query_api.history.status_pages import DAY
from query_api.pages import status_board, status_formats
from query_api.pages.maintenance import AHEAD, planned
from query_api.pages.status import HOLD
from query_api.pages.status_board import DAYS, Overall, Status
from query_api.poppaping.monitor_object import CurrentStatus
from schemas.base import SECOND
from schemas.definitions import ApiKey, KeyScope
from schemas.ids import new_id
from schemas.maintenance import Maintenance, Once, Recurring
from schemas.monitor_states import MonitorStatus
from schemas.probe_kinds import FAILURE_WORDS, PROBER_ERRORS, Failure
from schemas.requests import KeyCreate
from schemas.schedules import Cron
from schemas.topics import DEFINITIONS, PROBE_RESULTS, PROJECTS
from schemas.transitions import VisibleStatus
from tests.harness import POP_KEY, Harness

PAGES = "/api/v1/status-pages"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
OTHERS_KEY = "p" * 32
HOSTILE = "<script>alert(1)</script>\"'&\x0b\x00]]>"
PASSWORD = "open: sésame"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def ask(harness: Harness, method: str, path: str, body: Any = None, key: str = POP_KEY) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await harness.client.request(method, path, json=body, headers=headers)


async def make(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await ask(harness, "POST", PAGES, {"title": "Example"} | fields)
    assert answer.status_code == 201, answer.text
    page: dict[str, Any] = answer.json()["data"]
    return page


async def make_check(harness: Harness, name: str = "Backup", **fields: Any) -> str:
    answer = await harness.client.post("/api/v3/checks/", json={"name": name} | fields)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["uuid"]
    return id


async def make_monitor(harness: Harness, name: str = "Website") -> str:
    answer = await ask(harness, "POST", "/api/v1/monitors", {"name": name, "url": "https://example.com/"})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["data"]["id"]
    return id


def component(type: str, id: str, **more: str) -> dict[str, str]:
    return {"type": type, "id": id, **more}


async def make_full(harness: Harness, **fields: Any) -> tuple[dict[str, Any], str, str]:
    """A page of a monitor and a check, both up."""
    monitor, check = await make_monitor(harness), await make_check(harness)
    harness.log.probe(monitor)
    harness.log.ping(check)
    components = [component("monitor", monitor, group="Public"), component("check", check, name="Nightly backup")]
    return await make(harness, components=components, **fields), monitor, check


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"anybody:{password}".encode()).decode()}


async def shown(harness: Harness, page: dict[str, Any], suffix: str = "", **headers: str) -> httpx.Response:
    return await harness.client.get(f"/status/{page['id']}{suffix}", headers=headers)


def later(harness: Harness) -> None:
    """So late that nothing kept is shown any more."""
    harness.log.tick(HOLD / SECOND)


# ---- the endpoints of the PoppaPing API


async def test_a_page_is_made_read_changed_and_deleted(harness: Harness) -> None:
    page, monitor, check = await make_full(harness, title="Example Inc.", description="All of it")
    assert page["slug"] == "example-inc"
    assert page["url"].endswith(f"/status/example-inc-{page['id'][:8]}")
    assert page["public"] is True
    assert page["status"] == "operational"
    assert page["components"] == [
        {
            "type": "monitor", "id": monitor, "name": "", "group": "Public", "shown_as": "Website",
            "current_status": "up",
        },
        {
            "type": "check", "id": check, "name": "Nightly backup", "group": "", "shown_as": "Nightly backup",
            "current_status": "up",
        },
    ]  # fmt: skip
    path = f"{PAGES}/{page['id']}"
    assert (await ask(harness, "GET", path)).json() == {"data": page}
    harness.log.ping(check, "fail")
    read = (await ask(harness, "GET", path)).json()["data"]
    assert (read["status"], read["components"][1]["current_status"]) == ("partial_outage", "down")

    harness.log.tick(1)
    changed = (await ask(harness, "PATCH", path, {"title": "New", "components": []})).json()["data"]
    assert (changed["title"], changed["slug"], changed["components"]) == ("New", "example-inc", [])
    assert changed["description"] == "All of it"
    assert changed["status"] == "unknown"
    assert changed["updated_at"] > page["updated_at"]

    listed = (await ask(harness, "GET", PAGES)).json()
    assert listed["meta"] == {"page": 1, "per_page": 25, "total": 1, "total_pages": 1}
    assert [one["title"] for one in listed["data"]] == ["New"]
    gone = await ask(harness, "DELETE", path)
    assert gone.json() == {"data": {"id": page["id"], "deleted": True}}
    for method in ("GET", "DELETE", "PATCH"):
        answer = await ask(harness, method, path, {})
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert (await shown(harness, page)).status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": 7}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "T", "slug": "No Blanks"}, "slug"),
        ({"title": "T", "colour": "red"}, "colour"),
        ({"title": "T", "password": "short"}, "password"),
        ({"title": "T", "components": [{"type": "monitor"}]}, "id"),
        ({"title": "T", "components": [component("host", UNKNOWN)]}, "type"),
        ({"title": "T", "components": [component("monitor", UNKNOWN)]}, f"no such component: {UNKNOWN}"),
        ({"title": "T", "components": [component("check", "../x")]}, "no such component: ../x"),
        ({"title": "T", "components": [component("check", UNKNOWN)] * 2}, "twice"),
        ({"title": "T", "components": [component("check", UNKNOWN)] * 101}, "components"),
        ([], "object"),
    ],
    ids=str,
)
async def test_what_makes_no_page_is_told(harness: Harness, body: Any, words: str) -> None:
    answer = await ask(harness, "POST", PAGES, body)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert words in answer.json()["message"]
    assert (await ask(harness, "GET", PAGES)).json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", PAGES, "status-pages:read"),
        ("GET", f"{PAGES}/{UNKNOWN}", "status-pages:read"),
        ("POST", PAGES, "status-pages:write"),
        ("PATCH", f"{PAGES}/{UNKNOWN}", "status-pages:write"),
        ("DELETE", f"{PAGES}/{UNKNOWN}", "status-pages:write"),
    ],
)
async def test_each_endpoint_has_its_scope(harness: Harness, method: str, path: str, scope: KeyScope) -> None:
    for text, scopes in (("has-it", (scope,)), ("lacks-it", ("monitors:read",))):
        key = ApiKey(
            id=new_id(), project=harness.project, kind="poppaping", hash=hash_api_key(text), prefix="", created=0,
            scopes=scopes,
        )  # fmt: skip
        harness.request(harness.project, KeyCreate(request=new_id(), at=harness.log.time, key=key))
    lacking = await ask(harness, method, path, {"title": "T"}, key="lacks-it")
    assert (lacking.status_code, lacking.json()["error"]) == (403, "insufficient_scope")
    assert scope in lacking.json()["message"]
    assert (await ask(harness, method, path, {"title": "T"}, key="has-it")).status_code in (200, 201, 404)
    assert (await ask(harness, method, path, {"title": "T"}, key="nobody")).status_code == 401


async def test_a_page_of_another_project_is_not_there(harness: Harness) -> None:
    page, monitor, _ = await make_full(harness)
    path = f"{PAGES}/{page['id']}"
    for method in ("GET", "PATCH", "DELETE"):
        assert (await ask(harness, method, path, {}, key=OTHERS_KEY)).status_code == 404
    assert (await ask(harness, "GET", PAGES, key=OTHERS_KEY)).json()["data"] == []
    stolen = await ask(
        harness, "POST", PAGES, {"title": "T", "components": [component("monitor", monitor)]}, key=OTHERS_KEY
    )
    assert stolen.status_code == 400
    assert "no such component" in stolen.json()["message"]


async def test_while_kafka_is_away_it_says_so(harness: Harness) -> None:
    page = await make(harness)
    harness.log.broken = True
    for method, path in (("POST", PAGES), ("PATCH", f"{PAGES}/{page['id']}"), ("GET", f"{PAGES}/{UNKNOWN}")):
        assert (await ask(harness, method, path, {"title": "T"})).status_code == 503
    assert (await ask(harness, "GET", f"{PAGES}/{page['id']}")).status_code == 200
    assert (await harness.client.get(f"/status/{UNKNOWN}")).status_code == 503
    assert (await shown(harness, page)).status_code == 200


# ---- where a page is


async def test_the_addresses_of_a_page(harness: Harness) -> None:
    page = await make(harness, title="Straße & Söhne", slug="old")
    short = page["id"][:8]
    for ref in (page["id"], f"old-{short}", short):
        assert (await harness.client.get(f"/status/{ref}")).status_code == 200
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"slug": "new-name"})
    for ref in (f"new-name-{short}", f"old-{short}"):
        assert (await harness.client.get(f"/status/{ref}")).status_code == 200
    for ref in ("old", f"old{short}", f"old-{short[:7]}", "x", "%00", "..%2f", UNKNOWN, f"old-{'0' * 8}"):
        for suffix in ("", ".json", ".atom", "/badge.svg"):
            answer = await harness.client.get(f"/status/{ref}{suffix}")
            assert (answer.status_code, answer.json()) == (404, {"error": "not found"})
    assert (await make(harness, title="日本"))["url"].count("-") == 4  # without a slug: the whole id


def test_no_ping_has_such_an_address() -> None:
    for path in ("/status/x", "/status/x/badge.svg", f"/status/{UNKNOWN}", f"/status/{UNKNOWN}.json"):
        assert not is_ping(path)


async def test_every_form_has_its_type_and_answers_head(harness: Harness) -> None:
    page, *_ = await make_full(harness)
    for suffix, media_type in {
        "": "text/html; charset=utf-8",
        ".json": "application/json",
        ".atom": "application/atom+xml; charset=utf-8",
        "/badge.svg": "image/svg+xml; charset=utf-8",
    }.items():
        answer = await shown(harness, page, suffix)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        head = await harness.client.head(f"/status/{page['id']}{suffix}")
        assert (head.status_code, head.headers["ETag"]) == (200, answer.headers["ETag"])
    assert (await harness.client.post(f"/status/{page['id']}")).status_code == 405


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
    assert text.count('<rect class="y"') == text.count('<rect class="g"') == 1  # the website was never down
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


# ---- passwords


async def test_a_page_with_a_password(harness: Harness) -> None:
    page, _, _ = await make_full(harness, password=PASSWORD)
    assert page["public"] is False
    for suffix in ("", ".json", ".atom", "/badge.svg"):
        for headers in (
            {},
            basic("wrong password"),
            basic(""),
            basic("x" * 5_000),
            {"Authorization": "Basic ?"},
            {"Authorization": f"Bearer {PASSWORD}"},
        ):
            sent = {name.encode(): value.encode() for name, value in headers.items()}
            answer = await harness.client.get(f"/status/{page['id']}{suffix}", headers=sent)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.headers["Cache-Control"] == "no-store"
            assert "ETag" not in answer.headers
            assert "Website" not in answer.text
        answer = await shown(harness, page, suffix, **basic(PASSWORD))
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Vary"] == "Authorization, Accept-Encoding"
        assert "Access-Control-Allow-Origin" not in answer.headers
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert (await shown(harness, page, suffix, **tag)).status_code == 401
        assert (await shown(harness, page, suffix, **tag, **basic(PASSWORD))).status_code == 304


async def test_a_changed_password_shuts_out_at_once_and_none_opens(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    assert (await shown(harness, page, **basic(PASSWORD))).status_code == 200
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"password": "another one"})
    assert (await shown(harness, page, **basic(PASSWORD))).status_code == 401
    assert (await shown(harness, page, **basic("another one"))).status_code == 200
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"title": "Still closed"})
    assert (await shown(harness, page)).status_code == 401
    await ask(harness, "PATCH", f"{PAGES}/{page['id']}", {"password": None})
    assert (await shown(harness, page)).headers["Cache-Control"] == "public, max-age=15"


async def test_a_password_is_nowhere_in_the_log(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    written = [
        json.dumps(value, ensure_ascii=False) for topic in (PROJECTS, DEFINITIONS) for _, value in harness.log.of(topic)
    ]
    assert any("scrypt$" in value for value in written)
    assert not any(PASSWORD in value for value in written)
    answer = await ask(harness, "GET", f"{PAGES}/{page['id']}")
    assert "scrypt" not in answer.text


@pytest.mark.slow
async def test_many_wrong_passwords_at_once_are_put_off(harness: Harness) -> None:
    page = await make(harness, password=PASSWORD)
    answers = await asyncio.gather(*(shown(harness, page, **basic(f"guess {n}")) for n in range(30)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {401, 429}
    assert codes.count(401) == 10
    # They are too many; another address is not held up by that.
    assert (await shown(harness, page, **basic(PASSWORD))).status_code == 429
    transport = httpx.ASGITransport(harness.app, client=("192.0.2.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://pingfold.test") as other:
        assert (await other.get(f"/status/{page['id']}", headers=basic(PASSWORD))).status_code == 200


# ---- maintenance


def moment(harness: Harness, seconds: int) -> str:
    return datetime.fromtimestamp(harness.log.now() // SECOND + seconds, UTC).isoformat()


async def announce(harness: Harness, **fields: Any) -> dict[str, Any]:
    answer = await ask(harness, "POST", "/api/v1/maintenance-windows", fields)
    assert answer.status_code == 201, answer.text
    window: dict[str, Any] = answer.json()["data"]
    return window


async def test_a_page_tells_of_maintenance_in_every_form(harness: Harness) -> None:
    page, monitor, _ = await make_full(harness)
    starts, ends = moment(harness, 600), moment(harness, 1_200)
    await announce(harness, name=f"Upgrade {HOSTILE}"[:40], starts_at=starts, ends_at=ends, monitor_ids=[monitor])

    told = (await shown(harness, page, ".json")).json()
    assert (told["status"], told["status_text"]) == ("operational", "All systems operational")
    (planned,) = told["maintenance"]
    assert (planned["status"], planned["starts_at"], planned["ends_at"]) == ("planned", starts, ends)
    assert planned["component_ids"] == [one["id"] for one in told["components"] if one["name"] == "Website"]
    assert "is planned" in (await shown(harness, page)).text
    assert monitor not in (await shown(harness, page, ".json")).text

    harness.log.tick(601)
    for suffix in ("", ".json", ".atom", "/badge.svg"):
        assert (await shown(harness, page, suffix)).status_code == 200, suffix
    told = (await shown(harness, page, ".json")).json()
    assert (told["status"], told["status_text"]) == ("maintenance", "Under maintenance")
    assert [one["status"] for one in told["maintenance"]] == ["active"]
    text = (await shown(harness, page)).text
    assert "Under maintenance" in text
    assert "is under way" in text
    assert HOSTILE not in text
    assert "maintenance" in (await shown(harness, page, "/badge.svg")).text
    assert (await ask(harness, "GET", f"{PAGES}/{page['id']}")).json()["data"]["status"] == "maintenance"

    harness.log.tick(600 + HOLD / SECOND)
    assert (await shown(harness, page, ".json")).json()["maintenance"] == []


async def test_what_is_down_beside_maintenance_is_an_outage(harness: Harness) -> None:
    page, monitor, check = await make_full(harness)
    await announce(
        harness, name="Upgrade", starts_at=moment(harness, 10), ends_at=moment(harness, 900), monitor_ids=[monitor]
    )
    harness.log.tick(11)
    harness.log.ping(check, "fail")
    assert (await shown(harness, page, ".json")).json()["status"] == "major_outage"


def test_a_window_that_recurs_is_announced_for_its_next_time() -> None:
    window = Maintenance("w", "p", 1, 0, 0, "Weekly", Recurring(Cron("0 2 * * 0", "UTC"), 3_600))
    sunday = 3 * DAY + 2 * 3_600 * SECOND  # 1970-01-04 02:00
    (before,) = planned([window], {"m": "public"}, 0)
    assert (before.starts, before.ends, before.active) == (sunday, sunday + 3_600 * SECOND, False)
    (during,) = planned([window], {"m": "public"}, sunday + SECOND)
    assert (during.starts, during.active, during.components) == (sunday, True, ("public",))
    assert planned([window], {}, 0) == ()
    far = msgspec.structs.replace(window, window=Once(AHEAD + 10, AHEAD + 20))
    assert planned([far], {"m": "public"}, 0) == ()
    assert len(planned([far], {"m": "public"}, 10)) == 1


def test_every_status_has_its_words() -> None:
    """Tables of words hold a word for each status that there is; what the API says is what its document says."""
    assert set(status_formats._WORDS) == set(get_args(Status))
    assert set(status_formats._OVERALL) == set(status_formats._BADGE) == set(get_args(Overall))
    assert set(status_board._WORDS) == set(get_args(VisibleStatus)) - {"not_observed", "removed"}  # these are unknown
    assert set(FAILURE_WORDS) == set(get_args(Failure)) - {"", *PROBER_ERRORS}  # what accuses nobody has no cause
    assert set(get_args(CurrentStatus)) == set(get_args(Status))

    of_monitors = {*get_args(MonitorStatus), "not_observed", "maintenance"}
    templates = Path(status_formats.__file__).parent / "templates"
    page, dashboard = (templates / "status.html").read_text(), (templates / "base.html").read_text()
    assert [overall for overall in get_args(Overall) if f".overall.{overall}" not in page] == []
    shown_there = {*of_monitors, *get_args(StatusWord)} - {"started"}
    assert [status for status in shown_there if f".{status}" not in dashboard] == []
