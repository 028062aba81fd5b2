"""What a callback of a consumer raises reaches whoever has called the consumer, on librdkafka's own imitation of a
broker."""

import time
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from infra.log.connect import new_consumer
from infra.log.prefixed import PrefixedConsumer

WAIT = 60.0


@pytest.fixture(scope="module")
def imitation() -> Any:
    """The address of a broker that stands in this process as long as its producer does."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "nowhere", "log_level": 2})
    for topic in ("plain", "shared.plain"):
        producer.produce(topic, b"x")
    assert producer.flush(WAIT) == 0
    [broker] = producer.list_topics(timeout=WAIT).brokers.values()
    yield f"{broker.host}:{broker.port}"
    producer.flush(WAIT)


def refused(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """An assignment at which Kafka does not answer: the library's own code raises."""
    consumer.committed(partitions, timeout=1e-9)


CONFIG: dict[str, Any] = {"group.id": "callbacks", "auto.offset.reset": "earliest", "log_level": 2}


@pytest.mark.parametrize("prefix", ["", "shared."])
@pytest.mark.parametrize("way", ["consume", "poll"])
def test_what_a_callback_raises_is_an_exception(imitation: str, prefix: str, way: str) -> None:
    config = CONFIG | {"group.id": f"{prefix}{way}"}
    consumer = new_consumer(imitation, config)
    if prefix:
        consumer = PrefixedConsumer(prefix, {**config, "bootstrap.servers": imitation})
    consumer.subscribe(["plain"], on_assign=refused)
    with pytest.raises(KafkaException):
        _ask(consumer, way)


def _ask(consumer: Consumer, way: str) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        consumer.consume(10, 0.1) if way == "consume" else consumer.poll(0.1)
