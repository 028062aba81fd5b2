"""One partition's transactional producer: the fence against former owners, and the only writer of its states.

`transactional.id` is fold + partition, so that whoever takes the partition over fences whoever had it: a frozen worker
that wakes up can write nothing. All calls block and belong into a thread.

How a batch fares when the broker does not answer: the same call is made again until it tells the outcome (librdkafka
resumes it), a transaction that cannot be committed is aborted and written anew, and after `PATIENCE_SECONDS` the batch
is given up. That never means "not written" for certain, so whoever gives up must forget what it holds in memory.
Where the broker knows nothing of the transaction any more, the same holds at once (`Unsettled`): a new producer ends
whatever was left open.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message

from infra.log.connect import new_producer
from infra.log.sink import producer_config
from processors.errors import ProcessorError
from processors.fold.contract import Effect, Fold
from processors.fold.placement import partitions_of
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY

# How long a batch is tried while the broker cannot take it; then the process ends and is started anew.
PATIENCE_SECONDS = 120.0
# After so long the broker aborts the transaction of a process that is frozen: readers of its topics wait for that.
_TRANSACTION_SECONDS = 60.0
_CALL_SECONDS = 10.0
# What is said to a producer by a broker that has another idea of its transaction. Nobody else need be writing.
_LOST_TRACK = frozenset(
    {
        KafkaError.INVALID_TXN_STATE,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.UNKNOWN_PRODUCER_ID,
    }
)


_Told = Callable[[KafkaError | None, Message], None]


class Fenced(ProcessorError):
    """Another process has taken the partition over, and nothing of ours is or will be written: let it go."""


class NotCommitted(ProcessorError):
    """The batch was given up: throw its outcome in memory away, and fold it again."""


class Unsettled(ProcessorError):
    """This producer can do nothing more, and whether the batch was written is not known: the states tell.

    As when the broker ended in the midst of a commit, and the one that came back knows nothing of it.
    """


class _Aborted(ProcessorError):
    """The transaction failed and was aborted: it can be written anew."""


class PartitionProducer:
    """Begins with the fence: once made, no former owner can commit any more."""

    def __init__(
        self,
        bootstrap: str,
        fold: Fold,
        partition: int,
        patience: float = PATIENCE_SECONDS,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """`beat` is called as often as the client answers, whatever it says: at least every 10 s, unless it hangs."""
        self._beat = beat
        self._states, self._partition, self._patience = fold.states.name, partition, patience
        self._counts: dict[str, int] = {}  # partitions of topics; they never change
        # Offset after the last of our records in the states.
        self.written = 0
        self._producer = new_producer(
            bootstrap,
            producer_config(bootstrap)
            | {
                "transactional.id": f"pingfold-{fold.name}-{partition}",
                "transaction.timeout.ms": int(_TRANSACTION_SECONDS * 1_000),
                "message.timeout.ms": int(_TRANSACTION_SECONDS * 500),
                "linger.ms": 5,  # a commit flushes at once; this only fills batches while a large one is handed over
            },
        )
        self._insist(self._producer.init_transactions, time.monotonic() + patience)

    def commit(self, changes: Mapping[str, msgspec.Struct | None], effects: Sequence[Effect]) -> None:
        """Write states and effects in one transaction. Raises `Fenced`, `NotCommitted` or `Unsettled`."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._write(changes, effects, deadline)
                return
            except _Aborted as error:
                if time.monotonic() > deadline:
                    raise NotCommitted(f"the transaction fails again and again: {error}") from error

    def _write(self, changes: Mapping[str, msgspec.Struct | None], effects: Sequence[Effect], deadline: float) -> None:
        try:
            self._producer.begin_transaction()
            self._produce(changes, effects, deadline)
        except KafkaException as failure:
            _raise_if_over(failure)
            if failure.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:  # it never will be smaller
                raise NotCommitted(failure.args[0].str()) from failure
            # The transaction has failed while records were handed over.
            self._insist(self._producer.abort_transaction, deadline)
            raise _Aborted(failure.args[0].str()) from failure
        self._insist(self._producer.commit_transaction, deadline)

    def _insist(self, call: Callable[[float], None], deadline: float) -> None:
        """Call until the outcome is known."""
        while True:
            self._beat()
            try:
                call(_CALL_SECONDS)
                return
            except KafkaException as failure:
                error = failure.args[0]
                _raise_if_over(failure)
                if error.txn_requires_abort():
                    self._insist(self._producer.abort_transaction, deadline)
                    raise _Aborted(error.str()) from failure
                if not error.retriable() or time.monotonic() > deadline:
                    raise NotCommitted(error.str()) from failure
                time.sleep(0.1)

    def _produce(
        self, changes: Mapping[str, msgspec.Struct | None], effects: Sequence[Effect], deadline: float
    ) -> None:
        topic, partition = self._states, self._partition
        for key, record in changes.items():
            told = self._stored if key == PROGRESS_KEY else None  # it comes last
            self._put(topic, key, None if record is None else encode(record), partition, deadline, told)
        for effect in effects:
            name, value = effect.topic.name, encode(effect.value)
            for number in partitions_of(effect, self._partition, self._count, _by_key):
                self._put(name, effect.key, value, number, deadline)

    def _count(self, topic: str) -> int:
        """How many partitions a topic has."""
        if topic not in self._counts:
            self._counts[topic] = len(self._producer.list_topics(topic, _CALL_SECONDS).topics[topic].partitions)
        return self._counts[topic]

    def _stored(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.written = max(self.written, (message.offset() or 0) + 1)

    def _put(
        self, topic: str, key: str, value: bytes | None, partition: int, deadline: float, told: _Told | None = None
    ) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition, told)
                return
            except BufferError:  # a large batch: let some of it go first
                if time.monotonic() > deadline:
                    raise NotCommitted("the queue to Kafka stays full") from None
                self._producer.poll(0.05)
                self._beat()


def _by_key(_: Effect) -> int:
    """The producer finds the partition of the key."""
    return -1


def _raise_if_over(failure: KafkaException) -> None:
    error = failure.args[0]
    if error.code() in _LOST_TRACK and not (error.txn_requires_abort() or error.retriable()):
        raise Unsettled(error.str()) from failure
    if error.fatal() or error.code() == KafkaError._FENCED:
        raise Fenced(error.str()) from failure
