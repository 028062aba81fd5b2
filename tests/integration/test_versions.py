"""A fold of two versions on a real Kafka: upgraded in the middle of its journal, and rolled back."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from processors.runtime.worker import EXIT_NEWER_STATES
from schemas.ticks import PROGRESS_KEY, Progress
from tests.toy_fold import Toy
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
    assert f"{world.toy.states}/" in said
    assert "was written by version 2 of its fold" in said
    assert "Traceback" not in said
    assert world.states(world.toy.folds[0]) == states  # nothing was dropped
    fold_with(world, 2, range(2_000, 2_100))
    assert world.letters() == []
