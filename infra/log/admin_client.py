"""Asks Kafka about its topics: how many partitions there are, and where they end. Loads only what commands need.

`infra.log.admin`, which makes the topics, offers these names as well.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from infra.errors import InfraError
from infra.log.cluster import prefix_of
from infra.log.connect import new_admin
from schemas.topics import PINGS, Topic

# What a broker answers for a topic that was made, or whose leader moved, a moment ago.
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._NOENT,  # "no leaders found": of a broker that has only just started
    }
)

# A client is not replaced more often: making one takes threads and connections.
_RENEW_SECONDS = 10.0


class WrongPartitionCount(InfraError):
    """A topic has another partition count than the deployment: end with the message, and write nothing."""


class Admin:
    """confluent-kafka's AdminClient, with `renew`.

    After its broker was away for some seconds, again and again, a client may answer "broker transport failure" for
    ever, although the broker is there: then only a new one helps.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        # A broker tells only so that it refuses the login; a question then ends like one that nobody answers.
        self._refusals = deque[KafkaError](maxlen=1)
        self._config = {
            "error_cb": _refusals_into(self._refusals),
            "socket.timeout.ms": 10_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
        }
        self._client = new_admin(bootstrap, self._config)
        self._renewed = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """As the library's. Raises `KafkaException` with the broker's own words when it refuses the login."""
        asked: dict[str, Any] = {"timeout": timeout} if topic is None else {"topic": topic, "timeout": timeout}
        self._refusals.clear()
        try:
            return self._client.list_topics(**asked)
        except KafkaException as error:
            self._client.poll(0)
            if self._refusals:
                raise KafkaException(self._refusals[0]) from error
            raise

    def renew(self) -> None:
        """Go on with a new client, if this one is not new itself."""
        now = time.monotonic()
        if now - self._renewed < _RENEW_SECONDS:
            return
        old = [self._client]
        self._renewed, self._client = now, new_admin(self._bootstrap, self._config)
        # Its end waits for its threads, which may wait for the broker.
        threading.Thread(target=old.clear, name="admin-end", daemon=True).start()


def _refusals_into(refusals: "deque[KafkaError]") -> Callable[[KafkaError], None]:
    """Hears a client's errors. It must not refer to the client, which would then outlive its last user."""

    def hear(error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:
            refusals.append(error)

    return hear


def admin_client(bootstrap: str) -> Admin:
    """An admin client that gives up after seconds, not minutes."""
    return Admin(bootstrap)


def partition_count(bootstrap: str, timeout: float = 10.0, admin: Admin | None = None) -> int:
    """The deployment's partition count, from Kafka. Raises `WrongPartitionCount` when the topics are not there.

    admin: to be asked; without it a new one is, which takes a while to connect.
    """
    topics = (admin or admin_client(bootstrap)).list_topics(timeout=timeout).topics
    if PINGS.name not in topics:
        raise WrongPartitionCount(no_topic(bootstrap, PINGS))
    return len(topics[PINGS.name].partitions)


def no_topic(bootstrap: str, topic: Topic) -> str:
    """What is said when a topic is not there, or may not be seen."""
    return (
        f"topic {prefix_of(bootstrap)}{topic} is not there: run `pingfold migrate` first"
        " (PINGFOLD_KAFKA_PREFIX must be the same everywhere)"
    )


def installation_id(bootstrap: str, timeout: float = 10.0) -> str:
    """What is the same for every process of an installation, and for no other: the id that the Kafka cluster gave
    itself when it was made, and the prefix."""
    return prefix_of(bootstrap) + str(admin_client(bootstrap).list_topics(timeout=timeout).cluster_id)


def end_offsets(
    admin: Admin,
    partitions: Iterable[tuple[str, int]],
    timeout: float = 10.0,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[tuple[str, int], int]:
    """The `read_committed` end of each (topic, partition): the offset after the last one that a reader can reach.

    A partition whose leader is only just being chosen, or was chosen anew, is asked again, within `timeout`. A client
    that fails otherwise is renewed for the next call.
    """
    try:
        return _end_offsets(admin, partitions, timeout, isolation)
    except (KafkaException, TimeoutError):
        admin.renew()
        raise


def _end_offsets(
    admin: Admin, partitions: Iterable[tuple[str, int]], timeout: float, isolation: IsolationLevel
) -> dict[tuple[str, int], int]:
    deadline = time.monotonic() + timeout
    ends: dict[tuple[str, int], int] = {}
    missing = {TopicPartition(topic, number) for topic, number in partitions}
    while missing:
        asked = {tp: OffsetSpec.latest() for tp in missing}
        futures = admin.list_offsets(asked, isolation_level=isolation, request_timeout=timeout)
        for tp, future in futures.items():
            try:
                ends[tp.topic, tp.partition] = future.result(timeout).offset
                missing.discard(tp)
            except KafkaException as error:
                if error.args[0].code() not in _PASSING or time.monotonic() > deadline:
                    raise
        if missing:
            time.sleep(0.1)
            # The client goes on to name the leader that it knows until it is told to look again.
            admin.list_topics(timeout=timeout)
    return ends
