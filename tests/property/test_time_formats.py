"""Whatever text comes as a time names one moment or none, and a moment that was written in a layout is read back."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import assume, given
from hypothesis import strategies as st

from query_api.updown.time_formats import NoTime, read_time
from schemas.base import SECOND, Micros
from schemas.times import LAST, micros_of, utc

FIRST, END = datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("9000-01-01")
NOWS = st.integers(0, LAST)
MOMENTS = st.datetimes(FIRST, END).map(lambda moment: moment.replace(microsecond=0))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))

# Layouts to the second; those in the second list say the offset.
LAYOUTS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M:%S UTC", "%Y%m%dT%H%M%SZ", "%d %b %Y %H:%M:%S",
    "%B %d, %Y %I:%M:%S %p", "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%B-%Y %H:%M:%S", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
OFFSET_LAYOUTS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%a %b %d %Y %H:%M:%S GMT%z", "%d %B %Y %H:%M:%S%z")

WORDS = st.sampled_from(
    ("now", "today", "tomorrow", "last", "next", "monday", "in", "2", "1.5", "99999999", "hours", "months", "year",
     "ago", "from", "at", "9am", "12:30", "2024-02-29", "16", "dec", "2022", "+0100", "-05:00", "Z", "UTC",
     "Europe/Paris", "(", ")", ",", ".", ":", "-", "+", "T", "31/12/2024", "1671199877", "\u00b2")
)  # fmt: skip
TEXTS = st.text(max_size=120) | st.lists(WORDS, max_size=6).map(" ".join) | st.lists(WORDS, max_size=6).map("".join)
UNITS = {"seconds": 1, "min": 60, "hours": 3_600, "d": 86_400, "weeks": 604_800}


@given(TEXTS, NOWS)
def test_any_text_names_one_moment_or_none(text: str, now: Micros) -> None:
    try:
        at = read_time(text, now)
    except NoTime:
        return
    assert 0 <= at <= LAST
    assert read_time(text if "/" in text else text.upper(), now) == at


@given(MOMENTS, st.sampled_from(LAYOUTS), NOWS)
def test_a_moment_is_read_back_whatever_its_layout(moment: datetime, layout: str, now: Micros) -> None:
    assert read_time(moment.strftime(layout), now) == micros_of(moment)


@given(MOMENTS, OFFSETS, st.sampled_from(OFFSET_LAYOUTS), st.booleans(), NOWS)
def test_an_offset_counts_also_when_its_plus_came_as_a_blank(
    moment: datetime, offset: timezone, layout: str, decoded: bool, now: Micros
) -> None:
    there = moment.replace(tzinfo=offset)
    text = there.strftime(layout)
    assert read_time(text.replace("+", " ") if decoded and "GMT" not in text else text, now) == micros_of(there)


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)), st.booleans(), NOWS)
def test_amounts_are_added_to_now(number: int, unit: str, later: bool, now: Micros) -> None:
    expected = now + (1 if later else -1) * number * UNITS[unit] * SECOND
    assume(0 <= expected <= LAST)
    ways = (f"in {number} {unit}", f"now+{number}{unit}") if later else (f"{number} {unit} ago", f"-{number} {unit}")
    assert [read_time(text, now) for text in ways] == [expected, expected]


@given(st.integers(1, 2_000), NOWS)
def test_months_there_and_back_never_go_further(months: int, now: Micros) -> None:
    try:
        later = read_time(f"in {months} months", now)
    except NoTime:
        assume(False)
    moved, before = utc(later), utc(now)
    assert (moved.year - before.year) * 12 + moved.month - before.month == months
    assert moved.day <= before.day
    assert later % (86_400 * SECOND) == now % (86_400 * SECOND)
    assert read_time(f"{months} months ago", later) <= now


@given(st.sampled_from(("yesterday", "today", "tomorrow")), OFFSETS, st.integers(86_400 * SECOND * 2, LAST // 2))
def test_days_by_name_are_those_of_the_zone(name: str, offset: timezone, now: Micros) -> None:
    text = utc(now).astimezone(offset).strftime("%z")
    found = datetime.fromtimestamp(read_time(f"{name} {text}", now) // SECOND, UTC).astimezone(offset)
    days = (found.date() - utc(now).astimezone(offset).date()).days
    assert (days, found.hour, found.minute) == ({"yesterday": -1, "today": 0, "tomorrow": 1}[name], 0, 0)
