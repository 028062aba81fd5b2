"""What one report says of a clock: a bound from both sides, which waiting widens and never makes wrong."""

from hypothesis import given
from hypothesis import strategies as st

from infra.log.skew import Skew
from schemas.base import SECOND

NOON = 1_790_000_000 * SECOND
seconds = st.integers(-60 * SECOND, 60 * SECOND)
waits = st.integers(0, 120 * SECOND)


def report(skew: Skew, off: int, before: int, after: int) -> None:
    """A record waited `before` it was appended, and its report `after`; our clock is `off`."""
    skew.note(NOON + off - before, NOON, NOON + off + after)


@given(seconds, st.lists(st.tuples(waits, waits), min_size=1))
def test_it_never_says_more_than_is_true(off: int, reports: list[tuple[int, int]]) -> None:
    skew = Skew()
    for before, after in reports:
        report(skew, off, before, after)
    assert skew.value is not None
    assert abs(skew.value) <= abs(off)
    assert skew.value * off >= 0


@given(seconds)
def test_a_quick_report_tells_it_to_the_point(off: int) -> None:
    skew = Skew(lambda: 0.0)
    report(skew, off, 40 * SECOND, 0)
    report(skew, off, 1_000, 2_000)
    report(skew, off, 30 * SECOND, 30 * SECOND)
    assert skew.value is not None
    assert abs(skew.value - off) <= 2_000


def test_what_waited_for_a_broker_accuses_no_clock() -> None:
    assert Skew().value is None
    skew = Skew()
    report(skew, 0, 40 * SECOND, 1_000)
    assert skew.value == 0
    report(skew, -40 * SECOND, 1_000, 1_000)
    assert skew.value == -40 * SECOND + 1_000


def test_a_clock_that_was_set_is_seen_at_once_and_old_measurements_give_way() -> None:
    now = 0.0
    skew = Skew(lambda: now)
    report(skew, 12 * SECOND, 1_000, 1_000)
    report(skew, 0, 1 * SECOND, 5 * SECOND)
    assert skew.value == 0, "the two contradict each other"
    report(skew, 0, 1_000, 1_000)
    report(skew, 3_000_000, 3 * SECOND, 3 * SECOND)
    assert skew.value == 0, "less exact"
    now = 31.0
    report(skew, 9 * SECOND, 3 * SECOND, 3 * SECOND)
    assert skew.value == 6 * SECOND


def test_a_clock_that_was_set_back_in_between_says_nothing() -> None:
    skew = Skew()
    skew.note(NOON + 10 * SECOND, NOON, NOON)
    assert skew.value is None
