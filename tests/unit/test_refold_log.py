"""What a reader of the log does while Kafka moves leaders, and when it is silent."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.log.reading import NotRead
from processors.refold import log as log_module
from processors.refold.log import KafkaLog
from schemas.topics import PINGS


class Cluster:
    """Fails as often as it is told to, and counts the clients that were made of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *faults: BaseException) -> None:
        self.faults, self.clients = list(faults), 0
        monkeypatch.setattr(log_module, "admin_client", self._client)
        monkeypatch.setattr(log_module, "end_offsets", self._ends)
        monkeypatch.setattr(KafkaLog, "_partitions", lambda log, topic: [(topic.name, 0)])
        monkeypatch.setattr(log_module, "_PAUSE_SECONDS", 0.0)

    def _client(self, bootstrap: str) -> int:
        self.clients += 1
        return self.clients

    def _ends(self, admin: int, *_: object) -> dict[tuple[str, int], int]:
        assert admin == self.clients  # the newest one
        if self.faults:
            raise self.faults.pop(0)
        return {(PINGS.name, 0): 7}


def kafka_says(code: int) -> KafkaException:
    return KafkaException(KafkaError(code))


def test_it_asks_a_new_client_while_leaders_move(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(
        monkeypatch, kafka_says(KafkaError.FENCED_LEADER_EPOCH), kafka_says(KafkaError.LEADER_NOT_AVAILABLE)
    )
    assert KafkaLog("broker:9092").ends(PINGS) == {0: 7}
    assert cluster.clients == 3


@pytest.mark.parametrize("fault", [kafka_says(KafkaError.TOPIC_AUTHORIZATION_FAILED), TimeoutError()])
def test_other_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    cluster = Cluster(monkeypatch, fault)
    with pytest.raises(NotRead, match="Kafka does not tell its offsets"):
        KafkaLog("broker:9092").ends(PINGS)
    assert cluster.clients == 1


def test_it_gives_up_on_leaders_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    Cluster(monkeypatch, *(kafka_says(KafkaError.NOT_LEADER_FOR_PARTITION) for _ in range(10_000)))
    with pytest.raises(NotRead):
        KafkaLog("broker:9092", patience=0.0).ends(PINGS)
