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


@pytest.fixture(scope="module")
def lost() -> Any:
    """A consumer that no broker ever answers: within any time, however short, the imitation answers now and then."""
    consumer = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "lost", "log_level": 2})
    yield consumer
    consumer.close()


CONFIG: dict[str, Any] = {"auto.offset.reset": "earliest", "log_level": 2}
KINDS = [(way, prefix) for way in ("consume", "poll") for prefix in ("", "shared.")]


@pytest.fixture(scope="module")
def consumers(imitation: str, lost: Consumer) -> Any:
    """One of each kind. They join their groups at once: each has to wait some seconds for others to join, too.

    At an assignment Kafka does not answer, so the library's own code raises.
    """
    made = {}
    for way, prefix in KINDS:
        config = CONFIG | {"group.id": f"{prefix}{way}"}
        if prefix:
            made[way, prefix] = PrefixedConsumer(prefix, {**config, "bootstrap.servers": imitation})
        else:
            made[way, prefix] = new_consumer(imitation, config)
        made[way, prefix].subscribe(["plain"], on_assign=lambda *_: lost.committed([TopicPartition("plain", 0)], 0.01))
    yield made
    for consumer in made.values():
        consumer.close()


@pytest.mark.parametrize(("way", "prefix"), KINDS)
def test_what_a_callback_raises_is_an_exception(consumers: Any, way: str, prefix: str) -> None:
    with pytest.raises(KafkaException):
        _ask(consumers[way, prefix], way)


def _ask(consumer: Consumer, way: str) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        consumer.consume(10, 0.1) if way == "consume" else consumer.poll(0.1)
