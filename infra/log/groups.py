"""What a consumer group has committed, asked as a member would ask, without ever joining.

The admin client's way to the same answer ends in timeouts for ever once the broker was killed, and in a crash of the
process while the group's coordinator is still being chosen (confluent-kafka 2.16).
"""

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.log.clients import is_lost


class Committed(NamedTuple):
    offset: int
    metadata: str


class GroupOffsets:
    """Of one group. Blocks: for threads."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._config = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }
        self._member: Consumer | None = None

    def committed(self, partitions: Iterable[tuple[str, int]], timeout: float) -> dict[tuple[str, int], Committed]:
        """By (topic, partition), those of which something is committed. Raises `KafkaException`."""
        if self._member is None:
            self._member = Consumer(self._config)
        try:
            found = self._member.committed([TopicPartition(*tp) for tp in partitions], timeout=timeout)
        except KafkaException as error:
            if is_lost(error.args[0]):
                self._member = None
            raise
        return {
            (tp.topic, tp.partition): Committed(tp.offset, tp.metadata or "")
            for tp in found
            if tp.error is None and tp.offset >= 0
        }
