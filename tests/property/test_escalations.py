"""Properties of escalations, over any course: each person is told at most once for each step, nobody is forgotten, and
nothing is sent after the end; whatever is acknowledged, muted, changed, restarted or repeated in between."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.escalation_courses import PEOPLE, Course, courses, must_be_sent_once, must_be_told_of_the_end, run, splits
from tests.told_courses import CheckCourse, MonitorCourse, must_replay

# A policy gives way to an older one, which is removed again.
GIVES_WAY: list[tuple[float, tuple[Any, ...]]] = [
    (1, ("fail",)),
    (400, ("policy", [1], 0, 0)),
    (130, ("remove",)),
    (400, ("tick",)),
]


@example(
    [(1, ("fail",)), (1, ("mute", "forever")), (1, ("ok",)), (1, ("fail",)), (1, ("mute", "recovery")), (1, ("ok",))],
    [],
)
@example(GIVES_WAY, [])
@settings(max_examples=60, deadline=None)
@given(courses, splits)
def test_of_a_check(events: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    story = CheckCourse()
    run(Course(story), events)
    must_be_sent_once(story)
    must_be_told_of_the_end(story)
    must_replay(story.fold, story.journal.records, story.folding, at)


@example(
    [(1, ("fail",)), (1, ("mute", "forever")), (1, ("ok",)), (1, ("fail",)), (1, ("mute", "recovery")), (1, ("ok",))],
    [],
)
@example(GIVES_WAY, [])
@settings(max_examples=60, deadline=None)
@given(courses, splits)
def test_of_a_monitor(events: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    story = MonitorCourse()
    run(Course(story), events)
    must_be_sent_once(story)
    must_be_told_of_the_end(story)
    must_replay(story.fold, story.journal.records, story.folding, at)


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(0, 4),
    st.lists(st.integers(1, 7_000), min_size=1, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_whenever_ticks_come_everybody_is_told_of_each_step_once(
    minutes: list[int], repeat: int, waits_between: list[int]
) -> None:
    """Ticks that come in time tell each step; those that come late tell each channel once."""
    story = CheckCourse()
    course = Course(story)
    course.define(minutes, 0, repeat)
    story.happen("fail", 100)
    story.folding.effects.clear()
    total, passed = len(minutes) * (repeat + 1), 0
    for wait in [*waits_between, *[sum(minutes) * 60] * (total + 1)]:
        before = len(story.effects)
        story.tick(story.time + wait)
        told = [effect for effect in story.effects[before:] if "escalation" in getattr(effect.value, "data", {})]
        assert len({effect.key for effect in told}) == len(told)
        stands = story.state.escalation
        assert stands is not None
        assert stands.passed >= passed
        assert bool(told) == (stands.passed > passed)
        passed = stands.passed
    assert passed == total
    everybody = {effect.key for effect in story.effects if "escalation" in getattr(effect.value, "data", {})}
    assert everybody >= {PEOPLE[place % 3] for place in range(len(minutes))}
