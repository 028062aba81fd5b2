"""What asks the log about the past, and Kafka's answers. All calls block; each of them ends within a bound."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from infra.log.admin import admin_client, end_offsets, no_topic
from infra.log.reading import Asked, NotRead, Stored, read_partition
from schemas.topics import Topic

T = TypeVar("T")

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


# Kafka answers so while a partition gets another leader, or when the client has not heard of that yet.
_MOVED = {
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
}
_PAUSE_SECONDS = 0.2


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
        def ask() -> dict[int, int]:
            asked = {TopicPartition(*place): OffsetSpec.earliest() for place in self._partitions(topic)}
            futures = self._admin.list_offsets(asked, request_timeout=self._ask_seconds)
            return {place.partition: int(future.result(self._ask_seconds).offset) for place, future in futures.items()}

        return self._asked(topic, ask)

    def ends(self, topic: Topic) -> dict[int, int]:
        def ask() -> dict[int, int]:
            ends = end_offsets(self._admin, self._partitions(topic), self._ask_seconds)
            return {partition: end for (_, partition), end in ends.items()}

        return self._asked(topic, ask)

    def _asked(self, topic: Topic, ask: Callable[[], T]) -> T:
        """What Kafka answers. While leaders move it is asked again. Raises `NotRead` when it does not answer."""
        deadline = time.monotonic() + self._ask_seconds
        while True:
            try:
                return ask()
            except (KafkaException, TimeoutError) as error:
                code = error.args[0].code() if isinstance(error, KafkaException) else None
                if code not in _MOVED or time.monotonic() > deadline:
                    raise NotRead(f"{topic}: Kafka does not tell its offsets: {error or 'no answer'}") from error
                time.sleep(_PAUSE_SECONDS)
                self._admin = admin_client(self._bootstrap)  # one that has heard of no leader yet

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
