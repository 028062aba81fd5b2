"""The runtime of folds on a real Kafka, without faults: what is read, written, refused, how much memory it takes."""

import base64
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from infra.log.reading import read_to_end
from infra.log.sink import producer_config
from infra.process.liveness import EXIT_FAULT
from processors.fold.contract import LARGEST_EVENT, LONGEST_KEY
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY, Tick
from tests.toy_fold import Added, Explode, Third, Trouble
from tests.toy_world import PARTITIONS, World

pytestmark = pytest.mark.stack


@pytest.fixture
def world(kafka_bootstrap: str, tmp_path: Path) -> Iterator[World]:
    world = World(kafka_bootstrap, f"toy-{uuid.uuid4().hex[:8]}", tmp_path)
    yield world
    world.close()


def test_every_event_counts_once_and_its_effects_too(world: World) -> None:
    for number in range(20_000):
        world.add(f"thing-{number % 300}", number)
    worker = world.start()
    world.settle()
    world.check()
    assert worker.stop() == 0
    assert "\x1b[" not in worker.output.read_text()  # no escape sequences for terminals


def test_ticks_that_change_nothing_are_written_now_and_then_only(world: World) -> None:
    first = world.toy.folds[0]
    worker = world.start()
    world.add("thing", 1)
    world.settle()
    ((partition, _),) = [place for place in world.states(first) if place[1] == "thing"]
    before, began = world.ends(world.toy.states)[partition], time.monotonic()
    for second in range(70):
        world.put(None, encode(Tick(slot="t", epoch=1, at=second, now=second)), partition)
        world.flush()
        time.sleep(0.1)
    written = world.ends(world.toy.states)[partition] - before
    # Each transaction takes two offsets, of the record and of the marker: after 5 s, and perhaps once at the start.
    assert 2 <= written <= 2 * (2 + (time.monotonic() - began) // 5)
    # Any other event is committed at once, and takes the ticks before it with it.
    world.add("thing", 2)
    world.settle()
    progress = first.records.decode(world.states(first)[partition, PROGRESS_KEY])
    assert progress.time == 69
    world.check()
    assert worker.stop() == 0


def test_nobody_sees_what_was_aborted(world: World) -> None:
    """And the gaps that aborted records and markers leave between offsets hold up nothing."""
    producer = Producer(
        producer_config(world.bootstrap) | {"transactional.id": world.toy.name, "message.timeout.ms": 30_000}
    )
    producer.init_transactions(10)

    def transaction(number: int, commit: bool) -> None:
        producer.begin_transaction()
        for partition in range(PARTITIONS):
            for key in ("a", "b"):
                producer.produce(world.toy.journal.name, encode(Added(number=number)), f"{key}{partition}", partition)
            third = encode(Third(thing="aborted", number=number))
            if not commit:
                producer.produce(world.toy.second.name, third, "group-0", partition)
                producer.produce(world.toy.states.name, b"not even JSON", "a0", partition)
        producer.flush()  # it stands in the log before it is aborted
        if commit:
            producer.commit_transaction(10)
            for partition in range(PARTITIONS):
                for key in ("a", "b"):
                    world.acknowledged[f"{key}{partition}"].append(number)
        else:
            producer.abort_transaction(10)

    transaction(3, commit=False)
    transaction(6, commit=True)
    worker = world.start()
    world.settle()
    for number in range(9, 60, 3):
        transaction(number, commit=number % 2 == 0)
    world.settle()
    transaction(99, commit=False)
    world.add("c", 100)  # after aborted records and a marker
    world.settle()
    world.check()
    read = [stored for topic in world.toy.topics for stored in read_to_end(world.bootstrap, topic, world.ends(topic))]
    assert read
    assert not any(b"aborted" in (stored.value or b"") or stored.value == b"not even JSON" for stored in read)
    assert worker.stop() == 0
    # Next time it begins before the last markers, and finds its way again.
    worker = world.start()
    transaction(102, commit=True)
    world.settle()
    world.check()
    assert worker.stop() == 0


def test_events_that_cannot_be_folded_become_dead_letters(world: World) -> None:
    """With the reason; what they changed is undone; the partition goes on."""
    good = encode(Added(number=1))
    long_key, huge = "k" * (LONGEST_KEY + 1), b"x" * (LARGEST_EVENT + 1)
    refused: list[tuple[str | bytes | None, bytes | None, str]] = [
        ("malformed", b'{"type":"added","number":', "truncated"),
        ("not-json", b"\xff\xfe", "malformed"),
        ("unknown", b'{"type":"no-such-event"}', "no-such-event"),
        ("wrong", b'{"type":"added","number":"one"}', "number"),
        ("nothing", None, "no value"),
        ("empty", b"", "truncated"),
        (long_key, good, "longer than"),
        (b"\xff\xfe", good, "UnicodeDecodeError"),
        ("negative", encode(Added(number=-1)), "negative"),
        ("exploded", encode(Explode()), "RuntimeError: exploded"),
        ("huge", huge, "stands in the journal"),
    ]
    for key, value, _ in refused:
        world.add("exploded", 3)
        world.put(key, value, 0)
        world.put("after", good, 0, then=lambda: world.acknowledged["after"].append(1))
    worker = world.start()
    world.settle()
    world.check()
    letters = {letter.key: letter for letter in world.letters()}
    assert len(letters) == len(refused)
    for key, value, reason in refused:
        text = key.decode(errors="replace") if isinstance(key, bytes) else key or ""
        letter = letters[text[:LONGEST_KEY]]
        assert reason in letter.reason
        assert letter.topic == world.toy.journal.name
        assert letter.partition == 0
        assert letter.value == (value or b"")[: 1_000 if value is huge else None]
    assert worker.stop() == 0


def test_trouble_in_the_middle_of_a_batch(world: World) -> None:
    """Wherever the process is killed: the event in hand is folded in the end, and once."""
    kinds = {"raise": EXIT_FAULT, "exit": 1, "SIGKILL": -signal.SIGKILL, "SIGTERM": 0}
    for number, kind in enumerate(kinds):
        flag = world.data / kind
        flag.touch()
        for event in range(50):
            world.add(f"thing-{event % 7}", 100 * number + event)
        world.put("thing-0", encode(Trouble(kind=kind, flag=str(flag))))
        for event in range(50, 100):
            world.add(f"thing-{event % 7}", 100 * number + event)
    world.flush()
    for status in kinds.values():
        assert world.start().wait(30) == status, world.said()
    worker = world.start()
    world.settle()
    world.check()
    assert worker.stop() == 0
    assert world.letters() == []


def test_a_backlog_of_large_bodies_takes_bounded_memory(world: World) -> None:
    """3,000 bodies of 100 kB, half of them so compressible that a fetch unpacks to many times its size."""
    random = [base64.b64encode(os.urandom(75_000)).decode() for _ in range(8)]
    for number in range(3_000):
        world.add(f"thing-{number % 50}", number, random[number % 8] if number % 2 else "a" * 100_000)
    world.flush()
    worker = world.start()
    world.settle()
    assert worker.memory() < 400 * 2**20
    world.check()
    assert worker.stop() == 0
