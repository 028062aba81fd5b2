"""What a fold may rely on, held against both ways to run one: a `Session` over a log in memory, a worker on Kafka."""

import itertools
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest

from infra.log.partitioner import partition_of
from infra.log.reading import Stored
from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.placement import partitions_of
from processors.fold.view import View
from schemas.base import encode
from schemas.dead_letters import DeadLetter
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY, Progress, Tick
from schemas.topics import DEAD_LETTERS
from tests.toy_fold import Added, Announced, Explode, Toy
from tests.toy_world import PARTITIONS, World, counted, without_hints

States = Mapping[tuple[int, str], bytes]


class Line(Protocol):
    """Two chained folds and the log that they stand on."""

    toy: Toy

    def put(self, key: str | None, value: bytes | None, partition: int = -1) -> None: ...

    def settle(self) -> None:
        """Wait until all of it is folded."""

    def restart(self) -> None:
        """End the process orderly, and begin anew from what it has written."""

    def log(self, fold: Fold) -> list[Stored]:
        """All that was ever written to the state topic, in order per partition."""

    def journal(self, fold: Fold) -> list[Stored]: ...

    def letters(self) -> list[DeadLetter]: ...


class InMemory:
    """A log in memory; every event is a batch of its own, committed at once."""

    def __init__(self) -> None:
        self.toy = Toy("toy")
        self._logs: dict[str, list[Stored]] = defaultdict(list)
        self._sessions: dict[tuple[str, int], Session] = {}
        self._folded: dict[tuple[str, int], int] = {}

    def put(self, key: str | None, value: bytes | None, partition: int = -1) -> None:
        self._append(self.toy.journal.name, key, value, partition)

    def settle(self) -> None:
        for fold, partition in itertools.product(self.toy.folds, range(PARTITIONS)):
            session = self._session(fold, partition)
            for stored in [stored for stored in self.journal(fold) if stored.partition == partition]:
                batch = session.run([Record(stored.offset, stored.timestamp, stored.key, stored.value)])
                if stored.offset <= self._folded.get((fold.name, partition), -1):
                    continue
                self._folded[fold.name, partition] = stored.offset
                for key, state in batch.changes.items():
                    self._append(fold.states.name, key, None if state is None else encode(state), partition)
                for effect in batch.effects:
                    self._append_effect(effect)

    def restart(self) -> None:
        self._sessions.clear()

    def log(self, fold: Fold) -> list[Stored]:
        return self._logs[fold.states.name]

    def journal(self, fold: Fold) -> list[Stored]:
        return list(self._logs[fold.journal.name])

    def letters(self) -> list[DeadLetter]:
        return [msgspec.json.decode(s.value or b"", type=DeadLetter) for s in self._logs[DEAD_LETTERS.name]]

    def _session(self, fold: Fold, partition: int) -> Session:
        if (fold.name, partition) not in self._sessions:
            states = {
                key: fold.records.decode(value) for (number, key), value in newest(self.log(fold)).items()
                if number == partition
            }  # fmt: skip
            self._sessions[fold.name, partition] = Session(fold, partition, View(states), TZDATA_VERSION)
        return self._sessions[fold.name, partition]

    def _append_effect(self, effect: Effect) -> None:
        for place in partitions_of(effect, -1, lambda _: PARTITIONS, lambda _: -1):
            self._append(effect.topic.name, effect.key, encode(effect.value), place)

    def _append(self, topic: str, key: str | None, value: bytes | None, partition: int = -1) -> None:
        packed = None if key is None else key.encode()
        number = partition_of(packed or b"", PARTITIONS) if partition < 0 else partition
        offset = sum(stored.partition == number for stored in self._logs[topic])
        self._logs[topic].append(Stored(number, offset, 0, packed, value, None))


class OnKafka:
    """A worker process."""

    def __init__(self, bootstrap: str, data: Path) -> None:
        self._world = World(bootstrap, f"toy-{uuid.uuid4().hex[:8]}", data)
        self.toy = self._world.toy
        self._worker = self._world.start()

    def put(self, key: str | None, value: bytes | None, partition: int = -1) -> None:
        self._world.put(key, value, partition)

    def settle(self) -> None:
        self._world.settle()

    def restart(self) -> None:
        assert self._worker.stop() == 0
        self._worker = self._world.start()

    def log(self, fold: Fold) -> list[Stored]:
        return self._world.read(fold.states)

    def journal(self, fold: Fold) -> list[Stored]:
        return self._world.read(fold.journal)

    def letters(self) -> list[DeadLetter]:
        return self._world.letters()

    def close(self) -> None:
        self._world.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    if request.param == "memory":
        yield InMemory()
        return
    line = OnKafka(request.getfixturevalue("kafka_bootstrap"), tmp_path)
    yield line
    line.close()


