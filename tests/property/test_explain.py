"""Explanations over any course of events: a near start tells what the beginning tells; what is named decided it."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.checks.fold import Checks
from processors.explain.explainer import LEFT_OUT, Unknown
from processors.explain.story import MOST_CHANGES
from processors.fold.contract import Fold, Record
from processors.fold.partition_time import END_OF_TIME
from processors.monitors.fold import Monitors
from processors.refold.begins import Kept
from processors.refold.checkpoints import write_checkpoint
from schemas.base import Micros
from schemas.explanations import ExplainedChange, Explanation
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.transitions import StatusChanged
from tests import check_courses, monitor_courses
from tests.explaining import NOTHING, explain, explainer_of
from tests.folding import Folding, of_type

Course = list[tuple[float, tuple[Any, ...]]]

FOLDS: dict[str, Fold] = {"checks": Checks(), "monitors": Monitors()}
THINGS = {"checks": check_courses.CHECKS, "monitors": monitor_courses.MONITORS}


def check_journal(course: Course) -> list[Record]:
    return check_courses.Writer().write(course).records


def monitor_journal(course: Course) -> list[Record]:
    return monitor_courses.Writer().write(course).records


def clocks(fold: Fold, records: list[Record]) -> list[Micros]:
    """The partition's time at each record, and just before and after it."""
    folding, found = Folding(fold), set[Micros]()
    for record in records:
        folding.feed([record])
        now = record.timestamp + folding.progress.offset
        found |= {folding.progress.time, now, now - 1, now + 1}
    return sorted(at for at in found if at > 0)


def explained(explainer: Any, fold: str, thing: str, at: Micros) -> Explanation | None:
    try:
        return explain(explainer, fold, thing, at)
    except Unknown:
        return None


def assert_near_is_as_far(fold: Fold, records: list[Record], data: st.DataObject) -> None:
    """From a checkpoint anywhere, at any time, about any thing."""
    cut = data.draw(st.integers(1, len(records) - 1))
    folding = Folding(fold)
    folding.feed(records[:cut])
    with tempfile.TemporaryDirectory() as name:
        kept = Kept(Path(name) / "snapshots", Path(name))
        progress = fold.records.decode(folding.committed[PROGRESS_KEY])
        assert isinstance(progress, Progress)
        write_checkpoint(kept.checkpoints, fold, Folding.PARTITION, progress, folding.committed)
        folding.feed(records[cut:])
        near, far = explainer_of(folding, records, kept), explainer_of(folding, records, NOTHING)
        times = clocks(fold, records)
        for _ in range(4):
            at, thing = data.draw(st.sampled_from(times)), data.draw(st.sampled_from(THINGS[fold.name]))
            assert_same(explained(near, fold.name, thing, at), explained(far, fold.name, thing, at))


def assert_same(near: Explanation | None, far: Explanation | None) -> None:
    if near is None or far is None:
        assert near is far
        return
    if LEFT_OUT in near.notes:
        shown, whole = [[told_at_once(one) for one in each.changes] for each in (near, far)]
        assert [one for one in whole if one in shown] == shown
        assert of_status(shown)[-1:] == of_status(whole)[-1:]
    else:
        assert near.changes == far.changes[len(far.changes) - len(near.changes) :]
    assert bool(near.changes) == bool(far.changes)
    beside = {"changes": (), "folded": far.folded, "notes": ()}
    assert msgspec.structs.replace(near, **beside) == msgspec.structs.replace(far, **beside)


def told_at_once(change: ExplainedChange) -> ExplainedChange:
    """Without what people were told of it later."""
    return msgspec.structs.replace(change, requested=())


def of_status(changes: list[ExplainedChange]) -> list[ExplainedChange]:
    return [one for one in changes if not one.notice]


@settings(max_examples=60, deadline=None)
@given(check_courses.anything, st.data())
def test_a_check_from_a_near_start(course: Course, data: st.DataObject) -> None:
    assert_near_is_as_far(FOLDS["checks"], check_journal(course), data)


@settings(max_examples=60, deadline=None)
@given(monitor_courses.anything, st.data())
def test_a_monitor_from_a_near_start(course: Course, data: st.DataObject) -> None:
    assert_near_is_as_far(FOLDS["monitors"], monitor_journal(course), data)


