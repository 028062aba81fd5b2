"""The wheel: what is due comes out once, in order, no earlier than its time, and a jump costs nothing."""

from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fold.wheel import Wheel
from schemas.base import SECOND

YEAR = 366 * 86_400 * SECOND


def test_due_is_inclusive_and_in_the_order_of_deadline_and_id() -> None:
    wheel = Wheel(lambda _: True)
    for key, deadline in [("c", 1_500_000), ("b", 1_500_000), ("a", 1_500_001), ("d", 700_000)]:
        wheel.set(key, deadline)
    assert wheel.due(699_999) == []
    assert wheel.due(1_500_000) == ["d", "b", "c"]
    assert wheel.due(1_500_000) == []
    assert wheel.due(1_500_001) == ["a"]
    assert len(wheel) == 0


def test_a_later_deadline_is_not_written_down_and_an_earlier_one_takes_the_place() -> None:
    wheel = Wheel(lambda _: True)
    wheel.set("a", 5 * SECOND)
    wheel.set("a", 9 * SECOND)
    assert wheel.due(5 * SECOND) == ["a"]
    wheel.set("a", 9 * SECOND)
    wheel.set("a", 7 * SECOND)
    assert wheel.due(7 * SECOND) == ["a"]
    assert wheel.due(9 * SECOND) == []


def test_what_an_earlier_deadline_left_behind_does_not_come_out_for_a_new_entry() -> None:
    wheel = Wheel(lambda _: True)
    wheel.set("a", 9 * SECOND)
    wheel.set("a", 2 * SECOND)
    assert wheel.due(3 * SECOND) == ["a"]
    wheel.set("a", 12 * SECOND)
    assert wheel.due(9 * SECOND) == []
    assert wheel.due(12 * SECOND) == ["a"]


def test_a_jump_of_years_does_not_walk_empty_buckets() -> None:
    wheel = Wheel(lambda _: True)
    for n in range(100):
        wheel.set(f"{n:03}", n * YEAR)
    began = thread_time()
    assert wheel.due(100 * YEAR) == [f"{n:03}" for n in range(100)]
    assert thread_time() - began < 0.5  # of this thread only: others may have the processor


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 5_000_000)) | st.integers(0, 5_000_000),
        max_size=30,
    )
)
def test_it_is_the_least_deadline_set_since_a_thing_last_came_out(steps: list[tuple[str, int] | int]) -> None:
    wheel = Wheel(lambda _: True)
    plain: dict[str, int] = {}
    for step in steps:
        if isinstance(step, tuple):
            key, deadline = step
            wheel.set(key, deadline)
            plain[key] = min(deadline, plain.get(key, deadline))
        else:
            due = sorted((deadline, key) for key, deadline in plain.items() if deadline <= step)
            assert wheel.due(step) == [key for _, key in due]
            for _, key in due:
                del plain[key]


def test_what_is_left_behind_is_swept_out() -> None:
    """Earlier deadlines, again and again, and things that come and go, a year ahead of their entries."""
    there = {f"thing-{number}" for number in range(10)}
    wheel = Wheel(there.__contains__)
    for number in range(20_000):
        now = number * SECOND
        for name in (f"thing-{number % 10}", f"gone-{number}"):
            wheel.set(name, now + YEAR)
            wheel.set(name, now + 5 * SECOND if name in there else now + YEAR)
        for key in wheel.due(now):
            assert key in there
            wheel.set(key, now + YEAR)
        assert wheel.scheduled <= 2 * 10 + 1_000 + 4
    last = 20_000 * SECOND + 2 * YEAR
    assert {key for key in wheel.due(last) if key in there} == there, "what is there is not lost"
    assert wheel.scheduled == len(wheel) == 0


def test_what_was_taken_for_work_that_fails_is_put_back() -> None:
    wheel = Wheel(lambda _: True)
    for name in "abc":
        wheel.set(name, SECOND)

    def fail() -> None:
        with wheel.taking(2 * SECOND) as taken:
            assert taken == ["a", "b", "c"]
            wheel.set("a", YEAR)  # as the work would have it, had it not failed
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert wheel.earliest() <= 2 * SECOND
    with wheel.taking(3 * SECOND) as again:
        assert again == ["a", "b", "c"]
    assert wheel.due(4 * SECOND) == []
