"""Reading what waits in a journal, up to its very end, markers and open transactions among it."""

import uuid

import pytest
from confluent_kafka import IsolationLevel, Producer
from confluent_kafka.admin import NewTopic

from infra.log.admin import admin_client, end_offsets
from infra.log.reading import last_records
from infra.log.sink import producer_config
from schemas.topics import Topic

pytestmark = pytest.mark.stack

TICK = b'{"type":"tick"}'


def test_the_last_record_that_counts(kafka_bootstrap: str) -> None:
    topic = Topic(f"reading-{uuid.uuid4().hex[:8]}", key="any")
    admin = admin_client(kafka_bootstrap)
    admin.create_topics([NewTopic(topic.name, 4, 1)])[topic.name].result(30)
    plain = Producer(producer_config(kafka_bootstrap) | {"log_level": 0})
    for value in (b"request", b"request", TICK, TICK):
        plain.produce(topic.name, value, partition=0)
    for value in (b"request", TICK):
        plain.produce(topic.name, value, partition=1)
    plain.produce(topic.name, TICK, partition=2)
    assert plain.flush(30) == 0
    folding = Producer(
        producer_config(kafka_bootstrap)
        | {"transactional.id": topic.name, "message.timeout.ms": 30_000, "log_level": 0}
    )
    folding.init_transactions(30)
    for ends in (True, False):  # the second one stays open
        folding.begin_transaction()
        folding.produce(topic.name, b"effect", partition=1)
        assert folding.flush(30) == 0
        if ends:
            folding.commit_transaction(30)
    plain.produce(topic.name, b"acknowledged behind it", partition=1)
    plain.produce(topic.name, TICK, partition=1)
    assert plain.flush(30) == 0

    places = [(topic.name, number) for number in range(4)]
    there = end_offsets(admin, places, isolation=IsolationLevel.READ_UNCOMMITTED)
    stretches = {number: (1 if number == 0 else 0, there[topic.name, number]) for number in range(4)}

    def last() -> dict[int, int]:
        return last_records(kafka_bootstrap, topic, stretches, lambda value: value != TICK)

    assert stretches == {0: (1, 4), 1: (0, 7), 2: (0, 1), 3: (0, 0)}
    assert last() == {0: 1, 1: 5}
    stretches[0] = 2, 4
    assert last() == {1: 5}
    folding.abort_transaction(30)
