"""What whoever produces may rely on: the same tests on the sink to the real Kafka and on the log in memory.

A unit test on `MemorySink` is worth what this file says about it. Also: `partition_of` agrees with librdkafka.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewTopic

from infra.log.admin import MAX_MESSAGE_BYTES, admin_client
from infra.log.cluster import client_config
from infra.log.partitioner import murmur2, partition_of
from infra.log.ports import LogWriter
from infra.log.sink import NotStored, Position, Sink
from tests.memory_log import MemorySink

PARTITIONS = 5
Pairs = list[tuple[bytes | None, bytes | None]]


class Reading(Protocol):
    """A sink on a topic of its own, and a way to read it back."""

    topic: str

    @property
    def sink(self) -> LogWriter: ...

    def read(self, partition: int) -> Pairs: ...

    async def close(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self.sink, self.topic = MemorySink(PARTITIONS), "t"

    def read(self, partition: int) -> Pairs:
        return [(record.key, record.value) for record in self.sink.logs.get((self.topic, partition), [])]

    async def close(self) -> None:
        await self.sink.close()


class InKafka:
    def __init__(self, bootstrap: str) -> None:
        self.topic, self.bootstrap = f"contract-{uuid4()}", bootstrap
        admin = admin_client(bootstrap)
        (made,) = admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)]).values()
        made.result(20)
        self.sink = Sink(bootstrap)

    def read(self, partition: int) -> Pairs:
        consumer = Consumer({**client_config(self.bootstrap), "group.id": "none", "enable.auto.commit": False})
        tp = TopicPartition(self.topic, partition, 0)
        _, end = consumer.get_watermark_offsets(tp, timeout=10)
        consumer.assign([tp])
        messages = consumer.consume(end, timeout=10) if end else []
        consumer.close()
        return [(message.key(), message.value()) for message in messages]

    async def close(self) -> None:
        await self.sink.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Reading]:
    memory = request.param == "memory"
    log: Reading = InMemory() if memory else InKafka(request.getfixturevalue("kafka_bootstrap"))
    yield log
    await log.close()


async def put(log: Reading, key: str | bytes | None, value: bytes | None, partition: int = -1) -> Position:
    async with asyncio.timeout(15):
        return await log.sink.put(log.topic, key, value, partition)


async def test_the_report_names_where_the_record_stands(log: Reading) -> None:
    for partition in (3, 0, 3, 3):
        position = await put(log, "k", b"v", partition)
        assert position.partition == partition
    assert position.offset == 2
    assert log.read(3) == [(b"k", b"v")] * 3
    assert log.read(1) == []


async def test_a_key_has_one_partition_and_it_is_the_one_of_the_java_tools(log: Reading) -> None:
    keys = [str(uuid4()) for _ in range(60)] + ["a", "ab", "abc", "abcd", "ü", "k" * 300]
    placed = [await log.sink.put(log.topic, key, b"") for key in keys]
    assert [position.partition for position in placed] == [partition_of(key.encode(), PARTITIONS) for key in keys]


async def test_text_and_bytes_are_the_same_key(log: Reading) -> None:
    assert (await put(log, "ü", b"1")).partition == (await put(log, "ü".encode(), b"2")).partition


async def test_no_report_before_put_returns(log: Reading) -> None:
    future = log.sink.put(log.topic, "k", b"v")
    assert not future.done()
    await future


async def test_records_of_a_partition_stand_in_the_order_of_putting(log: Reading) -> None:
    futures = [log.sink.put(log.topic, None, str(number).encode(), 2) for number in range(500)]
    assert [(await future).offset for future in futures] == list(range(500))
    assert [value for _, value in log.read(2)] == [str(number).encode() for number in range(500)]


async def test_a_removal_is_a_record(log: Reading) -> None:
    await put(log, "k", None, 1)
    assert log.read(1) == [(b"k", None)]


async def test_a_caller_that_goes_away_harms_nobody(log: Reading) -> None:
    gone, stays = log.sink.put(log.topic, "k", b"1", 0), log.sink.put(log.topic, "k", b"2", 0)
    gone.cancel()
    assert (await stays).offset == 1
    assert len(log.read(0)) == 2


@pytest.mark.parametrize(("size", "partition"), [(MAX_MESSAGE_BYTES + 1, 0), (1, PARTITIONS + 3)])
async def test_what_cannot_be_stored_is_not_stored(log: Reading, size: int, partition: int) -> None:
    await put(log, "k", b"first", 0)
    with pytest.raises(NotStored):
        await put(log, "k", b"x" * size, partition)
    assert (await put(log, "k", b"second", 0)).offset == 1


@pytest.mark.parametrize(
    ("key", "hash"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_java(key: bytes, hash: int) -> None:
    """The vectors of Kafka's own UtilsTest."""
    assert murmur2(key) == hash & 0xFFFFFFFF
