"""How many of something a project may have in a span that slides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.sliding_limit import SlidingLimit
from query_api.test_sends import HOUR, HourlySendLimiter, TooManyTests
from schemas.base import SECOND

SPAN = 60 * SECOND


def test_projects_are_counted_apart_and_forgotten() -> None:
    limit = SlidingLimit(1, HOUR)
    limit.take("nothing", 0, 0)
    for number in range(3_000):
        assert not limit.take(f"p{number}", number * SECOND)
    assert limit.take("p2999", 3_000 * SECOND) == 3_599
    assert limit.left("p2999", 3_000 * SECOND) == 0
    assert not limit.take("late", 3_000 * SECOND + 2 * HOUR)
    assert limit.known == {"late"}
    assert not limit.take("late", 1_000 * SECOND)  # a clock that was set back


def test_who_takes_too_many_is_told_when_there_may_be_more() -> None:
    limiter = HourlySendLimiter(2)
    limiter.take("p", 0, 2)
    with pytest.raises(TooManyTests) as refused:
        limiter.take("p", 10 * SECOND)
    assert refused.value.seconds == 3_590


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(0, 30 * SECOND), st.integers(1, 7)), max_size=40))
def test_no_span_has_more_and_what_is_refused_is_let_through_when_it_was_said(
    most: int, steps: list[tuple[int, int]]
) -> None:
    limit, now, taken = SlidingLimit(most, SPAN), 0, []
    for pause, count in steps:
        now += pause
        wait = limit.take("p", now, count)
        if not wait:
            taken += [now] * count
        elif count <= most:
            now += wait * SECOND
            assert not limit.take("p", now, count)
            taken += [now] * count
        assert sum(now - SPAN < at <= now for at in taken) <= most
