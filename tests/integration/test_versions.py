"""A fold of two versions on a real Kafka: upgraded in the middle of its journal, and rolled back."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Producer

from infra.log.sink import producer_config
from pingfold.replay.derived import letters_of, of_types
from pingfold.replay.outcome import DIFFERENT, EQUAL, NOT_COMPARABLE, Outcome
from pingfold.replay.run import Scope, run
from processors.refold.log import KafkaLog
from processors.runtime.faults import EXIT_NEWER_STATES
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import DEAD_LETTERS
from tests.toy_fold import Added, Announced, Toy
from tests.toy_world import World

pytestmark = pytest.mark.stack


@pytest.fixture
def world(kafka_bootstrap: str, tmp_path: Path) -> Iterator[World]:
    world = World(kafka_bootstrap, f"toy-{uuid.uuid4().hex[:8]}", tmp_path)
    yield world
    world.close()


def fold_with(world: World, version: int, numbers: range) -> None:
    """Append these numbers, and let a worker of a version fold them; it stops then."""
    worker = world.start(version=version)
    for number in numbers:
        world.add(f"thing-{number % 50}", number)
    world.settle()
    assert worker.stop() == 0


def progresses(world: World) -> dict[int, Progress]:
    """The partitions' own records of the first fold."""
    fold = Toy(world.toy.name, 2).folds[0]
    states = world.states(fold)
    return {place[0]: fold.records.decode(states[place]) for place in states if place[1] == PROGRESS_KEY}


def test_an_upgrade_is_recorded_and_a_rollback_is_refused(world: World) -> None:
    fold_with(world, 1, range(1_000))
    before = progresses(world)
    fold_with(world, 2, range(1_000, 2_000))
    after = progresses(world)
    for partition, progress in after.items():
        assert [epoch.fold for epoch in progress.epochs] == [1, 2]
        assert progress.epochs[0].offset == 0
        assert before[partition].applied < progress.epochs[1].offset <= progress.applied
    states = world.states(world.toy.folds[0])
    world.add("thing-1", 1)
    world.flush()
    old = world.start(version=1)
    assert old.wait(30) == EXIT_NEWER_STATES
    said = old.output.read_text()
    # Whichever fold is the first to look.
    assert any(f"{states}/" in said for states in (world.toy.states, world.toy.second_states))
    assert "was written by version 2 of its fold" in said
    assert "Traceback" not in said
    assert world.states(world.toy.folds[0]) == states  # nothing was dropped
    fold_with(world, 2, range(2_000, 2_100))
    assert world.letters() == []


def scope(world: World, version: int, *former: int) -> Scope:
    folds = Toy(world.toy.name, version).folds
    topics = {world.toy.second: of_types(["third"]), DEAD_LETTERS: letters_of(folds)}
    at_hand = [fold for each in former for fold in Toy(world.toy.name, each).folds]
    return Scope(KafkaLog(world.bootstrap), folds, topics, world.data / "snapshots", at_hand)


def verify(scope: Scope, snapshot: bool = False) -> Outcome:
    return run(scope, True, snapshot, False, lambda _: None)


def test_each_stretch_is_judged_by_its_version(world: World) -> None:
    """With both versions at hand, or from a snapshot; without either it is not comparable, and never different."""
    for number in range(10):  # some that are refused, and some for every partition
        world.put(f"thing-{number}", encode(Added(number=-1)))
        world.put(f"thing-{number}", encode(Announced()))
    fold_with(world, 1, range(1_000))
    assert verify(scope(world, 1)).status == EQUAL
    fold_with(world, 2, range(1_000, 1_200))
    both = verify(scope(world, 2, 1))
    assert both.status == EQUAL, list(both.lines(True))
    assert both.snapshot is None
    assert both.events > 1_500
    alone = verify(scope(world, 2))
    assert alone.status == NOT_COMPARABLE, list(alone.lines(True))
    assert alone.difference_count == 0
    assert "version of the fold 1 (here 2)" in "\n".join(alone.lines(True))


def test_a_snapshot_before_an_upgrade(world: World) -> None:
    """The older version verifies what it has folded and puts the states aside; the newer one begins with them."""
    fold_with(world, 1, range(1_000))
    taken = verify(scope(world, 1), snapshot=True)
    assert taken.written
    fold_with(world, 2, range(1_000, 2_000))
    outcome = verify(scope(world, 2))
    assert outcome.status == EQUAL, list(outcome.lines(True))
    assert outcome.snapshot == taken.written
    assert 1_000 <= outcome.events < 1_600
    # An effect of the newer version is written twice.
    double = max(world.read(world.toy.second), key=lambda stored: stored.timestamp)
    copied = Producer(producer_config(world.bootstrap))
    copied.produce(world.toy.second.name, double.value, double.key, double.partition)
    assert copied.flush(20) == 0
    outcome = verify(scope(world, 2))
    assert outcome.status == DIFFERENT
    (difference,) = outcome.differences
    assert (difference.kind, difference.partition) == ("duplicate", double.partition)
    assert (difference.offset or 0) > double.offset


def test_a_transaction_that_is_under_way_is_awaited(world: World) -> None:
    """What it has written is not there yet; it may be in one topic and not in another. `settle` waits for its end."""
    log, topic = KafkaLog(world.bootstrap), world.toy.states
    producer = Producer(
        producer_config(world.bootstrap) | {"transactional.id": world.toy.name, "message.timeout.ms": 10_000}
    )
    producer.init_transactions(10)
    for commit in (True, False):
        before = log.settle(topic)
        producer.begin_transaction()
        producer.produce(topic.name, b"{}", b"key", 0)
        producer.flush(10)
        assert log.ends(topic) == before
        with ThreadPoolExecutor(1) as thread:
            settled = thread.submit(log.settle, topic)
            with pytest.raises(TimeoutError):
                settled.result(1.0)
            if commit:
                producer.commit_transaction(10)
            else:
                producer.abort_transaction(10)
            assert settled.result(30)[0] > before[0]
    assert [stored.value for stored in log.read(topic, 0, 0, log.ends(topic)[0])] == [b"{}"]
    assert list(log.read(topic, 0, 1, log.ends(topic)[0])) == []
    assert log.begins(topic) == dict.fromkeys(before, 0)
