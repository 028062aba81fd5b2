"""Windows of maintenance: when they are open, and when they open next."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.base import SECOND, Micros
from schemas.maintenance import (
    Maintenance,
    Occurrence,
    Once,
    Recurring,
    Window,
    changes_after,
    concerns_checks,
    covers,
    covers_check,
    ending_at,
    fault_of,
    open_until,
    opens_after,
)
from schemas.schedules import Cron


def t(text: str) -> Micros:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


SUNDAYS = Recurring(Cron("0 2 * * 0", "Europe/Riga"), 7200)
HOURLY = Recurring(Cron("0 * * * *", "UTC"), 600)


def test_once() -> None:
    window = Once(t("2026-03-01 10:00"), t("2026-03-01 11:00"))
    assert open_until(window, t("2026-03-01 09:59")) is None
    assert open_until(window, t("2026-03-01 10:00")) == t("2026-03-01 11:00")
    assert open_until(window, t("2026-03-01 11:00")) is None
    assert opens_after(window, t("2026-03-01 09:59")) == t("2026-03-01 10:00")
    assert opens_after(window, t("2026-03-01 10:00")) is None


def test_every_week_by_the_clock_on_the_wall() -> None:
    """02:00 in Riga is 00:00 UTC in winter and 23:00 UTC of the day before in summer."""
    assert open_until(SUNDAYS, t("2026-01-04 01:00")) == t("2026-01-04 02:00")
    assert open_until(SUNDAYS, t("2026-07-04 23:30")) == t("2026-07-05 01:00")
    assert open_until(SUNDAYS, t("2026-07-05 01:00")) is None
    assert opens_after(SUNDAYS, t("2026-01-04 01:00")) == t("2026-01-11 00:00")


@given(st.integers(t("2020-01-01 00:00"), t("2030-01-01 00:00")))
def test_a_window_is_open_from_its_opening_to_its_end(at: Micros) -> None:
    for window in (SUNDAYS, HOURLY):
        until, opening = open_until(window, at), opens_after(window, at)
        assert opening is not None
        assert opening > at
        assert open_until(window, opening) == opening + window.duration * SECOND
        assert open_until(window, opening - 1) in (None, until)
        if until is not None:
            assert at < until <= at + window.duration * SECOND
            assert open_until(window, until - 1) is not None


def test_which_monitors_it_is_about() -> None:
    window = Once(0, 1)
    every = Maintenance(id="w", project="p", version=1, created=0, revised=0, name="n", window=window)
    assert covers(every, "p", "anything")
    assert not covers(every, "q", "anything")
    some = Maintenance(id="w", project="p", version=1, created=0, revised=0, name="n", window=window, monitors=("a",))
    assert covers(some, "p", "a")
    assert not covers(some, "p", "b")


def test_which_checks_it_is_about() -> None:
    plain = Maintenance(id="w", project="p", version=1, created=0, revised=0, name="n", window=Once(0, 1))
    assert not covers_check(plain, "p", "a", "web")
    everything = replace(plain, everything=True)
    assert covers_check(everything, "p", "a", "")
    assert covers(everything, "p", "a")
    assert not covers_check(everything, "q", "a", "")
    tagged = replace(plain, tags=("web", "db"), everything=True)
    assert covers_check(tagged, "p", "a", "eu  db")
    assert not covers_check(tagged, "p", "a", "webs")
    assert not covers(tagged, "p", "a")
    named = replace(plain, checks=("a",))
    assert covers_check(named, "p", "a", "")
    assert not covers_check(named, "p", "b", "")
    assert [concerns_checks(one) for one in (plain, everything, tagged, named)] == [False, True, True, True]
    assert not concerns_checks(replace(plain, monitors=("a",), everything=True))


def test_one_that_recurs_is_extended_and_ended_once() -> None:
    """The clocks of Riga are turned back on 25 October 2026; the window before it is extended over that."""
    window = Recurring(Cron("0 2 * * *", "Europe/Riga"), 3_600)
    start = t("2026-10-24 23:00")
    longer = ending_at(window, start + 60 * SECOND, start + 7_200 * SECOND)
    assert longer is not None
    assert open_until(longer, start) == start + 7_200 * SECOND
    assert open_until(longer, start - 1) is None
    assert open_until(longer, start + 7_200 * SECOND) is None
    assert opens_after(longer, start) == t("2026-10-26 00:00")
    assert open_until(longer, t("2026-10-26 00:30")) == t("2026-10-26 01:00")
    ended = ending_at(longer, start + 100 * SECOND, start + 100 * SECOND)
    assert ended is not None
    assert open_until(ended, start + 99 * SECOND) == start + 100 * SECOND
    assert open_until(ended, start + 100 * SECOND) is None
    assert ending_at(ended, start + 200 * SECOND, start + 300 * SECOND) is None
    assert fault_of(Recurring(window.schedule, 60, Occurrence(2, 1)))
    assert not fault_of(ended)


def test_those_that_overlap_are_ended_one_by_one() -> None:
    """Every hour for three hours: none that was ended is open again."""
    at = t("2026-03-01 12:30")
    window: Window = Recurring(Cron("0 * * * *", "UTC"), 3 * 3_600)
    ends = []
    while (until := open_until(window, at)) is not None:
        ends.append(until)
        ended = ending_at(window, at, at)
        assert ended is not None
        assert len(ends) < 5
        window = ended
    assert ends == [t("2026-03-01 13:00"), t("2026-03-01 14:00"), t("2026-03-01 15:00")]
    assert open_until(window, t("2026-03-01 12:59")) is None
    assert open_until(window, t("2026-03-01 13:00")) == t("2026-03-01 16:00")


@given(st.integers(t("2026-10-20 00:00"), t("2026-11-01 00:00")), st.integers(0, 3_000), st.integers(0, 400))
def test_when_it_changes_next(at: Micros, end: int, later: int) -> None:
    changed = ending_at(HOURLY, at, at + end * SECOND) or HOURLY
    for window in (SUNDAYS, changed, Once(at + 5, at + 10)):
        moment = changes_after(window, at)
        assert moment is None or moment > at
        between = at + later * SECOND
        if moment is None or between < moment:
            assert (open_until(window, between) is None) == (open_until(window, at) is None)
