"""Who is on call at which time, by the clock of a zone."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas import on_call_times
from schemas.base import SECOND, Micros
from schemas.ids import derived_id
from schemas.on_call import Handover, Hours, OnCallRotation, Override, Turn
from schemas.on_call_times import gaps, next_handover, on_call, shift_at, shifts
from schemas.schedules import moment_of
from schemas.times import LAST, iso, micros_of

BERLIN, NEW_YORK, APIA = "Europe/Berlin", "America/New_York", "Pacific/Apia"
ALL_DAYS = tuple(range(7))
HOUR: Micros = 3_600 * SECOND
# 2026-01-05 is a Monday.
MONDAYS = Handover("2026-01-05", 7, 9 * 60)
OVERRIDE = derived_id("test", "override")


def at(text: str, tz: str = BERLIN, fold: int = 0) -> Micros:
    """A time as the clock of a zone shows it."""
    return micros_of(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold))


def rotation(*people: str, handover: Handover = MONDAYS, tz: str = BERLIN, **fields: Any) -> OnCallRotation:
    turns = tuple(Turn((name,), name.capitalize()) for name in people or ("ada", "bob", "eve"))
    given: dict[str, Any] = {
        "id": derived_id("test", "rotation"),
        "project": "p",
        "version": 1,
        "created": 0,
        "revised": 0,
    }
    return OnCallRotation(**given | {"name": "Primary", "tz": tz, "handover": handover, "turns": turns} | fields)


def who(one: OnCallRotation, text: str, tz: str = BERLIN, fold: int = 0) -> str:
    return "+".join(on_call(one, at(text, tz, fold)).channels)


def test_turns_follow_one_another_from_the_first_day_on() -> None:
    one = rotation()
    assert who(one, "2026-01-05 09:00") == "ada"
    assert who(one, "2026-01-12 08:59:59") == "ada"
    assert who(one, "2026-01-12 09:00") == "bob"
    assert who(one, "2026-01-25 23:00") == "eve"
    assert who(one, "2026-01-26 09:00") == "ada"
    # A year and more later, across two changes of the clock.
    assert who(one, "2027-01-04 08:59") == ["ada", "bob", "eve"][51 % 3]
    assert who(one, "2027-01-04 09:00") == ["ada", "bob", "eve"][52 % 3]


def test_hours_that_meet_are_looked_at_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks for the end of a shift that has none asks what is on call only where that may change."""
    asked: list[Micros] = []
    duty = on_call_times.duty_when

    def counted(one: OnCallRotation, moment: Micros, is_open: bool) -> on_call_times.Duty:
        asked.append(moment)
        return duty(one, moment, is_open)

    monkeypatch.setattr(on_call_times, "duty_when", counted)
    parts = [*range(0, 1_440, 120), 1_440]
    always = tuple(Hours(ALL_DAYS, start, end) for start, end in pairwise(parts))
    far = tuple(Override(derived_id("test", n), at("2040-01-01") + n, at("2040-01-02"), ("x",)) for n in range(200))
    assert shift_at(rotation("ada", hours=always, overrides=far), at("2026-03-01")) == (None, None)
    assert len(asked) < 10


def test_before_the_first_day_they_go_on_backwards() -> None:
    one = rotation()
    assert who(one, "2026-01-05 08:59:59") == "eve"
    assert who(one, "2025-12-29 08:59:59") == "bob"
    assert who(one, "1970-01-01 12:00")


def test_days_and_what_a_duty_tells() -> None:
    one = rotation(handover=Handover("2026-01-05", 1, 0))
    assert [who(one, f"2026-01-{day:02} 12:00") for day in (5, 6, 7, 8)] == ["ada", "bob", "eve", "ada"]
    duty = on_call(one, at("2026-01-06 00:00"))
    assert (duty.name, duty.turn, duty.override) == ("Bob", 1, "")
    assert next_handover(one, at("2026-01-06 00:00")) == at("2026-01-07 00:00")


