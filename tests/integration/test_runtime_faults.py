"""The runtime of folds under faults: workers killed and frozen, the broker killed and frozen, two workers for one slot.

Whatever happens, in the end everything that Kafka acknowledged counts once (`World.check`).
"""

import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.process.liveness import EXIT_FAULT
from tests.stack import Server, start_kafka
from tests.toy_world import Process, World

pytestmark = pytest.mark.stack

SESSION_SECONDS = 3.0
# Kills and freezes in turn, and how long they may take.
_BLOWS, _LONGEST_SECONDS = 4, 120.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Kafka that may be killed."""
    server = start_kafka(tmp_path_factory.mktemp("faults"))
    yield server
    server.thaw()
    server.stop()


@pytest.fixture
def world(kafka: Server, tmp_path: Path) -> Iterator[World]:
    world = World(kafka.address, f"toy-{uuid.uuid4().hex[:8]}", tmp_path, SESSION_SECONDS)
    yield world
    world.close()


class Load:
    """Adds events, of random keys, at a steady rate, and does not wait for Kafka."""

    def __init__(self, world: World, rate: int, keys: int, seed: int) -> None:
        self._world, self._rate, self._keys = world, rate, keys
        self._random = random.Random(seed)
        self._began = time.monotonic()
        self.sent = 0

    def run(self, seconds: float, look: Callable[[], None] = lambda: None) -> None:
        """Add for so long; `look` is called all the while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.on()
            look()
            time.sleep(0.01)

    def on(self) -> None:
        """What is due by now."""
        due = int((time.monotonic() - self._began) * self._rate)
        while self.sent < due:
            self._world.add(f"thing-{self._random.randrange(self._keys)}", self.sent)
            self.sent += 1


class Supervisor:
    """Starts workers again as soon as they end, as Pingfold's own does."""

    def __init__(self, world: World, slots: int) -> None:
        self._world = world
        self.running = {slot: world.start(slot) for slot in range(slots)}
        self.statuses: list[int] = []

    def look(self) -> None:
        for slot, process in self.running.items():
            if (status := process.ended) is not None:
                self.statuses.append(status)
                self.running[slot] = self._world.start(slot)

    def stop(self) -> list[int]:
        for process in self.running.values():
            process.send(signal.SIGTERM)
        return [process.wait() for process in self.running.values()]


def test_workers_killed_and_frozen_at_random(world: World) -> None:
    """A frozen worker outlives its session: another has its partitions when it wakes up, fenced, and ends."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)

    workers = Supervisor(world, 2)
    world.add("thing-0", 0)
    world.settle()
    load = Load(world, 1_500, 200, seed)
    began = time.monotonic()
    frozen: dict[Process, float] = {}
    next_blow, kills, freezes = 2.0, 0, 0
    ends = _LONGEST_SECONDS
    while (now := time.monotonic() - began) < ends:
        load.on()
        workers.look()
        for process, until in list(frozen.items()):
            if now > until:
                process.send(signal.SIGCONT)
                del frozen[process]
        if kills + freezes == _BLOWS and not frozen and ends == _LONGEST_SECONDS:
            ends = now + SESSION_SECONDS
        if now > next_blow and kills + freezes < _BLOWS and not frozen:
            victim = chance.choice(list(workers.running.values()))
            if kills <= freezes:
                victim.send(signal.SIGKILL)
                kills += 1
                next_blow = now + chance.uniform(1, 5)
            else:
                victim.send(signal.SIGSTOP)
                frozen[victim] = now + SESSION_SECONDS + chance.uniform(1, 3)
                freezes += 1
                next_blow = now + SESSION_SECONDS + 4
        time.sleep(0.01)
    for process in frozen:
        process.send(signal.SIGCONT)
    world.settle(60, workers.look)
    world.check()
    assert (kills, freezes) == (_BLOWS / 2, _BLOWS / 2)
    assert load.sent > 15_000
    assert set(workers.statuses) <= {-signal.SIGKILL, EXIT_FAULT}
    assert workers.stop() == [0, 0], world.said()
    assert world.letters() == []


def test_the_broker_killed_under_load(world: World, kafka: Server) -> None:
    """The worker rides it out, or ends and begins again: its transactions are taken up again, or written anew."""
    workers = Supervisor(world, 1)
    world.add("thing-0", 0)
    world.settle()
    load = Load(world, 1_000, 100, 1)
    for _ in range(2):
        load.run(4, workers.look)
        kafka.kill()
        load.run(1)
        kafka.start()
    load.run(2, workers.look)
    world.settle(60, workers.look)
    world.check()
    assert set(workers.statuses) <= {EXIT_FAULT}, world.said()
    assert workers.stop() == [0]
    assert world.letters() == []


def test_a_stop_while_the_broker_does_not_answer(world: World, kafka: Server) -> None:
    """SIGTERM ends the worker within seconds although its batch cannot be committed; the next one commits it once."""
    for number in range(2_000):
        world.add(f"thing-{number % 40}", number)
    worker = world.start()
    world.settle()
    Load(world, 2_000, 40, 2).run(0.5)
    kafka.freeze()
    began = time.monotonic()
    time.sleep(0.5)
    assert worker.stop(15) == 0, world.said()
    assert time.monotonic() - began < 10
    kafka.thaw()
    world.start()
    world.settle()
    world.check()


def test_two_workers_for_one_slot(world: World) -> None:
    """A mistake of the operator: they take the partitions from each other until fenced, and nothing counts twice."""
    world.start(0)
    world.add("thing-0", 0)
    world.settle()
    load = Load(world, 500, 40, 3)
    world.start(0)
    load.run(10)
    assert {worker.ended for worker in world.workers} <= {None, EXIT_FAULT}, world.said()
    world.close()
    world.start(1)
    world.settle()
    world.check()
