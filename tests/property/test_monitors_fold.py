"""Properties of the `monitors` fold: over any course of events."""

import random
from collections.abc import Iterable
from itertools import count, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.fold.contract import Record
from processors.monitors.expiry import definition_key
from processors.monitors.fold import Monitors
from processors.monitors.slots import MARGIN, MOST_EARLY
from schemas.base import SECOND, Micros, encode
from schemas.monitor_states import MonitorCopy, MonitorState, visible_status
from schemas.probes import (
    ProbeCompleted,
)
from schemas.ticks import PROGRESS_KEY, Tick, TimeCorrected
from schemas.transitions import StatusChanged
from tests.folding import Folding, of_type, told
from tests.monitor_courses import (
    MONITORS,
    Step,
    Writer,
    answers,
    anything,
    confirms,
    courses,
    decisions,
    folded,
    oddities,
    probes,
    routers,
    tick,
    ticks,
    words,
)


@settings(max_examples=150, deadline=None)
@given(anything)
def test_the_same_journal_gives_the_same(course: list[tuple[float, Step]]) -> None:
    writer = Writer()
    journal = writer.write(course)
    assert folded(journal).outcome() == folded(journal).outcome() == writer.folding.outcome()


@settings(max_examples=150, deadline=None)
@given(anything, st.data())
def test_batches_restarts_and_redelivery_change_nothing(course: list[tuple[float, Step]], data: st.DataObject) -> None:
    journal = Writer().write(course)
    pieces = Folding(Monitors())
    done = 0
    while done < len(journal):
        size = data.draw(st.integers(1, 10))
        pieces.feed(journal[done : done + size])
        done += size
        if data.draw(st.booleans()):
            pieces.restart()
            pieces.feed(journal[max(0, done - 3) : done])
    assert pieces.outcome() == folded(journal).outcome()


@settings(max_examples=150, deadline=None)
@given(anything)
def test_a_restart_after_every_single_record_changes_nothing(course: list[tuple[float, Step]]) -> None:
    journal = Writer().write(course)
    pieces = Folding(Monitors())
    for record in journal:
        pieces.feed([record])
        pieces.restart()
    assert pieces.outcome() == folded(journal).outcome()


@settings(max_examples=150, deadline=None)
@given(
    courses(probes, answers, confirms, decisions, ticks, oddities, words, routers),
    st.lists(st.floats(0, 1), min_size=1, max_size=10),
)
def test_ticks_that_pass_no_deadline_change_no_status(course: list[tuple[float, Step]], places: list[float]) -> None:
    """Results may be late against one tick and not against another, so the ticks are those that the course has."""
    journal = Writer(ticking=None).write(course)
    more, fewer = Folding(Monitors()), folded(journal)
    offset = 0
    for n, record in enumerate(journal):
        time = more.progress.time
        at = time + round((record.timestamp - time) * places[n % len(places)])
        if n and time < at <= record.timestamp and passes_nothing(more, at, journal[n:]):
            more.feed([Record(offset, at, b"tick", encode(tick(at)))])
            offset += 1
        more.feed([record._replace(offset=offset)])
        offset += 1
    assert changes_of(more) == changes_of(fewer)
    assert states_of(more) == states_of(fewer)


def passes_nothing(folding: Folding, at: Micros, coming: Iterable[Record]) -> bool:
    """Whether a tick says nothing, neither of a deadline nor of what would now be late or date a definition."""
    trial = Folding(Monitors())
    trial.committed = dict(folding.committed)
    trial.restart()
    before = states_of(trial)
    trial.effects.clear()
    trial.feed([Record(10**9, at, b"tick", encode(tick(at)))])
    if trial.effects or states_of(trial) != before:
        return False
    for record in coming:
        try:
            event = Monitors.events.decode(record.value or b"")
        except ValueError:
            continue
        if isinstance(event, ProbeCompleted) and event.at + MARGIN < at:
            return False
        if not isinstance(event, ProbeCompleted | Tick | TimeCorrected) and event.at < at:
            return False
    return True


def changes_of(folding: Folding) -> list[tuple[Any, ...]]:
    """What was told of changes, but for when the fold saw it."""
    return [
        told(effect._replace(value=replace(effect.value, detected_at=effect.value.at)))
        for effect in folding.effects
        if isinstance(effect.value, StatusChanged)
    ]


def states_of(folding: Folding) -> dict[str, bytes]:
    return {key: value for key, value in folding.committed.items() if key != PROGRESS_KEY}


@settings(max_examples=150, deadline=None)
@given(courses(probes, answers, confirms, ticks, decisions), st.data())
def test_doubles_of_anything_told_change_nothing(course: list[tuple[float, Step]], data: st.DataObject) -> None:
    """Whatever counted once, or did not, moves nothing when it comes again, at once or after anything else."""
    journal = Writer().write(course)
    doubled = Folding(Monitors())
    results: list[Record] = []
    offset = count()
    for record in journal:
        doubled.feed([record._replace(offset=next(offset))])
        if b'"probe.completed"' in (record.value or b""):
            results.append(record)
        if results and (nth := data.draw(st.integers(0, 2 * len(results) - 1))) < len(results):
            again = results[nth]
            before = states_of(doubled)
            effects = doubled.feed([again._replace(offset=next(offset), timestamp=record.timestamp)])
            assert effects == []
            assert states_of(doubled) == before
    assert changes_of(doubled) == changes_of(folded(journal))


