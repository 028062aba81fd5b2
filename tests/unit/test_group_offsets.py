"""Offsets of a group are asked of a client that may lose its broker for good: then of another one."""

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from infra.log import groups
from infra.log.groups import Committed, GroupOffsets


class FakeConsumer:
    made: ClassVar[list["FakeConsumer"]] = []

    def __init__(self, bootstrap: str, config: dict[str, Any]) -> None:
        self.error: KafkaError | None = None
        FakeConsumer.made.append(self)

    def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.error is not None:
            raise KafkaException(self.error)
        return [TopicPartition(tp.topic, tp.partition, 7, metadata="sign") for tp in asked]


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._WAIT_COORD])
def test_a_client_that_fails_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    now = [100.0]
    FakeConsumer.made.clear()
    monkeypatch.setattr(groups, "new_consumer", FakeConsumer)
    monkeypatch.setattr(groups, "time", SimpleNamespace(monotonic=lambda: now[0]))
    offsets = GroupOffsets("nowhere.invalid:9092", "group")
    assert offsets.committed([("t", 1)], 1.0) == {("t", 1): Committed(7, "sign")}
    FakeConsumer.made[0].error = KafkaError(code)
    for seconds in (1.0, 2.0, 6.0, 2.0):
        now[0] += seconds
        with pytest.raises(KafkaException):
            offsets.committed([("t", 1)], 1.0)
    assert offsets.committed([("t", 1)], 1.0) == {("t", 1): Committed(7, "sign")}
    assert len(FakeConsumer.made) == 2
