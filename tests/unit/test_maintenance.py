"""Windows of maintenance: when they are open, and when they open next."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.base import SECOND, Micros
from schemas.maintenance import Maintenance, Once, Recurring, covers, open_until, opens_after
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
