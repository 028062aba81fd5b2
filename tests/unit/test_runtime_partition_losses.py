"""One partition of a fold whose journal or states have lost something, and what is not sure after that."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import pytest

from processors.runtime import partition as module
from processors.runtime.context import TruncatedLog
from processors.runtime.transactions import Unsettled
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.transitions import JournalTruncated
from tests.runtime_partition_world import ONE, Heard, Kafka, World, stand_in, taken
from tests.toy_fold import Total


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
    await world.until(lambda: len(world.heard.told) >= 5)  # a moment after the commit
    assert kafka.commits[-1] == 7
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


async def test_a_future_that_somebody_else_gives_up_is_a_fault_of_the_partition(kafka: Kafka, world: World) -> None:
    """Such as that of a producer: the partition was not given back, so nobody else would fold it."""
    kafka.error = CancelledError()
    await world.add()
    await world.until(lambda: world.failures)
    assert [str(error) for error in world.failures] == ["what it awaited was cancelled"]


async def test_a_partition_that_is_given_back_is_no_fault(kafka: Kafka, world: World) -> None:
    await world.add()
    await world.until(lambda: kafka.commits)
    await world.runner.assign(set())
    assert world.failures == []
