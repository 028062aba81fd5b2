"""One partition's transactional producer: the fence against former owners, and the only writer of its states.

`transactional.id` is fold + partition, so that whoever takes the partition over fences whoever had it: a frozen worker
that wakes up can write nothing (DESIGN section 3). All calls block and belong into a thread.
"""

import time
from collections.abc import Mapping, Sequence

import msgspec
from confluent_kafka import KafkaException, Producer

from infra.log.sink import producer_config
from processors.fold import SAME, Effect, Fold
from schemas.base import encode

# How long a batch is tried again while the broker cannot take it; then the process ends and is started anew.
_PATIENCE_SECONDS = 120.0


class Fenced(Exception):
    """Another process has taken the partition over: nothing of ours was or will be written."""


class NotCommitted(Exception):
    """The broker did not take the batch; the outcome in memory must be thrown away."""


class PartitionProducer:
    """Begins with the fence: once made, no former owner can commit any more."""

    def __init__(self, bootstrap: str, fold: Fold, partition: int) -> None:
        self._fold, self._partition = fold, partition
        self._producer = Producer(
            producer_config(bootstrap)
            | {
                "transactional.id": f"pingfold-{fold.name}-{partition}",
                "transaction.timeout.ms": 60_000,
                "message.timeout.ms": 30_000,
                "linger.ms": 5,  # a commit flushes at once; this only fills batches while a large one is handed over
            }
        )
        try:
            self._producer.init_transactions(60.0)
        except KafkaException as error:
            raise NotCommitted(f"cannot begin transactions: {error}") from error

    def commit(self, changes: Mapping[str, msgspec.Struct | None], effects: Sequence[Effect]) -> None:
        """Write states and effects in one transaction. Raises `Fenced` or `NotCommitted`; then nothing was written."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self._producer.begin_transaction()
                self._produce(changes, effects)
                self._producer.commit_transaction(60.0)
                return
            except KafkaException as failure:
                error = failure.args[0]
                if error.code() == error._FENCED or error.fatal():
                    raise Fenced(error.str()) from failure
                if time.monotonic() > deadline:
                    raise NotCommitted(error.str()) from failure
                if error.txn_requires_abort():
                    self._abort()
                elif not error.retriable():
                    raise NotCommitted(error.str()) from failure
                else:
                    self._commit_again(deadline)
                    return

    def _produce(self, changes: Mapping[str, msgspec.Struct | None], effects: Sequence[Effect]) -> None:
        topic, partition = self._fold.states.name, self._partition
        for key, record in changes.items():
            self._put(topic, key, None if record is None else encode(record), partition)
        for effect in effects:
            number = partition if effect.partition == SAME else -1 if effect.partition is None else effect.partition
            self._put(effect.topic.name, effect.key, encode(effect.value), number)

    def _put(self, topic: str, key: str, value: bytes | None, partition: int) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
                return
            except BufferError:  # a large batch: let some of it go first
                self._producer.poll(0.05)

    def _commit_again(self, deadline: float) -> None:
        """The commit may have gone through: only the same call can tell, never a new transaction."""
        while True:
            try:
                self._producer.commit_transaction(30.0)
                return
            except KafkaException as failure:
                error = failure.args[0]
                if error.code() == error._FENCED or error.fatal():
                    raise Fenced(error.str()) from failure
                if not error.retriable() or time.monotonic() > deadline:
                    raise NotCommitted(error.str()) from failure

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(30.0)
        except KafkaException as failure:
            error = failure.args[0]
            if error.code() == error._FENCED or error.fatal():
                raise Fenced(error.str()) from failure
            raise NotCommitted(error.str()) from failure
