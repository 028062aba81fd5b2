"""Properties of the `checks` fold: over any course of events, and over a world in which only Pingfold itself fails."""

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks.fold import Checks
from processors.fold.contract import Record
from schemas.base import encode
from schemas.check_states import CheckState, visible_status
from schemas.definitions import Check
from schemas.pings import CheckDefined, Ping
from schemas.schedules import Simple
from schemas.ticks import PROGRESS_KEY, Gap, Tick
from schemas.transitions import StatusChanged
from tests.check_courses import (
    CHECKS,
    LIMIT,
    Step,
    Writer,
    anything,
    courses,
    decisions,
    folded,
    pings,
    ticks,
    troubles,
)
from tests.check_story import A, B, Story, t
from tests.folding import Folding, Journal, of_type, told


@settings(max_examples=150, deadline=None)
@given(anything)
def test_the_same_journal_gives_the_same(course: list[tuple[float, Step]]) -> None:
    journal = Writer().write(course)
    assert folded(journal).outcome() == folded(journal).outcome()


@settings(max_examples=150, deadline=None)
@given(anything, st.data())
def test_batches_restarts_and_redelivery_change_nothing(course: list[tuple[float, Step]], data: st.DataObject) -> None:
    journal = Writer().write(course)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(journal)), max_size=8), "cuts"))
    pieces = Folding(Checks())
    for start, end in pairwise([0, *cuts, len(journal)]):
        again = data.draw(st.integers(0, 5), "redelivered")
        pieces.feed(journal[max(0, start - again) : end])
        if data.draw(st.booleans(), "restart"):
            pieces.restart()
    assert pieces.outcome() == folded(journal).outcome()


@settings(max_examples=150, deadline=None)
@given(anything)
def test_a_restart_after_every_single_record_changes_nothing(course: list[tuple[float, Step]]) -> None:
    journal = Writer().write(course)
    pieces = Folding(Checks())
    for record in journal:
        pieces.feed([record])
        pieces.restart()
    assert pieces.outcome() == folded(journal).outcome()


