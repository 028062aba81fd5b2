"""Toy folds on a real Kafka: their topics, worker processes that may be killed and frozen, and what must come out.

`World.check` holds what stands in Kafka against two other ways to it: a plain count of the events that were
acknowledged, and one pure pass of `Session` over the journals.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import NewTopic
from msgspec.structs import replace

from infra.log.admin import admin_client, end_offsets, migrate, topic_config
from infra.log.connect import new_consumer, new_producer
from infra.log.reading import Stored, arrived
from infra.log.sink import producer_config
from processors.fold.contract import Fold, Record, Session
from processors.fold.view import View
from schemas.base import encode
from schemas.dead_letters import DeadLetter
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import DEAD_LETTERS, Topic
from tests.stack import environment_of
from tests.toy_fold import Added, Removal, Third, Total, Toy

PARTITIONS = 4


class Process:
    """A worker of the toy folds, in a process of its own."""

    def __init__(self, bootstrap: str, slot: int, data: Path, name: str, session: float, version: int = 1) -> None:
        self.output = data / f"worker-{slot}.out"
        with self.output.open("ab") as output:
            self.popen = subprocess.Popen(
                [
                    sys.executable, "-m", "tests.toy_fold",
                    bootstrap, str(slot), str(data), name, str(session), str(version),
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=os.environ | environment_of(bootstrap),
            )  # fmt: skip

    @property
    def ended(self) -> int | None:
        return self.popen.poll()

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, seconds: float = 15.0) -> int:
        """Its exit status, when it ends by itself."""
        return self.popen.wait(seconds)

    def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM; its exit status."""
        if self.ended is None:
            self.popen.terminate()
        return self.popen.wait(seconds)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(10)

    def memory(self) -> int:
        """The most memory it has ever had, in bytes."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


class World:
    """The topics and the workers of one `Toy`."""

    def __init__(self, bootstrap: str, name: str, data: Path, session: float = 10.0, count: int = 8) -> None:
        self.bootstrap, self.toy, self.data, self.session = bootstrap, Toy(name), data, session
        self.workers: list[Process] = []
        # What Kafka has acknowledged, in order per key.
        self.acknowledged: dict[str, list[int]] = defaultdict(list)
        self.connect()
        data.mkdir(parents=True, exist_ok=True)
        migrate(bootstrap, count)  # dead-letters; the tests that share a Kafka agree on the deployment's count
        admin = admin_client(bootstrap)
        there = admin.list_topics(timeout=10).topics
        wanted = [topic for topic in self.toy.topics if topic.name not in there]
        new = [NewTopic(topic.name, PARTITIONS, 1, config=topic_config(topic)) for topic in wanted]
        if new:
            for made in admin.create_topics(new).values():
                made.result(30)

    def connect(self) -> None:
        """Begin a new producer: one whose journal loses records goes on as if they were there, and is refused."""
        self._producer = new_producer(
            self.bootstrap, producer_config(self.bootstrap) | {"message.timeout.ms": 60_000, "log_level": 0}
        )

    def start(self, slot: int = 0, version: int = 1) -> Process:
        process = Process(self.bootstrap, slot, self.data, self.toy.name, self.session, version)
        self.workers.append(process)
        return process

    def taken(self) -> int:
        """How many partitions, of either fold, workers have taken over."""
        outputs = self.data.glob("worker-*.out")
        return sum(path.read_text(errors="replace").count("fold.taken") for path in outputs)

    def wait_taken(self, before: int, seconds: float = 30.0) -> None:
        """Until every partition of both folds is taken over once more, after it had happened `before` times."""
        deadline = time.monotonic() + seconds
        while self.taken() < before + 2 * PARTITIONS:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def close(self) -> None:
        for worker in self.workers:
            if worker.ended is None:
                worker.kill()

    def add(self, key: str, number: int, pad: str = "") -> None:
        """Append one more of `key`; it counts when Kafka has acknowledged it."""
        self.put(key, encode(Added(number=number, pad=pad)), then=lambda: self.acknowledged[key].append(number))

    def put(
        self,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        def report(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            then()

        while True:
            try:
                self._producer.produce(self.toy.journal.name, value, key, partition, report)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(60) == 0

    def ends(self, topic: Topic) -> dict[int, int]:
        """Also of a broker that has just started and does not know all its partitions yet."""
        admin, deadline = admin_client(self.bootstrap), time.monotonic() + 90
        while True:
            try:
                count = len(admin.list_topics(topic.name, timeout=10).topics[topic.name].partitions)
                ends = end_offsets(admin, [(topic.name, number) for number in range(count)])
            except KafkaException:
                assert time.monotonic() < deadline, f"the ends of {topic} are not known"
                time.sleep(0.2)
            else:
                return {partition: end for (_, partition), end in ends.items()}

    def read(self, topic: Topic) -> list[Stored]:
        """Everything committed, in order per partition."""
        ends, records = self.ends(topic), list[Stored]()
        behind = {partition for partition, end in ends.items() if end}
        with closing(self._follow(topic, len(ends))) as arriving:
            while behind:
                for message in next(arriving):
                    partition, offset = message.partition(), message.offset()
                    if message.error() is None and offset < ends[partition]:
                        _, millis = message.timestamp()
                        records.append(
                            Stored(partition, offset, millis * 1_000, message.key(), message.value(), message.headers())
                        )
                    if offset >= ends[partition] - (message.error() is None):
                        behind.discard(partition)
        return records

    def letters(self) -> list[DeadLetter]:
        decode = msgspec.json.Decoder(DeadLetter).decode
        made = [decode(stored.value) for stored in self.read(DEAD_LETTERS) if stored.value]
        return [letter for letter in made if letter.topic in (self.toy.journal.name, self.toy.second.name)]

    def settle(self, seconds: float = 60.0, alive: Callable[[], None] = lambda: None) -> None:
        """Wait until everything in both journals is folded. `alive` is called while waiting."""
        self.flush()
        deadline = time.monotonic() + seconds
        for fold in self.toy.folds:
            last = {stored.partition: stored.offset for stored in self.read(fold.journal)}
            applied = dict.fromkeys(last, -1)
            with closing(self._follow(fold.states, PARTITIONS)) as arriving:
                while any(applied[partition] < offset for partition, offset in last.items()):
                    assert time.monotonic() < deadline, f"{fold.name}: {applied} of {last}; {self.said()}"
                    alive()
                    for message in next(arriving):
                        if message.error() is None and message.key() == PROGRESS_KEY.encode():
                            applied[message.partition()] = fold.records.decode(message.value()).applied

    def _follow(self, topic: Topic, partitions: int) -> Generator[list[Message], None, None]:
        """What arrives, from the beginning on; errors tell the ends of partitions. An empty list now and then."""
        consumer = new_consumer(
            self.bootstrap,
            {
                "group.id": "toy-reading",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            },
        )
        consumer.assign([TopicPartition(topic.name, number, 0) for number in range(partitions)])
        try:
            while True:
                yield [
                    message
                    for message in arrived(consumer, 0.1)
                    if message.error() is None or message.error().code() == KafkaError._PARTITION_EOF
                ]
        finally:
            consumer.close()

    def said(self) -> str:
        outputs = sorted(self.data.glob("worker-*.out"))
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-3000:]}" for path in outputs)

    def check(self) -> None:
        """Everything is as a plain count says, and as a pure pass says."""
        first, second = self.toy.folds
        journals = {fold.name: self.read(fold.journal) for fold in self.toy.folds}
        stand = {fold.name: self.states(fold) for fold in self.toy.folds}
        states, thirds = counted(self.acknowledged)
        _same("states", things(stand[first.name]), packed(states))
        came: Counter[tuple[str, Third]] = Counter()
        groups: dict[str, Total] = defaultdict(Total)
        for stored in journals[second.name]:
            group, third = (stored.key or b"").decode(), msgspec.json.decode(stored.value or b"", type=Third)
            came[group, third] += 1
            _count(groups[group], f"{third.thing}:{third.number}")
        assert not thirds - came, f"missing effects: {thirds - came}"
        assert not came - thirds, f"effects too many: {came - thirds}"
        _same("groups", things(stand[second.name]), packed(groups))
        for fold in self.toy.folds:
            _same(fold.name, without_hints(stand[fold.name]), self.pure_pass(fold, journals[fold.name]))

    def pure_pass(self, fold: Fold, journal: Iterable[Stored]) -> dict[tuple[int, str], bytes]:
        """The states, by partition and key, that one pass over the journal gives."""
        states: dict[tuple[int, str], bytes] = {}
        by_partition: dict[int, list[Record]] = defaultdict(list)
        for stored in journal:
            record = Record(stored.offset, stored.timestamp, stored.key, stored.value)
            by_partition[stored.partition].append(record)
        for partition, records in by_partition.items():
            view = View()
            Session(fold, partition, view, TZDATA_VERSION).step(records)
            states |= {(partition, key): encode(record) for key, record in view.items()}
        return states

    def states(self, fold: Fold) -> dict[tuple[int, str], bytes]:
        """The states that stand in Kafka, by partition and key."""
        states: dict[tuple[int, str], bytes] = {}
        for stored in self.read(fold.states):
            place = stored.partition, (stored.key or b"").decode()
            if stored.value is None:
                states.pop(place, None)
            else:
                states[place] = stored.value
        return states


def without_hints(states: Mapping[tuple[int, str], bytes]) -> dict[tuple[int, str], bytes]:
    """The states as a pure pass gives them: when a tick may next be needed is the owner's hint, and not folded."""
    return {
        (number, key): encode(replace(msgspec.json.decode(value, type=Progress), due=None))
        if key == PROGRESS_KEY
        else value
        for (number, key), value in states.items()
    }


