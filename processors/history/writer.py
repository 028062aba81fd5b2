"""The history writer: `pings`, `transitions` (and which pings were refused) and names from Kafka into ClickHouse.

Delivery is at least once: offsets are committed after the insert, so after any failure rows may be repeated but never
lost; tables and readers count each row once (infra/clickhouse/tables/0001_history.sql). While ClickHouse is not
available the writer keeps one block and waits. Memory is bounded in bytes: the consumer's queue, one block, its encoded
form. Readers use the committed offsets to know what is in ClickHouse (`query_api/history/checks.py`), so these also
pass commit markers.
"""

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra import metrics as metrics_table
from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouseUnavailable, connect, unavailable_errors
from infra.disk import Disk
from infra.log.clients import Pulse, close_consumer, raise_if_lost
from infra.log.cluster import cluster_of
from infra.log.connect import new_consumer
from infra.process.liveness import LIVENESS, STALL_SECONDS
from infra.settings.settings import Settings
from processors.history.read_marks import ReadMarks, begin
from processors.history.roll_up_thread import RollUpThread
from processors.history.rows import (
    LOST_RECORDS,
    PING_FACTS,
    PINGS,
    PROBES,
    TABLES,
    THINGS,
    Row,
    Table,
    ping_row,
    probe_row,
    refused_row,
    thing_row,
    transition_row,
)
from processors.history.start import Starts
from schemas import topics

log = structlog.get_logger(__name__)

GROUP = "pingfold-history"

# A gathering round; a quiet writer flushes after each, so a ping is in ClickHouse within 200 ms.
_ROUND_SECONDS = 0.1
# A round with so many rows calls for larger blocks: go on gathering, but no longer than this.
_BUSY_ROWS = 50
_BUSY_SECONDS = 0.5
_BLOCK_ROWS = 20_000
_BLOCK_BYTES = 8 * 2**20
_FIRST_TAKE, _LARGEST_TAKE = 50, 1_000
# Positions that moved without a row (ticks) are committed so often.
_COMMIT_SECONDS = 5.0
# A commit without an answer after so long is given up and made anew: the client may have lost it with a connection.
_COMMIT_PATIENCE = 5.0
_LAST_COMMIT_SECONDS = 2.0
_LONGEST_PAUSE = 5.0
# An insert is given up in half the time in which a thread without a beat ends the process: it can then be tried again.
_INSERT_SECONDS = STALL_SECONDS / 2

_ROWS = metrics_table.HISTORY_ROWS.create()
_ERRORS = metrics_table.HISTORY_ERRORS.create()


@dataclass(frozen=True, slots=True)
class Sources:
    """The topics that the writer reads."""

    pings: str = topics.PINGS.name
    probes: str = topics.PROBE_RESULTS.name
    transitions: str = topics.TRANSITIONS.name
    dead_letters: str = topics.DEAD_LETTERS.name
    definitions: str = topics.DEFINITIONS.name


class Block:
    """What is gathered for one round of inserts, and the positions after it."""

    def __init__(self) -> None:
        self.rows: dict[Table, list[Row]] = {table: [] for table in TABLES}
        self.count = 0
        self.bytes = 0
        self.positions: dict[tuple[str, int], int] = {}
        self.told_more = False  # more than the time has passed: readers wait for these positions

    def add(self, table: Table, row: Row) -> None:
        self.rows[table].append(row)
        self.count += 1

    @property
    def full(self) -> bool:
        return self.count >= _BLOCK_ROWS or self.bytes >= _BLOCK_BYTES


