"""The schedule of a check: moments of the peers, what is refused, and time zones."""

import contextlib
import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.schedules import (
    TZDATA_VERSION,
    BadSchedule,
    BadTimezone,
    Cron,
    OnCalendar,
    Schedule,
    Simple,
    _zone_names,
    canonical_tz,
    next_after,
    parse_schedule,
    zone,
)

SECOND = 1_000_000
MINUTE = 60 * SECOND
NEW_YORK = "America/New_York"


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND


def runs(schedule: Schedule, begin: str, end: str) -> list[str]:
    """The runs in [begin, end), as UTC text."""
    found = []
    run = next_after(schedule, micros(begin) - 1)
    while run is not None and run < micros(end):
        found.append(datetime.fromtimestamp(run // SECOND, UTC).strftime("%m-%d %H:%M"))
        run = next_after(schedule, run)
    return found


# --- the oracles ---


@pytest.mark.parametrize(
    ("expression", "tz", "begin", "end", "expected"),
    [
        ("30 2 * * *", NEW_YORK, "2024-03-09T12Z", "2024-03-12T12Z", ["03-10 07:00", "03-11 06:30", "03-12 06:30"]),
        ("*/30 2 * * *", NEW_YORK, "2024-03-09T12Z", "2024-03-11T12Z", ["03-11 06:00", "03-11 06:30"]),
        ("30 1 * * *", NEW_YORK, "2024-11-03T00Z", "2024-11-04T00Z", ["11-03 05:30"]),
        (
            "*/30 1 * * *",
            NEW_YORK,
            "2024-11-03T00Z",
            "2024-11-04T00Z",
            ["11-03 05:00", "11-03 05:30", "11-03 06:00", "11-03 06:30"],
        ),
        ("02:30", NEW_YORK, "2024-03-09T12Z", "2024-03-12T00Z", ["03-11 06:30"]),
        ("01:30", NEW_YORK, "2024-11-03T00Z", "2024-11-04T00Z", ["11-03 05:30"]),
        # 2024-09-13 is a Friday; day of month OR day of week, but AND as soon as one of them starts with a star.
        ("0 0 13 * FRI", "UTC", "2024-09-10T00Z", "2024-09-21T00Z", ["09-13 00:00", "09-20 00:00"]),
        ("0 0 14 * FRI", "UTC", "2024-09-10T00Z", "2024-09-21T00Z", ["09-13 00:00", "09-14 00:00", "09-20 00:00"]),
        ("0 0 */13 * FRI", "UTC", "2024-09-01T00Z", "2024-12-01T00Z", ["09-27 00:00", "11-01 00:00"]),
        ("0 0 29 2 *", "UTC", "2096-01-01T00Z", "2105-01-01T00Z", ["02-29 00:00", "02-29 00:00"]),
        # Several jobs in the skipped hour run as one, right after it.
        ("0,30 2,3 * * *", NEW_YORK, "2024-03-10T00Z", "2024-03-11T00Z", ["03-10 07:00", "03-10 07:30"]),
        # The clock skips midnight.
        ("0 0 * * *", "America/Havana", "2024-03-10T00Z", "2024-03-11T04Z", ["03-10 05:00"]),
        ("* 0 * * *", "America/Havana", "2024-03-10T05Z", "2024-03-11T04Z", []),
        # The clock skips the whole of 30 December.
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T00Z",
            "2011-12-31T12Z",
            ["12-29 19:00", "12-30 10:00", "12-30 19:00"],
        ),
        ("daily\n00:00 Europe/Riga", "UTC", "2024-06-01T00Z", "2024-06-02T00Z", ["06-01 00:00", "06-01 21:00"]),
        ("Mon..Fri 09:00", "Europe/London", "2024-06-07T00Z", "2024-06-11T00Z", ["06-07 08:00", "06-10 08:00"]),
        ("09:00 UTC", NEW_YORK, "2024-06-07T00Z", "2024-06-08T00Z", ["06-07 09:00"]),
        ("*-02~01 12:00", "UTC", "2024-01-01T00Z", "2026-01-01T00Z", ["02-29 12:00", "02-28 12:00"]),
    ],
)
def test_oracles(expression: str, tz: str, begin: str, end: str, expected: list[str]) -> None:
    assert runs(parse_schedule(expression, tz), begin, end) == expected


def test_next_is_strictly_after_to_the_microsecond() -> None:
    schedule = parse_schedule("0 2 * * *", "UTC")
    two = micros("2024-01-01T02Z")
    assert next_after(schedule, two - 1) == two
    assert next_after(schedule, two) == next_after(schedule, two + 1) == micros("2024-01-02T02Z")
    assert next_after(Simple(60), 5) == 60 * SECOND + 5


def test_an_exhausted_calendar_never_runs_again() -> None:
    schedule = parse_schedule("2019-01-01", "Europe/London")
    assert runs(schedule, "2018-06-01T00Z", "2200-01-01T00Z") == ["01-01 00:00"]
    assert next_after(schedule, micros("2024-01-01T00Z")) is None
    assert next_after(schedule, micros("2018-12-31T12Z")) == micros("2019-01-01T00Z")


# --- accepted, refused ---


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "0 0 * JAN-MAR mon,Fri",
        "0 0 * * MON#2",
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 * * 5L",
        "0 0 * * 7",
        "5/15 * * * *",
        "  0 0 * * *\t",
        "0 0 29 2 *",
        "0 0 29 2 */7",
    ],
)
def test_accepted_cron(expression: str) -> None:
    assert parse_schedule(expression, NEW_YORK) == Cron(expression, NEW_YORK)


