"""The broker's settings, as the embedded Kafka and as the compose file give them."""

from infra.embedded.kafka import BROKER_PROPERTIES
from tests.containers.compose import services

# What fits the embedded broker to one small machine (threads, heap, how soon it is back after a kill) or to tests; and
# its authorizer, which tells apart users: the container has one.
OF_THE_MACHINE = frozenset(
    {
        "authorizer.class.name",
        "auto.leader.rebalance.enable",
        "background.threads",
        "broker.heartbeat.interval.ms",
        "broker.session.timeout.ms",
        "group.coordinator.threads",
        "group.min.session.timeout.ms",
        "log.cleaner.dedupe.buffer.size",
        "log.cleaner.io.buffer.size",
        "log.cleaner.threads",
        "log.index.size.max.bytes",
        "metadata.max.idle.interval.ms",
        "num.io.threads",
        "num.network.threads",
        "num.recovery.threads.per.data.dir",
        "offsets.topic.num.partitions",
        "share.coordinator.state.topic.num.partitions",
        "share.coordinator.threads",
        "transaction.state.log.num.partitions",
    }
)


def _of_properties(text: str) -> dict[str, str]:
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _of_environment(environment: dict[str, object]) -> dict[str, str]:
    """As the image reads them: KAFKA_LOG_DIRS is log.dirs."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }


EMBEDDED_KAFKA = _of_properties(BROKER_PROPERTIES.read_text())
COMPOSE_KAFKA = _of_environment(services()["kafka"]["environment"])