def counted(events: Mapping[str, Iterable[int]]) -> tuple[dict[str, Any], Counter[tuple[str, Third]]]:
    """What the numbers added to each key come to: states, and what the second journal gets."""
    states: dict[str, Any] = {}
    thirds: Counter[tuple[str, Third]] = Counter()
    for key, numbers in events.items():
        total, removed = Total(), 0
        for number in numbers:
            _count(total, f"{number}")
            if total.count == 10:
                total, removed = Total(), removed + 1
            if number % 3 == 0:
                thirds[f"group-{number % 7}", Third(thing=key, number=number)] += 1
        if total.count:
            states[key] = total
        if removed:
            states[f"removed/{key}"] = Removal(times=removed)
    return states, thirds


def _count(total: Total, text: str) -> None:
    total.count += 1
    total.checksum = crc32(text.encode(), total.checksum)


def packed(records: Mapping[str, msgspec.Struct]) -> dict[str, bytes]:
    return {key: encode(record) for key, record in records.items()}


def things(states: Mapping[tuple[int, str], bytes]) -> dict[str, bytes]:
    return {key: value for (_, key), value in states.items() if key != PROGRESS_KEY}


def _same(what: str, stands: Mapping[Any, bytes], should: Mapping[Any, bytes]) -> None:
    different = [
        f"{key}: {stands.get(key)!r} should be {should.get(key)!r}"
        for key in stands.keys() | should.keys()
        if stands.get(key) != should.get(key)
    ]
    assert not different, f"{what}: {len(different)} differ, such as {different[:5]}"
