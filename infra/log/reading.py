"""Reading a topic from its beginning to the `read_committed` end of the moment: for commands, not for services."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, Message, TopicPartition

from infra.errors import InfraError
from infra.log.admin_client import admin_client, end_offsets, partition_count
from infra.log.clients import close_consumer
from infra.log.connect import new_consumer
from schemas.base import Micros
from schemas.topics import Topic


class Stored(NamedTuple):
    """A record as it stands in Kafka. `timestamp` in Micros; `headers` as Kafka keeps them."""

    partition: int
    offset: int
    timestamp: Micros
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] | None


# Whether a record is asked for, by its key and value.
Asked = Callable[[bytes | None, bytes | None], bool]


class NotRead(InfraError):
    """The topic could not be read to its end: judge nothing by what was read, and try again later."""


_CONFIG = {
    "group.id": "pingfold-reading",  # never joined: the partition is assigned by hand
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 10,  # the end is told by a fetch that came back empty
    "fetch.queue.backoff.ms": 5,  # a full queue is emptied at once; by default nothing is fetched for a second
    "queued.max.messages.kbytes": 16_384,  # several readers may be at work
    "queued.min.messages": 10_000,  # and each record weighs more in the queue than it says
    "log_level": 0,
}


# For readers that may stop early.
_SPARING = {"queued.max.messages.kbytes": 1_024, "queued.min.messages": 1_000, "max.partition.fetch.bytes": 262_144}


def arrived(consumer: Consumer, patience: float, most: int = 5_000) -> list[Message]:
    """What has arrived, errors and ends of partitions among it; waits at most `patience` seconds for the first.

    `Consumer.consume` alone would wait its whole time for the last of `most`.
    """
    first = consumer.poll(patience)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]


def ends_of(bootstrap: str, topic: Topic) -> dict[int, int]:
    """The `read_committed` end of every partition, now."""
    admin = admin_client(bootstrap)
    wanted = [(topic.name, number) for number in range(partition_count(bootstrap, admin=admin))]
    return {partition: end for (_, partition), end in end_offsets(admin, wanted).items()}


def read_to_end(
    bootstrap: str, topic: Topic, ends: Mapping[int, int] | None = None, stall: float = 30.0
) -> Iterator[Stored]:
    """Every record before `ends`, in order per partition; partitions are read side by side.

    Raises `NotRead` when nothing comes for `stall` seconds.
    """
    wanted = sorted((ends_of(bootstrap, topic) if ends is None else ends).items())
    yield from _read(bootstrap, topic, [(partition, 0, end) for partition, end in wanted], stall, _CONFIG)


def holding_records(
    bootstrap: str, stretches: Mapping[tuple[str, int], tuple[int, int]], timeout: float
) -> dict[tuple[str, int], bool]:
    """Whether a record stands in a partition from the first offset up to the second; markers of transactions are none.

    What is not known of a partition within `timeout` seconds for all of them is left out.
    """
    consumer = new_consumer(bootstrap, _CONFIG)
    deadline = time.monotonic() + timeout
    found: dict[tuple[str, int], bool] = {}
    try:
        consumer.assign([TopicPartition(*place, first) for place, (first, _) in stretches.items()])
        while len(found) < len(stretches) and time.monotonic() < deadline:
            for message in arrived(consumer, 0.1, 100):
                place, offset, error = (message.topic(), message.partition()), message.offset(), message.error()
                if place in found:
                    continue
                if error is None:
                    found[place] = offset < stretches[place][1]
                elif error.code() == KafkaError._PARTITION_EOF and offset >= stretches[place][1]:
                    found[place] = False
    finally:
        close_consumer(consumer)
    return found


def read_partition(
    bootstrap: str,
    topic: Topic,
    partition: int,
    end: int,
    stall: float = 30.0,
    *,
    start: int = 0,
    uncommitted: bool = False,
    sparing: bool = False,
    asked: Asked | None = None,
) -> Iterator[Stored]:
    """Every record from `start`, or the first one that is kept, up to `end`, which is not beyond the committed end.

    `uncommitted`: those of transactions that are open, or were aborted, as well; `end` is then not beyond the last one.
    `asked`: the others are passed over; it is called for each record, in order, and what it raises ends the reading.

    16 MiB of them may have been fetched ahead; 1 MiB when `sparing`, for readers that stop early. Raises `NotRead` when
    nothing comes for `stall` seconds.
    """
    isolation = {"isolation.level": "read_uncommitted"} if uncommitted else {}
    config = _CONFIG | isolation | (_SPARING if sparing else {})
    yield from _read(bootstrap, topic, [(partition, start, end)], stall, config, asked)


def _read(
    bootstrap: str,
    topic: Topic,
    wanted: Sequence[tuple[int, int, int]],
    stall: float,
    config: Mapping[str, Any],
    asked: Asked | None = None,
) -> Iterator[Stored]:
    """The records of each (partition, first offset, end), side by side and by one consumer: of few records, most of
    the time goes into connecting, and into waiting for the end of each partition."""
    left = {partition: end for partition, start, end in wanted if start < end}
    if not left:
        return
    consumer = new_consumer(bootstrap, config)
    try:
        # 0 is found at once, or reset to the earliest; asking for "the beginning" costs half a second.
        consumer.assign([TopicPartition(topic.name, number, start) for number, start, _ in wanted if number in left])
        heard = time.monotonic()
        while left:
            came = False
            for message in arrived(consumer, 0.5):
                partition, offset, error = message.partition(), message.offset(), message.error()
                end = left.get(partition)
                if end is None or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                    continue
                came = True
                if error is None and offset < end:
                    key, value = message.key(), message.value()
                    if asked is None or asked(key, value):
                        kind, millis = message.timestamp()
                        timestamp = 0 if kind == TIMESTAMP_NOT_AVAILABLE else millis * 1_000
                        yield Stored(partition, offset, timestamp, key, value, message.headers())
                if offset + (error is None) >= end:
                    del left[partition]
            if came:
                heard = time.monotonic()
            elif time.monotonic() - heard > stall:
                raise NotRead(f"{topic}: nothing came for {stall:.0f} s of partitions {sorted(left)}")
    finally:
        close_consumer(consumer)


def last_records(
    bootstrap: str,
    topic: Topic,
    stretches: Mapping[int, tuple[int, int]],
    counts: Callable[[bytes], bool],
    stall: float = 30.0,
    *,
    uncommitted: bool = True,
) -> dict[int, int]:
    """By partition, the offset of the last record that counts from the first offset up to the second, if there is one.

    uncommitted: those of transactions that are open, or were aborted, too. Raises `NotRead` when nothing comes for
    `stall` seconds.
    """
    left = {number: stretch for number, stretch in stretches.items() if stretch[0] < stretch[1]}
    found: dict[int, int] = {}
    if not left:
        return found
    isolation = {"isolation.level": "read_uncommitted"} if uncommitted else {}
    consumer = new_consumer(bootstrap, _CONFIG | isolation)
    try:
        consumer.assign([TopicPartition(topic.name, number, first) for number, (first, _) in left.items()])
        heard = time.monotonic()
        while left:
            messages = arrived(consumer, 0.5)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > stall:
                raise NotRead(f"{topic}: nothing came for {stall:.0f} s of partitions {sorted(left)}")
            for message in messages:
                number, offset, error = message.partition(), message.offset(), message.error()
                if number not in left or (error is not None and error.code() != KafkaError._PARTITION_EOF):
                    continue
                if error is None and offset < left[number][1] and counts(message.value() or b""):
                    found[number] = offset
                if offset + (error is None) >= left[number][1]:
                    del left[number]
    finally:
        close_consumer(consumer)
    return found