class HistoryWriter:
    """One writer; several share the partitions. `slot` names it, so that its successor takes over at once."""

    def __init__(
        self, settings: Settings, slot: int | str = 0, group: str = GROUP, sources: Sources = Sources()
    ) -> None:
        if settings.kafka_bootstrap_servers is None or settings.clickhouse_url is None:
            raise ValueError("the history writer needs KAFKA_BOOTSTRAP_SERVERS and CLICKHOUSE_URL")
        self._bootstrap = cluster_of(settings, settings.kafka_bootstrap_servers)
        self._address = Address.parse(settings.clickhouse_url)
        self._slot, self._group, self._sources = slot, group, sources
        self._disk = Disk(settings, "history is not written")
        self._client: Client | None = None
        self._take = _FIRST_TAKE
        self._block = Block()
        self._starts = Starts()
        self._reached: dict[tuple[str, int], int] = {}  # what is inserted and not yet committed
        self._marks = ReadMarks()
        self._committed_at = 0.0
        self._commit_since: float | None = None  # when the commit that is not answered yet was made
        self._activity = LIVENESS.activity("history", needs=("kafka", "clickhouse"))
        self._commits = LIVENESS.activity("history commits", needs=("kafka", "clickhouse"))

    async def run(self, stop: asyncio.Event) -> None:
        """Write, in a thread of its own, until `stop` is set. Raises what `write` raises."""
        ending = threading.Event()
        work = asyncio.create_task(asyncio.to_thread(self.write, ending))
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.set()
            waiting.cancel()
            await work

    def write(self, stop: threading.Event) -> None:
        """Write until `stop` is set. Raises `ClientLost` when Kafka says that this client is done for good."""
        consumer = new_consumer(self._bootstrap, self._config())
        sources = self._sources
        consumer.subscribe(
            [sources.pings, sources.probes, sources.transitions, sources.dead_letters, sources.definitions],
            on_assign=self._took_over,
            on_revoke=self._gave_up,
            on_lost=self._gave_up,
        )
        hours = RollUpThread(self._address)
        hours.start()
        pulse = Pulse(self._activity, sources.pings)
        try:
            while not stop.is_set():
                block = self._block = Block()
                for lost in self._starts.settle(consumer):
                    block.add(LOST_RECORDS, lost)
                self._gather(consumer, stop)
                if self._insert(block, stop):
                    self._reached.update(block.positions)
                    self._commit(consumer, urgent=block.told_more)
                    if block.count:
                        hours.tell()
                pulse.turn(consumer, bool(block.positions))
            self._finish_commits(consumer)
        finally:
            hours.close()
            LIVENESS.end(self._activity)
            LIVENESS.end(self._commits)
            if not close_consumer(consumer):
                log.warning("history.not_closed", why="the broker does not answer")
            self._disconnect()

    def _config(self) -> dict[str, Any]:
        return {
            "group.id": self._group,
            "group.instance.id": f"{self._group}-{self._slot}",
            "session.timeout.ms": 10_000,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "on_commit": self._commit_answered,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",  # never in silence to another place: see `start`
            # The queue counts bytes after decompression, but a fetch is unpacked whole, and bodies may well shrink to a
            # hundredth in Kafka: keep fetches small.
            "queued.max.messages.kbytes": 16_384,
            "queued.min.messages": 20_000,
            "fetch.max.bytes": 2**20,
            "max.partition.fetch.bytes": 64 * 2**10,
            # A fetch for each handful of pings would cost the broker more than the pings do.
            "fetch.wait.max.ms": 100,
            "fetch.min.bytes": 64 * 2**10,
            "fetch.queue.backoff.ms": 10,
            "topic.metadata.refresh.interval.ms": 30_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }

    def _took_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        begin(consumer, self._bootstrap, partitions, self._beat)

    def _gave_up(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Rows in hand are inserted all the same (the next owner inserts them again); the offsets are no more ours.
        for tp in partitions:
            self._block.positions.pop((tp.topic, tp.partition), None)
            self._reached.pop((tp.topic, tp.partition), None)
            self._starts.gave_up(tp.topic, tp.partition)
            self._marks.forget((tp.topic, tp.partition))

    def _gather(self, consumer: Consumer, stop: threading.Event) -> None:
        block = self._block
        began = time.monotonic()
        while True:
            rows_before, bytes_before = block.count, block.bytes
            messages = consumer.consume(self._take, _ROUND_SECONDS)
            records = len(messages)
            self._add(messages)
            if records:
                # As many of the size seen last as fill a block: `consume` by itself gathers any amount of bytes that
                # the queue and the network hand out within the round.
                size = max(1, (block.bytes - bytes_before) // records)
                self._take = max(8, min(_LARGEST_TAKE, _BLOCK_BYTES // size))
            busy = block.count - rows_before >= _BUSY_ROWS
            if block.full or not busy or stop.is_set() or time.monotonic() - began >= _BUSY_SECONDS:
                return

    def _add(self, messages: list[Any]) -> None:
        block, sources, marks = self._block, self._sources, self._marks
        pings, positions = block.rows[PINGS], block.positions
        pings_topic, transitions_topic = sources.pings, sources.transitions
        rows_before = len(pings)
        for index, message in enumerate(messages):
            messages[index] = None  # frees it as soon as its row is made
            topic, part, off = message.topic(), message.partition(), message.offset()
            if (error := message.error()) is not None:
                self._heard(error, topic, part, off)
                continue
            value, timestamp_ms = message.value(), message.timestamp()[1]
            positions[topic, part] = off + 1
            block.bytes += len(value or b"")
            if topic == sources.definitions:
                # Compaction takes records away: that one is gone says nothing of the log.
                if (row := thing_row(off, timestamp_ms, message.key(), value)) is not None:
                    block.add(THINGS, row)
                continue
            marks.note((topic, part), off, timestamp_ms, message.key(), value)
            if topic == pings_topic:
                row = ping_row(part, off, timestamp_ms, message.key(), value)
                if row is not None:
                    pings.append(row)
                continue
            if topic == sources.probes:
                if (row := probe_row(message.key(), value)) is not None:
                    block.add(PROBES, row)
                continue
            block.told_more = True
            if topic == transitions_topic:
                if (found := transition_row(part, off, value)) is not None:
                    block.add(*found)
            elif (row := refused_row(value, pings_topic)) is not None:
                block.add(PING_FACTS, row)
        block.count += len(pings) - rows_before
        if block.count:
            block.told_more = True

    def _heard(self, error: KafkaError, topic: str | None, part: int, off: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            # Past the markers of the last transactions, too: without that no reader could know that all is read.
            self._block.positions[topic or "", part] = off or 0
            self._block.told_more |= topic not in (self._sources.pings, self._sources.probes)
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._starts.astray(topic or "", part, off)
            return
        _ERRORS.labels("kafka").inc()
        raise_if_lost(error, self._group)
        log.warning("history.kafka", error=error.str(), topic=topic)

    def _insert(self, block: Block, stop: threading.Event) -> bool:
        """Insert the block, however long ClickHouse is away; False when told to stop before it was in."""
        return all(self._insert_rows(table, rows, stop) for table, rows in block.rows.items() if rows)

    def _insert_rows(self, table: Table, rows: list[Row], stop: threading.Event) -> bool:
        columns = list(zip(*rows, strict=True))
        pause = 0.1
        while True:
            try:
                with unavailable_errors():
                    if not self._disk.has_room:
                        raise ClickHouseUnavailable("the disk is full")
                    if self._client is None:
                        self._client = connect(self._address, timeout=_INSERT_SECONDS)
                        self._beat()
                    self._client.insert(
                        table.name,
                        columns,
                        table.columns,
                        column_type_names=table.types,
                        column_oriented=True,
                        settings={"async_insert": 0},
                    )
            except Exception as error:
                _ERRORS.labels("insert").inc()
                # A defect is not mended by waiting, but to drop the rows or to die would mend it no better.
                log.warning(
                    "history.insert",
                    table=table.name,
                    error=str(error),
                    passing=isinstance(error, ClickHouseUnavailable),
                )
                self._disconnect()
                self._beat()
                if stop.wait(pause):
                    return False
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                # The client's own context refers to itself and would keep the block until some garbage collection.
                columns.clear()
                self._beat()
                _ROWS.labels(table.name).inc(len(rows))
                return True

    def _beat(self) -> None:
        """ClickHouse has answered, or was given up for now."""
        self._activity.beat()
        self._commits.beat()  # nothing is committed meanwhile

    def _commit(self, consumer: Consumer, urgent: bool) -> None:
        """Commit what is inserted, one commit at a time, without waiting: a synchronous commit never returns when the
        coordinator's connection breaks at the wrong moment."""
        now = time.monotonic()
        if self._commit_since is not None:
            if now - self._commit_since < _COMMIT_PATIENCE:
                return
            _ERRORS.labels("commit").inc()
            log.warning("history.commit", error=f"no answer within {_COMMIT_PATIENCE:.0f} s")
            self._commit_since = None
        if not self._reached:
            self._commits.beat()
        elif urgent or now - self._committed_at >= _COMMIT_SECONDS:
            reached, marks = self._reached, self._marks
            offsets = [TopicPartition(*place, off, metadata=marks.of(place)) for place, off in reached.items()]
            try:
                consumer.commit(offsets=offsets, asynchronous=True)
            except KafkaException as error:  # the rows will come again, which is harmless
                self._commit_failed(error.args[0])
            else:
                self._commit_since = now

    def _commit_answered(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Called by the client, while it is asked for messages. An answer may come after its commit was given up."""
        self._commit_since = None
        self._commits.beat()
        failed = error or next((tp.error for tp in partitions if tp.error is not None), None)
        if failed is not None:
            self._commit_failed(failed)
            return
        self._committed_at = time.monotonic()
        for tp in partitions:
            if self._reached.get((tp.topic, tp.partition)) == tp.offset:
                del self._reached[tp.topic, tp.partition]

    def _commit_failed(self, error: KafkaError) -> None:
        _ERRORS.labels("commit").inc()
        log.warning("history.commit", error=error.str())

    def _finish_commits(self, consumer: Consumer) -> None:
        """The last commit before an end in good order. What is not committed is inserted again, and counts once."""
        deadline = time.monotonic() + _LAST_COMMIT_SECONDS
        while self._reached and time.monotonic() < deadline:
            self._commit(consumer, urgent=True)
            consumer.poll(0.05)

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()
