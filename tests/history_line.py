"""The history writer between a Kafka with topics of its own and a ClickHouse database of its own.

`python -m tests.history_line NAME` is the writer of a line as a process of its own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouseUnavailable, connect
from infra.log.admin import admin_client
from infra.log.sink import producer_config
from infra.settings.settings import Settings
from processors.history.writer import HistoryWriter, Sources
from schemas.base import SECOND, encode
from schemas.pings import Ping
from schemas.transitions import PingFolded, StatusChanged
from tests.stack import environment_of

PARTITIONS = 4
T0 = 1_795_000_000 * SECOND
DISTINCT = "uniqExact(part, off) FROM pings"


def sources_of(name: str) -> Sources:
    """The topics of a line."""
    return Sources(f"{name}-pings", f"{name}-probes", f"{name}-transitions", f"{name}-letters", f"{name}-names")


class Line:
    """A Kafka with topics of its own, a ClickHouse database of its own, and the writer between them."""

    def __init__(self, bootstrap: str, clickhouse: str) -> None:
        self.name = f"history{uuid4().hex[:8]}"
        self.sources = sources_of(self.name)
        topics = astuple(self.sources)
        new = [NewTopic(topic, PARTITIONS, 1) for topic in topics]
        admin = admin_client(bootstrap)  # kept: what it promises dies with it
        for made in admin.create_topics(new).values():
            made.result(20)
        self.bootstrap, self.url = bootstrap, f"{clickhouse}/{self.name}"
        self.settings = Settings(clickhouse_url=self.url).model_copy(update={"kafka_bootstrap_servers": bootstrap})
        self.fold = Producer(producer_config(bootstrap) | {"transactional.id": self.name, "message.timeout.ms": 30_000})
        self.fold.init_transactions(20)
        self.connect()

    def connect(self) -> None:
        """Begin a new producer of pings: one whose topic loses records is refused."""
        self.plain = Producer(producer_config(self.bootstrap))

    def ping(self, check: str, ping: Ping) -> tuple[int, int]:
        """Produce a ping; its partition and offset."""
        where: list[tuple[int, int]] = []
        self.plain.produce(
            self.sources.pings, encode(ping), check, on_delivery=lambda _, m: where.append((m.partition(), m.offset()))
        )
        assert self.plain.flush(20) == 0
        return where[0]

    def say(self, partition: int, *facts: PingFolded | StatusChanged) -> None:
        """What the fold says of it, in one transaction."""
        self.fold.begin_transaction()
        for fact in facts:
            self.fold.produce(self.sources.transitions, encode(fact), fact.thing, partition=partition)
        self.fold.commit_transaction(20)

    def flood(self, count: int, checks: list[str], body: Callable[[int], str | None] = lambda _: None) -> None:
        """Produce `count` pings, one second apart, to the checks in turn."""
        for number in range(count):
            ping = Ping(kind="success", at=T0 + number * SECOND, body=body(number))
            while True:
                try:
                    self.plain.produce(self.sources.pings, encode(ping), checks[number % len(checks)])
                    break
                except BufferError:
                    self.plain.poll(0.1)
            self.plain.poll(0)
        assert self.plain.flush(30) == 0

    @contextmanager
    def writing(self, group: str = "") -> Iterator[None]:
        """The writer at work, in a thread."""
        writer = HistoryWriter(self.settings, group=group or self.name, sources=self.sources)
        stop = threading.Event()
        thread = threading.Thread(target=writer.write, args=[stop])
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        """The writer at work, as a process; it must end well, unless it has ended before."""
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.history_line", self.name],
            env=os.environ | environment_of(self.bootstrap) | {"CLICKHOUSE_URL": self.url},
        )
        try:
            yield writer
        finally:
            if writer.poll() is None:
                writer.send_signal(signal.SIGTERM)
                assert writer.wait(20) == 0

    def count(self, what: str) -> int:
        """A single number from ClickHouse, 0 while it is away."""
        try:
            client = connect(Address.parse(self.url))
            try:
                return int(client.query(f"SELECT {what}").result_rows[0][0])
            finally:
                client.close()
        except ClickHouseUnavailable:
            return 0

    def has_more_than(self, rows: int) -> bool:
        return self.count("count() FROM pings") > rows

    def delete_before(self, partition: int, offset: int) -> None:
        """Delete the pings of a partition before an offset, as retention does."""
        admin = admin_client(self.bootstrap)
        for done in admin.delete_records([TopicPartition(self.sources.pings, partition, offset)]).values():
            assert done.result(20).low_watermark == offset

    def lost(self) -> list[tuple[Any, ...]]:
        """What history says that it never got."""
        client = connect(Address.parse(self.url))
        try:
            found = client.query("SELECT topic, part, since, until FROM lost_records FINAL ORDER BY ALL").result_rows
            return [tuple(row) for row in found]
        finally:
            client.close()

    def until(self, what: str, expected: int, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while (found := self.count(what)) != expected:
            assert time.monotonic() < deadline, f"{what} is {found}, not {expected}"
            time.sleep(0.05)


def _serve(name: str) -> None:
    """The writer as a process of its own, until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    HistoryWriter(Settings(), group=name, sources=sources_of(name)).write(stop)


if __name__ == "__main__":
    _serve(sys.argv[1])
