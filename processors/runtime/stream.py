"""Faust, hardened by subclasses, without monkeypatching.

What travels through Faust is not a record but a `Span`: all that was fetched of a partition, and the offsets where it
begins and ends. So Faust's costs (four asyncio tasks a message) are paid once per fetch, and whoever folds can see that
nothing was left out between two spans, whatever Faust or aiokafka drop around a rebalance: that they lose nothing is
verified, not trusted. A span may hold no records: markers of transactions use up offsets too.

- `SpanThread` fetches spans, `read_committed` (Faust alone would read aborted effects), bounded in bytes and records.
- `SpanConsumer` hands each span to Faust as one message, and fetches nothing for a partition that is full.
- `SpanStream` yields spans. Nothing is acknowledged to Faust, which takes an event for done also when its agent has
  failed or is cancelled, and would lose the one in hand. The worker commits offsets after the transactions instead.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple

import aiokafka
import faust
import structlog
from aiokafka.client import ConnectionGroup
from faust.sensors import Monitor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, ConsumerMessage

from processors.runtime.continuity import Continuity

log = structlog.get_logger(__name__)

# One look at what aiokafka has fetched takes so much at most, all partitions together.
_FETCH_BYTES = 2 * 2**20
_FETCH_RECORDS = 5_000
# It is taken in steps, because aiokafka bounds in records only (and unpacks a compressed batch when it comes to it).
_STEP_RECORDS = 100
# What a record takes in memory besides its key and value.
_RECORD_BYTES = 400
# Each answer of the broker costs as much as dozens of records. While so many come in a quarter of a second, it is asked
# to answer when it has so much, or after so long; an event that comes in quieter times is told at once.
_BUSY_RECORDS = 100
_LOOK_SECONDS = 0.25
_BUSY_WAIT_MS, _BUSY_MIN_BYTES = 50, 256 * 2**10
_QUIET_WAIT_MS, _QUIET_MIN_BYTES = 500, 1


class Span(NamedTuple):
    """Records of one partition, whole: everything committed from offset `start` up to, not including, `next`.

    unsure: the log may have lost its end since the span before (`processors.runtime.continuity`).
    """

    topic: str
    partition: int
    generation: int
    start: int
    next: int
    records: list[aiokafka.ConsumerRecord[bytes, bytes]]
    size: int
    unsure: bool = False

    def with_more(self, more: "Span") -> "Span":
        records, size = self.records + more.records, self.size + more.size
        return self._replace(next=more.next, records=records, size=size, unsure=self.unsure or more.unsure)


class SpanThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """See the module's docstring."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pace, self._continuity = _Pace(), Continuity()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """To the beginning where nothing is committed yet: aiokafka would leave such a partition where it stands.

        To the end where more is committed than there is: aiokafka would begin at the beginning, and Faust would leave
        out all that comes before the offset committed.
        """
        consumer = self._ensure_consumer()
        committed: dict[Any, int] = dict(await super().seek_to_committed())
        self._continuity.sought()
        if new := [tp for tp, offset in committed.items() if not offset]:
            await self.call_thread(consumer.seek_to_beginning, *new)
        known = [tp for tp, offset in committed.items() if offset]
        for tp, end in (await self.call_thread(consumer.end_offsets, known) if known else {}).items():
            if committed[tp] > end:
                log.error("worker.offset_beyond_the_end", journal=tp.topic, partition=tp.partition, end=end)
                await self._go_to(tp, end)
                committed[tp] = end
        return committed

    async def _go_to(self, tp: Any, offset: int) -> None:
        async def seek() -> None:
            self._ensure_consumer().seek(tp, offset)
            self._continuity.sought(tp)

        await self.call_thread(seek)

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None
    ) -> dict[Any, Span]:
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise aiokafka.errors.ConsumerStoppedError()
        with fetcher._subscriptions.fetch_context():
            spans = await self._take(consumer, active_partitions)
            if not spans and timeout:
                await _wait_for_fetch(fetcher, timeout)
                spans = await self._take(consumer, active_partitions)
        self._pace.follow(fetcher, sum(len(span.records) for span in spans.values()))
        return spans

    async def _take(self, consumer: Any, active: Any) -> dict[Any, Span]:
        """What has been fetched, of each partition at most one answer of the broker.

        Does not wait, so that positions move by what is taken here and by nothing else.
        """
        fetcher, spans, active = consumer._fetcher, dict[Any, Span](), set(active)
        taken = records = 0
        while active and taken < _FETCH_BYTES and records < _FETCH_RECORDS:
            subscription = fetcher._subscriptions
            if subscription.reassignment_in_progress:
                break
            states = [(tp, subscription.subscription.assignment.state_value(tp)) for tp in active]
            before = [(tp, state, state._position) for tp, state in states if state is not None]
            found = await fetcher.fetched_records(active, 0, _STEP_RECORDS)
            moved = False
            for tp, state, start in before:
                # A position comes also from the first look at the committed offset; records only from a known one.
                if start is None or state._position is None or state._position <= start:
                    continue
                moved = True
                span = self._span(consumer, tp, start, state._position, found.get(tp, []))
                taken += span.size
                records += len(span.records)
                spans[tp] = spans[tp].with_more(span) if tp in spans else span
                if tp not in fetcher._records:
                    active.discard(tp)
            if not moved:
                break
        return spans

    def _span(self, consumer: Any, tp: Any, start: int, end: int, records: list[Any]) -> Span:
        size = sum(len(r.key or b"") + len(r.value or b"") + _RECORD_BYTES for r in records)
        generation, more = consumer._coordinator.generation, tp in consumer._fetcher._records
        unsure = self._continuity.is_unsure(tp, generation, start, end, _connection(consumer, tp), more)
        return Span(tp.topic, tp.partition, generation, start, end, records, size, unsure)

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """The group's offsets only say where a restart begins to read: that they cannot be committed is no fault."""
        assigned = self.assignment()
        positions = {aiokafka.TopicPartition(*tp): offset for tp, offset in offsets.items() if tp in assigned}
        try:
            if positions:
                await self._ensure_consumer().commit(positions)
        except (aiokafka.errors.KafkaError, aiokafka.errors.IllegalStateError) as error:
            log.warning("worker.offsets_not_committed", error=str(error))
            return False
        return True

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust's own warnings compare with acknowledgements, which we do not make; see `watchdog`."""


