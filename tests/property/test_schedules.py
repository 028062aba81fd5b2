"""Properties of schedules, held against a plain scan and against the packages that read their expressions."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oncalendar import OnCalendar as OnCalendarWalk

from schemas.schedules import (
    BadSchedule,
    Cron,
    OnCalendar,
    Schedule,
    next_after,
    parse_schedule,
    zone,
)

SECOND = 1_000_000
MINUTE = 60 * SECOND
NEW_YORK = "America/New_York"


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND


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
