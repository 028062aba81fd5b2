"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.updown.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90.4", 90),
        (" 25 hours ", 90_000),
        ("25hours", 90_000),
        ("1 day and 2 hours", 93_600),
        ("1 day, 2 hours", 93_600),
        ("1h30m", 5_400),
        ("1 h 30 min", 5_400),
        ("an hour", 3_600),
        ("half an hour", 1_800),
        ("a day", 86_400),
        ("Two Weeks", 1_209_600),
        ("every hour", 3_600),
        ("every 15 seconds", 15),
        ("daily", 86_400),
        ("1.5 days", 129_600),
        ("15s", 15),
        ("1 month", 2_678_400),
        ("hour and a minute", 3_660),
    ],
)
def test_what_people_write(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "hours 25", "-1 hour", "1 parsec", "1 hour ago", "1e9", "nan", "inf", "٣ hours", "1 hour 5",
     "1" * 200, "every", "and", "in", "0x10", "1,5 hours"],
)  # fmt: skip
def test_what_says_no_duration(text: str) -> None:
    assert seconds_of(text) is None


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds is None or seconds >= 0


UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(list(UNITS))), min_size=1, max_size=4))
def test_parts_add_up(parts: list[tuple[int, str]]) -> None:
    for between in (" ", ", ", " and "):
        text = between.join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts)
        assert seconds_of(text) == sum(count * UNITS[unit] for count, unit in parts)
