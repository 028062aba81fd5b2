"""Topics: made explicitly, with one partition count for the deployment, checked at every start.

The partition count is fixed by the first start; it is recorded in Kafka itself, as the count of the topics.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from infra.errors import InfraError
from infra.log.cluster import prefix_of
from infra.log.connect import new_admin
from schemas.topics import COMPACTION_LAG_MS, LONGEST_COMPACTION_LAG_MS, PINGS, TOPICS, Cleanup, Topic

log = structlog.get_logger(__name__)

# One event must fit: a body of UNANNOUNCED_BODY_LIMIT bytes in base64 and its envelope.
MAX_MESSAGE_BYTES = 4 * 2**20


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


# Kafka's own default; a segment costs files, so none is shorter than ten minutes.
_SEGMENT_MS, _SHORTEST_SEGMENT_MS = 604_800_000, 600_000


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


def topic_config(topic: Topic, retention_ms: int | None = None) -> dict[str, str]:
    """The broker settings that carry out a topic's contract. `retention_ms`: if other than the contract's."""
    kept = topic.retention_ms if retention_ms is None else retention_ms
    config = {
        "cleanup.policy": topic.cleanup.value,
        "retention.ms": str(kept),
        # Whole segments are deleted, and never the one being written: so at most a tenth more is kept than was asked.
        "segment.ms": str(_SEGMENT_MS if kept < 0 else max(_SHORTEST_SEGMENT_MS, min(_SEGMENT_MS, kept // 10))),
        "segment.bytes": str(topic.segment_bytes),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }
    if topic.stamped:
        config["message.timestamp.type"] = "LogAppendTime"
    if topic.cleanup is Cleanup.COMPACT:
        config |= {
            "min.compaction.lag.ms": str(COMPACTION_LAG_MS),
            "max.compaction.lag.ms": str(LONGEST_COMPACTION_LAG_MS),
            "min.cleanable.dirty.ratio": "0.3",
        }
    return config


def migrate(
    bootstrap: str, partitions: int, timeout: float = 30.0, retention_ms: Mapping[str, int] | None = None
) -> int:
    """Make the topics that are missing and alter the settings that differ; return the deployment's partition count.

    `partitions` counts at the first start only. `retention_ms`: of the topics (by name) that keep their records for
    another time than their contract says. Raises `WrongPartitionCount` when topics disagree among themselves.
    """
    kept = retention_ms or {}
    admin = admin_client(bootstrap)
    existing = {name: len(meta.partitions) for name, meta in admin.list_topics(timeout=timeout).topics.items()}
    brokers = len(admin.list_topics(timeout=timeout).brokers)
    count = existing.get(PINGS.name, partitions)
    prefix = prefix_of(bootstrap)
    wrong = [
        f"{prefix}{topic} has {existing[topic.name]}" for topic in TOPICS if existing.get(topic.name, count) != count
    ]
    if wrong:
        raise WrongPartitionCount(
            f"this deployment has {count} partitions, but {', '.join(wrong)}: the count can never change; "
            "remove those that differ; if they are not Pingfold's, set PINGFOLD_KAFKA_PREFIX, or use another cluster"
        )
    missing = [
        NewTopic(topic.name, count, min(3, brokers), config=topic_config(topic, kept.get(topic.name)))
        for topic in TOPICS
        if topic.name not in existing
    ]
    if missing:
        for name, made in admin.create_topics(missing, operation_timeout=timeout, request_timeout=timeout).items():
            try:
                made.result(timeout)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    log.error("topic.not_made", topic=f"{prefix}{name}", error=str(error))
                    raise
    _alter(admin, {topic.name: topic_config(topic, kept.get(topic.name)) for topic in TOPICS if topic.name in existing})
    return count


def _alter(admin: Admin, wanted: Mapping[str, dict[str, str]], timeout: float = 30.0) -> None:
    """Give existing topics the settings that they lack; what nobody here speaks of stays as an operator has set it."""
    if not wanted:
        return
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
    changes = []
    for resource, future in admin.describe_configs(resources, request_timeout=timeout).items():
        found = {name: entry.value for name, entry in future.result(timeout).items()}
        differ = {name: value for name, value in wanted[resource.name].items() if found.get(name) != value}
        if not differ:
            continue
        log.info("topic.altered", topic=resource.name, before={name: found.get(name) for name in differ}, now=differ)
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in differ.items()
        ]
        changes.append(ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=entries))
    if changes:
        for future in admin.incremental_alter_configs(changes, request_timeout=timeout).values():
            future.result(timeout)


def partition_count(bootstrap: str, timeout: float = 10.0) -> int:
    """The deployment's partition count, from Kafka. Raises `WrongPartitionCount` when the topics are not there."""
    topics = admin_client(bootstrap).list_topics(timeout=timeout).topics
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