@pytest.mark.parametrize(
    ("local", "tz", "utc"),
    [
        ("2026-03-29 01:59:59", BERLIN, "2026-03-29T00:59:59"),
        ("2026-03-29 02:30:00", BERLIN, "2026-03-29T01:00:00"),  # is skipped
        ("2026-03-29 03:00:00", BERLIN, "2026-03-29T01:00:00"),
        ("2026-10-25 02:30:00", BERLIN, "2026-10-25T00:30:00"),  # comes twice
        ("2026-10-25 03:00:00", BERLIN, "2026-10-25T02:00:00"),
        ("2026-03-08 02:30:00", NEW_YORK, "2026-03-08T07:00:00"),
        ("2011-12-30 09:00:00", APIA, "2011-12-30T10:00:00"),  # a whole day is skipped
        ("2011-12-31 00:00:00", APIA, "2011-12-30T10:00:00"),
        ("2026-01-01 00:00:00", "Pacific/Kiritimati", "2025-12-31T10:00:00"),
        ("2026-12-31 23:59:59", "Pacific/Pago_Pago", "2027-01-01T10:59:59"),
        ("1970-01-01 00:00:00", "Asia/Tokyo", "1969-12-31T15:00:00"),
    ],
)
def test_the_moment_of_a_local_time(local: str, tz: str, utc: str) -> None:
    second = micros_of(datetime.fromisoformat(local).replace(tzinfo=UTC)) // SECOND
    assert moment_of(second, tz) == micros_of(datetime.fromisoformat(utc).replace(tzinfo=UTC)) // SECOND


def test_a_handover_at_a_time_that_is_skipped_comes_at_the_change() -> None:
    one = rotation(handover=Handover("2026-03-22", 7, 150))
    assert who(one, "2026-03-29 01:59:59") == "ada"
    assert who(one, "2026-03-29 03:00") == "bob"
    assert next_handover(one, at("2026-03-29 01:00")) == at("2026-03-29 03:00")


def test_a_handover_at_a_time_that_comes_twice_comes_once() -> None:
    one = rotation(handover=Handover("2026-10-18", 7, 150))
    assert who(one, "2026-10-25 02:29:59") == "ada"
    assert who(one, "2026-10-25 02:30") == "bob"
    # The clock goes back behind it.
    assert who(one, "2026-10-25 02:10", fold=1) == "bob"
    assert who(one, "2026-10-25 02:40", fold=1) == "bob"


def test_a_turn_of_a_day_that_is_skipped_is_left_out() -> None:
    one = rotation(handover=Handover("2011-12-28", 1, 0), tz=APIA)
    days = ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
    assert [who(one, f"{day} 12:00", APIA) for day in days] == ["ada", "bob", "ada", "bob"]
    span = shifts(one, at("2011-12-29 00:00", APIA), at("2012-01-01 00:00", APIA))
    assert [shift.duty.name for shift in span] == ["Bob", "Ada"]


def test_hours_by_days_of_the_week() -> None:
    one = rotation(hours=(Hours((0, 1, 2, 3, 4), 9 * 60, 17 * 60),))
    assert who(one, "2026-01-05 09:00") == "ada"
    assert who(one, "2026-01-05 08:59:59") == ""
    assert who(one, "2026-01-05 17:00") == ""
    assert who(one, "2026-01-10 12:00") == ""
    assert on_call(one, at("2026-01-10 12:00")).turn is None


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    one = rotation(hours=(Hours((4,), 22 * 60, 6 * 60),))
    assert who(one, "2026-01-09 21:59") == ""
    assert who(one, "2026-01-09 22:00") == "ada"
    assert who(one, "2026-01-10 05:59") == "ada"
    assert who(one, "2026-01-10 06:00") == ""
    assert who(one, "2026-01-10 22:00") == ""


