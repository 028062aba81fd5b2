"""The schedule of a check: moments of the peers, and properties against a plain scan."""

import contextlib
import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oncalendar import OnCalendar as OnCalendarWalk

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


# --- properties ---

ZONES = [NEW_YORK, "Europe/London", "Australia/Lord_Howe"]
# Half of the moments lie around a change of the clock: of these three, Havana's (at midnight) and Apia's (a whole day).
CHANGES = [
    "2024-03-10T07Z",
    "2024-11-03T06Z",
    "2024-03-31T01Z",
    "2024-10-27T01Z",
    "2024-04-06T15Z",
    "2024-10-05T15:30Z",
    "2024-03-10T05Z",
    "2011-12-30T10Z",
]
anywhen = st.integers(micros("1970-01-01T00Z"), micros("2199-12-31T00Z"))
near_change = st.builds(
    lambda text, plus: micros(text) + plus, st.sampled_from(CHANGES), st.integers(-86400 * SECOND, 7200 * SECOND)
)
moments = anywhen | near_change


def field(low: int, high: int, *special: str) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.builds(lambda base, by: f"{base}/{by}", st.just("*") | span | number.map(str), st.integers(1, high))
    one = number.map(str) | span | step
    return st.just("*") | one | st.lists(one, min_size=2, max_size=3).map(",".join) | st.sampled_from(["*", *special])


cron_text = st.tuples(
    field(0, 59), field(0, 5) | field(0, 23), field(1, 31, "L", "LW"), field(1, 12), field(0, 7, "MON#2", "5L")
).map(" ".join)
daily_cron_text = st.tuples(field(0, 59), field(0, 5), st.just("* * *")).map(" ".join)
calendar_text = st.sampled_from(
    [
        "daily",
        "hourly",
        "*:0/7",
        "02:30",
        "01:30:15",
        "*:*:0/20",
        "Mon..Fri 1..3:15",
        "*-*~01 02:00",
        "2,3:30 UTC",
        "00:00\n02:15",
    ]
)
texts = cron_text | daily_cron_text | calendar_text


def scheduled(text: str, tz: str) -> Schedule | None:
    try:
        return parse_schedule(text, tz)
    except BadSchedule:
        return None


@given(
    texts,
    st.sampled_from([*ZONES, "UTC", "America/Havana", "Pacific/Apia", "Africa/Monrovia"]),
    st.lists(moments, min_size=2, max_size=6),
)
def test_strictly_after_monotone_and_without_memory(text: str, tz: str, times: list[int]) -> None:
    schedule = scheduled(text, tz)
    if schedule is None:
        return
    answers = {at: next_after(schedule, at) for at in times}
    for at, found in answers.items():
        if found is None:
            assert isinstance(schedule, OnCalendar)
            continue
        assert found > at
        # All that lies between has the same answer; asked backwards, so that the window kept inside is missed.
        for between in (found - 1, (at + found) // 2, at):
            assert next_after(schedule, between) == found
        following = next_after(schedule, found)
        assert following is None or following > found
    ordered = [answers[at] for at in sorted(times)]
    assert ordered == sorted(ordered, key=lambda found: float("inf") if found is None else found)


def cron_scan(expression: str, tz: str, begin: int, end: int) -> list[int]:
    """All runs in (begin, end], minute by minute, from the rules of docs/compatibility/pinging.md, "Deadlines"."""
    local, run = zone(tz), set()
    walk = CronSim(expression, datetime(2000, 1, 1))  # noqa: DTZ001 - only for the fields
    stepped = expression[0] == "*" or expression.split()[1][0] == "*"

    def matches(at: datetime) -> bool:
        fields = at.minute in walk.minutes and at.hour in walk.hours and at.month in walk.months
        return fields and walk.match_day(at.date())

    first = begin // MINUTE * MINUTE
    clock = [datetime.fromtimestamp(second // SECOND, local) for second in range(first, end + 1, MINUTE)]
    for before, at in itertools.pairwise(clock):
        stamp = int(at.timestamp()) * SECOND
        if stepped:
            if matches(at):
                run.add(stamp)
            continue
        if at.fold == 0 and matches(at):
            run.add(stamp)
        skipped = before.replace(tzinfo=None) + timedelta(minutes=1)
        while skipped < at.replace(tzinfo=None):
            if matches(skipped):
                run.add(stamp)
            skipped += timedelta(minutes=1)
    return sorted(stamp for stamp in run if stamp > begin)


@settings(max_examples=150, deadline=None)
@given(cron_text | daily_cron_text, st.sampled_from([*ZONES, "America/Havana", "Pacific/Apia"]), near_change)
@example("*/30 2 * * *", "Australia/Lord_Howe", micros("2024-04-06T00Z"))
def test_cron_equals_a_scan_of_the_minutes(text: str, tz: str, begin: int) -> None:
    schedule = scheduled(text, tz)
    if schedule is None:
        return
    end = begin + 2 * 86400 * SECOND
    found, at = [], next_after(schedule, begin)
    while at is not None and at <= end:
        found.append(at)
        at = next_after(schedule, at)
    assert found == cron_scan(text, tz, begin, end)


@settings(max_examples=300)
@given(
    texts,
    st.sampled_from(["UTC", "Asia/Tokyo", "Africa/Lagos"]),
    st.integers(micros("2000-01-01T00Z"), micros("2180-01-01T00Z")),
)
def test_equals_the_packages_where_the_clock_never_changes(text: str, tz: str, at: int) -> None:
    schedule = scheduled(text, tz)
    if schedule is None:
        return
    begin = datetime.fromtimestamp(at // SECOND, ZoneInfo(tz))
    walk = CronSim(text, begin) if isinstance(schedule, Cron) else OnCalendarWalk(text, begin)
    for _ in range(3):
        expected = int(next(walk).timestamp()) * SECOND
        at = next_after(schedule, at) or 0
        assert at == expected


@settings(max_examples=300, deadline=None)
@given(calendar_text, st.sampled_from([*ZONES, "America/Havana"]), near_change)
def test_oncalendar_equals_the_package_around_changes(text: str, tz: str, at: int) -> None:
    """Started well before the change; started within a repeated hour, the package gives times that are past."""
    begin = at - 2 * 86400 * SECOND
    walk = OnCalendarWalk(text, datetime.fromtimestamp(begin // SECOND, zone(tz)))
    found = next(stamp for run in walk if (stamp := int(run.timestamp()) * SECOND) > at)
    assert next_after(OnCalendar(text, tz), at) == found