@settings(max_examples=150, deadline=None)
@given(courses(pings, decisions, ticks), st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_ticks_that_pass_no_deadline_change_no_status(course: list[tuple[float, Step]], places: list[float]) -> None:
    journal = Writer().write([(wait, step if step[0] != "tick" else ("tick", "web-0")) for wait, step in course])
    more = Folding(Checks())
    offset = 0
    for n, record in enumerate(journal):
        time, clock = more.progress.time, more.progress.clock
        at = time + round((record.timestamp - time) * places[n % len(places)])
        tick = Tick(slot="web-0", epoch=1, at=at, now=at, offset=at - clock)
        if n and time <= at <= record.timestamp and not passes_a_deadline(more, tick, offset):
            more.feed([Record(offset, at, b"tick", encode(tick))])
            offset += 1
        more.feed([record._replace(offset=offset)])
        offset += 1
    assert changes_of(more) == changes_of(folded(journal))
    assert states_of(more) == states_of(folded(journal))


def passes_a_deadline(folding: Folding, tick: Tick, offset: int) -> bool:
    trial = Folding(Checks())
    trial.committed = dict(folding.committed)
    trial.restart()
    return bool(trial.feed([Record(offset, tick.at, b"tick", encode(tick))]))


def changes_of(folding: Folding) -> list[tuple[Any, ...]]:
    return [told(effect) for effect in folding.effects if isinstance(effect.value, StatusChanged)]


def states_of(folding: Folding) -> dict[str, bytes]:
    """The states, but for the offsets, which other ticks shift."""
    records = {key: folding.fold.records.decode(value) for key, value in folding.committed.items()}
    for record in records.values():
        if isinstance(record, CheckState):
            record.offset = -1
    return {key: encode(record) for key, record in records.items() if key != PROGRESS_KEY}


@settings(max_examples=150, deadline=None)
@given(anything)
def test_changes_make_one_chain_of_spans_with_one_incident_for_each_down_span(
    course: list[tuple[float, Step]],
) -> None:
    folding = folded(Writer().write(course))
    for key in CHECKS:
        chain = [change for change in of_type(folding.effects, StatusChanged) if change.thing == key]
        lives: list[list[StatusChanged]] = [[]]
        for change in chain:
            lives[-1].append(change)
            if change.now == "removed":
                lives.append([])
        for life in lives:
            assert [change.n for change in life] == list(range(1, len(life) + 1))
            for before, after in pairwise(life):
                assert (after.was, after.since) == (before.now, before.at)
                assert (after.was == "down") == (before.now == "down")
                if before.now == "down":
                    assert before.incident is not None
                    assert after.incident == before.incident
            for change in life:
                assert change.since <= change.at <= change.detected_at
                assert change.was != change.now or change.now == "not_observed"
                assert (change.incident is not None) == ("down" in (change.was, change.now))
        if key in folding.committed:
            state = folding.state(CheckState, key)
            assert visible_status(state) == (lives[-1][-1].now if lives[-1] else "new")
            assert (state.incident is not None) == (state.status == "down")


@settings(max_examples=150, deadline=None)
@given(courses(pings, pings, troubles, ticks))
def test_no_check_whose_span_touches_a_gap_goes_down(course: list[tuple[float, Step]]) -> None:
    journal = Writer().write(course)
    folding = Folding(Checks())
    for record in journal:
        effects = folding.feed([record])
        known = [gap for _, gap in folding.session.view.items() if isinstance(gap, Gap)]
        known += folding.progress.gaps
        for change in of_type(effects, StatusChanged):
            if change.now == "down" and change.reason in ("deadline", "run limit"):
                # Both limits are LIMIT, so the span of either begins LIMIT before the deadline.
                begin, end = change.at - LIMIT, change.at
                assert not [gap for gap in known if gap.start <= end and (gap.end is None or gap.end >= begin)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 299), st.sampled_from(["success", "start", "log"])), max_size=8),
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 100)), max_size=2),
    st.booleans(),
)
def test_a_hung_run_always_leads_to_down_or_not_observed(
    others: list[tuple[float, str]], gaps: list[tuple[float, float]], up: bool
) -> None:
    story = Story(grace=300)
    if up:
        story.ping(0)
    story.ping(0, "start", rid=A)
    events: list[tuple[float, str, float]] = [(at, kind, 0) for at, kind in others]
    events += [(start, "gap", start + length) for start, length in gaps]
    for at, kind, end in sorted(events):
        if kind == "gap":
            story.gap(max(at, story.time), max(end, story.time))
        else:
            story.ping(at, kind, rid=B)  # type: ignore[arg-type]
    story.tick(600)
    assert {change.now for change in of_type(story.effects, StatusChanged)} & {"down", "not_observed"}


# ---- a world in which every job is healthy, and Pingfold is not


@dataclass
class Web:
    """A source of the simulated world: alive, or else `closed`, `killed` or `frozen` since then."""

    slot: str
    phase: float
    epoch: int = 1
    state: str = "alive"
    since: float = 0
    until: float = 0
    waiting: list[str] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)

    def wake(self, at: float) -> None:
        """Come back: as it was after a freeze, else as the next epoch; what waited at the socket is answered now."""
        self.epoch += self.state != "frozen"
        self.state = "alive"
        self.tick(at)
        for key in self.waiting:
            self.ping(key, at)
        self.waiting.clear()

    def ping(self, key: str, at: float) -> None:
        self.journal.add(key, Ping(kind="success", at=t(at)), t(at))

    def holds(self) -> bool:
        """A client waits at the socket of a frozen process, and has patience for a short while."""
        return self.state == "frozen" and self.until - self.since <= 2

    def tick(self, at: float, *, closing: bool = False) -> None:
        tick = Tick(slot=self.slot, epoch=self.epoch, at=t(at), now=t(at), closing=closing)
        self.journal.add("tick", tick, t(at))

    def takes(self, at: float) -> bool:
        """Whether a client may still be led here: not once it has closed, nor long after it died."""
        return self.state == "alive" or (self.state != "closed" and at - self.since < 58)