@pytest.mark.parametrize("hours", [(Hours(ALL_DAYS, 0, 1_440),), (Hours(ALL_DAYS, 540, 540),)])
@pytest.mark.parametrize("start", ["2026-03-20 00:00", "2026-10-20 00:00"])
def test_hours_that_meet_leave_nobody_out_when_the_clock_changes(hours: tuple[Hours, ...], start: str) -> None:
    assert gaps(rotation(hours=hours), at(start), at(start) + 10 * 24 * HOUR) == []


def test_day_and_night_are_complementary_when_the_clock_changes() -> None:
    day, night = rotation(hours=(Hours(ALL_DAYS, 150, 870),)), rotation(hours=(Hours(ALL_DAYS, 870, 150),))
    for start in ("2026-03-28 12:00", "2026-10-24 12:00"):
        for minutes in range(0, 2 * 1_440, 10):
            moment = at(start) + minutes * 60 * SECOND
            assert bool(on_call(day, moment).channels) != bool(on_call(night, moment).channels), iso(moment)


def test_an_override_counts_whoever_is_on_call_and_the_last_one_first() -> None:
    start, end = at("2026-01-06 20:00"), at("2026-01-07 08:00")
    first = Override(OVERRIDE, start, end, ("bob",), "Bob, for Ada")
    second = Override(derived_id("test", "second"), start + HOUR, start + 2 * HOUR, ("eve",))
    one = rotation(hours=(Hours(ALL_DAYS, 540, 1_020),), overrides=(first, second))
    assert who(one, "2026-01-06 19:59:59") == ""
    assert who(one, "2026-01-06 20:00") == "bob"
    assert who(one, "2026-01-06 21:00") == "eve"
    assert who(one, "2026-01-06 22:00") == "bob"
    assert who(one, "2026-01-07 08:00") == ""
    duty = on_call(one, start)
    assert (duty.name, duty.turn, duty.override) == ("Bob, for Ada", None, OVERRIDE)


def test_a_turn_without_anybody_is_a_gap() -> None:
    one = rotation(turns=(Turn(("ada",)), Turn(()), Turn(("eve",))))
    found = gaps(one, at("2026-01-05 09:00"), at("2026-01-26 09:00"))
    assert [(gap.start, gap.end) for gap in found] == [(at("2026-01-12 09:00"), at("2026-01-19 09:00"))]


def test_the_shifts_of_a_span_have_no_hole() -> None:
    one = rotation(hours=(Hours((0, 1, 2, 3, 4), 540, 1_020),))
    start, end = at("2026-01-09 12:00"), at("2026-01-12 12:00")
    found = list(shifts(one, start, end))
    assert [(shift.start, shift.end, shift.duty.name) for shift in found] == [
        (start, at("2026-01-09 17:00"), "Ada"),
        (at("2026-01-09 17:00"), at("2026-01-12 09:00"), ""),
        (at("2026-01-12 09:00"), end, "Bob"),
    ]
    assert list(shifts(one, start, start)) == []


def test_when_a_shift_began_and_ends() -> None:
    assert shift_at(rotation(), at("2026-01-07 12:00")) == (at("2026-01-05 09:00"), at("2026-01-12 09:00"))
    yearly = rotation(handover=Handover("2026-01-05", 364, 540))
    assert shift_at(yearly, at("2026-07-01 12:00")) == (at("2026-01-05 09:00"), at("2027-01-04 09:00"))
    assert shift_at(rotation("ada"), at("2026-07-01 12:00")) == (None, None)


@pytest.mark.parametrize("moment", [0, 1, 8_000_000_000 * SECOND, 10_412_000_000 * SECOND, LAST, -1, 2**62])
def test_any_time_has_an_answer(moment: Micros) -> None:
    one = rotation()
    assert on_call(one, moment).channels
    assert next_handover(one, moment) > 0
    assert len(list(shifts(one, moment, moment + HOUR))) in (1, 2)