@pytest.mark.parametrize(
    "expression",
    [
        "daily",
        "Hourly",
        "weekly",
        "Mon..Fri 09:00",
        "*:0/5",
        "daily\nMon 12:00",
        " daily \r\n 12:00 \n",
        "daily  Europe/Riga",
        "12:00\tUTC",
        "2019-01-01",
        "*-*-* *:*:*",
    ],
)
def test_accepted_oncalendar(expression: str) -> None:
    assert parse_schedule(expression, NEW_YORK) == OnCalendar(expression, NEW_YORK)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("0 0 * * * " + "0," * 50, "100 characters"),
        ("*" * 101, "100 characters"),
        ("0 0 * * * *", "OnCalendar"),
        ("@daily", "OnCalendar"),
        ("@reboot", "OnCalendar"),
        ("0 0 1W * *", "Bad day-of-month"),
        ("0 0 ? * *", "Bad day-of-month"),
        ("H 0 * * *", "Bad minute"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("60 * * * *", "Bad minute"),
        ("0 24 * * *", "Bad hour"),
        ("0 0 */28 * MON#2", "never runs"),
        ("*-02-30", "never runs"),
        ("1999-12-31", "never runs"),
        ("daily\n\nhourly", "fields"),
        ("daily\n0 0 * * *", "OnCalendar"),
        ("daily America", "OnCalendar"),
        ("daily ../UTC", "OnCalendar"),
        ("daily \0", "OnCalendar"),
        ("UTC", "OnCalendar"),
        ("０ 0 * * *", "Bad minute"),
        ("0 0 * * ５L", "Bad day-of-week"),
    ],
)
def test_refused(expression: str, why: str) -> None:
    with pytest.raises(BadSchedule, match=re.escape(why)):
        parse_schedule(expression, "UTC")


def test_a_bad_time_zone_is_told_apart() -> None:
    with pytest.raises(BadTimezone):
        parse_schedule("daily", "Mars/Olympus")
    assert parse_schedule("daily", "Europe/Kiev") == OnCalendar("daily", "Europe/Kyiv")


words = st.sampled_from(
    [
        "*",
        "0",
        "1",
        "59",
        "/",
        "-",
        ",",
        "L",
        "LW",
        "#",
        "W",
        "?",
        "MON",
        "JAN",
        "..",
        "~",
        ":",
        " ",
        "\n",
        "daily",
        "UTC",
    ]
)


@given(st.lists(words, max_size=20).map("".join) | st.text(max_size=30), st.integers(-(10**18), 10**20))
@example("0 0 29 2 */7", micros("2100-01-01T00Z"))
@example("*-*-* 23:59:59", micros("2199-12-31T23:59:58Z"))
def test_any_text_is_refused_or_answers(expression: str, at: int) -> None:
    try:
        schedule = parse_schedule(expression, "Europe/London")
    except BadSchedule:
        return
    found = next_after(schedule, at)
    assert found is None or found > at


def test_as_json() -> None:
    schedules: list[Schedule] = [Simple(60), Cron("* * * * *", "UTC"), OnCalendar("daily", "UTC")]
    text = msgspec.json.encode(schedules)
    assert b'{"type":"cron","expression":"* * * * *","tz":"UTC"}' in text
    assert msgspec.json.decode(text, type=list[Schedule]) == schedules
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"type":"simple","period":0}', type=Schedule)


# --- time zones ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UTC", "UTC"),
        ("GMT", "GMT"),
        ("Etc/UTC", "Etc/UTC"),
        ("Europe/Oslo", "Europe/Oslo"),
        ("Europe/Kyiv", "Europe/Kyiv"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("UCT", "Etc/UTC"),
        ("CET", "Europe/Brussels"),
        ("US/Eastern", NEW_YORK),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
    ],
)
def test_canonical_tz(name: str, expected: str) -> None:
    assert canonical_tz(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Factory",
        "America",
        "europe/kyiv",
        "UTC ",
        "../UTC",
        "/UTC",
        "Europe/../UTC",
        "UTC\0",
        "x" * 10**6,
        "tzdata.zi",
    ],
)
def test_bad_tz(name: str) -> None:
    with pytest.raises(BadTimezone):
        canonical_tz(name)
    with pytest.raises(BadTimezone):
        zone(name)


@given(st.text())
def test_any_tz_is_refused_or_stays(name: str) -> None:
    with contextlib.suppress(BadTimezone):
        assert canonical_tz(canonical_tz(name)) == canonical_tz(name)


def test_every_name_loads_and_canonical_names_are_fixed_points() -> None:
    assert len(_zone_names()) > 500
    for name, canonical in _zone_names().items():
        assert zone(name).key == name
        assert canonical_tz(canonical) == canonical
    assert re.fullmatch(r"20\d\d[a-z]", TZDATA_VERSION)
