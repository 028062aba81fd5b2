"""One partition of a toy fold and what looks after it, in memory: the producer and the loading of states are stand-ins.

tests/integration/test_runtime*.py have the real ones.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord

from processors.fold.contract import Effect
from processors.fold.defects import Defects
from processors.runtime import joining
from processors.runtime import partition as module
from processors.runtime.runner import Runner
from processors.runtime.stream import Span
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY, Progress
from tests.toy_fold import Added, Toy

FOLD = Toy("toy").folds[0]
ONE = Added(number=1)
SOON = 120.0


class Kafka:
    """What the partitions write to, and what goes wrong there."""

    def __init__(self) -> None:
        self.states: dict[str, msgspec.Struct] = {}
        self.commits: list[int] = []
        self.effects: list[Effect] = []
        self.begun = self.fences = 0
        self.error: Exception | None = None
        self.writes_all_the_same = False  # what ends by the error
        self.open = Event()  # commits end while it is set
        self.open.set()
        self.first_offset = self.written = 0
        self.truncated_at: int | None = None

    def producer(self, bootstrap: str, fold: Any, partition: int, beat: Callable[[], None]) -> "Kafka":
        beat()
        self.fences += 1
        return self

    def commit(self, changes: Mapping[str, msgspec.Struct | None], effects: Sequence[Effect]) -> None:
        """In a thread: what is set after it has `begun` is for the next one; when `commits` tells it, all is done."""
        error, writes = self.error, self.error is None or self.writes_all_the_same
        self.begun += 1
        assert self.open.wait(SOON)
        if error is not None and not writes:
            raise error
        assert list(changes)[-1] == PROGRESS_KEY
        progress = changes[PROGRESS_KEY]
        assert isinstance(progress, Progress)
        self.effects += effects
        for key, record in changes.items():
            if record is None:
                self.states.pop(key)
            else:
                self.states[key] = record
        self.commits.append(progress.applied)
        if error is not None:
            raise error


class Heard:
    """A follower that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def assigned(self, partition: int, records: Mapping[str, msgspec.Struct]) -> None:
        self.told.append(("assigned", len(records)))

    def committed(self, partition: int, changes: Mapping[str, msgspec.Struct | None]) -> None:
        self.told.append(("committed", len(changes)))

    def revoked(self, partition: int) -> None:
        self.told.append(("revoked", partition))

    def works(self) -> bool:
        return True

    async def close(self) -> None:
        self.told.append(("closed", 0))


class World:
    def __init__(
        self,
        kafka: Kafka,
        pool: ThreadPoolExecutor,
        follower: Heard | None,
        fold: Any = FOLD,
        doubtful: bool = False,
    ) -> None:
        self.kafka, self.heard, self.failures = kafka, follower or Heard(), list[BaseException]()
        self.rewound: list[int] = []
        self.runner = Runner(
            "nowhere",
            fold,
            pool,
            lambda: None,
            self.failures.append,
            self.rewind,
            asyncio.Semaphore(1),
            Defects(),
            follower,
            doubtful,
        )
        self.next = 0

    async def rewind(self, partition: int, offset: int) -> None:
        assert partition == 2
        self.rewound.append(offset)

    async def add(
        self, count: int = 3, start: int | None = None, gap: int = 0, event: Any = ONE, unsure: bool = False
    ) -> None:
        """Records of one key come, from offset `start` or from where the last ones ended, and `gap` markers."""
        start = self.next if start is None else start
        records = [record(offset, encode(event)) for offset in range(start, start + count)]
        self.next = start + count + gap
        self.runner.offer(Span("toy-journal", 2, 1, start, self.next, records, 100 * count, unsure))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                await asyncio.sleep(0.001)


def record(offset: int, value: bytes) -> Any:
    return ConsumerRecord("toy-journal", 2, offset, 1_000, 0, b"thing", value, None, 5, len(value), ())


def stand_in(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """What partitions write to from now on."""
    kafka = Kafka()
    monkeypatch.setattr(module, "PartitionProducer", kafka.producer)
    monkeypatch.setattr(module, "load_states", lambda *_: dict(kafka.states))
    monkeypatch.setattr(module, "first_offset", lambda *_: kafka.first_offset)
    monkeypatch.setattr(module, "truncated_at", lambda *_: kafka.truncated_at)
    monkeypatch.setattr(joining, "_PAUSE_SECONDS", 0.0)
    return kafka


@contextlib.asynccontextmanager
async def taken(kafka: Kafka, pool: ThreadPoolExecutor, follower: Heard | None) -> AsyncIterator[World]:
    world = World(kafka, pool, follower)
    await world.runner.assign({2})
    try:
        yield world
    finally:
        kafka.open.set()
        await world.runner.assign(set())
