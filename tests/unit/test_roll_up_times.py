"""When the roll-ups of history are made: until all that came is rolled up, and now and then after that."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from processors.history.roll_up_thread import next_at

# A roll-up leaves the rows of two minutes before it to the next one.
LEFT = 120


@given(
    st.lists(st.floats(0, 2_000), min_size=1, max_size=20).map(sorted),
    st.lists(st.floats(0, 60), min_size=1, max_size=20),
)
def test_all_that_came_is_rolled_up_and_no_mark_grows_old(told: list[float], durations: list[float]) -> None:
    """told: when rows came. durations: how long the roll-ups took, again and again."""
    began = ended = 0.0
    times: list[tuple[float, float]] = []
    while ended < 5_000:
        newest = max([0.0, *(at for at in told if at <= ended)])
        # News that come while it waits may bring it forward.
        due = next_at(began, ended, newest)
        for at in told:
            if ended < at < due:
                due = max(at, min(due, next_at(began, ended, at)))
        began = due
        ended = began + durations[len(times) % len(durations)]
        times.append((began, ended))
    for at in told:
        first = next(began for began, _ in times if began - LEFT >= at)
        assert first - at < LEFT + 2 * 660
    for (_, before), (after, _) in pairwise(times):
        assert after - before <= 600.1
        assert after - before >= 59.9


def test_nothing_new_is_rolled_up_seldom() -> None:
    assert next_at(began=1_000, ended=1_001, told=990) == 1_061
    assert next_at(began=1_000, ended=1_001, told=700) == 1_601
    assert next_at(began=1_000, ended=1_030, told=990) == 1_330
