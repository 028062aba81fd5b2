"""One partition of a fold, and a process that stands still: what the watchdog sees, and what only takes long."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from infra.process.liveness import Liveness
from processors.fold.contract import Context, Effect, Partition, Record, Session
from processors.fold.view import View
from processors.runtime import blocking_calls, watchdog
from processors.runtime import partition as module
from processors.runtime.loading import Loading
from processors.runtime.watchdog import Stuck, watch
from schemas.ticks import NEVER
from schemas.transitions import JournalTruncated
from tests.runtime_partition_world import FOLD, SOON, Heard, Kafka, World, stand_in, taken
from tests.toy_fold import Total

# What the watchdog of partitions takes for a standstill, by a clock moved by hand.
STUCK = 0.06


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    return stand_in(monkeypatch)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
async def world(kafka: Kafka, pool: ThreadPoolExecutor) -> AsyncIterator[World]:
    async with taken(kafka, pool, Heard()) as world:
        yield world


class Watchdog:
    """Looks once a second, as time goes on by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.kafka_answers = 0.0, True
        self.liveness = Liveness(lambda: self.now)
        self.liveness._checks = {"kafka": lambda: self.kafka_answers}
        monkeypatch.setattr(blocking_calls, "LIVENESS", self.liveness)

    def stalled_after(self, seconds: int) -> str | None:
        for _ in range(seconds):
            self.now += 1.0
            outlook = self.liveness.look()
        return None if outlook.stalled is None else outlook.stalled[0]


