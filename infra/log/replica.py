"""A replica: the newest record of every key of some topics, followed live in a thread, with its positions known.

Readers of transactional topics know that commit markers use up offsets: "caught up" means that the position at the end
of the partition has reached the `read_committed` end offset, never "last record + 1".
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, Message, TopicPartition

from infra.log.admin import admin_client, end_offsets
from infra.log.catching_up import CatchingUp
from infra.log.clients import Pulse, close_consumer, is_lost
from infra.log.connect import new_consumer
from infra.log.lookup_threads import SharedLook, run_lookup
from infra.log.reading import arrived
from infra.process.liveness import LIVENESS
from schemas.topics import Topic

log = structlog.get_logger(__name__)

# Takes (partition, key, value); value None removes the key. Called in the replica's thread, so it must be quick, keep
# to operations that are atomic under the interpreter's lock, and not raise.
Apply = Callable[[int, str, bytes | None], None]

_LOOK_SECONDS = 2.0
_CLOSE_SECONDS = 2.5


class Replica:
    """Follows `topics` (all partitions) from the beginning, or from now on with `from_end`.

    `wait_ms`: so long the broker holds a fetch back that finds nothing; more costs less, and tells of an end later.
    To be made inside a running event loop; `started` ends when it has all that was there when it began.
    """

    def __init__(
        self,
        bootstrap: str,
        partitions: int,
        topics: Mapping[Topic, Apply],
        from_end: bool = False,
        wait_ms: int = 50,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._admin = admin_client(bootstrap)
        self._applies = {topic.name: apply for topic, apply in topics.items()}
        self._assigned = [(topic.name, number) for topic in topics for number in range(partitions)]
        self._from_end = from_end
        self.positions: dict[tuple[str, int], int] = dict.fromkeys(self._assigned, -1)
        self._waiters: set[asyncio.Event] = set()
        self._ends = SharedLook(lambda: end_offsets(self._admin, self._assigned))
        self._closing = False
        self._activity = LIVENESS.activity(f"replica of {', '.join(self._applies)}", needs=("kafka",))
        self._bootstrap = bootstrap
        self._config: dict[str, Any] = {
            "group.id": "pingfold-replica",  # never joined: partitions are assigned by hand
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            # The end of a partition is told by a fetch that came back empty: this long after a last commit marker.
            "fetch.wait.max.ms": wait_ms,
            "fetch.message.max.bytes": 4 * 2**20,
            "queued.max.messages.kbytes": 65_536,
            "queued.min.messages": 10_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }
        self._consumer = new_consumer(self._bootstrap, self._config)
        self._thread = threading.Thread(target=self._follow, name="replica", daemon=True)

    async def start(self, stall: float = 60.0) -> None:
        """Begin, and wait until everything that is there now has been read, however long that takes.

        Raises `TimeoutError` when nothing comes for `stall` seconds.
        """
        ends = await run_lookup(end_offsets, self._admin, self._assigned)
        # 0 is found at once, or reset to the earliest; asking for "the beginning" costs half a second.
        begin = {tp: ends[tp] if self._from_end else 0 for tp in self._assigned}
        self._consumer.assign([TopicPartition(*tp, offset) for tp, offset in begin.items()])
        if self._from_end:  # nothing is read of what is there: no answer of the broker is needed to know so
            self.positions.update(ends)
        self._thread.start()
        catching_up = CatchingUp("replica.loading", topics=sorted(self._applies))
        catching_up.expect(sum(ends.values()))
        known, heard = -1, time.monotonic()
        while not await self.wait(lambda: self._reached(ends), min(_LOOK_SECONDS, stall)):
            read = sum(min(max(0, at), ends[tp]) for tp, at in self.positions.items())
            if read != known:
                known, heard = read, time.monotonic()
                catching_up.moved(read)
            elif time.monotonic() - heard >= stall:
                raise TimeoutError(
                    f"the replica of {', '.join(self._applies)} could not be read: nothing came for {stall:.0f} s"
                )

    async def close(self) -> None:
        """Stop following."""
        self._closing = True
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _CLOSE_SECONDS + 0.5)
        else:
            LIVENESS.end(self._activity)

    async def caught_up(self, timeout: float) -> bool:
        """Wait until the replica holds everything committed before this call; False when that takes longer.

        Calls that come while a look at the end offsets is under way share the next look.
        """
        deadline = time.monotonic() + timeout
        try:
            async with asyncio.timeout(timeout):
                ends = await self._ends.take()
        except Exception as error:
            log.warning("replica.no_end_offsets", error=str(error) or type(error).__name__)
            return False
        return await self.wait(lambda: self._reached(ends), max(0.0, deadline - time.monotonic()))

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition` holds, looked at after each batch read; False when it does not within `timeout`."""
        if condition():
            return True
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return condition()
        finally:
            self._waiters.discard(changed)
        return True

    def _reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        return all(self.positions[tp] >= end for tp, end in ends.items())

    def _wake(self) -> None:
        for changed in self._waiters:
            changed.set()

    def _follow(self) -> None:
        pulse = Pulse(self._activity, next(iter(self._applies)))
        while not self._closing:
            messages = arrived(self._consumer, 0.25)
            self._apply(messages)
            pulse.turn(self._consumer, bool(messages))
        LIVENESS.end(self._activity)
        close_consumer(self._consumer, _CLOSE_SECONDS)

    def _renew(self, error: KafkaError) -> None:
        """The consumer will never read again: go on with a new one, from where this one stood."""
        log.error("replica.renewed", topics=sorted(self._applies), error=error.str())
        close_consumer(self._consumer, _CLOSE_SECONDS)
        self._consumer = new_consumer(self._bootstrap, self._config)
        self._consumer.assign([TopicPartition(*tp, max(0, offset)) for tp, offset in self.positions.items()])

    def _apply(self, messages: Iterable[Message]) -> None:
        any_read = False
        for message in messages:
            error = message.error()
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self.positions[topic, partition] = offset
                    any_read = True
                elif is_lost(error):
                    self._renew(error)
                elif not error.retriable():
                    log.warning("replica.error", topic=topic, error=error.str())
                continue
            key = (message.key() or b"").decode(errors="replace")
            try:
                self._applies[topic](partition, key, message.value())
            except Exception as failure:  # a record that is not ours, written by hand: skipped, and said so
                log.warning("replica.skipped", topic=topic, partition=partition, offset=offset, error=str(failure))
            self.positions[topic, partition] = offset + 1
            any_read = True
        if any_read and self._waiters and not self._closing:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._wake)
