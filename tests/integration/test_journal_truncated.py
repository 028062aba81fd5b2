"""A journal that is older than the states made of it: its log directories are put back to what they were before.

That is what a copy of the data folder made while Kafka ran holds, and what a power cut may leave. The states are kept,
no event written since is skipped, and it is told.
"""

import signal
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from infra.log.admin import admin_client, topic_config
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import TRANSITIONS, Topic
from schemas.transitions import JournalTruncated
from tests.log_copies import keep_logs
from tests.pingfold_client import wait_until
from tests.stack import Server, start_kafka
from tests.toy_world import PARTITIONS, World, counted, packed, things

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("truncated")


@pytest.fixture(scope="module")
def kafka(data: Path) -> Iterator[Server]:
    server = start_kafka(data)
    yield server
    server.stop()


@pytest.fixture
def world(kafka: Server, tmp_path: Path) -> Iterator[World]:
    world = new_world(kafka, tmp_path)
    yield world
    world.close()


# How much is written into a log that has just lost its end: nothing, less than was lost, and more.
AMOUNTS = (0, 150, 2_000)


@pytest.fixture
def worlds(kafka: Server, tmp_path: Path) -> Iterator[dict[int, World]]:
    """One for each amount: their logs lose their ends together, while one broker is stopped."""
    worlds = {amount: new_world(kafka, tmp_path / str(amount)) for amount in AMOUNTS}
    yield worlds
    for world in worlds.values():
        world.close()


def new_world(kafka: Server, folder: Path) -> World:
    return World(kafka.address, f"toy-{uuid.uuid4().hex[:8]}", folder)


def add(world: World, first: int, until: int) -> None:
    for number in range(first, until):
        world.add(f"thing-{number % 40}", number)
    world.flush()


def truncations(world: World, topic: Topic) -> list[JournalTruncated]:
    found = [msgspec.json.decode(stored.value or b"") for stored in world.read(TRANSITIONS)]
    told = [msgspec.convert(value, JournalTruncated) for value in found if value["type"] == "journal.truncated"]
    return sorted((one for one in told if one.journal == topic.name), key=lambda one: one.partition)


def fold_all(worlds: Iterable[World], first: int, until: int) -> None:
    """Let a worker of each fold these events, and stop."""
    workers = [world.start() for world in worlds]
    for world in worlds:
        add(world, first, until)
    for world in worlds:
        world.settle()
    for worker in workers:
        worker.send(signal.SIGTERM)
    assert [worker.wait() for worker in workers] == [0] * len(workers)


def test_an_older_journal_than_its_states(worlds: dict[int, World], kafka: Server, data: Path, tmp_path: Path) -> None:
    """However much has been written by the time that a worker takes over: nothing of it is skipped."""
    every = list(worlds.values())
    fold_all(every, 0, 400)
    ends = [world.ends(world.toy.journal) for world in every]
    kafka.stop()
    put_back = keep_logs(data, [world.toy.journal.name for world in every], PARTITIONS, tmp_path)
    kafka.start()
    fold_all(every, 400, 1_000)
    lost = [world.ends(world.toy.journal) for world in every]
    kafka.stop()
    put_back()
    kafka.start()
    assert [world.ends(world.toy.journal) for world in every] == ends

    taken = [world.taken() for world in every]
    for amount, world in worlds.items():
        world.connect()
        add(world, 1_000, 1_000 + amount)
        world.start()
    told = []
    for number, world in enumerate(every):
        world.wait_taken(taken[number])
        add(world, 3_000, 3_400)
        world.settle()
        assert_all_folded(world)
        told.append(truncations(world, world.toy.journal))
        assert_lost(told[-1], ends[number], lost[number])

    # It is told once, and from now on the journal is this one.
    for world in every:
        assert world.workers[-1].stop() == 0
    fold_all(every, 3_400, 3_800)
    for number, world in enumerate(every):
        fold = world.toy.folds[0]
        assert_all_folded(world)
        assert truncations(world, world.toy.journal) == told[number]
        progress = [fold.records.decode(value) for (_, key), value in world.states(fold).items() if key == PROGRESS_KEY]
        assert all(isinstance(one, Progress) and one.truncated == ends[number][n] for n, one in enumerate(progress))
        assert world.letters() == []


def assert_all_folded(world: World) -> None:
    """What was acknowledged counts, whatever its journal has lost."""
    assert things(world.states(world.toy.folds[0])) == packed(counted(world.acknowledged)[0])


def assert_lost(told: list[JournalTruncated], ends: dict[int, int], lost: dict[int, int]) -> None:
    """It is told of every partition that its journal ends at `ends`, and had been folded up to `lost`."""
    assert [(one.partition, one.end, one.applied + 1) for one in told] == [
        (number, ends[number], lost[number]) for number in range(PARTITIONS)
    ]


