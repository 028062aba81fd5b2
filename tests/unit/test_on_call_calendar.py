"""Calendars of on-call rotations: the feed that calendar programs read, and files that become overrides."""

from itertools import pairwise
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from infra.secrets.calendar_links import CalendarLinks
from query_api.on_call_calendar import calendar_of
from schemas.base import SECOND
from schemas.ids import derived_id
from schemas.times import iso, micros_of, utc
from tests.escalation_desk import channel
from tests.harness import WRITE_KEY, Harness
from tests.on_call_desk import ON_CALL, read, rotation, turn
from tests.poppaping_client import UNKNOWN, V1, fault, with_key

DAY = 86_400 * SECOND
LINKS = CalendarLinks(b"key")
ROTATION = derived_id("test", "rotation")


@pytest.fixture
def harness() -> Harness:
    harness = with_key(Harness())
    harness.client.headers["X-Api-Key"] = WRITE_KEY
    return harness


# ---- out


def test_a_link_says_which_rotation_it_is_of() -> None:
    path = LINKS.path(ROTATION, 0)
    token = path.removeprefix("/on-call/").removesuffix(".ics")
    assert LINKS.read(token) == (ROTATION, 0)
    later = LINKS.path(ROTATION, 7).removeprefix("/on-call/").removesuffix(".ics")
    assert LINKS.read(later) == (ROTATION, 7)
    assert CalendarLinks(b"another key").read(token) is None
    assert LINKS.read(f"A{token}"[:-1]) is None
    with pytest.raises(ValueError, match="not the id"):
        LINKS.path("x", 0)


