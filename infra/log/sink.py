"""The sink: the idempotent producer of a process, awaited message by message.

`put` returns the position of the record once all in-sync replicas have it (acks=all), or raises `NotStored`. A record
that is reported as stored is stored. There are two timeouts, for different reasons:

- The caller waits at most `patience` seconds (8). Then its future fails, whatever the producer does.
- The client retries for two minutes. If a message times out in the client after it may have been sent, librdkafka takes
  a new epoch, and writes every message whose answer was lost a second time. So the client must outlast an outage. A
  record that its caller has given up may still be written when Kafka is back.

A producer without any confirmation for 30 s although a broker answers has lost its broker, as happens after repeated
outages. Like a producer with a fatal error, it is replaced.

The client's own limits bound the queue; if it is full, `put` fails at once.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import structlog
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer

from infra.availability import kafka_answers
from infra.clock import SYSTEM_CLOCK
from infra.errors import InfraError
from infra.log.cluster import client_config
from infra.log.connect import new_producer
from infra.log.skew import Skew
from schemas.base import Micros
from schemas.topics import Topic

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 8.0

_SWEEP_SECONDS = 0.1
_POLL_SECONDS = 0.5
_FORMER_POLL_SECONDS = 0.05
_RENEWAL_SECONDS = 1.0
_JOIN_SECONDS = 2.0
# Whoever gets no confirmation asks so often whether a broker is there, and after so many seconds of yes is replaced.
_ASK_SECONDS = 5.0
_BLIND_SECONDS = 20.0


class Position(NamedTuple):
    """Where a record stands. appended: when the broker appended it, by the broker's clock; 0 if it does not say so."""

    partition: int
    offset: int
    appended: Micros = 0


class NotStored(InfraError):
    """Kafka did not confirm the record in time: it may or may not be in the log; the caller must not claim it is."""


def producer_config(bootstrap: str) -> dict[str, Any]:
    """What all our producers share. The partitioner is that of the Java tools, so that both agree on partitions.

    One request is under way at a time. A broker that does not lead a partition yet refuses a request, and a moment
    later takes the one after it from a producer that it has never heard of there. The client would conclude from this
    that the refused one is stored, too.
    """
    return {
        **client_config(bootstrap),
        "acks": "all",
        "enable.idempotence": True,
        "max.in.flight.requests.per.connection": 1,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.max.bytes": 4 * 2**20,
        "queue.buffering.max.messages": 100_000,
        "queue.buffering.max.kbytes": 262_144,
        "message.timeout.ms": 120_000,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.refresh.interval.ms": 60_000,
        "statistics.interval.ms": 0,
        "log_level": 2,
    }


# A connection on which no answer comes is given up before the caller is: what it owed is asked for on a new one, under
# the same sequence numbers, and the broker answers without writing it again.
_SINK_CONFIG: dict[str, Any] = {"socket.timeout.ms": 5_000}


