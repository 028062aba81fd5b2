"""Properties of mutes and reminders, over any course: silence while muted, each notice once, and in the end people know
what is so, whatever was muted in between."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks.fold import Checks
from processors.fold.contract import Effect
from processors.monitors.fold import Monitors
from schemas.deliveries import DeliveryRequested
from schemas.probes import ProbeCompleted
from schemas.requests import MuteEnded
from schemas.schedules import Simple
from schemas.slots import first_slot
from schemas.transitions import StatusChanged
from tests.check_story import HOUR
from tests.folding import of_type
from tests.monitor_story import Story, seconds, t
from tests.told_courses import CheckCourse, MonitorCourse, must_replay

waits = st.sampled_from([1.0, 61.0, 400.0, 5_000.0])
mutes = st.one_of(st.sampled_from([None, None, "recovery", "forever"]), st.sampled_from([100, 2_000, 20_000]))
steps = st.one_of(
    st.tuples(st.sampled_from(["ok", "ok", "fail", "fail", "tick", "pause", "resume", "rename", "restart"])),
    st.tuples(st.just("mute"), mutes),
)
courses = st.lists(st.tuples(waits, steps), max_size=30)
splits = st.lists(st.integers(0, 200), max_size=4)


def run(story: MonitorCourse | CheckCourse, course: list[tuple[float, tuple[Any, ...]]]) -> None:
    """The course, and that nobody is told of anything while it is muted."""
    for wait, (what, *more) in course:
        at = story.time + wait
        if what == "restart":
            story.folding.restart()
            continue
        if what == "mute" and isinstance(more[0], int):
            more = [t(at + more[0])]
        before, muted = len(story.effects), story.state.muted
        story.happen(what, at, *more)
        told = of_type(story.effects[before:], DeliveryRequested)
        ends = of_type(story.effects[before:], MuteEnded)
        if muted and story.state.muted and not ends:
            assert told == [], what


def must_be_told_once(effects: list[Effect]) -> None:
    told = [
        (request.transition, notice) for request in of_type(effects, DeliveryRequested) for notice in request.notices
    ]
    assert len(told) == len(set(told))


def must_know(story: MonitorCourse | CheckCourse) -> None:
    """Of each incident: what was told is told to be over, and nobody hears of an end before the beginning."""
    told: dict[str, list[str]] = {}
    for request in of_type(story.effects, DeliveryRequested):
        if request.data["incident"] is not None:
            told.setdefault(request.data["incident"]["id"], []).extend(request.notices)
    over = {c.incident for c in of_type(story.effects, StatusChanged) if c.was == "down" and c.now == "up"}
    for incident, notices in told.items():
        assert notices[0] == "monitor.down", notices
        if incident in over:
            assert notices.count("monitor.recovered") == notices.count("incident.resolved") == 1
            assert notices.index("incident.created") < notices.index("monitor.recovered")
        else:
            assert "monitor.recovered" not in notices
    state = story.state
    assert not state.muted
    assert not state.silenced
    assert state.owed is None
    if state.status == "down":
        assert "incident.created" in told[state.incident or ""]


@settings(deadline=None)
@given(courses, splits)
def test_monitors(course: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    story = MonitorCourse()
    run(story, course)
    story.settle()
    must_be_told_once(story.effects)
    must_know(story)
    must_replay(Monitors, story.journal.records, story.folding, at)


@settings(deadline=None)
@given(courses, splits)
def test_checks(course: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    story = CheckCourse(schedule=Simple(HOUR), grace=300)
    run(story, course)
    story.settle()
    must_be_told_once(story.effects)
    must_know(story)
    must_replay(Checks, story.journal.records, story.folding, at)


speeds = st.sampled_from([(200,), (200, 900), (900,), (2_500,), (200, 2_500), (None, 200)])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(speeds, st.sampled_from([60, 60, 60, 50])), min_size=6, max_size=12), splits)
def test_a_drop_of_performance_is_told_once(hours: list[tuple[tuple[int | None, ...], int]], at: list[int]) -> None:
    """Whatever the hours are: as the rule says, once, and the same when it is folded again."""
    story = Story(interval=60, confirmations=10)
    slot = story.state.begun
    for hour, (times, most) in enumerate(hours):
        n = 0
        while slot < t((hour + 1) * HOUR):
            ms = times[n % len(times)]
            if n < most:
                story.tell(
                    ProbeCompleted(
                        slot=slot,
                        region="a",
                        at=slot,
                        took=(ms or 30_000) * 1_000,
                        ok=ms is not None,
                        failure="" if ms is not None else "timeout",
                    ),
                    seconds(slot),
                )
            if n % 10 == 0:
                story.tick(seconds(slot))
            n += 1
            slot = first_slot(story.monitor, slot)
        story.tick((hour + 1) * HOUR + 110)
    must_be_told_once(story.effects)
    told = {
        seconds(each.at) // HOUR - 1: each.data["apdex_dropped"]
        for each in of_type(story.effects, DeliveryRequested)
        if each.notices == ("monitor.performance_drop",)
    }
    assert told == expected(hours)
    must_replay(Monitors, story.journal.records, story.folding, at)


def expected(hours: list[tuple[tuple[int | None, ...], int]]) -> dict[float, str]:
    """By the rule, from the results themselves."""
    scores: list[int | None] = []
    for hour, (times, most) in enumerate(hours):
        # The first hour has a slot at its second second, and then those of the minutes.
        count = 61 if hour == 0 else 60
        used = [times[n % len(times)] for n in range(min(count, most))]
        points = sum(2 if ms <= 500 else ms <= 2_000 for ms in used if ms is not None)
        scores.append((points * 1_000 + len(used)) // (2 * len(used)) if most == 60 else None)
    found = {}
    for hour in range(5, len(hours)):
        *before, now = scores[hour - 5 : hour + 1]
        whole = [score for score in before if score is not None]
        if now is None or len(whole) < 5:
            continue
        if (min(whole) - now) * 100 > 30 * min(whole):
            found[float(hour)] = f"{(min(whole) - now) * 100 // min(whole)}%"
    return found