def assert_decided_by_what_is_named(fold: Fold, records: list[Record], thing: str) -> None:
    """Every change is told; its events stand at their offsets, are enough for it, and none of them is idle."""
    folding = Folding(fold)
    folding.feed(records)
    told = explained(explainer_of(folding, records), fold.name, thing, END_OF_TIME)
    made = of_last_life(folding, thing)
    changes = [] if told is None else of_status(list(told.changes))
    assert [one.id for one in changes] == [one.id for one in made[-MOST_CHANGES:]]
    for number, change in enumerate(changes):
        assert change.events, change
        for event in change.events:
            assert (event.topic, event.partition) == (fold.journal.name, Folding.PARTITION)
            assert event.type.encode() in (records[event.offset].value or b"")
        if number or len(made) <= MOST_CHANGES:
            assert_enough(fold, records, thing, change, changes[number - 1] if number else None)
        assert_none_is_idle(fold, records, thing, change)


def of_last_life(folding: Folding, thing: str) -> list[StatusChanged]:
    """The changes of a thing that it went through since it was made: its id may have been another's before."""
    made = [one for one in of_type(folding.effects, StatusChanged) if one.thing == thing]
    removed = [
        number
        for number, one in enumerate(made[: None if thing not in folding.committed else len(made)])
        if one.now == "removed"
    ]
    if thing not in folding.committed:
        removed = removed[:-1]
    return made[removed[-1] + 1 :] if removed else made


def changes_of(fold: Fold, records: list[Record], thing: str) -> list[ExplainedChange]:
    """The changes of a journal that holds only these records."""
    folding = Folding(fold)
    folding.feed(records)
    told = explained(explainer_of(folding, records), fold.name, thing, END_OF_TIME)
    return [] if told is None else list(told.changes)


def assert_enough(
    fold: Fold, records: list[Record], thing: str, change: ExplainedChange, last: ExplainedChange | None
) -> None:
    """Since the last change what is named is enough: this one comes without whatever else was said of the thing."""
    named = {event.offset for event in change.events}
    since = -1 if last is None else last.events[-1].offset
    left = [one for one in records if one.offset in named or one.offset <= since or not is_signal(one, thing)]
    found = [(one.at, one.now, one.reason) for one in changes_of(fold, left, thing)]
    assert (change.at, change.now, change.reason) in found, change


def is_signal(record: Record, thing: str) -> bool:
    """Whether it is a ping or a result of the thing."""
    signals = (b'{"type":"ping.received"', b'{"type":"probe.completed"')
    return record.key == thing.encode() and (record.value or b"").startswith(signals)


def assert_none_is_idle(fold: Fold, records: list[Record], thing: str, change: ExplainedChange) -> None:
    """Without one of its events a change is not made, or by other values; or another event that says the same stands in
    for it, and is named instead. Of ticks that is always so: what one tells, the next one tells as well.

    Of a change that results confirm all votes are named, for and against, and a newer one of its region may take the
    place of one: only the first and the last cannot be missed.
    """
    named = {event.offset for event in change.events}
    for event in change.events if change.reason != "probe" else (change.events[0], change.events[-1]):
        if event.type == "tick":
            continue
        left = [one for one in records if one.offset != event.offset]
        same = [one for one in changes_of(fold, left, thing) if values(one) == values(change)]
        for other in same:
            assert not {one.offset for one in other.events} <= named, (event, other, change)


def values(change: ExplainedChange) -> tuple[object, ...]:
    """What a change was made by, as it is told."""
    return change.at, change.now, change.reason, change.rule, change.detail, change.parts


@settings(max_examples=60, deadline=None)
@given(check_courses.anything)
def test_what_is_named_decided_about_a_check(course: Course) -> None:
    for thing in THINGS["checks"]:
        assert_decided_by_what_is_named(FOLDS["checks"], check_journal(course), thing)


@settings(max_examples=60, deadline=None)
@given(monitor_courses.anything)
def test_what_is_named_decided_about_a_monitor(course: Course) -> None:
    for thing in THINGS["monitors"]:
        assert_decided_by_what_is_named(FOLDS["monitors"], monitor_journal(course), thing)