@settings(max_examples=150, deadline=None)
@given(courses(probes, answers, confirms, ticks), st.randoms(use_true_random=False), st.floats(0, 1))
def test_late_results_change_nothing_in_any_order(
    course: list[tuple[float, Step]], chance: random.Random, share: float
) -> None:
    """Some results come later than a tick waits for them: it is as if they had never come."""
    never, late = Folding(Monitors()), Folding(Monitors())
    held: list[Record] = []
    offset = count()
    for record in Writer().write(course):
        event = Monitors.events.decode(record.value or b"")
        if isinstance(event, ProbeCompleted) and chance.random() < share:
            held.append(record)
            continue
        for folding in (never, late):
            folding.feed([record._replace(offset=next(offset))])
        chance.shuffle(held)
        for old in [old for old in held if is_late(old, late)]:
            held.remove(old)
            late.feed([old._replace(offset=next(offset), timestamp=record.timestamp)])
    assert changes_of(late) == changes_of(never)
    assert states_of(late) == states_of(never)


def is_late(record: Record, folding: Folding) -> bool:
    result = Monitors.events.decode(record.value or b"")
    assert isinstance(result, ProbeCompleted)
    return result.at + result.took + MARGIN < folding.progress.time


@settings(max_examples=150, deadline=None)
@given(anything)
def test_changes_make_one_chain_of_spans_with_one_incident_for_each_down_span(
    course: list[tuple[float, Step]],
) -> None:
    folding = folded(Writer().write(course))
    for key in MONITORS:
        chain = [change for change in of_type(folding.effects, StatusChanged) if change.thing == key]
        lives: list[list[StatusChanged]] = [[]]
        for change in chain:
            lives[-1].append(change)
            if change.now == "removed":
                lives.append([])
        for life in lives:
            assert [change.n for change in life] == list(range(1, len(life) + 1))
            assert len({change.id for change in life}) == len(life)
            for before, after in pairwise(life):
                assert (after.was, after.since) == (before.now, before.at)
                if before.now == "down":
                    assert before.incident is not None
                    assert after.incident == before.incident
            for change in life:
                assert change.since <= change.at <= change.detected_at
                assert change.was != change.now
                assert (change.incident is not None) == ("down" in (change.was, change.now))
            incidents = [change.incident for change in life if change.now == "down"]
            assert len(set(incidents)) == len(incidents)
        if key in folding.committed:
            state = folding.state(MonitorState, key)
            assert visible_status(state) == (lives[-1][-1].now if lives[-1] else first_shown(state))
            assert (state.incident is not None) == (state.status == "down")


def first_shown(state: MonitorState) -> str:
    return "paused" if state.status == "paused" else "new"


@settings(max_examples=150, deadline=None)
@given(anything)
def test_states_stay_small(course: list[tuple[float, Step]]) -> None:
    folding = Folding(Monitors())
    for record in Writer().write(course):
        folding.feed([record])
        for key in MONITORS:
            if key in folding.committed:
                state = folding.state(MonitorState, key)
                assert len(state.early) <= MOST_EARLY
                assert len(state.seen) <= 5
                assert len(folding.committed[key]) < 6_000
                assert state.early == tuple(sorted(set(state.early)))
                assert not state.early or state.early[0] > state.expected


@settings(max_examples=300, deadline=None)
@given(courses(probes, answers, answers, confirms, ticks, oddities, most=80))
def test_an_incident_opens_only_with_enough_failing_results_of_a_quorum_since_the_last_good_state(
    course: list[tuple[float, Step]],
) -> None:
    """Judged by the results that stand in the journal since the doubt began, the newest of each region its vote."""
    folding = Folding(Monitors())
    results: dict[str, dict[tuple[str, Micros, int], ProbeCompleted]] = {key: {} for key in MONITORS}
    for record in Writer().write(course):
        key = (record.key or b"").decode()
        before = folding.state(MonitorState, key) if key in folding.committed and key in results else None
        try:
            event = Monitors.events.decode(record.value or b"")
        except ValueError:
            event = None
        if isinstance(event, ProbeCompleted) and key in results and not record.retried:
            results[key].setdefault((event.region, event.slot, event.confirm), event)
        for change in of_type(folding.feed([record]), StatusChanged):
            if change.now == "down":
                assert isinstance(event, ProbeCompleted)
                assert before is not None
                since = event.at if before.pending_change is None else before.pending_change.at
                assert change.at >= since
                monitor = folding.state(MonitorCopy, definition_key(key)).monitor
                proof = [
                    result
                    for result in results[key].values()
                    if result.at >= since and result.failure != "prober_error"
                ]
                votes = {result.region: result.ok for result in proof if result.region in monitor.probed_from}
                assert sum(not result.ok for result in proof) >= monitor.confirmations
                assert 2 * sum(not ok for ok in votes.values()) > len(monitor.probed_from)


def test_the_courses_above_open_incidents() -> None:
    """They have teeth: by some of them monitors of every shape go down and recover."""
    writer = Writer()
    for ok in (True, False, True):
        for _ in range(6):
            for key in MONITORS:
                writer.now += 21 * SECOND
                writer.step("probe", key, ok, 0)
                for _ in range(4):
                    writer.now += SECOND
                    writer.step("confirm", key, ok, 0)
    for key in MONITORS:
        words = [change.now for change in of_type(writer.folding.effects, StatusChanged) if change.thing == key]
        assert [word for word in words if word != "not_observed"] == ["up", "down", "up"], key
