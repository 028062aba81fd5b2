"""A log in memory for replays (`processors.refold.log.Log`), and toy folds that have folded what stands in it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from infra.log.partitioner import partition_of
from infra.log.reading import Asked, Stored
from pingfold.replay.derived import any_record, of_types
from pingfold.replay.outcome import DIFFERENT, Outcome
from pingfold.replay.run import Scope, run
from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.placement import partitions_of
from processors.fold.view import View
from schemas.base import encode
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY
from schemas.topics import DEAD_LETTERS, Topic
from tests.toy_fold import Added, Announced, Toy

PARTITIONS = 3


class MemoryLog:
    """`when_settling`: called once, after the ends of the topics of effects were taken: a live system goes on.

    when_read: called after each reading of a partition. partitions: how many each topic has.
    """

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.partitions = partitions
        self.records: dict[tuple[str, int], list[Stored]] = defaultdict(list)
        self.begin: dict[tuple[str, int], int] = defaultdict(int)
        self.when_settling: Callable[[], None] = lambda: None
        self.when_read: Callable[[Topic], None] = lambda _: None

    def append(self, topic: Topic, partition: int, key: str, value: bytes | None) -> None:
        records = self.records[topic.name, partition]
        records.append(Stored(partition, len(records), 0, key.encode(), value, None))

    def cut(self, topic: Topic, partition: int, begin: int) -> None:
        """Retention deletes everything before `begin`."""
        self.begin[topic.name, partition] = begin

    def begins(self, topic: Topic) -> dict[int, int]:
        return {number: self.begin[topic.name, number] for number in range(self.partitions)}

    def ends(self, topic: Topic) -> dict[int, int]:
        last = {number: self.records[topic.name, number][-1:] for number in range(self.partitions)}
        return {number: one[0].offset + 1 if one else 0 for number, one in last.items()}

    def settle(self, topic: Topic) -> dict[int, int]:
        call, self.when_settling = self.when_settling, lambda: None
        call()
        return self.ends(topic)

    def read(self, topic: Topic, partition: int, start: int, end: int, asked: Asked | None = None) -> Iterator[Stored]:
        records, begin = self.records[topic.name, partition], max(start, self.begin[topic.name, partition])
        first, last = (bisect_left(records, offset, key=lambda one: one.offset) for offset in (begin, end))
        yield from (one for one in records[first:last] if asked is None or asked(one.key, one.value))
        self.when_read(topic)


class ReplayWorld:
    """Toy folds and what they have written. `version`, `tzdata`: of what works from now on."""

    def __init__(self, folder: Path) -> None:
        self.log, self.version, self.folder = MemoryLog(), 1, folder
        self.tzdata = TZDATA_VERSION
        self.number = 0

    @property
    def toy(self) -> Toy:
        return Toy("toy", self.version)

    def add(self, count: int) -> None:
        """Append events, and now and then one for every partition and one that is refused."""
        for _ in range(count):
            self.number += 1
            key = f"thing-{self.number % 17}"
            event: msgspec.Struct = Added(number=self.number)
            if self.number % 10 == 0:
                event = Announced()
            elif self.number % 25 == 0:
                event = Added(number=-1)
            self.log.append(self.toy.journal, partition_of(key.encode(), PARTITIONS), key, encode(event))

    def fold(self, *, second: bool = True) -> None:
        """Workers fold everything that has arrived, as the runtime would, and stop. `second`: the second fold, too."""
        for fold in self.toy.folds if second else self.toy.folds[:1]:
            for partition in range(PARTITIONS):
                self._fold(fold, partition)

    def _fold(self, fold: Fold, partition: int) -> None:
        states: dict[str, bytes] = {}
        for stored in self.log.records[fold.states.name, partition]:
            key = (stored.key or b"").decode()
            if stored.value is None:
                states.pop(key, None)
            else:
                states[key] = stored.value
        view = View({key: fold.records.decode(value) for key, value in states.items()})
        session = Session(fold, partition, view, self.tzdata)
        journal = self.log.records[fold.journal.name, partition]
        batch = session.run([Record(one.offset, one.timestamp, one.key, one.value) for one in journal])
        for key, record in batch.changes.items():
            self.log.append(fold.states, partition, key, None if record is None else encode(record))
        for effect in batch.effects:
            self.write(effect, partition)

    def truncate(self, fold: Fold, partition: int, lost: int) -> None:
        """The journal loses its last records; the next owner of the partition sees it, and other events follow."""
        journal = self.log.records[fold.journal.name, partition]
        del journal[-lost:]
        states: dict[str, msgspec.Struct] = {}
        for stored in self.log.records[fold.states.name, partition]:
            key = (stored.key or b"").decode()
            if stored.value is None:
                states.pop(key, None)
            else:
                states[key] = fold.records.decode(stored.value)
        session = Session(fold, partition, View(states), TZDATA_VERSION)
        session.truncate(len(journal))
        self.log.append(fold.states, partition, PROGRESS_KEY, encode(session.progress))
        self.add(200)
        self.fold()

    def write(self, effect: Effect, own: int) -> None:
        for place in partitions_of(effect, own, lambda _: PARTITIONS, _by_key):
            self.log.append(effect.topic, place, effect.key, encode(effect.value))

    def scope(self, *former: int) -> Scope:
        """With the folds of these older versions at hand."""
        topics = {self.toy.second: of_types(["third"]), DEAD_LETTERS: any_record}
        folds = [fold for version in former for fold in Toy("toy", version).folds]
        return Scope(self.log, self.toy.folds, topics, self.folder / "snapshots", folds)

    def verify(self, *former: int, snapshot: bool = False, unverified: bool = False) -> Outcome:
        return run(self.scope(*former), True, snapshot, unverified, lambda _: None)


def _by_key(effect: Effect) -> int:
    return partition_of(effect.key.encode(), PARTITIONS)


def place_with(world: ReplayWorld, topic: Topic, least: int = 5) -> int:
    """A partition that holds some records."""
    return next(number for number in range(PARTITIONS) if len(world.log.records[topic.name, number]) >= least)


def only(outcome: Outcome) -> tuple[str, str, int, int | None]:
    assert outcome.status == DIFFERENT
    assert outcome.difference_count == len(outcome.differences) == 1, outcome.differences
    (one,) = outcome.differences
    return one.kind, one.topic, one.partition, one.offset


def last_effects(world: ReplayWorld) -> tuple[Topic, int]:
    """The second journal, and a partition of it with effects that nothing has folded, so that its states stay right."""
    world.add(100)
    world.fold(second=False)
    return world.toy.second, place_with(world, world.toy.second)


def upgrade(world: ReplayWorld, events: int = 300) -> None:
    """A newer version folds as much again, twice."""
    world.version = 2
    for _ in range(2):
        world.add(events)
        world.fold()