class Sink:
    """To be made, used and closed inside a running event loop.

    Every future of `put` ends within `patience` and a tenth of a second, and at the latest when `close` ends: also when
    the producer met a fatal error and was replaced, or reports nothing any more.

    generation: grows when the producer is replaced, never within `put` before it has refused. Records of one generation
    and partition stand in the log in the order of putting (a copy of one may come later); those of two may not.
    now: the system's clock, whose skew is measured.
    """

    def __init__(
        self,
        bootstrap: str,
        patience: float = PATIENCE_SECONDS,
        producer: Callable[[dict[str, Any]], Producer] | None = None,
        answers: Callable[[], bool] | None = None,
        now: Callable[[], Micros] = SYSTEM_CLOCK.real,
        **overrides: Any,
    ) -> None:
        """producer: makes one, to be given by tests. answers: whether a broker is there; None: it is asked without this
        producer."""
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._make = producer or partial(new_producer, bootstrap)
        self._now, self._skew = now, Skew()
        self._config = producer_config(bootstrap) | _SINK_CONFIG | overrides
        self._lock = threading.Lock()
        self._done: list[tuple[asyncio.Future[Position], KafkaError | None, Position | None]] = []
        self._waiting: deque[tuple[float, asyncio.Future[Position]]] = deque()  # by deadline, oldest first
        self._sweep: asyncio.TimerHandle | None = None
        self._former: list[tuple[Producer, float]] = []  # replaced; what they still report until then counts
        self._renewed_at = 0.0
        self._answers = answers or partial(kafka_answers, bootstrap)
        # Since when nothing handed over was confirmed; since when a broker has nevertheless been there.
        self._unconfirmed_since: float | None = None
        self._blind_since: float | None = None
        self._asked_at = 0.0
        self.generation = 0
        self._closed = False
        self._stopping = threading.Event()
        self._producer = self._make(self._config)
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
        if self._closed:
            raise NotStored("the sink is closed")
        future: asyncio.Future[Position] = self._loop.create_future()
        delivered = partial(self._delivered, future, self._now())
        name = topic if isinstance(topic, str) else topic.name
        if self._unconfirmed_since is None:
            self._unconfirmed_since = time.monotonic()
        try:
            self._produce(name, value, key, partition, delivered, headers)
        except BufferError:
            raise NotStored("the queue to Kafka is full") from None
        except KafkaException as error:
            if _is_fatal(error.args[0]):
                self._renew(error.args[0].str())
            raise NotStored(str(error)) from error
        self._waiting.append((self._loop.time() + self._patience, future))
        if self._sweep is None:
            self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._expire)
        return future

    def _produce(
        self,
        topic: str,
        value: bytes | None,
        key: str | bytes | None,
        partition: int,
        delivered: Callable[[KafkaError | None, Message], None],
        headers: list[tuple[str, bytes]] | None,
    ) -> None:
        if headers is None:
            self._producer.produce(topic, value, key, partition, delivered)
        else:
            self._producer.produce(topic, value, key, partition, delivered, headers=headers)

    @property
    def skew(self) -> Micros | None:
        """How far our clock is ahead of Kafka's at least, by what was acknowledged; negative: behind; None: unknown."""
        return self._skew.value

    @property
    def queued(self) -> int:
        """Records handed over and not yet reported on."""
        return len(self._producer)

    async def close(self, timeout: float = 5.0) -> None:
        """Wait until every record handed over is reported on, at most `timeout` seconds, and stop.

        What is not confirmed then fails with `NotStored`.
        """
        self._closed = True
        try:
            await asyncio.to_thread(self._producer.flush, timeout)
        except KafkaException as error:  # a fatal one
            log.warning("sink.not_flushed", error=str(error))
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, _JOIN_SECONDS)
        self._settle()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._waiting:
            _fail(self._waiting.popleft()[1], "the sink was closed before Kafka confirmed the record")

    # ---- reports, in the thread that polls

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._hear(self._producer, _FORMER_POLL_SECONDS if self._former else _POLL_SECONDS)
            self._hear_former()
            self._look_whether_blind()

    def _hear(self, producer: Producer, timeout: float) -> None:
        """Hear reports. Whatever goes wrong with one of them, the others must be heard, too."""
        try:
            producer.poll(timeout)
        except KafkaException as error:  # how the client tells that it is done for
            self._call(self._replace, producer, error.args[0])
        except Exception:
            log.exception("sink.report_failed")
            self._stopping.wait(_FORMER_POLL_SECONDS)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have the event loop call something, unless it has ended and nobody waits any more."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _hear_former(self) -> None:
        """Hear what replaced producers still report, for a bounded time, and let them go."""
        for former in list(self._former):
            producer, until = former
            self._hear(producer, 0)
            if len(producer) and time.monotonic() < until:
                continue
            producer.purge(blocking=False)
            self._hear(producer, 0)
            self._former.remove(former)

    def _look_whether_blind(self) -> None:
        """Replace a producer that does not find its broker, which is there. Blocks for some seconds at most."""
        now, since = time.monotonic(), self._unconfirmed_since
        if since is None or now - since < _ASK_SECONDS:
            self._blind_since = None
        elif now - self._asked_at >= _ASK_SECONDS:
            self._asked_at = now
            if not self._answers():
                self._blind_since = None
            elif self._blind_since is None:
                self._blind_since = now
            elif now - self._blind_since >= _BLIND_SECONDS:
                self._unconfirmed_since = self._blind_since = None
                self._call(self._renew, f"nothing was confirmed for {now - since:.0f} s, although a broker answers")

    def _delivered(
        self, future: asyncio.Future[Position], handed_over: Micros, error: KafkaError | None, message: Message
    ) -> None:
        if error is None or error.code() > 0:  # else it is the client's own: the broker has said nothing
            self._unconfirmed_since = None
        position = _position(message) if error is None else None
        with self._lock:
            first = not self._done
            self._done.append((future, error, position))
        if first:  # one wake-up of the loop per burst of reports, and one measurement
            self._call(self._settle)
            if position is not None and position.appended:
                self._skew.note(handed_over, position.appended, self._now())

    # ---- futures, in the event loop

    def _settle(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        for future, error, position in done:
            if error is not None:
                _fail(future, error.str())
            elif position is None:
                _fail(future, "the client concludes that the record is stored, and Kafka has not said so")
            elif not future.done():  # the caller may have gone away, or have been told that it is not stored
                future.set_result(position)

    def _expire(self) -> None:
        """Fail the futures whose patience is at its end."""
        self._settle()  # what has been reported is not late, even if this loop is
        now, waiting = self._loop.time(), self._waiting
        while waiting and (waiting[0][1].done() or waiting[0][0] <= now):
            _fail(waiting.popleft()[1], f"Kafka did not confirm the record within {self._patience:g} s")
        self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._expire) if waiting else None

    # ---- renewal: a producer that met a fatal error, or lost its broker, never produces again

    def _replace(self, failed: Producer, error: KafkaError) -> None:
        if _is_fatal(error) and failed is self._producer:  # else it has been replaced already
            self._renew(error.str())

    def _renew(self, why: str) -> None:
        """Go on with a new producer, unless one was made a moment ago, or none is needed any more."""
        now = time.monotonic()
        if self._closed or now - self._renewed_at < _RENEWAL_SECONDS:
            return
        log.error("sink.renewed", error=why, queued=len(self._producer))
        former, self._producer, self._renewed_at = self._producer, self._make(self._config), now
        self._former.append((former, now + self._patience))
        self.generation += 1


def _position(message: Message) -> Position | None:
    """Where Kafka says that the record stands; None when the client only concludes from others that it does."""
    kind, milliseconds = message.timestamp()
    appended = milliseconds * 1_000 if kind == TIMESTAMP_LOG_APPEND_TIME else 0
    partition, offset = message.partition(), message.offset()
    return None if partition is None or offset is None or offset < 0 else Position(partition, offset, appended)


def _is_fatal(error: KafkaError) -> bool:
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def _fail(future: asyncio.Future[Position], reason: str) -> None:
    if not future.done():
        future.set_exception(NotStored(reason))
