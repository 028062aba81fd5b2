"""Courses of a thing and its escalation policies, and what must hold of all that they tell."""

from typing import Any

from hypothesis import strategies as st

from processors.checks.packed_records import definition_key
from processors.fold.escalations import EscalationPolicies, escalation_due
from schemas.check_states import DefinitionCopy
from schemas.deliveries import DeliveryRequested
from schemas.escalations import EscalationDefined, EscalationPolicy, EscalationRemoved, Step
from schemas.ids import derived_id
from schemas.incidents import IncidentAcknowledged, IncidentReleased
from schemas.notice_choices import NoticesChosen
from schemas.transitions import StatusChanged
from tests.folding import of_type
from tests.monitor_story import t
from tests.told_courses import CheckCourse, MonitorCourse

PEOPLE = ("ada", "bob", "eve")
waits = st.sampled_from([1.0, 30.0, 61.0, 130.0, 400.0, 5_000.0, 90_000.0])
incidents = st.sampled_from(["open", "open", "another"])
gaps = st.lists(st.integers(1, 30), max_size=3)
events_of = {
    "plain": st.tuples(st.sampled_from(["ok", "fail", "fail", "tick", "tick", "tick", "restart"])),
    "seldom": st.tuples(st.sampled_from(["pause", "resume", "remove"])),
    "mute": st.tuples(st.just("mute"), st.sampled_from([None, None, "recovery", "forever"])),
    "acknowledge": st.tuples(
        st.just("acknowledge"), incidents, st.sampled_from(PEOPLE), st.sampled_from([None, 100, 3_000])
    ),
    "release": st.tuples(st.just("release"), incidents),
    "repeat": st.tuples(st.just("repeat"), st.sampled_from([*PEOPLE, "hook"]), st.sampled_from([None, 1, 7, 45])),
    "policy": st.tuples(st.just("policy"), gaps, st.integers(0, 7), st.sampled_from([0, 1, 3, None])),
}
# Mostly things fail and time passes, or no escalation would get anywhere.
steps = st.sampled_from([*["plain"] * 8, *events_of]).flatmap(lambda kind: events_of[kind])
courses = st.lists(st.tuples(waits, steps), min_size=5, max_size=40)
splits = st.lists(st.integers(0, 300), max_size=4)
POLICIES = [derived_id("test", "policy", number) for number in range(2)]


