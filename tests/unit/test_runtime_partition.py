"""One partition of a fold and those who look after it: holes, fences, revocations, a process that stands still.

The producer and the loading of states are stand-ins; tests/integration/test_runtime*.py have the real ones.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord

from infra.process.liveness import Liveness
from processors.fold.contract import Context, Effect, Partition, Record, Session
from processors.fold.defects import Defects
from processors.fold.view import View
from processors.runtime import blocking_calls, joining, watchdog
from processors.runtime import partition as module
from processors.runtime.context import TruncatedLog
from processors.runtime.joining import Hole
from processors.runtime.loading import Loading
from processors.runtime.runner import Runner
from processors.runtime.stream import Span
from processors.runtime.transactions import Fenced, NotCommitted, Unsettled
from processors.runtime.watchdog import Stuck, watch
from schemas.base import encode
from schemas.ticks import NEVER, PROGRESS_KEY, Progress, Tick
from schemas.transitions import JournalTruncated
from tests.toy_fold import GROUPS, Added, Total, Toy

FOLD = Toy("toy").folds[0]
ONE = Added(number=1)
SOON = 30.0


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
        self.begun += 1
        assert self.open.wait(SOON)
        if self.error is not None and not self.writes_all_the_same:
            raise self.error
        assert list(changes)[-1] == PROGRESS_KEY
        progress = changes[PROGRESS_KEY]
        assert isinstance(progress, Progress)
        self.commits.append(progress.applied)
        self.effects += effects
        for key, record in changes.items():
            if record is None:
                self.states.pop(key)
            else:
                self.states[key] = record
        if self.error is not None:
            raise self.error


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


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    kafka = Kafka()
    monkeypatch.setattr(module, "PartitionProducer", kafka.producer)
    monkeypatch.setattr(module, "load_states", lambda *_: dict(kafka.states))
    monkeypatch.setattr(module, "first_offset", lambda *_: kafka.first_offset)
    monkeypatch.setattr(module, "truncated_at", lambda *_: kafka.truncated_at)
    monkeypatch.setattr(joining, "_PAUSE_SECONDS", 0.0)
    return kafka


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@contextlib.asynccontextmanager
async def taken(kafka: Kafka, pool: ThreadPoolExecutor, follower: Heard | None) -> AsyncIterator[World]:
    world = World(kafka, pool, follower)
    await world.runner.assign({2})
    try:
        yield world
    finally:
        kafka.open.set()
        await world.runner.assign(set())


@pytest.fixture
async def world(kafka: Kafka, pool: ThreadPoolExecutor) -> AsyncIterator[World]:
    async with taken(kafka, pool, Heard()) as world:
        yield world


async def test_what_comes_is_committed(world: World) -> None:
    await world.add(3)
    await world.until(lambda: world.kafka.commits == [2])
    await world.add(2, gap=1)
    await world.add(1)
    await world.until(lambda: world.kafka.commits[-1] == 6)
    await world.until(lambda: world.runner.committed() == {2: 7})
    assert isinstance(world.kafka.states["thing"], Total)
    assert world.kafka.states["thing"].count == 6
    assert world.kafka.fences == 1
    assert world.heard.told[0] == ("assigned", 0)
    assert world.failures == []


@pytest.mark.parametrize("short", [True, False])
async def test_only_short_batches_are_folded_on_the_event_loop(
    world: World, monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    threads = set[int]()

    def step(session: Session, records: Iterable[Record]) -> list[Effect]:
        threads.add(threading.get_ident())
        return real(session, records)

    real = Session.step
    monkeypatch.setattr(Session, "step", step)
    monkeypatch.setattr(module, "is_short", lambda _: short)
    await world.add(3)
    await world.until(lambda: world.kafka.commits == [2])
    assert (threads == {threading.get_ident()}) is short
    assert world.failures == []


async def test_under_load_a_batch_fills_before_it_is_committed(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A batch waits for ever, whatever the machine's speed: only what is worth a commit ends that.
    monkeypatch.setattr(module, "_LINGER_SECONDS", 1e9)
    monkeypatch.setattr(module, "_WORTH_A_COMMIT", 3)
    async with taken(kafka, pool, follower=None) as world:
        await world.add(8)
        await world.until(lambda: kafka.commits == [7])
        await world.add(1)
        await world.until(lambda: world.runner.stepped() == {2: 9})
        await world.add(1)
        await world.until(lambda: world.runner.stepped() == {2: 10})
        assert world.runner.committed() == {2: 8}
        await world.add(1)
        await world.until(lambda: kafka.commits[-1] == 10)
        assert kafka.commits == [7, 10]
        # A batch as small as that has shown no load: the next one does not wait.
        await world.add(1)
        await world.until(lambda: kafka.commits[-1] == 11)


async def test_what_somebody_waits_for_does_not_wait_under_load(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with taken(kafka, pool, follower=None) as world:
        await world.add(8)
        await world.until(lambda: kafka.commits == [7])
        monkeypatch.setattr(module, "_LINGER_SECONDS", 100 * SOON)
        await world.add(1)
        await world.add(1, event=Added(number=3))
        await world.until(lambda: kafka.commits[-1] == 9)
        assert [effect.key for effect in kafka.effects] == [f"group-{3 % GROUPS}"]


async def test_what_waits_to_be_committed_is_folded_anew_by_the_next_owner(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with taken(kafka, pool, follower=None) as world:
        await world.add(8)
        await world.until(lambda: kafka.commits == [7])
        lingering = module._LINGER_SECONDS
        monkeypatch.setattr(module, "_LINGER_SECONDS", 100 * SOON)
        await world.add(1)
        await world.until(lambda: world.runner.stepped() == {2: 9})
        await world.runner.revoke()
        await world.runner.assign(set())
        assert kafka.commits == [7]
        monkeypatch.setattr(module, "_LINGER_SECONDS", lingering)
        await world.runner.assign({2})
        await world.add(1, start=8)
        await world.until(lambda: kafka.commits == [7, 8])
        total = kafka.states["thing"]
        assert isinstance(total, Total)
        assert total.count == 9


async def test_records_read_again_count_once(world: World) -> None:
    await world.add(5)
    await world.until(lambda: world.kafka.commits)
    await world.add(7, start=0)
    await world.until(lambda: world.kafka.commits[-1] == 6)
    assert world.kafka.states["thing"] == Total(count=7, checksum=world.kafka.states["thing"].checksum)  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", [1, 6])
async def test_a_hole_is_a_fault(world: World, start: int) -> None:
    """Whether at the beginning or later: folding on would lose for ever what is missing."""
    if start > 5:
        await world.add(5)
    for _ in range(joining._TRIES):  # what is missing is asked for again and again
        await world.add(1, start=start)
    await world.until(lambda: len(world.rewound) == joining._TRIES)
    assert world.failures == []
    await world.add(1, start=start)
    await world.until(lambda: world.failures)
    assert isinstance(world.failures[0], Hole)
    assert str(world.failures[0]) == f"toy-journal/2: {start - 1} to {start - 1} did not come"
    assert set(world.rewound) == {start - 1}


async def test_what_is_missing_is_read_again(world: World) -> None:
    """The group's offset is ahead of states that a power cut has set back."""
    await world.add(2, start=3)
    await world.until(lambda: world.rewound == [0])
    assert world.kafka.commits == []
    await world.add(5, start=0)
    await world.until(lambda: world.kafka.commits == [4])
    assert world.failures == []


