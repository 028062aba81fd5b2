"""Pingfold's migrations and log against the official images of Kafka and ClickHouse.

Where no Docker engine answers these are reported as not run (skipped, with the reason), never as passed.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator

import clickhouse_connect
import pytest

from infra import clickhouse_migrations
from infra.log.admin import migrate, partition_count
from infra.log.reading import read_to_end
from infra.log.sink import Sink
from schemas.topics import PINGS

pytestmark = pytest.mark.docker

KAFKA_IMAGE = "apache/kafka:4.2.1"
CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.9"


@pytest.fixture(scope="module")
def engine() -> None:
    """A Docker engine, or the test is not run."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "version"], capture_output=True, timeout=20).returncode != 0:
        pytest.skip("not run: no Docker engine")


@pytest.fixture(scope="module")
def kafka(engine: None) -> Iterator[str]:
    from testcontainers.kafka import KafkaContainer

    with KafkaContainer(KAFKA_IMAGE).with_kraft() as container:
        yield container.get_bootstrap_server()


@pytest.fixture(scope="module")
def clickhouse(engine: None) -> Iterator[str]:
    from testcontainers.clickhouse import ClickHouseContainer

    with ClickHouseContainer(CLICKHOUSE_IMAGE, port=8123, username="u", password="p") as container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(8123)
        yield f"http://u:p@{host}:{port}/pingfold"


def test_topics_are_made_and_a_ping_is_kept(kafka: str) -> None:
    assert migrate(kafka, 4) == 4
    assert partition_count(kafka) == 4

    async def put() -> None:
        sink = Sink(kafka)
        await sink.put(PINGS, "key", b'{"type":"ping.received","kind":"success"}')
        await sink.close()

    asyncio.run(put())
    assert [stored.key for stored in read_to_end(kafka, PINGS)] == [b"key"]


def test_tables_are_made_once(clickhouse: str) -> None:
    assert clickhouse_migrations.migrate(clickhouse)
    assert clickhouse_migrations.migrate(clickhouse) == []
    address = clickhouse.removeprefix("http://u:p@").removesuffix("/pingfold")
    host, port = address.split(":")
    client = clickhouse_connect.get_client(host=host, port=int(port), username="u", password="p", database="pingfold")
    assert client.command("SELECT count() FROM pings") == 0
