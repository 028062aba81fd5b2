"""A heartbeat check through windows of maintenance, its own mutes, mutes of its tag, acknowledgements and gaps, in any
order: nobody is told twice, nobody while nobody is to be told, and in the end people know what is so."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.fold.contract import Effect
from schemas.deliveries import DeliveryRequested
from schemas.escalations import EscalationDefined, EscalationPolicy, Step
from schemas.ids import derived_id
from schemas.incidents import IncidentAcknowledged, IncidentReleased, IncidentToTell
from schemas.maintenance import Maintenance, MaintenanceDefined, Once
from schemas.notice_choices import NoticesChosen
from schemas.requests import MuteEnded
from schemas.tag_mutes import TagMute, TagMuted, TagUnmuted, tag_mute_id
from tests.check_story import notices, t
from tests.escalation_courses import must_be_sent_once, must_be_told_of_the_end
from tests.folding import of_type
from tests.told_courses import CheckCourse, must_replay

WINDOW, POLICY, TAG = derived_id("test", "window"), derived_id("test", "policy"), tag_mute_id("p", "web")
LENGTHS = (100, 2_000, 20_000)
waits = st.sampled_from([1.0, 61.0, 400.0, 2_000.0, 5_000.0])
steps = st.one_of(
    st.tuples(st.sampled_from(["ok", "ok", "fail", "fail", "tick", "start", "pause", "resume", "restart"])),
    st.tuples(st.sampled_from(["gap", "release", "close"])),
    st.tuples(st.just("mute"), st.sampled_from([None, "recovery", "forever", *LENGTHS])),
    st.tuples(st.just("tag"), st.sampled_from([None, "forever", *LENGTHS])),
    st.tuples(st.just("window"), st.sampled_from([0, 0, 300, 3_000]), st.sampled_from(LENGTHS)),
    st.tuples(st.just("acknowledge"), st.sampled_from([None, 100, 3_000])),
    st.tuples(st.sampled_from(["channel", "repeat"])),
)
courses = st.lists(st.tuples(waits, steps), min_size=5, max_size=30)
splits = st.lists(st.integers(0, 200), max_size=4)


class Course(CheckCourse):
    """A check of every hour with a tag, and somebody who is called five minutes after it is down."""

    def __init__(self) -> None:
        super().__init__(grace=300, tags="web")
        self.made, self.open = 0, (0.0, 0.0)
        steps = (Step(5, ("ada",)),)
        policy = EscalationPolicy(id=POLICY, project="p", version=1, name="N", steps=steps, created=t(0), revised=t(0))
        self.tell(EscalationDefined(at=t(0), policy=policy), 0, key=POLICY)

    def is_open(self, at: float) -> bool:
        return self.open[0] <= at < self.open[1]

    def say(self, what: str, *more: Any) -> None:
        at, self.made = self.time, self.made + 1
        match what:
            case "restart":
                self.folding.restart()
            case "gap":
                self.gap(at + 10, at + 40)
            case "start":
                self.ping(at, "start")
            case "mute":
                self.define(at, mute_until=t(at + more[0]) if isinstance(more[0], int) else more[0])
            case "tag":
                self.mute_tag(at, more[0])
            case "window":
                self.announce(at, at + more[0], at + more[0] + more[1])
            case "close":
                self.announce(at, min(self.open[0], at - 1), min(self.open[1], at))
            case "acknowledge":
                until = None if more[0] is None else t(at + more[0])
                incident = self.state.incident or "none"
                event = IncidentAcknowledged(at=t(at), incident=incident, request=str(self.made), by="Ada", until=until)
                self.tell(event, at)
            case "channel":
                self.tell(IncidentToTell(at=t(at), incident=self.state.incident or "none", channel="hook"), at)
            case "repeat":
                chosen = NoticesChosen(at=t(at), notices=("monitor.down",), name="hook", repeat=10)
                self.tell(chosen, at, key="hook")
            case "release":
                self.tell(IncidentReleased(at=t(at), incident=self.state.incident or "none", by="Ada"), at)
            case _:
                self.happen(what, at)

    def mute_tag(self, at: float, length: Any) -> list[Effect]:
        if length is None:
            return self.tell(TagUnmuted(at=t(at), id=TAG), at, key=TAG)
        until = t(at + length) if isinstance(length, int) else length
        mute = TagMute(id=TAG, project="p", version=self.made, created=t(at), label="web", until=until)
        return self.tell(TagMuted(at=t(at), mute=mute), at, key=TAG)

    def announce(self, at: float, start: float, end: float) -> None:
        if start >= end:
            return
        self.open = start, end
        fields: dict[str, Any] = {"project": "p", "created": t(0), "revised": t(at), "name": "w", "tags": ("web",)}
        window = Maintenance(id=WINDOW, version=self.made, window=Once(t(start), t(end)), **fields)
        self.tell(MaintenanceDefined(at=t(at), maintenance=window), at, key=WINDOW)


def step(story: Course, what: str, *more: Any) -> None:
    """One event: nobody is told of what is muted, and nobody twice that it is down."""
    muted, heard = story.state.muted, len(story.effects)
    if what == "wait":
        story.tick(story.time + more[0])
    else:
        story.say(what, *more)
    effects = story.effects[heard:]
    told = of_type(effects, DeliveryRequested)
    assert not (muted and story.state.muted and told) or of_type(effects, MuteEnded), told
    own = [notice for each in told if "escalation" not in each.data for notice in each.notices]
    assert own.count("monitor.down") <= 1, own


def run(story: Course, course: list[tuple[float, tuple[Any, ...]]]) -> None:
    """The course; while a window is open, time tells nothing but what was told to be over."""
    for wait, event in course:
        inside, heard = story.is_open(story.time), len(story.effects)
        step(story, "wait", wait)
        if inside and story.is_open(story.time):
            assert set(notices(story.effects[heard:])) <= {"monitor.recovered", "incident.resolved"}
        step(story, *event)
    for event in (("mute", None), ("tag", None), ("close",), ("wait", 1)):
        step(story, *event)


@example([(1.0, ("tag", 100)), (1.0, ("fail",)), (1.0, ("window", 0, 2_000)), (400.0, ("tick",))], [])
@example([(1.0, ("tag", 2_000)), (1.0, ("fail",)), (1.0, ("acknowledge", 100)), (5_000.0, ("tick",))], [])
@settings(deadline=None, max_examples=80)
@given(courses, splits)
def test_whoever_is_told_is_told_once_and_nobody_is_forgotten(
    course: list[tuple[float, tuple[Any, ...]]], at: list[int]
) -> None:
    story = Course()
    run(story, course)
    must_be_sent_once(story)
    must_be_told_of_the_end(story)
    state = story.state
    assert (state.muted, state.silenced, state.owed, state.maintained) == (False, False, None, False)
    assert (state.untold, state.again) == ((), False)
    if state.status == "down":
        told = of_type(story.effects, DeliveryRequested)
        of_it = [each.notices for each in told if (each.data["incident"] or {}).get("id") == state.incident]
        assert ("monitor.down", "incident.created") in of_it
    must_replay(story.fold, story.journal.records, story.folding, at)