MINUTES = 10


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), webs=st.integers(1, 3), troubles=st.integers(0, 12), late=st.integers(60, 90))
def test_no_trouble_of_our_own_makes_a_healthy_job_down(seed: int, webs: int, troubles: int, late: int) -> None:
    """Each job pings every 60 s or a little later; a ping that meets a dead source is lost."""
    chance = random.Random(seed)
    journal = Journal()
    fleet = [Web(f"web-{n}", n / webs, journal=journal) for n in range(webs)]
    for web in fleet:
        web.tick(web.phase / 10)
    for key in CHECKS:
        definition = Check(id=key, project="p", version=1, created=t(0), schedule=Simple(60), grace=late)
        journal.add(key, CheckDefined(at=t(0.1), check=definition), t(0.1))
    events: list[tuple[float, int, str, Any]] = []
    for web in fleet:
        events += [(second + web.phase, 1, "tick", web) for second in range(1, MINUTES * 60)]
    for _ in range(troubles):
        start, length = chance.uniform(1, MINUTES * 60), chance.choice([0.2, 1, 2, 3, 8, 15, 70, 150])
        events.append((start, 0, chance.choice(["closed", "killed", "frozen"]), (chance.choice(fleet), length)))
    for key in CHECKS:
        at = chance.uniform(1, 60)
        while at < MINUTES * 60:
            events.append((at, 2, "ping", key))
            at += chance.uniform(60, 60 + late * 0.9)
    run(sorted(events, key=lambda event: event[:3]), fleet, chance)
    folding = folded(journal)
    assert [change for change in of_type(folding.effects, StatusChanged) if change.now == "down"] == []


def run(events: list[tuple[float, int, str, Any]], fleet: list[Web], chance: random.Random) -> int:
    """Play the events; how many pings were lost."""
    lost = 0
    for at, _, what, who in events:
        for web in fleet:
            if web.state != "alive" and at >= web.until:
                web.wake(at)
        if what == "tick":
            if who.state == "alive":
                who.tick(at)
        elif what == "ping":
            led = [web for web in fleet if web.takes(at)] or fleet
            web = chance.choice(led)
            if web.state == "alive":
                web.ping(who, at)
            elif web.holds():
                web.waiting.append(who)
            else:
                lost += 1
        else:
            web, length = who
            if web.state == "alive":
                if what == "closed":
                    web.tick(at, closing=True)
                web.state, web.since, web.until = what, at, at + length
    return lost


@pytest.mark.parametrize("webs", [1, 2])
def test_the_simulated_world_loses_pings_and_its_dead_jobs_go_down(webs: int) -> None:
    """The world above has teeth: pings are lost in it, and a job that really stops is found out."""
    journal = Journal()
    fleet = [Web(f"web-{n}", n / webs, journal=journal) for n in range(webs)]
    for web in fleet:
        web.tick(0)
    definition = Check(id=CHECKS[0], project="p", version=1, created=t(0), schedule=Simple(60), grace=60)
    journal.add(CHECKS[0], CheckDefined(at=t(0), check=definition), t(0))
    events: list[tuple[float, int, str, Any]] = [(at, 2, "ping", CHECKS[0]) for at in (9.9, 69.8, 129.7)]
    events += [(129.5, 0, "killed", (web, 3)) for web in fleet]
    events += [(second + web.phase, 1, "tick", web) for web in fleet for second in range(1, 400)]
    assert run(sorted(events, key=lambda event: event[:3]), fleet, random.Random(0)) == 1
    words = [change.now for change in of_type(folded(journal).effects, StatusChanged)]
    assert words == ["up", "late", "not_observed", "down"]
