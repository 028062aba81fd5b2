"""How a batch fares with each kind of error that librdkafka tells of a transaction."""

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from processors.fold.contract import EVERY, SAME, Effect
from processors.runtime import transactions
from processors.runtime.transactions import Fenced, NotCommitted, PartitionProducer, Unsettled
from schemas.ticks import PROGRESS_KEY, Progress
from tests.toy_fold import Third, Total, Toy

TOY = Toy("toy")
CHANGES = {"thing": Total(count=1), "gone": None, PROGRESS_KEY: Progress(applied=4)}
EFFECTS = [
    Effect(TOY.second, "group", Third(thing="thing", number=3)),
    Effect(TOY.second, "group", Third(thing="thing", number=6), SAME),
    Effect(TOY.second, "group", Third(thing="thing", number=9), 0),
    Effect(TOY.second, "group", Third(thing="thing", number=12), EVERY),
]
WRITTEN = [
    ("toy-states", "thing", b'{"type":"total","count":1}', 5),
    ("toy-states", "gone", None, 5),
    ("toy-states", "partition", b'{"type":"partition","applied":4}', 5),
    ("toy-second", "group", b'{"type":"third","thing":"thing","number":3}', -1),
    ("toy-second", "group", b'{"type":"third","thing":"thing","number":6}', 5),
    ("toy-second", "group", b'{"type":"third","thing":"thing","number":9}', 0),
    *(("toy-second", "group", b'{"type":"third","thing":"thing","number":12}', place) for place in range(3)),
]
RETRIABLE = KafkaError(KafkaError._TIMED_OUT, "try again", retriable=True)
ABORT = KafkaError(KafkaError._MSG_TIMED_OUT, "abort it", txn_requires_abort=True)
FATAL = KafkaError(KafkaError._FENCED, "fenced", fatal=True)
FENCED = KafkaError(KafkaError._FENCED, "fenced")
LOST_TRACK = KafkaError(KafkaError.INVALID_TXN_STATE, "invalid state", fatal=True)
OTHER = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not allowed")


class Broker:
    """librdkafka's producer: calls end as `errors` says, one after the other, and then well."""

    def __init__(self) -> None:
        self.errors: dict[str, Iterator[KafkaError | None]] = {}
        self.calls: list[str] = []
        self.open: list[Any] = []
        self.committed: list[Any] = []
        self.full = 0
        self.told: list[Any] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if (error := next(self.errors.get(name, iter(())), None)) is not None:
            raise KafkaException(error)

    def init_transactions(self, timeout: float) -> None:
        self._call("init")

    def begin_transaction(self) -> None:
        assert not self.open
        self._call("begin")

    def produce(self, topic: str, value: bytes | None, key: str, partition: int, told: Any) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        if self.errors.get("produce") and (error := next(self.errors["produce"], None)) is not None:
            raise KafkaException(error)
        self.open.append((topic, key, value, partition))
        if told is not None:
            self.told.append((key, told))

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=dict.fromkeys(range(3)))})

    def poll(self, timeout: float) -> None:
        self.calls.append("poll")

    def commit_transaction(self, timeout: float) -> None:
        self._call("commit")
        self.committed += self.open
        self.open.clear()

    def abort_transaction(self, timeout: float) -> None:
        self._call("abort")
        self.open.clear()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(transactions, "new_producer", lambda bootstrap, config: broker)
    now = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(now)), sleep=lambda seconds: None)
    monkeypatch.setattr("processors.runtime.transactions.time", clock)
    return broker


def producer_of(broker: Broker) -> PartitionProducer:
    producer = PartitionProducer("nowhere", TOY.folds[0], 5, patience=20.0)
    assert broker.calls[0] == "init"
    broker.calls.clear()
    return producer


def test_a_batch_is_one_transaction(broker: Broker) -> None:
    producer_of(broker).commit(CHANGES, EFFECTS)
    assert broker.calls == ["begin", "commit"]
    assert broker.committed == WRITTEN


def test_how_far_the_states_are_written(broker: Broker) -> None:
    producer = producer_of(broker)
    producer.commit(CHANGES, EFFECTS)
    [(key, told)] = broker.told
    assert (key, producer.written) == (PROGRESS_KEY, 0)
    told(None, SimpleNamespace(offset=lambda: 41))
    told(ABORT, SimpleNamespace(offset=lambda: 99))
    assert producer.written == 42


@pytest.mark.parametrize(
    ("errors", "calls"),
    [
        ({"commit": [RETRIABLE, RETRIABLE]}, "begin commit commit commit"),
        ({"commit": [ABORT]}, "begin commit abort begin commit"),
        ({"commit": [RETRIABLE, ABORT], "abort": [RETRIABLE]}, "begin commit commit abort abort begin commit"),
        ({"produce": [None, ABORT]}, "begin abort begin commit"),
        ({"produce": [KafkaError(KafkaError._STATE, "has failed")]}, "begin abort begin commit"),
        ({"begin": [RETRIABLE]}, "begin abort begin commit"),
    ],
)
def test_what_can_be_mended_is_written_once(
    broker: Broker, errors: dict[str, list[KafkaError | None]], calls: str
) -> None:
    producer = producer_of(broker)
    broker.errors = {name: iter(those) for name, those in errors.items()}
    producer.commit(CHANGES, EFFECTS)
    assert broker.calls == calls.split()
    assert broker.committed == WRITTEN


@pytest.mark.parametrize("call", ["begin", "produce", "commit", "abort"])
@pytest.mark.parametrize("error", [FATAL, FENCED], ids=["fatal", "fenced"])
def test_fenced(broker: Broker, call: str, error: KafkaError) -> None:
    producer = producer_of(broker)
    broker.errors = {"commit": iter([ABORT])} if call == "abort" else {}
    broker.errors[call] = iter([error])
    with pytest.raises(Fenced):
        producer.commit(CHANGES, EFFECTS)
    assert broker.committed == []


@pytest.mark.parametrize("call", ["begin", "produce", "commit", "abort"])
def test_a_broker_that_knows_nothing_of_the_transaction(broker: Broker, call: str) -> None:
    producer = producer_of(broker)
    broker.errors = {"commit": iter([ABORT])} if call == "abort" else {}
    broker.errors[call] = iter([LOST_TRACK])
    with pytest.raises(Unsettled):
        producer.commit(CHANGES, EFFECTS)
    assert broker.calls.count(call) == (call != "produce")


@pytest.mark.parametrize(
    ("call", "errors"),
    [
        ("commit", itertools.repeat(RETRIABLE)),
        ("commit", itertools.repeat(ABORT)),
        ("commit", iter([OTHER])),
        ("produce", iter([KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")])),
        ("produce", itertools.repeat(ABORT)),
    ],
)
def test_what_cannot_be_mended_is_given_up(broker: Broker, call: str, errors: Iterator[KafkaError]) -> None:
    producer = producer_of(broker)
    broker.errors = {call: errors}
    with pytest.raises(NotCommitted):
        producer.commit(CHANGES, EFFECTS)
    assert broker.committed == []


def test_a_full_queue_is_waited_for(broker: Broker) -> None:
    producer = producer_of(broker)
    broker.full = 3
    producer.commit(CHANGES, EFFECTS)
    assert broker.calls == ["begin", "poll", "poll", "poll", "commit"]
    assert broker.committed == WRITTEN


def test_the_fence_waits_for_the_broker(broker: Broker) -> None:
    broker.errors = {"init": iter([RETRIABLE, RETRIABLE])}
    producer_of(broker)
    broker.errors = {"init": itertools.repeat(RETRIABLE)}
    with pytest.raises(NotCommitted):
        producer_of(broker)
