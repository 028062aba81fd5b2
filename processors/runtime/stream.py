"""Faust, hardened by subclasses (no monkeypatching); reference/faust-on-kafka.md tells why each is needed.

- `BatchStream.batches` hands over what has arrived, bounded in records and bytes. Nothing is acknowledged to Faust: the
  runner commits consumer offsets itself, after the transaction, so that no event in hand can be skipped (section 4).
- `EagerConsumer` steps a record's callback once before paying for four tasks a record (section 12), and stops fetching
  while more than `BUFFER_BYTES` wait, because Faust bounds its buffers in records only.
- `CommittedThread` reads `read_committed`; Faust alone would read aborted effects (section 13).
"""

import asyncio
from collections.abc import AsyncIterator, Generator
from functools import partial
from typing import Any

import aiokafka
import faust
from faust.sensors import Monitor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

BUFFER_BYTES = 32 * 2**20
BATCH_RECORDS = 4_000
BATCH_BYTES = 8 * 2**20


class _Resumed:
    """Awaitable that continues a coroutine already suspended on a future."""

    def __init__(self, coroutine: Any, future: Any) -> None:
        self._coroutine, self._future = coroutine, future

    def __await__(self) -> Generator[Any, Any, Any]:
        future = self._future
        while True:
            try:
                value = yield future
            except BaseException as error:
                step = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, value)
            try:
                future = step()
            except StopIteration as stop:
                return stop.value


async def _resume(coroutine: Any, future: Any) -> Any:
    return await _Resumed(coroutine, future)


class CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """A consumer thread that reads only what was committed, and answers as soon as there is something."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust's own warnings compare with acknowledgements, which we do not make; /readyz watches progress."""


class EagerConsumer(Consumer):  # type: ignore[misc]
    """See the module's docstring."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._buffered_bytes = 0
        self._room = asyncio.Event()

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: Any, record: Any) -> Any:
        if record.value is not None:
            self._buffered_bytes += len(record.value)
        return super()._to_message(tp, record)

    async def _wait_next_records(self, timeout: float) -> Any:
        while self._buffered_bytes > BUFFER_BYTES and self.flow_active and not self.should_stop:
            self._room.clear()
            await self._room.wait()
        return await super()._wait_next_records(timeout)

    def stop_flow(self) -> None:
        super().stop_flow()
        self.folded(self._buffered_bytes)  # a rebalance empties the streams' queues

    def folded(self, size: int) -> None:
        """So many bytes no longer wait."""
        self._buffered_bytes = max(0, self._buffered_bytes - size)
        self._room.set()

    async def wait_first(self, *coros: Any, timeout: Any = None) -> Any:
        # Faust's _drain_messages calls wait_first(callback(message), suspend_flow.wait()).
        if (
            timeout is None
            and len(coros) == 2
            and all(map(asyncio.iscoroutine, coros))
            and not self.suspend_flow.is_set()
        ):
            callback, suspended = coros
            try:
                waiting_on = callback.send(None)
            except StopIteration:
                suspended.close()
                return None
            return await super().wait_first(_resume(callback, waiting_on), suspended)
        return await super().wait_first(*coros, timeout=timeout)


class EagerTransport(Transport):  # type: ignore[misc]
    Consumer = EagerConsumer


class FoldApp(faust.App):  # type: ignore[misc]
    """A Faust app whose consumer is an `EagerConsumer`."""

    def _new_transport(self) -> EagerTransport:
        return EagerTransport(self.conf.broker_consumer, self)


class BatchStream(faust.Stream):  # type: ignore[misc]
    """A stream with `batches`."""

    async def batches(self) -> AsyncIterator[list[Any]]:
        """Messages that have arrived, in order per partition; never empty, never of a former assignment."""
        await self.maybe_start()
        queue, app = self.channel.queue, self.app
        while not self.should_stop:
            try:
                event = await queue.get()
            except StopAsyncIteration:  # the queue's way to say that the worker stops
                return
            generation, active = app.consumer_generation_id, app.flow_control.is_active()
            batch, size = [], 0
            while True:
                message = event.message
                size += len(message.value or b"")
                if active and message.generation_id == generation:
                    batch.append(message)
                if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES or queue.empty():
                    break
                event = queue.get_nowait()
            if batch:
                yield batch
            app.consumer.folded(size)
            await asyncio.sleep(0)


class QuietMonitor(Monitor):  # type: ignore[misc]
    """Faust's monitor without its cost per record; metrics are ours."""

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None: ...
    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> Any: ...
    def on_stream_event_out(self, tp: Any, offset: int, stream: Any, event: Any, state: Any = None) -> None: ...
    def on_message_out(self, tp: Any, offset: int, message: Any) -> None: ...

    def track_tp_end_offset(self, tp: Any, offset: int) -> None:
        self.tp_end_offsets[tp] = offset