def _connection(consumer: Any, tp: Any) -> object:
    """The connection over which a partition is fetched; None while there is none."""
    client = consumer._client
    return client._conns.get((client.cluster.leader_for_partition(tp), ConnectionGroup.DEFAULT))


class _Pace:
    """How requests to the broker wait, after how much has come of late."""

    def __init__(self) -> None:
        self._since = 0.0
        self._records = 0

    def follow(self, fetcher: Any, records: int) -> None:
        self._records += records
        now = time.monotonic()
        if now - self._since < _LOOK_SECONDS:
            return
        busy = self._records >= _BUSY_RECORDS
        fetcher._fetch_max_wait_ms = _BUSY_WAIT_MS if busy else _QUIET_WAIT_MS
        fetcher._fetch_min_bytes = _BUSY_MIN_BYTES if busy else _QUIET_MIN_BYTES
        self._since, self._records = now, 0


async def _wait_for_fetch(fetcher: Any, timeout: float) -> None:
    """Until something was fetched; raises what aiokafka has to tell its user."""
    waiter = fetcher._create_fetch_waiter()
    await asyncio.wait([waiter], timeout=timeout)
    if waiter.done():
        waiter.result()
    else:
        waiter.cancel()


class SpanConsumer(Consumer):  # type: ignore[misc]
    """See the module's docstring."""

    app: "FoldApp"

    def _new_consumer_thread(self) -> SpanThread:
        return SpanThread(self, loop=self.loop, beacon=self.beacon)

    async def rewind(self, tp: Any, offset: int) -> None:
        """Read a partition again from `offset`, if it is assigned."""
        try:
            await self._thread._go_to(tp, offset)
        except aiokafka.errors.IllegalStateError:  # the next assignment begins at the committed offset
            return
        # What Faust has read, as it believes: it leaves out what ends before.
        self._read_offset[tp] = offset - 1 if offset else None

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[Any, Span]:
        ready = self.app.ready(active_partitions)
        if not ready:
            self.app.room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self.app.room.wait()
            return {}
        spans: dict[Any, Span] = await self._thread.getmany(ready, timeout)
        return spans

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        """As Faust's, with one message for each span instead of one for each record."""
        spans, _ = await self._wait_next_records(timeout)
        self.app.turned()
        if spans is None or self.should_stop:
            return
        if not self.flow_active:
            try:
                await self.perform_seek()
            except Exception as error:  # as Faust does: whoever folds sees what is missing
                log.warning("worker.not_sought", error=str(error))
            return
        for tp, span in spans.items():
            if not self.flow_active:
                return
            if span.unsure:  # it may begin anew, and Faust leaves out what it believes to have read
                self._read_offset[tp] = None
            yield tp, _message(tp, span)


def _message(tp: Any, span: Span) -> Any:
    # Faust compares the offset with its own idea of what has been read: a span is as far as its end.
    return ConsumerMessage(
        span.topic, span.partition, span.next - 1, 0.0, 0, None, None, span, None,
        tp=tp, generation_id=span.generation,
    )  # fmt: skip


class SpanTransport(Transport):  # type: ignore[misc]
    Consumer = SpanConsumer


class FoldApp(faust.App):  # type: ignore[misc]
    """A Faust app whose consumer is a `SpanConsumer`.

    ready: of these partitions, the ones that may be fetched now; `room` is set when it may answer more.
    finish: to be done before a stop, while the consumer can still commit.
    turned: told at each turn of the consumer, about once a second whether or not anything came.
    """

    ready: Callable[[Collection[Any]], set[Any]] = set
    finish: Callable[[], Awaitable[None]]
    turned: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.room = asyncio.Event()

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """Have a partition read again from `offset`."""
        await self.consumer.rewind(TP(topic, partition), offset)

    def _new_transport(self) -> SpanTransport:
        return SpanTransport(self.conf.broker_consumer, self)

    async def on_stop(self) -> None:
        await self.finish()
        await super().on_stop()


class SpanStream(faust.Stream):  # type: ignore[misc]
    """A stream with `spans`."""

    async def spans(self) -> AsyncIterator[Span]:
        """Spans as they arrive; none of a former assignment."""
        await self.maybe_start()
        queue, app = self.channel.queue, self.app
        while not self.should_stop:
            try:
                event = await queue.get()
            except StopAsyncIteration:  # the queue's way to say that the worker stops
                return
            span: Span = event.message.value
            if app.flow_control.is_active() and span.generation == app.consumer_generation_id:
                yield span


class QuietMonitor(Monitor):  # type: ignore[misc]
    """Faust's monitor without its cost per message; metrics are ours."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None: ...
    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> Any: ...
    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None: ...
    def on_message_out(self, tp: Any, offset: int, message: Any) -> None: ...
