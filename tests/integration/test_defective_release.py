"""A release that cannot fold what others could stops, with its journal whole; the operator may decide otherwise."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.process.lifecycle import EXIT_DEFECTIVE
from schemas.base import encode
from tests.toy_fold import DEFECTIVE, Explode
from tests.toy_world import World

pytestmark = pytest.mark.stack


@pytest.fixture
def world(kafka_bootstrap: str, tmp_path: Path) -> Iterator[World]:
    world = World(kafka_bootstrap, f"toy-{uuid.uuid4().hex[:8]}", tmp_path)
    yield world
    world.close()


def add(world: World, first: int, until: int) -> None:
    for number in range(first, until):
        world.add(f"thing-{number % 50}", number)
    world.flush()


def test_a_bad_release(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = world.start()
    add(world, 0, 420)
    world.settle()
    assert worker.stop() == 0
    add(world, 420, 1_500)
    for _ in range(2):  # as a supervisor starts it again and again
        worker = world.start(version=DEFECTIVE)
        assert worker.wait(60) == EXIT_DEFECTIVE, world.said()
    assert "PINGFOLD_ACCEPT_DEFECTS" in worker.output.read_text()
    assert world.letters() == []

    worker = world.start()
    world.settle()
    world.check()
    assert worker.stop() == 0

    monkeypatch.setenv("PINGFOLD_ACCEPT_DEFECTS", "1")
    before = sum(map(len, world.acknowledged.values()))
    add(world, 1_500, 2_000)
    worker = world.start(version=DEFECTIVE)
    world.settle()
    assert worker.stop() == 0
    assert len(world.letters()) == sum(map(len, world.acknowledged.values())) - before
    assert {letter.reason for letter in world.letters()} == {"RuntimeError: what a bad release says"}


def test_bad_events_of_few_things_stop_nobody(world: World) -> None:
    """However many there are: others are folded beside them."""
    worker = world.start()
    for number in range(3_000):
        world.put(f"bad-{number % 3}", encode(Explode()))
        world.put(f"worse-{number % 3}", b"{")
        if number % 10 == 0:
            world.add(f"thing-{number % 50}", number)
    world.settle()
    assert worker.stop() == 0, world.said()
    assert len(world.letters()) == 6_000
