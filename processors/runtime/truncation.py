"""Whether the journal of a partition is still the one that was folded. Blocks.

A power cut may take the last records of one topic and not those of another, and a copy of the data folder that was made
while Kafka ran may hold an older journal than states. Then offsets that were folded are given to new records, which
would be skipped as folded already. So a partition's own record keeps a checksum of the last record folded and the
newest time in Kafka of all of them, and whoever takes the partition over looks at the journal first.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from infra.log.clients import close_consumer
from infra.log.connect import new_consumer
from infra.log.reading import NotRead
from processors.fold.contract import Record, checksum
from schemas.ticks import Progress
from schemas.topics import Topic

T = TypeVar("T")

# A broker that has just started knows its partitions after a moment.
_PATIENCE_SECONDS = 30.0
_CALL_SECONDS = 10.0
# So far before the first record that is known to be new others are looked at that were written with it.
_LOOK_BACK = 1_000


def truncated_at(
    bootstrap: str, journal: Topic, partition: int, progress: Progress, beat: Callable[[], None] = lambda: None
) -> int | None:
    """None while the journal holds what was applied; else the offset from which on it holds something else, or nothing.

    What retention has taken is not missed. `beat` is called while an answer is waited for, at least every
    `_CALL_SECONDS`. Raises `NotRead` when Kafka does not tell.
    """
    if progress.applied < 0:
        return None
    reader = _Reader(bootstrap, journal, partition, beat)
    try:
        return _truncated_at(reader, progress)
    finally:
        reader.close()


def _truncated_at(reader: "_Reader", progress: Progress) -> int | None:
    first, end = reader.bounds()
    if progress.applied < first:
        return None
    if progress.applied < end:
        if not progress.last:
            return None
        found = reader.record(progress.applied)
        if found is not None and checksum(found) == progress.last:
            return None
    if not progress.newest:
        return min(end, progress.applied)
    new = reader.first_after(progress.newest)
    if new is None:
        return min(end, progress.applied)
    return min(reader.beginning_of_epoch(new, first), progress.applied)


class _Reader:
    """Looks at one partition, uncommitted records among it."""

    def __init__(self, bootstrap: str, topic: Topic, partition: int, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._place = f"{topic}/{partition}"
        self._topic, self._partition = topic.name, partition
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        self._consumer = new_consumer(
            bootstrap,
            {
                "group.id": "pingfold-reading",  # never joined: the partition is assigned by hand
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_uncommitted",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            },
        )

    def close(self) -> None:
        close_consumer(self._consumer)

    def bounds(self) -> tuple[int, int]:
        """The first offset and the one after the last record."""
        first, end = self._ask(lambda: self._consumer.get_watermark_offsets(self._at(), _CALL_SECONDS))
        return first, end

    def record(self, offset: int) -> Record | None:
        """The record at an offset; None when there is none, such as where a transaction's marker stands."""
        for message in self._from(offset, offset + 1):
            return Record(offset, message.timestamp()[1] * 1_000, message.key(), message.value())
        return None

    def first_after(self, newest: int) -> int | None:
        """The first offset whose record is younger, None when there is none."""
        asked = self._at(newest // 1_000 + 1)
        [found] = self._ask(lambda: self._consumer.offsets_for_times([asked], _CALL_SECONDS))
        return found.offset if found.offset >= 0 else None

    def beginning_of_epoch(self, offset: int, first: int) -> int:
        """The first of the records that were written under the same leadership as the one at `offset`, up to it.

        A leadership ends with the broker's life. So what a producer had made before the broker went away, and wrote
        when it was back, counts as new, whatever time it bears. Where no beginning is near, it is `offset`.
        """
        epochs = [(m.offset(), m.leader_epoch()) for m in self._from(max(first, offset - _LOOK_BACK), offset + 1)]
        if not epochs or epochs[-1][0] != offset:
            return offset
        begin = offset
        for at, epoch in reversed(epochs):
            if epoch != epochs[-1][1]:
                return begin
            begin = at
        return offset

    def _from(self, offset: int, end: int) -> "list[Message]":
        """The records from `offset` on, before `end`."""
        found: list[Message] = []
        self._consumer.assign([self._at(offset)])
        while time.monotonic() < self._deadline:
            message = self._consumer.poll(0.5)
            self._beat()
            if message is None:
                continue
            error = message.error()
            if error is None:
                if message.offset() >= end:
                    return found
                found.append(message)
                if message.offset() + 1 >= end:
                    return found
            elif error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
                return found
        raise NotRead(f"{self._place}: the record at {offset} did not come within {_PATIENCE_SECONDS:.0f} s")

    def _at(self, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._topic, self._partition, offset)

    def _ask(self, ask: Callable[[], T | None]) -> T:
        while True:
            failure: object = "no answer"
            try:
                if (answer := ask()) is not None:
                    return answer
            except KafkaException as error:
                failure = error
            self._beat()
            if time.monotonic() > self._deadline:
                raise NotRead(f"{self._place}: its bounds are not known: {failure}")
            time.sleep(0.2)