def newest(log: list[Stored]) -> dict[tuple[int, str], bytes]:
    """What a compacted topic keeps: the newest record of each key, and none of a key whose newest is a tombstone."""
    states: dict[tuple[int, str], bytes] = {}
    for stored in log:
        place = stored.partition, (stored.key or b"").decode()
        if stored.value is None:
            states.pop(place, None)
        else:
            states[place] = stored.value
    return states


def pure(fold: Fold, journal: list[Stored]) -> dict[tuple[int, str], bytes]:
    """The states of one pass over the journal."""
    states: dict[tuple[int, str], bytes] = {}
    for partition in {stored.partition for stored in journal}:
        records = [Record(s.offset, s.timestamp, s.key, s.value) for s in journal if s.partition == partition]
        session = Session(fold, partition, View(), TZDATA_VERSION)
        session.step(records)
        states |= {(partition, key): encode(record) for key, record in session.view.items()}
    return states


def test_a_fold_may_rely_on_this(line: Line) -> None:
    first, second = line.toy.folds
    added: dict[str, list[int]] = defaultdict(list)

    def add(numbers: range) -> None:
        for number in numbers:
            added[f"thing-{number % 13}"].append(number)
            line.put(f"thing-{number % 13}", encode(Added(number=number)))

    # Events count once, in the order of their keys; deleted states are gone; effects are the next fold's events.
    add(range(400))
    line.settle()
    assert things(newest(line.log(first))) == {key: encode(state) for key, state in counted(added)[0].items()}

    # Bad events become dead letters, change nothing and stop nobody.
    line.put("thing-1", b"{", 0)
    line.put("thing-1", None, 1)
    line.put("bad", encode(Explode()))
    line.put("thing-1", encode(Added(number=-1)))
    add(range(400, 450))
    line.settle()
    reasons = ["Input data was truncated", "RuntimeError: exploded", "negative", "the record has no value"]
    assert sorted(letter.reason for letter in line.letters()) == reasons

    # A restart repeats nothing and forgets nothing, also when there was nothing to do.
    line.restart()
    add(range(450, 700))
    line.settle()
    line.restart()
    line.put("everyone", encode(Announced()))
    line.put("thing-5", encode(Tick(slot="t", epoch=1, at=7, now=7)))
    add(range(700, 710))
    line.settle()
    states, effects = counted(added)
    assert things(newest(line.log(first))) == {key: encode(state) for key, state in states.items()}
    assert sorted(letter.reason for letter in line.letters()) == reasons
    told = [stored for stored in line.journal(second) if stored.key != b"everyone"]
    assert sorted((s.key or b"").decode() for s in told) == sorted(
        key for (key, _), count in effects.items() for _ in range(count)
    )

    # What is for every partition stands in each, once.
    assert sorted(s.partition for s in line.journal(second) if s.key == b"everyone") == list(range(PARTITIONS))

    # The states are those of one pure pass over the journals.
    for fold in line.toy.folds:
        assert without_hints(newest(line.log(fold))) == pure(fold, line.journal(fold))

    # Whoever has read a partition's own record has read what it speaks of: it is the last of its transaction.
    for fold in line.toy.folds:
        journal = line.journal(fold)
        for partition in range(PARTITIONS):
            log = [stored for stored in line.log(fold) if stored.partition == partition]
            cuts = [n for n, stored in enumerate(log) if stored.key == PROGRESS_KEY.encode()]
            assert not log or cuts[-1] == len(log) - 1
            for cut in cuts[:: max(1, len(cuts) // 5)]:
                progress = msgspec.json.decode(log[cut].value or b"", type=Progress)
                until = [s for s in journal if s.partition == partition and s.offset <= progress.applied]
                assert without_hints(newest(log[: cut + 1])) == pure(fold, until)


def things(states: States) -> dict[str, Any]:
    return {key: value for (_, key), value in states.items() if key != PROGRESS_KEY}
