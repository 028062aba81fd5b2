"""Properties of escalations that tell whoever is on call, over any course: each is told once a step, a step never tells
nobody, whoever is told by it is on call then; and the same again, cut and restarted anywhere."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.fold.escalations import EscalationPolicies
from schemas.deliveries import DeliveryRequested
from schemas.escalations import EscalationDefined, EscalationPolicy, Step
from schemas.ids import derived_id
from schemas.on_call import Handover, Hours, OnCallDefined, OnCallRemoved, OnCallRotation, Override, Turn
from tests.escalation_courses import (
    POLICIES,
    Course,
    events_of,
    must_be_sent_once,
    must_be_told_of_the_end,
    splits,
)
from tests.folding import of_type
from tests.monitor_story import t
from tests.told_courses import CheckCourse, MonitorCourse, must_replay

OWN = "hook"
ROTATIONS = [derived_id("test", "rotation", number) for number in range(2)]
# Of each rotation its own people, so that it can be told by whom somebody was called.
PEOPLE = (("ada", "bob"), ("eve", "dan"))

steps = st.one_of(
    *(events_of["plain"] for _ in range(6)),
    events_of["acknowledge"],
    events_of["mute"],
    events_of["policy"],
    st.tuples(st.just("rotate"), st.integers(0, 1), st.sampled_from(["all", "all", "hours", "empty"]), st.booleans()),
    st.tuples(st.just("unrotate"), st.integers(0, 1)),
)
with_rotations = st.lists(st.tuples(st.sampled_from([1.0, 61.0, 400.0, 5_000.0, 90_000.0]), steps), max_size=40)


class OnCallCourse(Course):
    """A course in which every step tells rotations, and nobody else."""

    def __init__(self, story: MonitorCourse | CheckCourse) -> None:
        self.rotations = 0
        super().__init__(story)
        self.rotate(0, "all", False)

    def happen(self, what: str, *more: Any) -> None:
        story, before = self.story, len(self.story.effects)
        if what in ("rotate", "unrotate"):
            state = story.state
            self.rotate(*more) if what == "rotate" else self.unrotate(*more)
            assert story.effects[before:] == []
            assert story.state == state
            return
        stood = self._passed()
        super().happen(what, *more)
        self.must_tell_those_on_call(stood, before)

    def wait(self, seconds: float) -> None:
        """Time passes, and with it what is due."""
        stood, before = self._passed(), len(self.story.effects)
        self.story.happen("tick", self.story.time + seconds)
        assert self.nothing_is_overdue()
        self.must_tell_those_on_call(stood, before)

    def must_tell_those_on_call(self, stood: tuple[str, int], before: int) -> None:
        view = self.story.folding.session.view
        told = [
            (effect.key, effect.value.anyway)
            for effect in self.story.effects[before:]
            if isinstance(effect.value, DeliveryRequested) and "escalation" in effect.value.data
        ]
        on_call = EscalationPolicies(view).rotations.channels(ROTATIONS, t(self.story.time))
        assert {channel for channel, anyway in told if anyway} <= set(on_call)
        assert {channel for channel, anyway in told if not anyway} <= {OWN}
        now = self._passed()
        if now[0] == stood[0] and now[1] > stood[1]:
            assert told, "a step was passed, and nobody was told"

    def _passed(self) -> tuple[str, int]:
        stands = self.story.state.escalation
        return ("", 0) if stands is None else (f"{stands.policy}/{stands.since}", stands.passed)

    def define(self, minutes: list[int], choice: int, repeat: int | None) -> None:
        self.version += 1
        at, made = 0, []
        for place, gap in enumerate(minutes):
            at += gap
            named = tuple(ROTATIONS[: 1 + (choice + place) % 2])
            made.append(Step(at, on_call=named))
        id, story = POLICIES[choice % 2], self.story
        policy = EscalationPolicy(
            id=id, project="p", version=self.version, created=choice % 2, revised=t(story.time), name="x",
            steps=tuple(made), repeat=repeat,
        )  # fmt: skip
        story.tell(EscalationDefined(at=t(story.time), policy=policy), story.time, key=id)

    def rotate(self, number: int, when: str, overridden: bool) -> None:
        self.rotations += 1
        story, id = self.story, ROTATIONS[number]
        turns = (Turn(()),) if when == "empty" else tuple(Turn((name,)) for name in PEOPLE[number])
        start = t(story.time + 100)
        overrides = (Override(derived_id("test", "override"), start, start + 3_600_000_000, PEOPLE[number]),)
        rotation = OnCallRotation(
            id=id, project="p", version=self.rotations, created=0, revised=t(story.time), name="x", tz="Asia/Kolkata",
            handover=Handover("2024-01-01", 1, 600), turns=turns,
            hours=(Hours(tuple(range(7)), 480, 1_200),) if when == "hours" else (),
            overrides=overrides if overridden else (),
        )  # fmt: skip
        story.tell(OnCallDefined(at=t(story.time), rotation=rotation), story.time, key=id)

    def unrotate(self, number: int) -> None:
        id, story = ROTATIONS[number], self.story
        story.tell(OnCallRemoved(at=t(story.time), id=id), story.time, key=id)


# The rotation of the only step has nobody, is gone, and is back.
NOBODY: list[tuple[float, tuple[Any, ...]]] = [
    (1, ("policy", [5], 1, None)),
    (1, ("fail",)),
    (1, ("rotate", 0, "empty", False)),
    (400, ("tick",)),
    (1, ("unrotate", 0)),
    (400, ("restart",)),
    (400, ("rotate", 0, "all", True)),
    (400, ("tick",)),
    (5_000, ("ok",)),
]


@example(NOBODY, [3, 7])
@settings(max_examples=50, deadline=None)
@given(with_rotations, splits)
def test_of_a_check(events: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    must_hold(CheckCourse(), events, at)


@example(NOBODY, [3, 7])
@settings(max_examples=50, deadline=None)
@given(with_rotations, splits)
def test_of_a_monitor(events: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    must_hold(MonitorCourse(), events, at)


def tell(story: MonitorCourse | CheckCourse, events: list[tuple[float, tuple[Any, ...]]]) -> None:
    course = OnCallCourse(story)
    for seconds, (what, *more) in events:
        course.wait(seconds)
        course.happen(what, *more)
    story.settle()


def must_hold(story: MonitorCourse | CheckCourse, events: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    tell(story, events)
    must_be_sent_once(story)
    must_be_told_of_the_end(story)
    must_replay(story.fold, story.journal.records, story.folding, at)


def test_the_example_tells_somebody_each_time() -> None:
    """So that the properties above are about something."""
    story = CheckCourse()
    tell(story, NOBODY)
    called = [request for request in of_type(story.effects, DeliveryRequested) if "escalation" in request.data]
    assert {request.anyway for request in called} == {True, False}
    assert any("nobody_on_call" in request.data["escalation"] for request in called)
