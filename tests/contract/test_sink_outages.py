"""The sink on the real Kafka when answers are lost, connections are cut, or the producer breaks down for good."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewTopic

from infra.log.admin import admin_client
from infra.log.cluster import client_config
from infra.log.sink import NotStored, Position, Sink
from tests.kafka_proxy import PRODUCE, KafkaProxy

pytestmark = pytest.mark.stack

PARTITIONS = 3
# As the client comes: several requests are under way at a time.
PIPELINED: dict[str, Any] = {"max.in.flight.requests.per.connection": 5}
# What the client did before the caller's patience and its own were two: it takes a new epoch after 2 s.
IMPATIENT: dict[str, Any] = PIPELINED | {"message.timeout.ms": 2_000, "socket.timeout.ms": 60_000}

# Of the outages that are made for one copy. Nearly always the first is enough.
_MOST_OUTAGES = 20

GAPLESS: dict[str, Any] = {"enable.gapless.guarantee": True, "compression.type": "none"}


@pytest.fixture
def proxy(kafka_bootstrap: str) -> Iterator[KafkaProxy]:
    with KafkaProxy(kafka_bootstrap) as proxy:
        yield proxy


def make_topic(bootstrap: str, **config: str) -> str:
    name = f"outage-{uuid4()}"
    admin = admin_client(bootstrap)
    (made,) = admin.create_topics([NewTopic(name, PARTITIONS, 1, config=config)]).values()
    made.result(20)
    return name


def stored(bootstrap: str, topic: str) -> Counter[bytes]:
    """How often each value stands in the topic."""
    consumer = Consumer({**client_config(bootstrap), "group.id": "none", "enable.auto.commit": False})
    found: Counter[bytes] = Counter()
    for partition in range(PARTITIONS):
        tp = TopicPartition(topic, partition, 0)
        _, end = consumer.get_watermark_offsets(tp, timeout=10)
        consumer.assign([tp])
        while end and consumer.position([tp])[0].offset < end:
            (message,) = consumer.consume(1, timeout=10)
            found[message.value() or b""] += 1
    consumer.close()
    return found


async def produce(sink: Sink, topic: str, seconds: float, name: str) -> dict[bytes, "asyncio.Future[Position]"]:
    """A record every 20 ms to each partition."""
    futures: dict[bytes, asyncio.Future[Position]] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for partition in range(PARTITIONS):
            value = f"{name}-{len(futures)}".encode()
            futures[value] = sink.put(topic, None, value, partition)
        await asyncio.sleep(0.02)
    return futures


async def outcomes(futures: dict[bytes, "asyncio.Future[Position]"]) -> dict[bytes, bool]:
    """Whether each record was confirmed; every future must end."""
    async with asyncio.timeout(30):
        ends = await asyncio.gather(*futures.values(), return_exceptions=True)
    assert all(isinstance(end, Position | NotStored) for end in ends), ends
    return dict(zip(futures, (isinstance(end, Position) for end in ends), strict=True))


async def test_answers_lost_for_longer_than_the_callers_wait(kafka_bootstrap: str, proxy: KafkaProxy) -> None:
    """Ten seconds: whatever was confirmed is in the log, and nothing is there twice, confirmed or not."""
    topic = make_topic(kafka_bootstrap)
    sink = Sink(proxy.address)
    before = await outcomes(await produce(sink, topic, 0.5, "before"))
    proxy.lose_answers(PRODUCE)
    during = await produce(sink, topic, 10.0, "during")
    proxy.heal()
    after = await produce(sink, topic, 0.5, "after")
    ends = before | await outcomes(during | after)
    await sink.close()
    assert proxy.lost > 0
    assert not all(ends[value] for value in during)  # the first of them were given up after 8 s
    assert all(ends[value] for value in (*before, *after))
    log = stored(kafka_bootstrap, topic)
    assert {value for value, confirmed in ends.items() if confirmed} <= set(log)
    assert [value for value, copies in log.items() if copies > 1] == []


async def test_a_client_less_patient_than_the_outage_writes_twice(kafka_bootstrap: str, proxy: KafkaProxy) -> None:
    """Why the client's patience is long: the test above could see copies.

    Only if something younger than what it gives up was in flight, so there are outages until a copy stands in the log.
    """
    topic = make_topic(kafka_bootstrap)
    sink = Sink(proxy.address, **IMPATIENT)
    await outcomes(await produce(sink, topic, 0.2, "before"))
    for number in range(_MOST_OUTAGES):
        proxy.lose_answers(PRODUCE)
        during = await produce(sink, topic, 3.0, f"during-{number}")
        proxy.heal()
        await outcomes(during)
        if max(stored(kafka_bootstrap, topic).values()) > 1:
            break
    await sink.close()
    assert max(stored(kafka_bootstrap, topic).values()) > 1


async def test_connections_cut_and_cut_again(kafka_bootstrap: str, proxy: KafkaProxy) -> None:
    topic = make_topic(kafka_bootstrap)
    sink = Sink(proxy.address)
    futures = await produce(sink, topic, 0.2, "before")
    for number in range(4):
        proxy.cut()
        futures |= await produce(sink, topic, 0.3, f"cut-{number}")
        proxy.heal()
        futures |= await produce(sink, topic, 0.5, f"healed-{number}")
    ends = await outcomes(futures)
    await sink.close()
    assert all(ends.values())
    assert stored(kafka_bootstrap, topic) == Counter(dict.fromkeys(futures, 1))


async def test_everything_held_for_longer_than_the_callers_wait(kafka_bootstrap: str, proxy: KafkaProxy) -> None:
    topic = make_topic(kafka_bootstrap)
    sink = Sink(proxy.address, patience=2.0)
    await outcomes(await produce(sink, topic, 0.2, "before"))
    proxy.hold()
    began = time.monotonic()
    ends = await outcomes(await produce(sink, topic, 0.2, "during"))
    assert not any(ends.values())
    assert time.monotonic() - began < 20.0  # the client itself goes on for two minutes
    proxy.heal()
    assert all((await outcomes(await produce(sink, topic, 0.2, "after"))).values())
    await sink.close()
    assert max(stored(kafka_bootstrap, topic).values()) == 1


async def refused_at_first(sink: Sink, proxy: KafkaProxy, topic: str) -> dict[bytes, bool]:
    """A few records, one after the other, of which the first is refused by a broker that then takes the rest."""
    await outcomes({b"elsewhere": sink.put(topic, None, b"elsewhere", 1)})  # it is connected
    proxy.refuse_one()
    futures: dict[bytes, asyncio.Future[Position]] = {}
    for number in range(5):
        futures[b"%d" % number] = sink.put(topic, None, b"%d" % number, 0)
        await asyncio.sleep(0.05)
    ends = await outcomes(futures)
    assert proxy.refused
    return ends


@pytest.mark.parametrize("before", [[], [b"of another"]], ids=["new", "written before"])
async def test_a_broker_that_does_not_lead_the_partition_yet(
    kafka_bootstrap: str, proxy: KafkaProxy, before: list[bytes]
) -> None:
    """It refuses a first request, and takes the next one of a producer that it has never heard of."""
    topic = make_topic(kafka_bootstrap)
    for value in before:
        other = Sink(kafka_bootstrap)
        await outcomes({value: other.put(topic, None, value, 0)})
        await other.close()
    sink = Sink(proxy.address)
    ends = await refused_at_first(sink, proxy, topic)
    await sink.close()
    assert all(ends.values())
    assert stored(kafka_bootstrap, topic) == Counter([*before, b"elsewhere", *ends])


async def test_what_the_client_only_concludes_is_not_confirmed(kafka_bootstrap: str, proxy: KafkaProxy) -> None:
    """With several requests under way it takes for stored what was refused, because what came after it is stored."""
    topic = make_topic(kafka_bootstrap)
    sink = Sink(proxy.address, **PIPELINED)
    ends = await refused_at_first(sink, proxy, topic)
    await sink.close()
    assert [value for value, confirmed in ends.items() if not confirmed] == [b"0"]
    assert {value for value, confirmed in ends.items() if confirmed} <= set(stored(kafka_bootstrap, topic))


async def test_a_fatal_error_of_the_producer(kafka_bootstrap: str) -> None:
    """A real one: a gap in the sequence, which this producer was told never to leave."""
    topic = make_topic(kafka_bootstrap, **{"max.message.bytes": "1000"})
    sink = Sink(kafka_bootstrap, **GAPLESS)
    await outcomes({b"first": sink.put(topic, None, b"first", 0)})
    futures = {b"large": sink.put(topic, None, b"x" * 2_000, 0)}
    futures |= {value: sink.put(topic, None, value, 1) for value in (b"a", b"b")}
    ends = await outcomes(futures)
    assert not ends[b"large"]
    async with asyncio.timeout(10):
        while sink._renewed_at == 0.0:
            await asyncio.sleep(0.01)
    assert await outcomes({b"next": sink.put(topic, None, b"next", 0)}) == {b"next": True}
    async with asyncio.timeout(20):
        while sink._former:
            await asyncio.sleep(0.01)
    await sink.close()
    confirmed = {value for value, stored_ in ends.items() if stored_} | {b"first", b"next"}
    assert confirmed <= set(stored(kafka_bootstrap, topic))
