"""Reads the committed offsets of a consumer group with a consumer that never joins it.

The admin client's way to the same answer ends in timeouts for ever once the broker was killed, and in a crash of the
process while the group's coordinator is still being chosen (confluent-kafka 2.16).
"""

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.log.clients import is_lost
from infra.log.connect import new_consumer

log = structlog.get_logger(__name__)

# A client that fails is replaced, but not more often than this: making one takes threads and connections.
_RENEW_SECONDS = 10.0


class Committed(NamedTuple):
    offset: int
    metadata: str


class GroupOffsets:
    """Of one group. Blocks: for threads, one call at a time.

    A client that fails is replaced for the next call, whatever it says: it may have lost its broker for good.
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._config = {
            "group.id": group,
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }
        self._member: Consumer | None = None
        self._made_at = 0.0

    def committed(self, partitions: Iterable[tuple[str, int]], timeout: float) -> dict[tuple[str, int], Committed]:
        """By (topic, partition), those of which something is committed. Raises `KafkaException`."""
        if self._member is None:
            self._member, self._made_at = new_consumer(self._bootstrap, self._config), time.monotonic()
        try:
            found = self._member.committed([TopicPartition(*tp) for tp in partitions], timeout=timeout)
        except KafkaException as error:
            if is_lost(error.args[0]) or time.monotonic() - self._made_at >= _RENEW_SECONDS:
                log.info("group_offsets.renewed", group=self._config["group.id"], error=str(error.args[0]))
                old, self._member = [self._member], None
                # Its end waits for its threads, which may wait for the broker.
                threading.Thread(target=old.clear, name="group-offsets-end", daemon=True).start()
            raise
        return {
            (tp.topic, tp.partition): Committed(tp.offset, tp.metadata or "")
            for tp in found
            if tp.error is None and tp.offset >= 0
        }
