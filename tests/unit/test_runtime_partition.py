"""One partition of a fold: what comes is committed once; holes, fences, revocations, and what is too much."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from processors.fold.contract import Effect, Record, Session
from processors.runtime import joining
from processors.runtime import partition as module
from processors.runtime.joining import Hole
from processors.runtime.stream import Span
from processors.runtime.transactions import Fenced, NotCommitted
from schemas.base import encode
from schemas.ticks import Tick
from tests.runtime_partition_world import SOON, Heard, Kafka, World, record, stand_in, taken
from tests.toy_fold import GROUPS, Added, Total


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
    monkeypatch.setattr(module, "_LINGER_SECONDS", 1e9)
    async with taken(kafka, pool, follower=None) as world:
        await world.add(8)
        await world.until(lambda: kafka.commits == [7])
        await world.add(1)
        await world.add(1, event=Added(number=3))
        await world.until(lambda: kafka.commits[-1] == 9)
        assert [effect.key for effect in kafka.effects] == [f"group-{3 % GROUPS}"]


async def test_what_waits_to_be_committed_is_folded_anew_by_the_next_owner(
    kafka: Kafka, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    lingering = module._LINGER_SECONDS
    # Before the first commit, which decides when the next one is due.
    monkeypatch.setattr(module, "_LINGER_SECONDS", 1e9)
    async with taken(kafka, pool, follower=None) as world:
        await world.add(8)
        await world.until(lambda: kafka.commits == [7])
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


async def test_markers_move_on_and_write_nothing(world: World) -> None:
    await world.add(0, gap=9)
    await world.until(lambda: world.runner.stepped() == {2: 9})
    await world.add(1)
    await world.until(lambda: world.kafka.commits == [9])


async def test_ticks_that_change_nothing_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick(offset: int) -> None:
        value = encode(Tick(slot="t", epoch=1, at=offset, now=offset))
        world.runner.offer(Span("toy-journal", 2, 1, offset, offset + 1, [record(offset, value)], 100))

    monkeypatch.setattr(module, "IDLE_SECONDS", 600.0)
    await world.add(1)
    await world.until(lambda: world.kafka.commits == [0])
    for offset in (1, 2, 3):
        tick(offset)
        await world.until(lambda: world.runner.stepped() == {2: offset + 1})  # noqa: B023
    assert world.kafka.commits == [0]
    assert world.runner.committed() == {2: 1}
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    tick(4)
    await world.until(lambda: world.kafka.commits[-1] == 4)  # what was folded before may be written before


async def test_a_batch_that_is_given_up_is_a_fault(world: World) -> None:
    world.kafka.error = NotCommitted("no broker")
    await world.add()
    await world.until(lambda: world.failures)
    assert world.failures == [world.kafka.error]
    assert ("committed", 2) not in world.heard.told


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
    await world.until(lambda: len(world.heard.told) >= 3)  # a moment after the commit
    assert world.kafka.commits == [4, 7]
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
