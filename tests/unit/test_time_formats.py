"""Times as clients write them: what each text names, and what is said of those that name nothing."""

from datetime import UTC, datetime

import pytest

from query_api.updown.time_formats import NoTime, read_time
from schemas.base import SECOND, Micros
from schemas.times import micros_of


def at(text: str, micros: int = 0) -> Micros:
    return micros_of(datetime.fromisoformat(text).replace(tzinfo=UTC)) + micros


# A Friday.
NOW = at("2026-02-27T14:32:05", 250_000)
DECEMBER = at("2022-12-16T14:11:17")


@pytest.mark.parametrize(
    "text",
    [
        "2022-12-16T14:11:17Z",
        "2022-12-16t14:11:17z",
        "2022-12-16 14:11:17",
        " 2022-12-16   14:11:17 ",
        "2022-12-16 14:11:17 UTC",
        "2022-12-16 14:11:17 GMT",
        "2022-12-16 15:11:17 +0100",
        "2022-12-16 15:11:17+01:00",
        "2022-12-16 15:11:17 +1",
        "2022-12-16T15:11:17+01",
        "2022-12-16T15:11:17 01:00",
        "2022-12-16 15:11:17 0100",
        "2022-12-16T09:11:17-05:00",
        "2022-12-16T09:11:17 EST",
        "2022-12-16 15:11:17 UTC+1",
        "2022-12-16 15:11:17 GMT+01:00",
        "2022-12-16 15:11:17 Europe/Paris",
        "2022-12-16 15:11:17 CET",
        "2022/12/16 14:11:17",
        "2022.12.16 14:11:17",
        "20221216T141117Z",
        "20221216T151117+0100",
        "16 Dec 2022 14:11:17",
        "16-Dec-2022 14:11:17",
        "16th of December, 2022 at 14:11:17",
        "Fri, 16 Dec 2022 14:11:17 GMT",
        "Friday, 16 December 2022 15:11:17 +0100",
        "Dec 16, 2022 2:11:17 PM",
        "December 16th, 2022, 2:11:17 p.m. UTC",
        "Fri Dec 16 14:11:17 2022",
        "Fri Dec 16 14:11:17 UTC 2022",
        "Fri Dec 16 15:11:17 +0100 2022",
        "Fri Dec 16 2022 15:11:17 GMT+0100 (Central European Standard Time)",
        "1671199877",
        "1671199877000",
    ],
)
def test_one_moment_in_many_ways(text: str) -> None:
    assert read_time(text, NOW) == DECEMBER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01", at("2024-01-01")),
        ("2024-1-2", at("2024-01-02")),
        ("20240229", at("2024-02-29")),
        ("2024-01-01 +02:00", at("2023-12-31T22:00")),
        ("2024-01-01 15:04", at("2024-01-01T15:04")),
        ("2024-01-01T15", at("2024-01-01T15:00")),
        ("2024-01-01 24:00", at("2024-01-02")),
        ("2024-01-01 12 am", at("2024-01-01")),
        ("2024-01-01 12:30pm", at("2024-01-01T12:30")),
        ("2024-01-01T00:00:00.5Z", at("2024-01-01", 500_000)),
        ("2024-01-01T00:00:00,123456789Z", at("2024-01-01", 123_456)),
        ("1671199877.25", DECEMBER + 250_000),
        # The clock there goes from 2:00 to 3:00, and half a year later from 3:00 to 2:00.
        ("2024-03-31 02:30 Europe/Berlin", at("2024-03-31T01:30")),
        ("2024-10-27 02:30 Europe/Berlin", at("2024-10-27T00:30")),
    ],
)
def test_what_is_left_out_and_what_is_between(text: str, expected: Micros) -> None:
    assert read_time(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("NOW", NOW),
        ("today", at("2026-02-27")),
        ("yesterday", at("2026-02-26")),
        ("tomorrow", at("2026-02-28")),
        ("Tomorrow at 9am", at("2026-02-28T09:00")),
        ("tomorrow 09:30 +01:00", at("2026-02-28T08:30")),
        ("today Asia/Tokyo", at("2026-02-26T15:00")),
        ("monday", at("2026-03-02")),
        ("friday", at("2026-03-06")),
        ("next friday 18:00", at("2026-03-06T18:00")),
        ("last friday", at("2026-02-20")),
        ("last thursday", at("2026-02-26")),
        ("2 hours ago", NOW - 7_200 * SECOND),
        ("an hour ago", NOW - 3_600 * SECOND),
        ("1.5 hours ago", NOW - 5_400 * SECOND),
        ("in 3 days", NOW + 259_200 * SECOND),
        ("3 days from now", NOW + 259_200 * SECOND),
        ("in 1 day, 2 hours and 30 minutes", NOW + 95_400 * SECOND),
        ("in 1h30m", NOW + 5_400 * SECOND),
        ("now-1h", NOW - 3_600 * SECOND),
        ("now + 90 min", NOW + 5_400 * SECOND),
        ("-7d", NOW - 604_800 * SECOND),
        ("last week", NOW - 604_800 * SECOND),
        ("next month", at("2026-03-27T14:32:05", 250_000)),
        ("1 month ago", at("2026-01-27T14:32:05", 250_000)),
        ("in 1 year", at("2027-02-27T14:32:05", 250_000)),
        ("3 years ago", at("2023-02-27T14:32:05", 250_000)),
    ],
)
def test_words_from_now_on(text: str, expected: Micros) -> None:
    assert read_time(text, NOW) == expected


