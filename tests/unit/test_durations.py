"""Durations as people write them."""

import pytest

from infra.settings.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90d", 90 * 86_400),
        (" 12H ", 12 * 3_600),
        ("1d 12h", 36 * 3_600),
        ("2w", 14 * 86_400),
        ("1y", 365 * 86_400),
        ("forever", None),
        ("0s", 0),
    ],
)
def test_what_people_write(text: str, seconds: int | None) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "90", "-5d", "1.5d", "d", "90 days", "9999999d", "12h!"])
def test_what_nobody_can_mean(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90d, 12h or forever"):
        parse_duration(text)


def test_words_are_short() -> None:
    assert [format_duration(seconds) for seconds in (None, 86_400, 5_400, 61)] == ["forever", "1d", "90m", "61s"]
