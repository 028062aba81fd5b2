"""Weeks and months by the calendar of a time zone: they follow each other without a gap, whatever clocks do."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import SECOND, Micros
from schemas.report_periods import PERIODS, PeriodKind, newest_period, period_after, period_before
from schemas.schedules import BadTimezone
from schemas.times import LAST, iso, read_iso

# Clocks that go back over midnight, that skip it, that skipped a day, that are far from UTC.
ZONES = [
    *("UTC", "Europe/Riga", "America/New_York", "America/Havana", "America/Asuncion", "Asia/Beirut", "Africa/Cairo"),
    *("America/St_Johns", "Pacific/Apia", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "Australia/Lord_Howe"),
]
HOUR: Micros = 3_600 * SECOND


@pytest.mark.parametrize(
    ("kind", "tz", "at", "start", "end"),
    [
        ("week", "UTC", "2025-06-15T23:59:59", "2025-06-02T00:00:00", "2025-06-09T00:00:00"),
        ("week", "UTC", "2025-06-16T00:00:00", "2025-06-09T00:00:00", "2025-06-16T00:00:00"),
        ("month", "UTC", "2024-03-01T00:00:00", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("month", "UTC", "2025-12-31T23:59:59", "2025-11-01T00:00:00", "2025-12-01T00:00:00"),
        # Midnight in Riga is 22:00 UTC in winter and 21:00 in summer: the week of the change has 167 hours.
        ("week", "Europe/Riga", "2025-03-30T21:00:00", "2025-03-23T22:00:00", "2025-03-30T21:00:00"),
        ("week", "Europe/Riga", "2025-03-30T20:59:59", "2025-03-16T22:00:00", "2025-03-23T22:00:00"),
        ("week", "Europe/Riga", "2025-10-27T00:00:00", "2025-10-19T21:00:00", "2025-10-26T22:00:00"),
        ("month", "America/New_York", "2025-12-01T04:59:59", "2025-10-01T04:00:00", "2025-11-01T04:00:00"),
        ("month", "Asia/Beirut", "2025-04-01T00:00:00", "2025-02-28T22:00:00", "2025-03-31T21:00:00"),
        # Samoa had no 30 December 2011.
        ("month", "Pacific/Apia", "2012-01-01T00:00:00", "2011-12-01T10:00:00", "2011-12-31T10:00:00"),
    ],
)
def test_the_newest_period_that_has_ended(kind: PeriodKind, tz: str, at: str, start: str, end: str) -> None:
    period = newest_period(kind, tz, read_iso(at))
    assert (iso(period.start)[:19], iso(period.end)[:19]) == (start, end)


def test_a_day_without_midnight_begins_with_its_first_moment() -> None:
    """1 October 2000 was a Sunday on which clocks in Asuncion went from 00:00 to 01:00: the month ended there."""
    period = newest_period("month", "America/Asuncion", read_iso("2000-10-02T00:00:00"))
    assert iso(period.end)[:19] == "2000-10-01T04:00:00"
    assert period.label == "2000-10-01"


_times = st.integers(0, LAST - 1_000 * 86_400 * SECOND)


@given(st.sampled_from(PERIODS), st.sampled_from(ZONES), _times)
def test_periods_follow_each_other(kind: PeriodKind, tz: str, at: Micros) -> None:
    newest = newest_period(kind, tz, at)
    following = period_after(kind, tz, newest.label)
    assert newest.start < newest.end
    assert following.start == newest.end
    assert following.label > newest.label
    assert period_before(following, tz) == newest
    if at > 100 * 86_400 * SECOND:  # before that there is none that ended
        assert newest.end <= at < following.end
    day = datetime.fromisoformat(newest.label)
    assert day.weekday() == 0 if kind == "week" else day.day == 1
    days = (newest.end - newest.start) / (24 * HOUR)
    assert 5.9 < days < 8.1 if kind == "week" else 26.9 < days < 32.1


@given(st.sampled_from(PERIODS), st.sampled_from(ZONES), _times)
def test_its_end_is_the_first_moment_at_which_it_has_ended(kind: PeriodKind, tz: str, at: Micros) -> None:
    following = period_after(kind, tz, newest_period(kind, tz, at).label)
    assert newest_period(kind, tz, following.end) == following
    assert newest_period(kind, tz, following.end - 1).label < following.label


@pytest.mark.parametrize("at", [-(10**18), 0, 10**18, LAST, 10**30])
@pytest.mark.parametrize("tz", ZONES)
def test_any_time_has_one(tz: str, at: Micros) -> None:
    for kind in PERIODS:
        period_after(kind, tz, newest_period(kind, tz, at).label)


def test_a_time_zone_that_is_none() -> None:
    with pytest.raises(BadTimezone):
        newest_period("week", "Europe/Atlantis", 0)
