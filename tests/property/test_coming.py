"""Properties of notices of what is coming, and of outages, over any course: each once, none while nobody is to be told,
and the same however the log is cut and whoever folds it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks.fold import Checks
from processors.projects.fold import Projects
from processors.projects.outages import OUTAGE
from schemas.definitions import Channel, Project
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.notice_choices import NoticesChosen
from schemas.pings import Kind
from schemas.requests import ChannelCreate, OutageEnded, ProjectCreate, ThingsUnobserved
from schemas.schedules import Simple
from schemas.ticks import Tick
from schemas.topics import DELIVERIES
from schemas.transitions import StatusChanged
from tests.check_story import HOUR, Story, t
from tests.folding import Folding, Journal, of_type
from tests.told_courses import must_replay

LATE, DRIFT = ("monitor.late",), ("monitor.run_time_drift",)

waits = st.sampled_from([1.0, 40.0, 250.0, 299.0, 400.0, 3_300.0, 3_700.0])
pings: list[Kind] = ["success", "success", "success", "start", "start", "fail", "log"]
happenings = st.one_of(
    st.tuples(st.sampled_from(pings)),
    st.tuples(st.sampled_from(["tick", "tick", "pause", "resume", "restart", "gap", "choose", "choose nothing"])),
    st.tuples(st.just("mute"), st.sampled_from([None, None, "forever", "recovery"])),
    st.tuples(st.just("runs"), st.sampled_from([(100, 4), (330, 2), (330, 5), (390, 1), (390, 5), (500, 1)])),
    st.tuples(st.just("lapse"), st.sampled_from([HOUR, HOUR + 1, HOUR + 200, HOUR + 300])),
)
splits = st.lists(st.integers(0, 300), max_size=4)


def happen(story: Story, what: str, wait: float, more: Any) -> None:
    at = story.time + wait
    if what == "restart":
        story.folding.restart()
    elif what == "gap":
        story.gap(story.time + 1, at + 1)
    else:
        story.tick(at)
        match what:
            case "mute":
                story.define(at, mute_until=more)
            case "pause":
                story.pause(at)
            case "resume":
                story.resume(at)
            case "choose" | "choose nothing":
                chosen = NoticesChosen(at=t(at), notices=LATE if what == "choose" else ())  # type: ignore[arg-type]
                story.tell(chosen, at, key="mail")
            case "runs":
                took, times = more
                for n in range(times):
                    story.ping(at + n * 1_000, "start")
                    story.ping(at + n * 1_000 + took)
            case "lapse":
                story.ping(at)
                story.tick(at + more)
            case "success" | "start" | "fail" | "log":
                story.ping(at, what)


@settings(deadline=None)
@given(st.lists(st.tuples(waits, happenings), max_size=40), splits)
def test_checks(course: list[tuple[float, tuple[Any, ...]]], at: list[int]) -> None:
    """One channel may take the notice that it is late, both take the one of run times."""
    story = Story(schedule=Simple(HOUR), grace=300, run_limit=400, channels=("hook", "mail"))
    happen(story, "choose", 1, None)
    chose, drifting = True, False
    for wait, (what, *more) in course:
        before, muted, pings = len(story.effects), story.state.muted, story.state.pings
        happen(story, what, wait, more[0] if more else None)
        effects = story.effects[before:]
        became_late = [change.id for change in of_type(effects, StatusChanged) if change.now == "late"]
        told = [(e.key, e.value) for e in effects if e.topic is DELIVERIES and isinstance(e.value, DeliveryRequested)]
        late = [(key, request.transition) for key, request in told if request.notices == LATE]
        assert {key for key, _ in late} <= {"mail"}
        assert {id for _, id in late} <= set(became_late)
        if late:
            assert chose
            assert not (muted and story.state.muted)  # a recovery may have ended it
        drifts = {key for key, request in told if request.notices == DRIFT}
        if drifts:
            assert drifts == {"hook", "mail"}
            assert len([1 for _, request in told if request.notices == DRIFT]) == 2
            assert not drifting
            assert not (muted and story.state.muted)  # a recovery may have ended it
            assert story.state.pings > pings
        drifting = story.state.run_times is not None and story.state.run_times.told
        if what in ("choose", "choose nothing"):
            chose = what == "choose"
    each = [(e.key, e.value.transition) for e in story.effects if isinstance(e.value, DeliveryRequested)]
    sent = [(*one, r.notices) for one, r in zip(each, of_type(story.effects, DeliveryRequested), strict=True)]
    assert len(sent) == len(set(sent))
    must_replay(Checks, story.journal.records, story.folding, at)


spans = st.tuples(st.integers(0, 3_000), st.integers(0, 400))
news = st.one_of(
    st.tuples(st.just("over"), spans, st.just(0)),
    st.tuples(st.sampled_from(["check", "monitor"]), spans, st.integers(1, 5)),
    st.tuples(st.just("tick"), spans, st.just(0)),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 50, 130, 900]), news), max_size=40), splits)
def test_outages(course: list[tuple[int, tuple[str, tuple[int, int], int]]], at: list[int]) -> None:
    """Each is told once, when it is over, nothing is counted twice, and in the end nothing waits."""
    folding, journal, owner = Folding(Projects()), Journal(), derived_id("project")
    project = Project(id=owner, name="P", ping_key="k" * 22, created=0, webhook_secret="s")
    channel = Channel(
        id=derived_id("channel"), project=owner, kind="webhook", url="https://a.test/", created=0, notices=(OUTAGE,)
    )
    time = 4_000
    folding.feed([journal.add(owner, ProjectCreate(request="p", at=t(0), project=project), t(0))])
    folding.feed([journal.add(owner, ChannelCreate(request="c", at=t(0), channel=channel), t(0))])
    counted = 0
    for wait, (what, (start, length), count) in [*course, (1_000, ("tick", (0, 0), 0))]:
        time += wait
        now, span = t(time), {"start": t(time - 4_000 + start), "end": t(time - 4_000 + start + length)}
        tick = Tick(slot="ticker", epoch=1, at=now, now=now)
        for notice in of_type(folding.feed([journal.add("tick", tick, now)]), DeliveryRequested):
            assert notice.at <= now
        if what == "over":
            folding.feed([journal.add("outage", OutageEnded(at=now, **span), now)])
        elif what != "tick":
            counted += count
            unseen = ThingsUnobserved(kind=what, at=now, count=count, names=("x",) * count, **span)  # type: ignore[arg-type]
            folding.feed([journal.add(owner, unseen, now)])
    notices = of_type(folding.effects, DeliveryRequested)
    assert len({notice.transition for notice in notices}) == len(notices)
    told = [notice.data["outage"] for notice in notices]
    assert sum(one["checks_not_observed"] + one["monitors_not_observed"] for one in told) <= counted
    assert folding.session.due() > t(time)
    must_replay(Projects, journal.records, folding, at)
