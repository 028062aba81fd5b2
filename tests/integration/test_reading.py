"""Reading what waits in a journal, up to its very end, markers and open transactions among it."""

import time
import uuid

import pytest
from confluent_kafka import IsolationLevel, Producer
from confluent_kafka.admin import NewTopic

from infra.log.admin import admin_client, end_offsets
from infra.log.reading import NotRead, last_records, read_to_end
from infra.log.sink import producer_config
from processors.refold.log import KafkaLog
from schemas.topics import Topic
from tests.pingfold_client import wait_until

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


def test_partitions_are_read_side_by_side_and_each_in_its_order(kafka_bootstrap: str) -> None:
    topic = Topic(f"reading-{uuid.uuid4().hex[:8]}", key="any")
    admin = admin_client(kafka_bootstrap)
    admin.create_topics([NewTopic(topic.name, 5, 1)])[topic.name].result(60)
    plain = Producer(producer_config(kafka_bootstrap) | {"log_level": 0})
    values = {0: [b"%d" % number for number in range(20_000)], 1: [b"one"], 4: [b"last"]}
    for partition, of_partition in values.items():
        for value in of_partition:
            plain.produce(topic.name, value, partition=partition)
            plain.poll(0)
    assert plain.flush(60) == 0
    folding = Producer(
        producer_config(kafka_bootstrap)
        | {"transactional.id": topic.name, "message.timeout.ms": 30_000, "log_level": 0}
    )
    folding.init_transactions(60)
    for number, commits in ((1, True), (2, False)):
        folding.begin_transaction()
        folding.produce(topic.name, b"effect", partition=number)
        assert folding.flush(60) == 0
        if commits:
            folding.commit_transaction(60)
        else:
            folding.abort_transaction(60)
    values[1].append(b"effect")

    ends = {0: 20_000, 1: 3, 2: 2, 3: 0, 4: 1}
    places = [(topic.name, number) for number in ends]

    def are_written() -> bool:  # markers of transactions come a moment after the answer
        return {number: end for (_, number), end in end_offsets(admin, places).items()} == ends

    wait_until(are_written, 60, "everything is written")
    plain.produce(topic.name, b"too late", partition=0)
    assert plain.flush(60) == 0

    def read() -> dict[int, list[bytes | None]]:
        found: dict[int, list[bytes | None]] = {}
        for one in read_to_end(kafka_bootstrap, topic, ends):
            found.setdefault(one.partition, []).append(one.value)
        return found

    assert read() == values
    ends[0] = 10_000
    assert read() == values | {0: values[0][:10_000]}
    # An end that is not there is waited for in vain, however long the others take.
    with pytest.raises(NotRead, match="nothing came for 1 s of partitions"):
        list(read_to_end(kafka_bootstrap, topic, ends | {3: 1}, stall=1.0))


def test_only_what_is_asked_for_is_handed_over(kafka_bootstrap: str) -> None:
    topic = Topic(f"reading-{uuid.uuid4().hex[:8]}", key="any")
    admin = admin_client(kafka_bootstrap)
    admin.create_topics([NewTopic(topic.name, 1, 1)])[topic.name].result(30)
    plain = Producer(producer_config(kafka_bootstrap) | {"log_level": 0})
    for number in range(9):
        plain.produce(topic.name, b"%d" % number, b"own" if number % 4 == 0 else b"other")
    assert plain.flush(30) == 0
    log, seen = KafkaLog(kafka_bootstrap, sparing=True, patience=2.0), list[bytes | None]()

    def asked(key: bytes | None, value: bytes | None) -> bool:
        seen.append(value)
        if len(seen) > 20:
            raise LookupError("enough")
        return key == b"own"

    assert [(one.offset, one.key) for one in log.read(topic, 0, 1, 9, asked)] == [(4, b"own"), (8, b"own")]
    assert seen == [b"%d" % number for number in range(1, 9)]
    list(log.read(topic, 0, 0, 9, asked))
    with pytest.raises(LookupError, match="enough"):
        list(log.read(topic, 0, 0, 9, asked))
    began = time.monotonic()
    with pytest.raises(NotRead, match="nothing came for 2 s"):  # as of a broker that freezes in between
        list(log.read(topic, 0, 0, 10))
    assert time.monotonic() - began < 10
