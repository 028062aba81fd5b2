"""Topics: made explicitly, with one partition count for the deployment, checked at every start.

The partition count is fixed by the first start; it is recorded in Kafka itself, as the count of the topics.
"""

from collections.abc import Mapping

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from infra.log.admin_client import Admin as Admin
from infra.log.admin_client import WrongPartitionCount as WrongPartitionCount
from infra.log.admin_client import admin_client as admin_client
from infra.log.admin_client import end_offsets as end_offsets
from infra.log.admin_client import installation_id as installation_id
from infra.log.admin_client import no_topic as no_topic
from infra.log.admin_client import partition_count as partition_count
from infra.log.cluster import prefix_of
from schemas.topics import COMPACTION_LAG_MS, LONGEST_COMPACTION_LAG_MS, PINGS, TOPICS, Cleanup, Topic

log = structlog.get_logger(__name__)

# One event must fit: a body of UNANNOUNCED_BODY_LIMIT bytes in base64 and its envelope.
MAX_MESSAGE_BYTES = 4 * 2**20


# Kafka's own default; a segment costs files, so none is shorter than ten minutes.
_SEGMENT_MS, _SHORTEST_SEGMENT_MS = 604_800_000, 600_000


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