def test_a_day_that_a_month_lacks_is_its_last() -> None:
    last_of_january = at("2024-01-31T10:00")
    assert read_time("in 1 month", last_of_january) == at("2024-02-29T10:00")
    assert read_time("in 13 months", last_of_january) == at("2025-02-28T10:00")
    assert read_time("in 1 month and 1 day", last_of_january) == at("2024-03-01T10:00")
    assert read_time("1 year ago", at("2024-02-29")) == at("2023-02-28")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a time"),
        ("soon", "not a time"),
        ("01/02/2024", "not a time"),
        ("12:30", "not a time"),
        ("2024", "not a time"),
        ("2024-01", "not a time"),
        ("202401011200", "not a time"),
        ("5", "not a time"),
        ("2 hours", "not a time"),
        ("in 2 hours ago", "not a time"),
        ("in 2 fortnights", "not a time"),
        ("2024-01-01 12:30 IST", "not a time"),
        ("2024-01-01 12:30 Europe/Nowhere", "not a time"),
        ("2024-01-01 12:30 ../../etc/passwd", "not a time"),
        ("2024-01-01 0100", "not a time"),
        ("2024-01-01 12:30 and more", "not a time"),
        ("2024-01-01Tnoon", "not a time"),
        ("２０２４-01-01", "not a time"),
        ("2024-02-30", "day is out of range"),
        ("2024-13-01", "month must be in"),
        ("2024-01-01 25:00", "no such time of day"),
        ("2024-01-01 24:01", "no such time of day"),
        ("2024-01-01 12:60", "no such time of day"),
        ("2024-01-01 13:00 pm", "from 1 to 12"),
        ("2024-01-01 12:00 +24:00", "no such offset"),
        ("Mon, 16 Dec 2022 14:11:17 GMT", "another day of the week"),
        ("in 1.5 months", "whole ones"),
        ("in 999999999 years", "too far away"),
        ("999999999 years ago", "too far away"),
        ("in 999999999 weeks", "1970"),
        ("1969-12-31T23:59:59Z", "1970"),
        ("9999-12-31 23:59 -01:00", "9999"),
        ("x" * 101, "at most 100 characters"),
        ("1" * 100, "not a time"),
    ],
)
def test_what_is_none_is_told(text: str, why: str) -> None:
    with pytest.raises(NoTime, match=why):
        read_time(text, NOW)
