"""A replay takes memory for the states of one partition, and none for each event or effect."""

import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from infra.log.reading import Asked, Stored
from pingfold.replay.derived import of_types
from pingfold.replay.outcome import EQUAL
from pingfold.replay.run import Scope, run
from processors.fold.contract import Record, Session
from processors.fold.view import View
from schemas.base import encode
from schemas.schedules import TZDATA_VERSION
from schemas.topics import Topic
from tests.toy_fold import GROUPS, Added, Third, Toy

TOY = Toy("toy")
FOLD = TOY.folds[0]
MEBIBYTE = 2**20


class LongLog:
    """One partition of each topic, written anew whenever it is read: so many events, an effect for every third."""

    def __init__(self, events: int) -> None:
        self._events = events
        view = View()
        session = Session(FOLD, 0, view, TZDATA_VERSION)
        for batch in batched(self._journal(), 1_000):
            session.step([Record(stored.offset, 0, stored.key, stored.value) for stored in batch])
            view.take_changes()
        self._states = [(key, encode(record)) for key, record in view.items()]

    def _journal(self) -> Iterator[Stored]:
        for number in range(self._events):
            yield Stored(0, number, 0, b"thing-%d" % (number % 50), encode(Added(number=number)), None)

    def _effects(self) -> Iterator[Stored]:
        for offset, number in enumerate(range(0, self._events, 3)):
            third = Third(thing=f"thing-{number % 50}", number=number)
            yield Stored(0, offset, 0, b"group-%d" % (number % GROUPS), encode(third), None)

    def begins(self, topic: Topic) -> dict[int, int]:
        return {0: 0}

    def ends(self, topic: Topic) -> dict[int, int]:
        effects = len(range(0, self._events, 3))
        return {0: {TOY.journal: self._events, TOY.second: effects, TOY.states: len(self._states)}[topic]}

    settle = ends

    def read(self, topic: Topic, partition: int, start: int, end: int, asked: Asked | None = None) -> Iterator[Stored]:
        assert asked is None
        if topic == TOY.journal:
            yield from self._journal()
        elif topic == TOY.second:
            yield from self._effects()
        else:
            for offset, (key, value) in enumerate(self._states):
                yield Stored(0, offset, 0, key.encode(), value, None)


def batched(records: Iterator[Stored], count: int) -> Iterator[list[Stored]]:
    while batch := list(islice(records, count)):
        yield batch


def peak(events: int, folder: Path) -> int:
    """The most that one replay had allocated at once, in bytes."""
    scope = Scope(LongLog(events), (FOLD,), {TOY.second: of_types(["third"])}, folder)
    tracemalloc.start()
    try:
        outcome = run(scope, True, False, False, lambda _: None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert outcome.events == events
    assert outcome.effects >= events // 3
    return most


@pytest.mark.slow
def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    """100,000 events and 33,334 effects, each of which would take some 300 bytes if it were kept."""
    few, many = peak(10_000, tmp_path), peak(100_000, tmp_path)
    assert many < 8 * MEBIBYTE
    assert many - few < MEBIBYTE
