"""What asks the log about the past, and Kafka's answers. All calls block; each of them ends within a bound."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from infra.log.admin import admin_client, end_offsets, no_topic
from infra.log.reading import Asked, NotRead, Stored, read_partition
from schemas.topics import Topic

# The transaction of a worker that is frozen is aborted by the broker after 60 s.
_SETTLE_SECONDS = 90.0
_ASK_SECONDS = 10.0


class Log(Protocol):
    """Offsets and records of topics, as a `read_committed` reader sees them. Raises `NotRead`."""

    def begins(self, topic: Topic) -> Mapping[int, int]:
        """By partition, the offset of the first record that is kept."""

    def ends(self, topic: Topic) -> Mapping[int, int]:
        """By partition, the offset after the last record that can be read now."""

    def settle(self, topic: Topic) -> Mapping[int, int]:
        """The same, as soon as every transaction that has written to the topic before the call is over.

        Markers of one transaction reach its partitions one after the other: what is visible in one partition may not be
        visible in another yet. After this call it is.
        """

    def read(self, topic: Topic, partition: int, start: int, end: int, asked: Asked | None = None) -> Iterator[Stored]:
        """The records from `start` (or the first that is kept) up to `end`, which is not beyond `ends`.

        asked: which of them are told; it is called for each, in order, and what it raises ends the reading.
        """


@contextlib.contextmanager
def _asking(topic: Topic) -> Iterator[None]:
    """Kafka is asked for offsets in here: that it does not tell them is `NotRead`."""
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        raise NotRead(f"{topic}: Kafka does not tell its offsets: {error or 'no answer'}") from error


class KafkaLog:
    """The log in Kafka. sparing: little is fetched ahead, since whoever reads may stop early.

    patience: seconds for which Kafka may be silent; after that, `NotRead`.
    """

    def __init__(self, bootstrap: str, *, sparing: bool = False, patience: float = 30.0) -> None:
        self._bootstrap, self._sparing, self._patience = bootstrap, sparing, patience
        self._ask_seconds = min(_ASK_SECONDS, patience)
        self._admin = admin_client(bootstrap)
        self._counts: dict[str, int] = {}  # partitions of topics; they never change

    def begins(self, topic: Topic) -> dict[int, int]:
        with _asking(topic):
            asked = {TopicPartition(*place): OffsetSpec.earliest() for place in self._partitions(topic)}
            futures = self._admin.list_offsets(asked, request_timeout=self._ask_seconds)
            return {place.partition: int(future.result(self._ask_seconds).offset) for place, future in futures.items()}

    def ends(self, topic: Topic) -> dict[int, int]:
        with _asking(topic):
            ends = end_offsets(self._admin, self._partitions(topic), self._ask_seconds)
            return {partition: end for (_, partition), end in ends.items()}

    def settle(self, topic: Topic) -> dict[int, int]:
        written = end_offsets(
            self._admin, self._partitions(topic), self._ask_seconds, isolation=IsolationLevel.READ_UNCOMMITTED
        )
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            ends = self.ends(topic)
            waiting = [partition for (_, partition), end in written.items() if ends[partition] < end]
            if not waiting:
                return ends
            if time.monotonic() > deadline:
                raise NotRead(f"{topic}/{waiting[0]}: a transaction has been open for {_SETTLE_SECONDS:.0f} s")
            time.sleep(0.1)

    def read(self, topic: Topic, partition: int, start: int, end: int, asked: Asked | None = None) -> Iterator[Stored]:
        return read_partition(
            self._bootstrap, topic, partition, end, self._patience, start=start, sparing=self._sparing, asked=asked
        )

    def _partitions(self, topic: Topic) -> list[tuple[str, int]]:
        if topic.name not in self._counts:
            known = self._admin.list_topics(topic.name, timeout=self._ask_seconds).topics[topic.name]
            if known.error is not None or not known.partitions:
                raise NotRead(no_topic(self._bootstrap, topic))
            self._counts[topic.name] = len(known.partitions)
        return [(topic.name, number) for number in range(self._counts[topic.name])]