class Course:
    """A course of a story, and what must hold after each event of it."""

    def __init__(self, story: MonitorCourse | CheckCourse) -> None:
        self.story, self.version = story, 0
        self.happen("policy", [5, 10], 1, 1)

    def happen(self, what: str, *more: Any) -> None:
        story, before = self.story, len(self.story.effects)
        state, seen = story.state, self._due_is_seen()
        match what:
            case "restart":
                story.folding.restart()
            case "policy":
                self.define(*more)
            case "remove":
                event = EscalationRemoved(at=t(story.time), id=POLICIES[0])
                story.tell(event, story.time, key=POLICIES[0])
            case "acknowledge":
                self._acknowledge(*more)
            case "repeat":
                channel, minutes = more
                chosen = NoticesChosen(at=t(story.time), notices=("monitor.down",), name=channel, repeat=minutes)
                story.tell(chosen, story.time, key=channel)
            case "release":
                self._release(*more)
            case _:
                story.happen(what, story.time, *more)
        told = of_type(story.effects[before:], DeliveryRequested)
        escalated = [each for each in told if not {"escalation", "repeat"}.isdisjoint(each.data)]
        held = state.acknowledged is not None and state.acknowledged.until is None
        if held and story.state.incident == state.incident:
            if what not in ("acknowledge", "release"):
                assert story.state.acknowledged == state.acknowledged
            # Silenced: nobody knows of it yet. Who changes what they said has that told.
            if not state.silenced and what != "acknowledge":
                of_it = [each for each in told if (each.data["incident"] or {}).get("id") == state.incident]
                assert of_it == []
        if escalated:
            assert what in ("tick", "ok", "fail", "pause", "resume", "mute", "rename"), what
            assert not state.muted
            assert seen
        assert self._due_is_seen()

    def define(self, minutes: list[int], choice: int, repeat: int | None) -> None:
        self.version += 1
        id, at, made = POLICIES[choice % 2], 0, []
        for place, gap in enumerate(minutes):
            at += gap
            channels = tuple(dict.fromkeys((PEOPLE[(choice + place) % 3], PEOPLE[place % 3])))
            made.append(Step(at, channels, own=place == 1))
        story = self.story
        policy = EscalationPolicy(
            id=id,
            project="p",
            version=self.version,
            created=choice % 2,
            revised=t(story.time),
            name="x",
            steps=tuple(made),
            repeat=repeat,
        )
        story.tell(EscalationDefined(at=t(story.time), policy=policy), story.time, key=id)

    def _release(self, which: str) -> None:
        story, state = self.story, self.story.state
        incident = (state.incident or "none") if which == "open" else "another"
        event = IncidentReleased(at=t(story.time), incident=incident, by="Ada")
        counts = which == "open" and state.incident is not None and state.acknowledged is not None
        assert bool(story.tell(event, story.time)) == counts
        assert not counts or story.state.acknowledged is None
        assert story.tell(event, story.time) == []  # a second time

    def _acknowledge(self, which: str, by: str, until: int | None) -> None:
        story, state = self.story, self.story.state
        incident = (state.incident or "none") if which == "open" else "another"
        event = IncidentAcknowledged(
            at=t(story.time),
            incident=incident,
            request=str(len(story.journal)),
            by=by,
            until=None if until is None else t(story.time + until),
        )
        said = state.acknowledged
        is_new = said is None or (said.by == by and said.until != event.until)
        counts = which == "open" and state.incident is not None and is_new
        assert bool(story.tell(event, story.time)) == counts
        after = story.state
        assert story.tell(event, story.time) == []  # a second time
        assert story.state == after

    def _due(self) -> int | None:
        view, state = self.story.folding.session.view, self.story.state
        thing = next(key for key, record in view.items() if record == state)
        definition = view.get(definition_key(thing))
        of = definition.check if isinstance(definition, DefinitionCopy) else definition.monitor
        return escalation_due(state, of, EscalationPolicies(view))

    def _due_is_seen(self) -> bool:
        """Whether a tick that passes what is due next will look at the thing."""
        story, state, due = self.story, self.story.state, self._due()
        if due is None or getattr(state, "unobserved", False):
            return True
        return story.folding.session.due() <= max(due, t(story.time))

    def nothing_is_overdue(self) -> bool:
        """Whether a tick has passed all that was due."""
        due = self._due()
        return due is None or getattr(self.story.state, "unobserved", False) or due > t(self.story.time)


def must_be_told_of_the_end(story: MonitorCourse | CheckCourse) -> None:
    """Whoever was told of an incident is told that it is over, and nobody else is; and nothing of it after that."""
    told: dict[str, dict[str, list[str]]] = {}
    for effect in story.effects:
        request = effect.value
        if isinstance(request, DeliveryRequested) and request.data["incident"] is not None:
            of = told.setdefault(request.data["incident"]["id"], {}).setdefault(effect.key, [])
            of += [notice for notice in request.notices if notice in ("monitor.down", "monitor.recovered")]
    changes = of_type(story.effects, StatusChanged)
    over = {change.incident for change in changes if (change.was, change.now) == ("down", "up")}
    for incident, channels in told.items():
        for notices in channels.values():
            if incident in over:
                assert notices[-1] == "monitor.recovered", notices
                assert notices.count("monitor.recovered") == 1
                assert notices[0] == "monitor.down"
            else:
                assert "monitor.recovered" not in notices


def run(course: Course, events: list[tuple[float, tuple[Any, ...]]]) -> None:
    for wait, (what, *more) in events:
        course.story.happen("tick", course.story.time + wait)
        assert course.nothing_is_overdue()
        course.happen(what, *more)
    course.story.settle()


def must_be_sent_once(story: MonitorCourse | CheckCourse) -> None:
    """No channel is asked for the same twice."""
    sent = [
        (effect.key, request.transition, notice)
        for effect in story.effects
        if isinstance(request := effect.value, DeliveryRequested)
        for notice in request.notices
    ]
    assert len(sent) == len(set(sent))