async def test_a_commit_that_hangs_is_stalled_unless_kafka_is_away(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchdog = Watchdog(monkeypatch)
    async with taken(kafka, pool, Heard()) as world:
        await world.add()
        await world.until(lambda: kafka.commits)
        assert watchdog.stalled_after(100) is None, "nobody is in a thread"
        kafka.open.clear()
        await world.add()
        await world.until(lambda: kafka.begun == 2)
        watchdog.kafka_answers = False
        assert watchdog.stalled_after(100) is None
        watchdog.kafka_answers = True
        assert watchdog.stalled_after(29) is None
        assert watchdog.stalled_after(2) == "fold toy/2"
        kafka.open.set()
        await world.until(lambda: len(kafka.commits) == 2)
        assert watchdog.stalled_after(100) is None


async def test_a_step_that_hangs_is_stalled_whether_or_not_kafka_is_there(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that gets on, record by record, is not."""
    watchdog, turn, stepping = Watchdog(monkeypatch), Event(), list[int]()

    def slow(session: Session, records: Iterable[Record]) -> list[Effect]:
        for one in records:
            stepping.append(one.offset)
            assert turn.wait(SOON)
            turn.clear()
        return []

    monkeypatch.setattr(Session, "step", slow)
    async with taken(kafka, pool, Heard()) as world:
        await world.add(3)
        watchdog.kafka_answers = False
        for number in range(3):
            await world.until(lambda: len(stepping) == number + 1)  # noqa: B023
            assert watchdog.stalled_after(29) is None
            if number < 2:
                turn.set()
        assert watchdog.stalled_after(2) == "fold toy/2"
        turn.set()


async def test_one_record_that_changes_many_states_is_not_stalled(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick at which very much is due."""
    watchdog, turn, changed = Watchdog(monkeypatch), Event(), list[int]()

    def slow(session: Session, records: Iterable[Record]) -> list[Effect]:
        for number in range(5):
            session.view.put(f"thing-{number}", Total())
            changed.append(number)
            assert turn.wait(SOON)
            turn.clear()
        return []

    monkeypatch.setattr(Session, "step", slow)
    async with taken(kafka, pool, Heard()) as world:
        await world.add(1)
        for number in range(5):
            await world.until(lambda: len(changed) == number + 1)  # noqa: B023
            assert watchdog.stalled_after(29) is None
            turn.set()
            await world.until(lambda: not turn.is_set())


async def test_a_long_load_that_gets_on_is_not_stalled(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchdog, release, loads = Watchdog(monkeypatch), Event(), list[Loading]()

    def load(*arguments: Any) -> dict[str, Any]:
        loads.append(arguments[-1])
        assert release.wait(SOON)
        return {}

    monkeypatch.setattr(module, "load_states", load)
    async with taken(kafka, pool, Heard()) as world:
        await world.until(lambda: loads)
        for _ in range(10):
            loads[0].steps += 1
            assert watchdog.stalled_after(29) is None
        assert watchdog.stalled_after(2) == "fold toy/2"
        release.set()
        await world.until(lambda: world.runner.stepped()[2] is not None)


async def test_a_load_that_nobody_wants_any_more_counts_until_it_ends(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often partitions come and go, loads never take all threads: here one may run at once."""
    running, most = 0, 0
    release = Event()

    def load(*arguments: Any) -> dict[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        loading: Loading = arguments[-1]
        try:
            while not release.wait(0.01):
                pass
            loading.look()
        finally:
            running -= 1
        return {}

    monkeypatch.setattr(module, "load_states", load)
    async with taken(kafka, pool, Heard()) as world:
        for _ in range(6):
            await world.until(lambda: running)
            await world.runner.assign(set())
            await world.runner.assign({2})
            await asyncio.sleep(0.01)
        release.set()
        await world.until(lambda: world.runner.stepped()[2] is not None)
        await world.add()
        await world.until(lambda: kafka.commits)
        assert most == 1
        assert world.failures == []


class Slow:
    """The toy fold, which opens a partition, and folds an event, only when it is allowed to."""

    def __init__(self) -> None:
        self.allowed = {"open": Event(), "apply": Event()}
        self.at: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(FOLD, name)

    def wait(self, what: str) -> None:
        self.at = what
        assert self.allowed[what].wait(SOON)

    def open(self, view: View, partition: int) -> Partition:
        self.wait("open")
        slow, opened = self, FOLD.open(view, partition)

        class Waiting:
            def apply(self, event: Any, context: Context) -> Iterable[Effect]:
                slow.wait("apply")
                return opened.apply(event, context)

            def due(self) -> int:
                return NEVER

            def truncated(self, event: JournalTruncated) -> Iterable[Effect]:
                return ()

        return Waiting()


async def test_an_event_that_takes_long_holds_nobody_up(kafka: Kafka, pool: ThreadPoolExecutor) -> None:
    """Nor does the opening of a partition. It is one event all the same: a revocation waits until it is done."""
    slow = Slow()
    world = World(kafka, pool, None, slow)
    await world.runner.assign({2})
    await world.until(lambda: slow.at == "open")
    slow.allowed["open"].set()
    await world.add(2)
    await world.until(lambda: slow.at == "apply")
    assert world.runner.committed() == {}
    revoking = asyncio.create_task(world.runner.revoke())
    await asyncio.sleep(0.05)
    assert not revoking.done()
    slow.allowed["apply"].set()
    await asyncio.wait_for(revoking, SOON)
    await world.runner.assign(set())
    assert world.failures == []
    assert kafka.commits == []  # not ours any more: the next owner folds it again


class Looks:
    """The looks of the watchdog at the ends of journals, and its clock, moved by hand. end: None: Kafka is silent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
        self.now, self.count = 1_000.0, 0
        self.end: int | None = 0
        self._world = world
        monkeypatch.setattr(watchdog, "end_offsets", self._end_offsets)
        monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: self.now))

    def _end_offsets(self, _: Any, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        self.count += 1
        if self.end is None:
            raise RuntimeError("Kafka does not answer")
        return dict.fromkeys(partitions, self.end)

    async def pass_time(self, standstills: float) -> None:
        """After a look that has begun by now and has ended."""
        wanted = self.count + 3
        await self._world.until(lambda: self.count >= wanted)
        self.now += standstills * STUCK


async def test_states_that_take_long_to_load_are_no_standstill(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as something is read of any of them; once nothing is, the process has to begin anew."""
    reading, done = Event(), Event()
    reading.set()

    def load(*arguments: Any) -> dict[str, msgspec.Struct]:
        loading: Loading = arguments[-1]
        loading.reading.expect(1_000_000)
        while not done.wait(0.01):
            if reading.is_set():
                loading.steps += 1
                loading.reading.moved(loading.steps)
        return {}

    monkeypatch.setattr(module, "load_states", load)
    world = World(kafka, pool, None)

    def steps() -> int:
        return sum(loading.steps for loading in world.runner.loading().values())

    looks = Looks(monkeypatch, world)
    await world.runner.assign({0, 1, 2})  # two of them wait for their turn
    dog = asyncio.create_task(watch("nowhere:1", [world.runner], world.failures.append, stuck=STUCK))
    try:
        for _ in range(5):
            before = steps()
            await world.until(lambda before=before: steps() > before)  # type: ignore[misc]
            await looks.pass_time(0.9)
        assert world.failures == []
        left = {number: loading.reading.left for number, loading in world.runner.loading().items()}
        assert sorted(left) == [0, 1, 2]
        assert 0 < left[0] < 1_000_000
        reading.clear()
        for _ in range(3):
            await looks.pass_time(2.0)
        await world.until(lambda: world.failures)
        assert "has its states not loaded since" in str(world.failures[0])
    finally:
        dog.cancel()
        done.set()
        await world.runner.assign(set())


async def test_the_watchdog(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch, world)
    await world.until(lambda: world.runner.stepped() == {2: 0})
    dog = asyncio.create_task(watch("nowhere:1", [world.runner], world.failures.append, stuck=STUCK))
    for _ in range(3):  # nothing to do
        await looks.pass_time(2.0)
    for _ in range(4):  # behind, but moving
        looks.end = world.next + 5
        await world.add(2)
        await world.until(lambda: world.runner.stepped() == {2: world.next})
        await looks.pass_time(0.9)
    looks.end = None
    for _ in range(3):
        await looks.pass_time(2.0)
    assert world.failures == []
    looks.end = world.next + 1
    for _ in range(2):
        await looks.pass_time(2.0)
    await world.until(lambda: world.failures)
    assert isinstance(world.failures[0], Stuck)
    assert str(world.failures[0]).startswith(f"toy-journal/2 stands at {world.next} since")
    dog.cancel()
