"""Which monitors this prober has, and what their states say: followed live from `monitor-states`.

The probers of a region are one consumer group on that topic, so Kafka divides its partitions among them, and gives
those of a prober that dies or freezes to the others. A partition is read from its beginning; nothing is committed. What
was read is handed to the event loop in order; a partition counts only once it has been read to its end, so that what is
long paused or removed is not probed again.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from infra.log.reading import arrived
from schemas.topics import MONITOR_STATES

log = structlog.get_logger(__name__)

SESSION_SECONDS = 10.0

# Records of one partition, in order: (key, value). Called in the event loop.
Heard = Callable[[int, list[tuple[str, bytes | None]]], None]
Partition = Callable[[int], None]


class Assignment:
    """heard: new records of a partition of ours. whole: it has been read to its end. lost: it is no longer ours."""

    def __init__(
        self,
        bootstrap: str,
        region: str,
        slot: str,
        heard: Heard,
        whole: Callable[[int], None],
        lost: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard, self._whole, self._lost = heard, whole, lost
        self._closing = False
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"pingfold-probers-{region}",
                "group.instance.id": f"{region}-{slot}",
                "session.timeout.ms": int(SESSION_SECONDS * 1_000),
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 500,
                "queued.max.messages.kbytes": 32_768,
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 2,
            }
        )
        self._thread = threading.Thread(target=self._follow, name="assignment", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    async def close(self) -> None:
        """Leave it."""
        self._closing = True
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5.0)

    def _follow(self) -> None:
        self._consumer.subscribe(
            [MONITOR_STATES.name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        while not self._closing:
            records: dict[int, list[tuple[str, bytes | None]]] = {}
            ends: list[int] = []
            for message in arrived(self._consumer, 0.25):
                error = message.error()
                if error is None:
                    key = (message.key() or b"").decode(errors="replace")
                    records.setdefault(message.partition(), []).append((key, message.value()))
                elif error.code() == KafkaError._PARTITION_EOF:
                    ends.append(message.partition())
                elif not error.retriable():
                    log.warning("prober.kafka", error=error.str())
            for partition, batch in records.items():
                self._tell(self._heard, partition, batch)
            for partition in ends:
                self._tell(self._whole, partition)
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            partition.offset = 0
        consumer.assign(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._tell(self._lost, partition.partition)

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)