def events(answer: httpx.Response) -> list[Any]:
    """The events, and that nothing of the calendar is against the standard."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    calendar = Calendar.from_ical(answer.content)
    assert calendar["VERSION"] == "2.0"
    assert not calendar.errors
    found = list(calendar.walk("VEVENT"))
    assert all(not event.errors for event in found)
    uids = [str(event["UID"]) for event in found]
    assert len(set(uids)) == len(uids)
    return found


def place_of(one: dict[str, Any]) -> str:
    url: str = one["calendar_url"]
    return "/" + url.split("/", 3)[3]


async def test_the_calendar_shows_the_shifts(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob, handover={"every_days": 7, "weekday": "monday", "time": "09:00"})
    answer = await harness.client.get(place_of(one), headers={"Authorization": "", "X-Api-Key": ""})
    found = events(answer)
    assert len(found) in (15, 16, 17)
    assert {str(event["SUMMARY"]) for event in found} == {"Person 0 (Primary)", "Person 1 (Primary)"}
    assert str(found[0]["DESCRIPTION"]) in ("On call: ada", "On call: bob")
    for before, after in pairwise(found):
        assert before["DTEND"].dt == after["DTSTART"].dt
    for event in found:
        shown = await read(harness, one["id"], f"?at={iso(micros_of(event['DTSTART'].dt))[:19]}Z")
        assert f"{shown['on_call']['name']} (Primary)" == str(event["SUMMARY"])
        assert shown["shift"]["starts_at"] == iso(micros_of(event["DTSTART"].dt))
        assert shown["shift"]["ends_at"] == iso(micros_of(event["DTEND"].dt))


async def test_it_has_a_tag_and_changes_with_the_rotation(harness: Harness) -> None:
    ada = channel(harness, "ada")
    one = await rotation(harness, ada, handover={"starts_on": "2025-06-02"})
    path = place_of(one)
    first = await harness.client.get(path)
    again = await harness.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await harness.client.patch(f"{ON_CALL}/{one['id']}", json={"turns": [turn("Ada; Lovelace, \u00fc\n", ada)] * 2})
    changed = await harness.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    found = events(changed)
    assert "Ada; Lovelace, \u00fc" in str(found[0]["SUMMARY"])
    assert found[0]["SEQUENCE"] > events(first)[0]["SEQUENCE"]


async def test_a_gap_has_no_event(harness: Harness) -> None:
    hours = [{"days": ["monday"], "start": "09:00", "end": "17:00"}]
    one = await rotation(harness, channel(harness, "ada"), hours=hours)
    found = events(await harness.client.get(place_of(one)))
    assert len(found) in (15, 16)
    assert all(event["DTEND"].dt - event["DTSTART"].dt <= utc(8 * 3_600 * SECOND) - utc(0) for event in found)


async def test_what_is_no_link(harness: Harness) -> None:
    one = await rotation(harness, channel(harness, "ada"))
    path = place_of(one)
    others = ("/on-call/x.ics", path[:-4], path.replace(".ics", ".html"), harness.calendar_links.path(UNKNOWN, 0))
    for other in others:
        assert (await harness.client.get(other)).status_code == 404, other
    await harness.client.delete(f"{ON_CALL}/{one['id']}")
    assert (await harness.client.get(path)).status_code == 404


# ---- in


def event(harness: Harness, days: int, summary: str, *lines: str, uid: str = "one") -> list[str]:
    """An event of a day, in so many days."""
    start, end = (utc(harness.log.time + each * DAY).strftime("%Y%m%dT%H%M%SZ") for each in (days, days + 1))
    more = ["BEGIN:VEVENT", f"UID:{uid}", f"DTSTART:{start}", f"DTEND:{end}", f"SUMMARY:{summary}", *lines]
    return [*more, "END:VEVENT"]


async def upload(harness: Harness, rotation: str, *found: list[str], content: bytes | None = None) -> httpx.Response:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *(line for each in found for line in each), "END:VCALENDAR", ""]
    content = "\r\n".join(lines).encode() if content is None else content
    headers = {"Content-Type": "text/calendar; charset=utf-8"}
    return await harness.client.post(f"{ON_CALL}/{rotation}/overrides", content=content, headers=headers)


@pytest.mark.parametrize(
    ("summary", "lines", "who"),
    [
        ("Person 1", [], ["bob"]),
        ("person  1 (primary)", [], ["bob"]),
        ("On call: Eve", [], ["eve"]),
        ("bob", [], ["bob"]),
        ("Eve\\, Person 1", [], ["eve", "bob"]),
        ("Holiday", ["ATTENDEE;CN=Eve:MAILTO:Eve@Example.org"], ["eve"]),
        ("Holiday", [], None),
        ("Eve\\, Nobody", [], None),
        ("", [], None),
    ],
)
async def test_whom_an_event_names(summary: str, lines: list[str], who: list[str] | None) -> None:
    harness = with_key(Harness(smtp_host="mail.example.org", smtp_from="a@example.org"))
    mail = {"channel_type": "email", "email": "eve@example.org", "name": "Eve"}
    eve = await harness.client.post("/api/v1/alert-channels", json=mail)
    ids = {"ada": channel(harness, "ada"), "bob": channel(harness, "bob"), "eve": eve.json()["data"]["id"]}
    one = await rotation(harness, ids["ada"], ids["bob"])
    answer = await upload(harness, one["id"], event(harness, 2, summary, *lines))
    assert answer.status_code == 201, answer.text
    told = answer.json()["data"]
    if who is None:
        assert (told["overrides"], told["left_out_total"]) == ([], 1)
        assert told["left_out"][0]["line"] == 3
        assert "names a turn or an alert channel" in told["left_out"][0]["reason"]
    else:
        assert [each["alert_channel_ids"] for each in told["overrides"]] == [[ids[name] for name in who]]
        at = iso(harness.log.time + 2 * DAY + 3_600 * SECOND)[:19] + "Z"
        shown = await read(harness, one["id"], f"?at={at}")
        assert shown["on_call"]["alert_channel_ids"] == [ids[name] for name in who]


async def test_the_same_file_again_replaces_what_it_was(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob)
    weekly = event(harness, 1, "bob", "RRULE:FREQ=WEEKLY;COUNT=3")
    first = (await upload(harness, one["id"], weekly)).json()["data"]["overrides"]
    assert len(first) == 3
    again = (await upload(harness, one["id"], event(harness, 1, "ada", "RRULE:FREQ=WEEKLY;COUNT=3"))).json()["data"]
    assert [each["id"] for each in again["overrides"]] == [each["id"] for each in first]
    shown = await read(harness, one["id"])
    assert [each["alert_channel_ids"] for each in shown["overrides"]] == [[ada]] * 3


async def test_what_goes_out_can_come_in(harness: Harness) -> None:
    ada, bob = channel(harness, "ada"), channel(harness, "bob")
    one = await rotation(harness, ada, bob, handover={"every_days": 7})
    other = await rotation(harness, ada, bob, handover={"every_days": 30}, name="Other")
    content = (await harness.client.get(place_of(one))).content.replace(b"(Primary)", b"")
    told = (await upload(harness, other["id"], content=content)).json()["data"]
    assert told["left_out_total"] == 0
    now = harness.log.time
    for days in range(0, 80, 9):
        at = iso(now + days * DAY)[:19] + "Z"
        wanted = (await read(harness, one["id"], f"?at={at}"))["on_call"]["alert_channel_ids"]
        assert (await read(harness, other["id"], f"?at={at}"))["on_call"]["alert_channel_ids"] == wanted


async def test_files_that_are_refused_change_nothing(harness: Harness) -> None:
    one = await rotation(harness, channel(harness, "ada"))
    good = event(harness, 1, "ada")
    daily = [event(harness, 1, "ada", "RRULE:FREQ=DAILY", uid=str(each)) for each in range(3)]
    for answer, words in (
        (await upload(harness, one["id"], content=b"\xff"), "UTF-8"),
        (await upload(harness, one["id"], content=b""), "no event"),
        (await upload(harness, one["id"], good, event(harness, 2, "ada", "RRULE:FREQ=SECONDLY")), "at line 9"),
        (await upload(harness, one["id"], *daily), "at most 200"),
    ):
        assert fault(answer) == (400, "validation_error")
        assert words in answer.json()["message"], answer.text
    assert (await read(harness, one["id"]))["overrides"] == []


async def test_a_calendar_is_made_once_until_something_changes(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(*told: Any) -> bytes:
        made.append(1)
        return calendar_of(*told)

    monkeypatch.setattr("query_api.pages.on_call.calendar_of", counted)
    ada = channel(harness, "ada")
    one, other = await rotation(harness, ada), await rotation(harness, ada, name="Other")
    for _ in range(3):
        for each in (one, other):
            events(await harness.client.get(place_of(each)))
    assert len(made) == 2
    await harness.client.patch(f"{V1}/alert-channels/{ada}", json={"name": "Ada's phone"})
    assert "Ada's phone" in (await harness.client.get(place_of(one))).text
    harness.log.tick(86_400 * 2)
    await harness.client.get(place_of(one))
    assert len(made) == 4
