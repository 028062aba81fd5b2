"""The sink: one idempotent producer of a process, awaited message by message.

`put` answers when Kafka has the record (acks=all), with its position; a failure raises `NotStored`. Nothing is ever
reported as stored that is not (reference/http-ingest.md section 3).
"""

import asyncio
import threading
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.topics import Topic


class Position(NamedTuple):
    """Where a record stands."""

    partition: int
    offset: int


class NotStored(Exception):
    """Kafka did not confirm the record in time: it may or may not be in the log; the caller must not claim it is."""


def producer_config(bootstrap: str) -> dict[str, Any]:
    """What all our producers share. The partitioner is that of the Java tools, so that both agree on partitions."""
    return {
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": 4 * 2**20,
        "queue.buffering.max.messages": 100_000,
        "queue.buffering.max.kbytes": 262_144,
        "message.timeout.ms": 8_000,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.refresh.interval.ms": 60_000,
        "statistics.interval.ms": 0,
        "log_level": 2,
    }


class Sink:
    """To be made, used and closed inside a running event loop."""

    def __init__(self, bootstrap: str, **overrides: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._config = producer_config(bootstrap) | overrides
        self._producer = Producer(self._config)
        self._lock = threading.Lock()
        self._done: list[tuple[asyncio.Future[Position], KafkaError | None, Position]] = []
        self._closing = False
        self._thread = threading.Thread(target=self._poll, name="sink", daemon=True)
        self._thread.start()

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[Position]:
        """Hand a record over; the future ends when Kafka has it. Raises `NotStored` at once when the queue is full."""
        future: asyncio.Future[Position] = self._loop.create_future()
        delivered = partial(self._delivered, future)
        name = topic if isinstance(topic, str) else topic.name
        try:
            if headers is None:
                self._producer.produce(name, value, key, partition, delivered)
            else:
                self._producer.produce(name, value, key, partition, delivered, headers=headers)
        except BufferError:
            raise NotStored("the queue to Kafka is full") from None
        except KafkaException as error:
            self._renew_if_fatal(error.args[0])
            raise NotStored(str(error)) from error
        return future

    @property
    def queued(self) -> int:
        """Records handed over and not yet reported on."""
        return len(self._producer)

    async def close(self, timeout: float = 5.0) -> None:
        """Wait until every record handed over is reported on, at most `timeout` seconds, and stop."""
        await asyncio.to_thread(self._producer.flush, timeout)
        self._closing = True
        await asyncio.to_thread(self._thread.join, 2.0)
        self._settle()

    def _poll(self) -> None:
        while not self._closing:
            self._producer.poll(0.5)

    def _delivered(self, future: asyncio.Future[Position], error: KafkaError | None, message: Message) -> None:
        position = Position(message.partition(), -1 if error is not None else message.offset())
        with self._lock:
            first = not self._done
            self._done.append((future, error, position))
        if first:  # one wake-up of the loop per burst of reports
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        for future, error, position in done:
            if future.done():  # the caller has gone away
                continue
            if error is None:
                future.set_result(position)
            else:
                self._renew_if_fatal(error)
                future.set_exception(NotStored(error.str()))

    def _renew_if_fatal(self, error: KafkaError) -> None:
        """An idempotent producer that met a fatal error never produces again: go on with a new one."""
        if error.fatal() and not self._closing:
            self._producer = Producer(self._config)