def test_older_states_than_their_journal(world: World, kafka: Server, data: Path, tmp_path: Path) -> None:
    """What the group has committed is ahead of them: the events between are read and folded again."""
    worker = world.start()
    add(world, 0, 400)
    world.settle()
    assert worker.stop() == 0
    kafka.stop()
    put_back = keep_logs(data, [world.toy.states.name], PARTITIONS, tmp_path)
    kafka.start()
    worker = world.start()
    add(world, 400, 1_000)
    world.settle()
    assert worker.stop() == 0
    kafka.stop()
    put_back()
    kafka.start()
    worker = world.start()
    add(world, 1_000, 1_400)
    world.settle()
    assert_all_folded(world)
    assert truncations(world, world.toy.journal) == []
    assert worker.stop() == 0, world.said()


def wait_told(world: World, topic: Topic) -> list[JournalTruncated]:
    """What is told of a journal, as soon as every partition of it is taken over anew."""

    def noticed() -> bool:
        return len(truncations(world, topic)) >= PARTITIONS

    wait_until(noticed, 60.0, "every partition has noticed it", pause=0.2)
    return truncations(world, topic)


def test_a_journal_that_loses_its_end_while_its_worker_lives(
    worlds: dict[int, World], kafka: Server, data: Path, tmp_path: Path
) -> None:
    """Noticed within seconds by the worker that has it, however much was written before it has connected again."""
    every = list(worlds.values())
    for world in every:
        world.start()
        add(world, 0, 400)
    for world in every:
        world.settle()
    ends = [world.ends(world.toy.journal) for world in every]
    kafka.stop()
    put_back = keep_logs(data, [world.toy.journal.name for world in every], PARTITIONS, tmp_path)
    kafka.start()
    for world in every:
        add(world, 400, 1_000)
    for world in every:
        world.settle()
    lost = [world.ends(world.toy.journal) for world in every]
    kafka.stop()
    put_back()
    kafka.start()
    for amount, world in worlds.items():
        world.connect()
        add(world, 1_000, 1_000 + amount)
    for number, world in enumerate(every):
        told = wait_told(world, world.toy.journal)
        assert_lost(told, ends[number], lost[number])
        add(world, 3_000, 3_400)
        world.settle()
        assert_all_folded(world)
        assert truncations(world, world.toy.journal) == told
        assert world.workers[0].ended is None, world.said()


def test_states_that_lose_their_end_while_their_worker_lives(
    world: World, kafka: Server, data: Path, tmp_path: Path
) -> None:
    """What they have lost is folded again, instead of being missing at some later start."""
    worker = world.start()
    add(world, 0, 400)
    world.settle()
    kafka.stop()
    put_back = keep_logs(data, [world.toy.states.name], PARTITIONS, tmp_path)
    kafka.start()
    add(world, 400, 1_000)
    world.settle()
    taken = world.taken()
    kafka.stop()
    put_back()
    kafka.start()
    wait_until(lambda: world.taken() >= taken + PARTITIONS, 60.0, "they are taken over anew", pause=0.2)
    world.connect()
    add(world, 1_000, 1_040)  # one more of each
    world.settle()
    assert worker.stop() == 0, world.said()
    assert_all_folded(world)
    assert truncations(world, world.toy.journal) == []


def test_a_journal_that_is_made_anew_while_its_worker_lives(world: World) -> None:
    """Its topic was removed and made again: it begins at its beginning."""
    journal = world.toy.journal
    world.start()
    add(world, 0, 400)
    world.settle()
    lost = world.ends(journal)
    admin = admin_client(world.bootstrap)
    admin.delete_topics([journal.name])[journal.name].result(30)
    wait_until(lambda: journal.name not in admin.list_topics(timeout=10).topics, 60.0, "the topic is gone")
    new = NewTopic(journal.name, PARTITIONS, 1, config=topic_config(journal))
    admin.create_topics([new])[journal.name].result(30)
    told = wait_told(world, journal)
    assert_lost(told, dict.fromkeys(range(PARTITIONS), 0), lost)
    world.connect()
    add(world, 400, 800)
    world.settle()
    assert_all_folded(world)


def test_what_is_deleted_from_the_beginning_is_not_lost(world: World) -> None:
    """As by retention: the beginning moves, the end does not."""
    journal = world.toy.journal
    worker = world.start()
    add(world, 0, 400)
    world.settle()
    asked = [TopicPartition(journal.name, number, end) for number, end in world.ends(journal).items()]
    admin = admin_client(world.bootstrap)  # while it is gone nothing is answered
    for deleted in admin.delete_records(asked).values():
        deleted.result(30)
    add(world, 400, 800)
    world.settle()
    assert worker.ended is None, world.said()
    assert worker.stop() == 0
    worker = world.start()
    add(world, 800, 1_200)
    world.settle()
    assert_all_folded(world)
    assert truncations(world, journal) == []
