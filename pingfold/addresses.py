"""Where this process finds Kafka and ClickHouse: as the settings say, else the embedded servers of the data folder."""

import json

from infra.embedded.ports import HOST
from infra.settings import Settings


class NotRunning(Exception):
    """Nothing to talk to; the message says what to start or set."""


def kafka_of(settings: Settings) -> str:
    """Kafka's bootstrap address."""
    return settings.kafka_bootstrap_servers or f"{HOST}:{_port(settings, 'kafka', 'KAFKA_BOOTSTRAP_SERVERS')}"


def clickhouse_of(settings: Settings) -> str:
    """ClickHouse's URL."""
    return settings.clickhouse_url or f"http://{HOST}:{_port(settings, 'clickhouse', 'CLICKHOUSE_URL')}"


def _port(settings: Settings, name: str, variable: str) -> int:
    file = settings.data / "ports.json"
    ports = json.loads(file.read_bytes()) if file.exists() else {}
    if name not in ports:
        raise NotRunning(
            f"no embedded {name} under {settings.data}: start Pingfold there (`make run`), or set {variable}"
        )
    return int(ports[name])