async def test_a_journal_that_has_lost_what_was_folded(kafka: Kafka, pool: ThreadPoolExecutor) -> None:
    """The states are kept, it is said once and for all, and what stands at the offsets lost is folded."""
    kafka.states = {"thing": Total(count=5), PROGRESS_KEY: Progress(applied=99, time=7, last=1, newest=3)}
    kafka.truncated_at = 40
    async with taken(kafka, pool, Heard()) as world:
        await world.until(lambda: kafka.commits == [39])
        assert [effect.value for effect in kafka.effects] == [
            JournalTruncated(partition=2, journal="toy-journal", applied=99, end=40, since=7)
        ]
        await world.until(lambda: world.rewound == [40])
        await world.add(2, start=40)
        await world.until(lambda: kafka.commits == [39, 41])
        await world.until(lambda: world.runner.committed() == {2: 42})
    progress, total = kafka.states[PROGRESS_KEY], kafka.states["thing"]
    assert isinstance(progress, Progress)
    assert isinstance(total, Total)
    assert (progress.truncated, total.count) == (40, 7)
    assert len(kafka.effects) == 1


@pytest.mark.parametrize("missing", [True, False])
async def test_a_journal_that_lost_only_what_was_not_folded(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    """Looked for when the logs may have lost their ends; what the journal holds from there on is not missing."""
    asked: list[int | None] = []

    def missed_by(*arguments: Any) -> list[Any]:
        asked.append(arguments[-1])
        return [("thing", ONE)] if missing else []

    monkeypatch.setattr(module, "missed_by", missed_by)
    kafka.states = {PROGRESS_KEY: Progress(applied=6), "thing": Total(count=5)}
    for doubtful in (False, True):
        world = World(kafka, pool, None, doubtful=doubtful)
        await world.runner.assign({2})
        await world.until(lambda world=world: world.runner.stepped() == {2: 7})  # type: ignore[misc]
        assert asked == ([7] if doubtful else [])
        await world.runner.assign(set())
        assert world.failures == []
    progress, total = kafka.states[PROGRESS_KEY], kafka.states["thing"]
    assert isinstance(progress, Progress)
    assert isinstance(total, Total)
    assert (progress.applied, progress.truncated, total.count) == ((6, 7, 6) if missing else (6, None, 5))
    assert len([effect for effect in kafka.effects if isinstance(effect.value, JournalTruncated)]) == missing


async def test_a_partition_in_which_nothing_was_folded(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others had sent may have been all that there was."""
    asked: list[int | None] = []

    def missed_by(*arguments: Any) -> list[Any]:
        asked.append(arguments[-1])
        return [("thing", ONE)]

    monkeypatch.setattr(module, "missed_by", missed_by)
    world = World(kafka, pool, None, doubtful=True)
    await world.runner.assign({2})
    await world.until(lambda: world.runner.stepped() == {2: 0})
    assert asked == [0], "what the journal holds is not missing"
    await world.add(2, start=0)
    await world.until(lambda: world.runner.committed() == {2: 2})
    await world.runner.assign(set())
    progress, total = kafka.states[PROGRESS_KEY], kafka.states["thing"]
    assert isinstance(progress, Progress)
    assert isinstance(total, Total)
    assert (progress.applied, progress.truncated, total.count) == (1, 0, 3)
    assert world.failures == []


async def test_a_journal_that_loses_its_end_while_it_is_ours(world: World) -> None:
    """What was stepped is committed, and the partition taken over anew: once, whoever notices it first."""
    kafka = world.kafka
    await world.add(5)
    await world.until(lambda: kafka.commits == [4])
    kafka.truncated_at = 3
    await world.add(1, start=0, unsure=True)
    world.runner.take_anew(2, TruncatedLog.JOURNAL)
    await world.until(lambda: kafka.commits == [4, 2])
    kafka.truncated_at = None
    await world.until(lambda: world.rewound == [3])
    assert kafka.fences == 2
    assert [told for told, _ in world.heard.told] == ["assigned", "committed", "revoked", "assigned"]
    await world.add(2, start=3)
    await world.until(lambda: world.runner.committed() == {2: 5})
    total = kafka.states["thing"]
    assert isinstance(total, Total)
    assert total.count == 7
    assert len([effect for effect in kafka.effects if isinstance(effect.value, JournalTruncated)]) == 1
    assert world.failures == []


@pytest.mark.parametrize("written", [True, False])
async def test_what_became_of_a_batch_is_looked_up(world: World, written: bool) -> None:
    """The broker ended in the midst of a commit, and knows nothing of it when it is back."""
    kafka = world.kafka
    await world.add(3)
    await world.until(lambda: kafka.commits == [2])
    kafka.writes_all_the_same, kafka.error = written, Unsettled("invalid state")
    await world.add(3)
    await world.until(lambda: kafka.begun == 2)
    kafka.error = None
    goes_on = 6 if written else 3
    await world.until(lambda: world.rewound == [goes_on])
    await world.add(8 - goes_on, start=goes_on)
    await world.until(lambda: kafka.commits[-1] == 7)
    total = kafka.states["thing"]
    assert isinstance(total, Total)
    assert (total.count, kafka.fences, world.failures) == (8, 2, [])
    assert [told for told, _ in world.heard.told] == ["assigned", "committed", "revoked", "assigned", "committed"]


async def test_what_cannot_be_settled_again_and_again_is_a_fault(world: World) -> None:
    world.kafka.error = Unsettled("invalid state")
    for _ in range(module._MOST_UNSETTLED + 1):
        await world.until(lambda: world.runner.stepped() == {2: 0})
        await world.add(1, start=0)
        begun = world.kafka.begun
        await world.until(lambda begun=begun: world.kafka.begun > begun)  # type: ignore[misc]
    await world.until(lambda: world.failures)
    assert world.failures == [world.kafka.error]


async def test_what_may_come_after_a_loss_is_looked_at_before_it_is_folded(world: World) -> None:
    """The log may have grown past the position again: then only its content shows that it is another one."""
    kafka = world.kafka
    await world.add(2)
    await world.until(lambda: kafka.commits == [1])
    await world.add(1, unsure=True)
    await world.until(lambda: kafka.commits == [1, 2])
    assert kafka.fences == 1, "it is the one that was folded"
    kafka.truncated_at = 1
    await world.add(3, unsure=True)
    await world.until(lambda: kafka.commits == [1, 2, 0])
    kafka.truncated_at = None
    await world.until(lambda: world.rewound == [1])
    await world.add(4, start=1)
    await world.until(lambda: kafka.commits[-1] == 4)
    total = kafka.states["thing"]
    assert isinstance(total, Total)
    assert total.count == 3 + 4


async def test_what_was_not_sure_when_it_was_forgotten_is_still_looked_at(world: World) -> None:
    kafka = world.kafka
    kafka.open.clear()
    await world.add(5)
    await world.until(lambda: kafka.begun == 1)
    await world.add(1, start=0, unsure=True)
    revoking = asyncio.create_task(world.runner.revoke())
    await world.until(lambda: not world.runner._owned[2]._inbox)
    kafka.truncated_at = 3
    kafka.open.set()
    await revoking
    await world.runner.assign({2})
    await world.add(9, start=5)
    await world.until(lambda: kafka.commits == [4, 2])


async def test_states_that_lose_their_end_while_they_are_ours(world: World) -> None:
    """What is in memory is thrown away: written over what is left, it would hide what is missing."""
    kafka = world.kafka
    await world.add(3)
    await world.until(lambda: kafka.commits == [2])
    before = dict(kafka.states)
    await world.add(3)
    await world.until(lambda: kafka.commits == [2, 5])
    kafka.states = before
    world.runner.take_anew(2, TruncatedLog.STATES)
    world.runner.take_anew(2, TruncatedLog.JOURNAL)
    await world.until(lambda: world.rewound == [3])
    assert (kafka.fences, kafka.commits) == (2, [2, 5])
    await world.add(4, start=3)
    await world.until(lambda: kafka.commits == [2, 5, 6])
    total = kafka.states["thing"]
    assert isinstance(total, Total)
    assert total.count == 7


async def test_what_a_journal_has_lost_is_no_fault(world: World) -> None:
    """By retention, or by an operator: the fold goes on where the journal begins."""
    world.kafka.first_offset = 40
    await world.add(2, start=40)
    await world.until(lambda: world.kafka.commits == [41])
    assert world.failures == []


async def test_markers_move_on_and_write_nothing(world: World) -> None:
    await world.add(0, gap=9)
    await world.until(lambda: world.runner.stepped() == {2: 9})
    await world.add(1)
    await world.until(lambda: world.kafka.commits == [9])


async def test_ticks_that_change_nothing_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick(offset: int) -> None:
        value = encode(Tick(slot="t", epoch=1, at=offset, now=offset))
        world.runner.offer(Span("toy-journal", 2, 1, offset, offset + 1, [record(offset, value)], 100))

    await world.add(1)
    await world.until(lambda: world.kafka.commits == [0])
    for offset in (1, 2, 3):
        tick(offset)
        await world.until(lambda: world.runner.stepped() == {2: offset + 1})  # noqa: B023
    assert world.kafka.commits == [0]
    assert world.runner.committed() == {2: 1}
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    tick(4)
    await world.until(lambda: world.kafka.commits == [0, 4])


async def test_a_batch_that_is_given_up_is_a_fault(world: World) -> None:
    world.kafka.error = NotCommitted("no broker")
    await world.add()
    await world.until(lambda: world.failures)
    assert world.failures == [world.kafka.error]
    assert ("committed", 2) not in world.heard.told


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


async def test_fenced_on_a_partition_that_is_ours_is_a_fault(world: World) -> None:
    world.kafka.error = Fenced("newer")
    await world.add()
    await world.until(lambda: world.failures)
    assert world.failures == [world.kafka.error]


async def test_fenced_on_a_partition_that_is_not_ours_is_normal(world: World) -> None:
    """It is dropped, and taken anew should it come back."""
    world.kafka.open.clear()
    world.kafka.error = Fenced("newer")
    await world.add()
    await world.until(lambda: world.kafka.begun)
    revoking = asyncio.create_task(world.runner.revoke())
    await asyncio.sleep(0.05)
    assert not revoking.done()
    world.kafka.open.set()
    await asyncio.wait_for(revoking, SOON)
    world.kafka.error = None
    await world.runner.assign({2})
    await world.add(3, start=0)
    await world.until(lambda: len(world.heard.told) >= 4)  # a moment after the commit
    assert world.kafka.commits == [2]
    assert world.kafka.fences == 2
    assert world.failures == []
    assert [what for what, _ in world.heard.told] == ["assigned", "revoked", "assigned", "committed"]


async def test_an_orderly_revocation_waits_for_the_batch(world: World) -> None:
    """And what had not begun is forgotten; it is read again, by whoever owns the partition then."""
    await world.add(1)
    await world.until(lambda: world.kafka.commits == [0])
    world.kafka.open.clear()
    await world.add(2)
    await world.until(lambda: world.kafka.begun == 2)
    await world.add(4)
    revoking = asyncio.create_task(world.runner.revoke())
    await asyncio.sleep(0.05)
    assert not revoking.done()
    world.kafka.open.set()
    await asyncio.wait_for(revoking, SOON)
    assert world.kafka.commits == [0, 2]
    await world.add(1, start=3)  # came late
    await asyncio.sleep(0.05)
    assert world.kafka.commits == [0, 2]


async def test_a_partition_that_stays_keeps_its_states(world: World) -> None:
    await world.add(5)
    await world.until(lambda: world.kafka.commits)
    await world.runner.revoke()
    await world.runner.assign({2})
    await world.add(8, start=0)
    await world.until(lambda: world.kafka.commits[-1] == 7)
    assert world.kafka.fences == 1
    assert [what for what, _ in world.heard.told] == ["assigned", "committed", "committed"]


async def test_a_partition_that_goes_is_forgotten(world: World) -> None:
    await world.add(5)
    await world.until(lambda: world.kafka.commits)
    await world.runner.revoke()
    await world.runner.assign({1})
    assert ("revoked", 2) in world.heard.told
    assert 2 not in world.runner.stepped()
    await world.add(1)
    await asyncio.sleep(0.05)
    assert world.kafka.commits == [4]
    assert world.failures == []


async def test_a_partition_is_full_while_too_much_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add(1)
    await world.until(lambda: world.kafka.commits)
    monkeypatch.setattr(module, "FULL_BYTES", 1_000)
    world.kafka.open.clear()
    await world.add(1)
    await world.until(lambda: world.kafka.begun == 2)
    assert not world.runner.full(2)
    await world.add(10)
    assert world.runner.full(2)
    assert not world.runner.full(1)  # not ours: nothing of it waits
    world.kafka.open.set()
    await world.until(lambda: not world.runner.full(2))


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


async def test_states_that_take_long_to_load_are_no_standstill(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as something is read of any of them; once nothing is, the process has to begin anew."""
    reading, done = Event(), Event()
    reading.set()

    def load(*arguments: Any) -> dict[str, msgspec.Struct]:
        loading: Loading = arguments[-1]
        loading.reading.expect(1_000)
        while not done.wait(0.01):
            if reading.is_set():
                loading.steps += 1
                loading.reading.moved(loading.steps)
        return {}

    monkeypatch.setattr(module, "load_states", load)
    monkeypatch.setattr(watchdog, "end_offsets", lambda _, partitions: dict.fromkeys(partitions, 0))
    world = World(kafka, pool, None)
    await world.runner.assign({0, 1, 2})  # two of them wait for their turn
    dog = asyncio.create_task(watch("nowhere:1", [world.runner], world.failures.append, stuck=0.6))
    try:
        await asyncio.sleep(2.0)
        assert world.failures == []
        left = {number: loading.reading.left for number, loading in world.runner.loading().items()}
        assert sorted(left) == [0, 1, 2]
        assert 0 < left[0] < 1_000
        reading.clear()
        await world.until(lambda: world.failures)
        assert "has its states not loaded since" in str(world.failures[0])
    finally:
        dog.cancel()
        done.set()
        await world.runner.assign(set())


async def test_the_watchdog(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int | None] = [0]

    def end_offsets(_: Any, partitions: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        if ends[0] is None:
            raise RuntimeError("Kafka does not answer")
        return dict.fromkeys(partitions, ends[0])

    monkeypatch.setattr(watchdog, "end_offsets", end_offsets)
    await world.until(lambda: world.runner.stepped() == {2: 0})
    dog = asyncio.create_task(watch("nowhere:1", [world.runner], world.failures.append, stuck=0.6))
    await asyncio.sleep(1.0)  # nothing to do
    for _ in range(4):  # behind, but moving
        ends[0] = world.next + 5
        await world.add(2)
        await asyncio.sleep(0.3)
    ends[0] = None
    await asyncio.sleep(1.0)
    assert world.failures == []
    ends[0] = world.next + 1
    await world.until(lambda: world.failures)
    assert isinstance(world.failures[0], Stuck)
    assert str(world.failures[0]).startswith(f"toy-journal/2 stands at {world.next} since")
    dog.cancel()
