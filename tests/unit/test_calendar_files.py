"""Uploaded calendars: events one by one, and whatever is hostile refused soon, with its line."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from query_api.calendar_files import MOST_BYTES, BadCalendar, Occurrence, read_events
from schemas.base import Micros
from schemas.times import iso, micros_of

NOW: Micros = micros_of(datetime(2026, 1, 5, 12, tzinfo=UTC))


def event(*lines: str, uid: str = "one") -> list[str]:
    return ["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT"]


def calendar(*events: list[str], end: str = "\r\n") -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *(line for each in events for line in each), "END:VCALENDAR"]
    return end.join([*lines, ""]).encode()


def read(*lines: str, tz: str = "Europe/Berlin") -> list[Occurrence]:
    return read_events(calendar(event(*lines)), tz, NOW)


def spans(found: list[Occurrence]) -> list[tuple[str, str]]:
    return [(iso(each.start)[:16], iso(each.end)[:16]) for each in found]


def refused(content: bytes) -> str:
    with pytest.raises(BadCalendar) as raised:
        read_events(content, "UTC", NOW)
    return str(raised.value)


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        ("DTSTART:20260110T080000Z", "DTEND:20260110T200000Z", ("2026-01-10T08:00", "2026-01-10T20:00")),
        ("DTSTART:20260110T080000Z", "DURATION:PT2H", ("2026-01-10T08:00", "2026-01-10T10:00")),
        # By the clock of the rotation.
        ("DTSTART:20260110T080000", "DTEND:20260110T200000", ("2026-01-10T07:00", "2026-01-10T19:00")),
        ("DTSTART;VALUE=DATE:20260110", "DTEND;VALUE=DATE:20260112", ("2026-01-09T23:00", "2026-01-11T23:00")),
        ("DTSTART;VALUE=DATE:20260110", "SUMMARY:x", ("2026-01-09T23:00", "2026-01-10T23:00")),
        (
            "DTSTART;TZID=America/New_York:20260110T080000",
            "DTEND;TZID=America/New_York:20260110T200000",
            ("2026-01-10T13:00", "2026-01-11T01:00"),
        ),
        # A time that the clock skips.
        ("DTSTART:20260329T023000", "DTEND:20260329T040000", ("2026-03-29T01:00", "2026-03-29T02:00")),
    ],
)
def test_times(start: str, end: str, wanted: tuple[str, str]) -> None:
    assert spans(read(start, end)) == [wanted]


def test_what_is_over_is_left_out_and_what_is_running_is_not() -> None:
    assert read("DTSTART:20260101T080000Z", "DTEND:20260105T115959Z") == []
    assert len(read("DTSTART:20251201T080000Z", "DTEND:20260105T120001Z")) == 1
    assert read("DTSTART:20280101T080000Z", "DTEND:20280101T090000Z") == []


def test_who_and_where() -> None:
    [found] = read(
        "DTSTART:20260110T080000Z", "DTEND:20260110T090000Z", "SUMMARY:  Ada\\, for", "  Bob", "ATTENDEE;CN=Ada",
        " :MAILTO:Ada@Example.org", "ATTENDEE:mailto:bob@example.org", "BEGIN:VALARM", "ACTION:AUDIO",
        "TRIGGER:-PT15M", "END:VALARM",
    )  # fmt: skip
    assert (found.summary, found.people, found.line) == ("Ada, for Bob", ("ada@example.org", "bob@example.org"), 4)


def test_a_text_that_goes_on_in_the_next_line_ends_no_event() -> None:
    [found] = read("DTSTART:20260110T080000Z", "DURATION:PT1H", "DESCRIPTION:Ada ", " END:VEVENT", "SUMMARY:Bob")
    assert found.summary == "Bob"


def test_a_long_text_is_kept_once_for_a_whole_series() -> None:
    names = ["SUMMARY:" + "Ada  and " * 100, "ATTENDEE:mailto:Bob@example.org"]
    found = read("DTSTART:20160201T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", *names)
    assert len(found) == 92
    assert len({id(each.summary) for each in found}) == len({id(each.people) for each in found}) == 1


def test_a_series_with_an_exception_and_one_that_was_moved() -> None:
    weekly = event(
        "DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=4",
        "EXDATE;TZID=Europe/Berlin:20260112T090000", "SUMMARY:Ada",
    )  # fmt: skip
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260119T090000", "DTSTART;TZID=Europe/Berlin:20260120T090000",
        "DURATION:PT1H", "SUMMARY:Bob",
    )  # fmt: skip
    found = read_events(calendar(weekly, moved), "UTC", micros_of(datetime(2026, 1, 5, tzinfo=UTC)))
    assert [(each.summary, iso(each.start)[:16]) for each in found] == [
        ("Ada", "2026-01-05T08:00"), ("Bob", "2026-01-20T08:00"), ("Ada", "2026-01-26T08:00")
    ]  # fmt: skip


def test_a_series_without_end_is_read_for_some_weeks() -> None:
    found = read("DTSTART:20251201T080000Z", "DURATION:PT8H", "RRULE:FREQ=DAILY")
    assert 90 <= len(found) <= 94
    assert len(read("DTSTART:20251201T080000Z", "DURATION:PT8H", "RRULE:FREQ=MONTHLY;BYDAY=-1FR")) == 3
    assert len(read("DTSTART:20251225T080000Z", "DURATION:PT8H", "RRULE:FREQ=YEARLY")) == 0
    found = read("DTSTART:20251201T080000Z", "DURATION:PT8H", "RRULE:FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20260118T235959Z")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=SECONDLY", "FREQ=SECONDLY"),
        ("FREQ=MINUTELY;INTERVAL=5", "FREQ=MINUTELY"),
        ("FREQ=HOURLY", "FREQ=HOURLY"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "BYMONTH"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "not every month"),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=MO", "both"),
        ("FREQ=MONTHLY;BYDAY=5MO", "not every month"),
        ("FREQ=WEEKLY;BYDAY=2MO", "days of the week"),
        ("FREQ=DAILY;BYDAY=MO;INTERVAL=7", "BYDAY"),
        ("FREQ=DAILY;BYHOUR=1,2,3", "BYHOUR"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        (f"FREQ=WEEKLY;BYDAY={','.join(['MO'] * 41)}", "more than 40 values"),
        ("FREQ=DAILY;INTERVAL=1001", "INTERVAL"),
        ("INTERVAL=2", "FREQ"),
    ],
)
def test_rules_that_are_not_expanded(rule: str, words: str) -> None:
    said = refused(calendar(event("DTSTART:20260101T080000Z", "DURATION:PT1H", "SUMMARY:Ada", f"RRULE:{rule}")))
    assert words in said
    assert "line 4" in said


@pytest.mark.parametrize("start", ["20260131T080000Z", "20240229T080000Z"])
def test_a_series_that_begins_on_a_day_that_not_every_month_has(start: str) -> None:
    for frequency in ("MONTHLY", "YEARLY"):
        lines = event(f"DTSTART:{start}", "DURATION:PT1H", f"RRULE:FREQ={frequency};INTERVAL=12")
        if frequency == "MONTHLY" or "0229" in start:
            assert "not every month" in refused(calendar(lines))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no event"),
        (b"hello", "no event"),
        (calendar(), "no event"),
        (b"\xff\xfe" + calendar(event("DTSTART:20260110T080000Z")), "UTF-8"),
        (b"x" * (MOST_BYTES + 1), "larger than"),
        (b"\n" * 20_000, "lines"),
        (b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "line 1"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "line 2"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "ends within a VEVENT"),
        (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 9_000, "line 5"),
        (calendar(event("SUMMARY:x")), "DTSTART"),
        (calendar(event("DTSTART:soon")), "line 4"),
        (calendar(event("DTSTART;TZID=Mars/Olympus:20260110T080000", "DURATION:PT1H")), "Mars/Olympus"),
        (calendar(event("DTSTART:20260110T080000Z", "DTSTART:20260111T080000Z")), "DTSTART"),
        (calendar(["BEGIN:VEVENT", "DTSTART:20260110T080000Z", "END:VEVENT"]), "UID"),
        (calendar(*(event("DTSTART:20260110T080000Z", uid=str(each)) for each in range(1_001))), "1000 events"),
        (calendar(event("DTSTART:20100101T080000Z", "RRULE:FREQ=DAILY")), "ten years"),
        (calendar(event("DTSTART:20260110T080000Z", "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY")), "one RRULE only"),
        (
            calendar(event("DTSTART:20260110T080000Z", "RDATE:" + ",".join(["20260110T080000Z"] * 201))),
            "more than 200 dates",
        ),
        (
            calendar(*(event("DTSTART:20260110T080000Z", "RRULE:FREQ=DAILY", uid=str(each)) for each in range(51))),
            "more than 50 events",
        ),
        (
            calendar(*(event("DTSTART:20160110T080000Z", "RRULE:FREQ=DAILY", uid=str(each)) for each in range(9))),
            "recur too often",
        ),
    ],
)
def test_what_is_refused(content: bytes, words: str) -> None:
    assert words in refused(content)


def test_definitions_of_time_zones_are_not_read() -> None:
    hostile = [
        "BEGIN:VTIMEZONE", "TZID:Europe/Berlin", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0000",
        "TZOFFSETTO:+0500", "RRULE:FREQ=SECONDLY", "END:STANDARD", "END:VTIMEZONE",
    ]  # fmt: skip
    content = calendar(hostile, event("DTSTART;TZID=Europe/Berlin:20260110T080000", "DURATION:PT1H"))
    assert spans(read_events(content, "UTC", NOW)) == [("2026-01-10T07:00", "2026-01-10T08:00")]


LINES = st.one_of(
    st.sampled_from(
        [
            "BEGIN:VEVENT", "END:VEVENT", "END:VCALENDAR", "BEGIN:VTIMEZONE", "UID:a", "DTSTART:20260110T080000Z",
            "DTSTART;VALUE=DATE:20260110", "DTEND:20260110T080000", "DURATION:P1W", "DURATION:-PT1H",
            "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY;BYDAY=MO", "RRULE:", "RRULE:FREQ=DAILY;UNTIL=20260301",
            "RRULE:FREQ=DAILY;COUNT=-1", "RDATE:20260111T080000Z", "RDATE;VALUE=PERIOD:20260111T080000Z/PT1H",
            "EXDATE:20260111", "RECURRENCE-ID:20260111T080000Z", "SUMMARY:x", "ATTENDEE:mailto:a@b", "SEQUENCE:x",
            "DTSTART:99991231T235959Z", "DTSTART:00010101T000000", "DTEND:99991231", " folded", "X-WR-TIMEZONE:x",
        ]
    ),
    st.text(max_size=40),
)  # fmt: skip


@given(st.lists(LINES, max_size=20), st.sampled_from(["UTC", "Pacific/Apia"]))
@example(["DTSTART:99991231T235959Z", "DURATION:P1W"], "UTC")
@settings(max_examples=200, deadline=None)
def test_any_lines_are_events_or_say_what_is_wrong(lines: list[str], tz: str) -> None:
    for content in (calendar(event(*lines)), calendar(lines)):
        try:
            found = read_events(content, tz, NOW)
        except BadCalendar:
            continue
        assert all(max(each.start, each.end) > NOW for each in found)
