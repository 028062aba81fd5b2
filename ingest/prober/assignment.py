"""Which monitors this prober has, and what their states say: followed live from `monitor-states`.

The probers of a region are one consumer group on that topic, so Kafka divides its partitions among them, and gives
those of a prober that dies or freezes to the others. A partition is read from its beginning. Offsets are committed as a
sign of life only: `/readyz` sees by their metadata, which changes, whether each partition has a prober that works. What
was read is handed to the event loop in order; a partition counts only once it has been read to its end, so that what is
long paused or removed is not probed again.

A membership that is fenced (the broker was away for longer than the session, another process uses the same slot) can
not be kept: its partitions are given up, and a new consumer joins. A prober that is not fit to probe gives its
partitions up, too, so that the others of its region get them, and joins again when it is.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.clock import SYSTEM_CLOCK, Clock
from infra.log.clients import ClientLost, Pulse, close_consumer, raise_if_lost
from infra.log.connect import new_consumer
from infra.log.reading import arrived
from infra.process.liveness import LIVENESS
from schemas.base import SECOND
from schemas.topics import MONITOR_STATES

log = structlog.get_logger(__name__)

SESSION_SECONDS = 10.0
# Before a lost consumer is replaced: two processes with one slot must not fence each other without end.
_RENEW_SECONDS = 1.0
# A sign of life is committed so often.
_SIGN_SECONDS = 10.0
_CLOSE_SECONDS = 3.0

# Records of one partition, in order: (key, value). Called in the event loop.
Heard = Callable[[int, list[tuple[str, bytes | None]]], None]
Partition = Callable[[int], None]


def group_of(region: str) -> str:
    """The consumer group of a region's probers."""
    return f"pingfold-probers-{region}"


class Assignment:
    """heard: new records of a partition of ours. whole: it has been read to its end. lost: it is no longer ours.

    is_fit: whether we may have any; asked again and again, in another thread.
    """

    def __init__(
        self,
        bootstrap: str,
        region: str,
        slot: str,
        heard: Heard,
        whole: Callable[[int], None],
        lost: Callable[[int], None],
        is_fit: Callable[[], bool] = lambda: True,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._heard, self._whole, self._lost, self._is_fit = heard, whole, lost, is_fit
        self._name = f"{group_of(region)}/{slot}"
        self._bootstrap = bootstrap
        self._config: dict[str, Any] = {
            "group.id": group_of(region),
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
        self._owned: set[int] = set()
        self._signed_at = 0.0
        self._loop_turns = True  # the event loop has turned since the last sign
        self._closing = threading.Event()
        self._activity = LIVENESS.activity("assignment", needs=("kafka",))
        self._thread = threading.Thread(target=self._follow, name="assignment", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._thread.start()

    async def close(self) -> None:
        """Leave it."""
        self._closing.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _CLOSE_SECONDS + 1.0)

    def _follow(self) -> None:
        while not self._closing.is_set():
            if self._is_fit():
                self._be_member()
            self._closing.wait(_RENEW_SECONDS)
            self._activity.beat()
        LIVENESS.end(self._activity)

    def _be_member(self) -> None:
        """Until we are to close, are not fit any more, or our membership is lost."""
        consumer = new_consumer(self._bootstrap, self._config)
        try:
            consumer.subscribe(
                [MONITOR_STATES.name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            pulse = Pulse(self._activity, MONITOR_STATES.name)
            while not self._closing.is_set() and self._is_fit():
                messages = arrived(consumer, 0.25)
                self._hand_over(messages)
                self._sign(consumer)
                pulse.turn(consumer, bool(messages))
        except ClientLost as error:
            log.warning("prober.membership_lost", error=str(error))
        finally:
            self._give_up(self._owned)
            close_consumer(consumer, _CLOSE_SECONDS)

    def _hand_over(self, messages: list[Message]) -> None:
        records: dict[int, list[tuple[str, bytes | None]]] = {}
        ends: list[int] = []
        for message in messages:
            error = message.error()
            if error is None:
                key = (message.key() or b"").decode(errors="replace")
                records.setdefault(message.partition(), []).append((key, message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:
                ends.append(message.partition())
            else:
                raise_if_lost(error, self._name)
                if not error.retriable():
                    log.warning("prober.kafka", error=error.str())
        for partition, batch in records.items():
            self._tell(self._heard, partition, batch)
        for partition in ends:
            self._tell(self._whole, partition)

    def _sign(self, consumer: Consumer) -> None:
        """Commit a sign of life for our partitions, if the event loop, which probes, has turned since the last."""
        now = time.monotonic()
        if not self._owned or not self._loop_turns or now - self._signed_at < _SIGN_SECONDS:
            return
        self._signed_at, self._loop_turns = now, False
        self._tell(self._turned)
        metadata = f"alive at {self._clock.real() // SECOND}"
        signs = [TopicPartition(MONITOR_STATES.name, number, 0, metadata) for number in self._owned]
        try:
            consumer.commit(offsets=signs, asynchronous=True)
        except KafkaException as error:
            log.warning("prober.sign", error=str(error))

    def _turned(self) -> None:
        self._loop_turns = True

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            partition.offset = 0
            self._owned.add(partition.partition)
        self._signed_at = 0.0  # at once: whoever waits for a prober of these hears of it
        consumer.assign(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up({partition.partition for partition in partitions})

    def _give_up(self, partitions: set[int]) -> None:
        for partition in sorted(partitions & self._owned):
            self._tell(self._lost, partition)
        self._owned -= partitions

    def _tell(self, call: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)
