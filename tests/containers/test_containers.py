"""Pingfold's log, folds, tables and history on Kafka and ClickHouse as infra/compose/docker-compose.yml runs them.

One thin line through each; the same parts meet their faults on the embedded servers (tests/integration).
"""

import asyncio
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from confluent_kafka.admin import ConfigResource, ResourceType

from infra.clickhouse import analytics as clickhouse_analytics
from infra.clickhouse import migrations as clickhouse_migrations
from infra.clickhouse.address import Address
from infra.clickhouse.client import connect
from infra.log.admin import admin_client, migrate, partition_count
from infra.log.reading import read_to_end
from infra.log.sink import Sink
from infra.settings.settings import Settings
from processors.history.writer import HistoryWriter
from schemas.base import SECOND, encode
from schemas.pings import Ping
from schemas.topics import PINGS
from tests.containers.compose import Service, restart, services
from tests.containers.images import OWN
from tests.containers.settings_of_kafka import COMPOSE_KAFKA, EMBEDDED_KAFKA, OF_THE_MACHINE
from tests.toy_world import World

pytestmark = pytest.mark.docker

PARTITIONS = 8
# The exit status of a server that heeded SIGTERM.
STOPPED = (0, 128 + signal.SIGTERM)


def store_ping(bootstrap: str, check: str) -> None:
    """A ping in the log, put there as ingest does."""

    async def put() -> None:
        sink = Sink(bootstrap)
        await sink.put(PINGS, check, encode(Ping(kind="success", at=1_795_000_000 * SECOND)))
        await sink.close()

    asyncio.run(put())


def test_topics_are_made_and_a_ping_is_kept(kafka: Service) -> None:
    assert migrate(kafka.address, PARTITIONS) == PARTITIONS
    assert partition_count(kafka.address) == PARTITIONS
    check = str(uuid4())
    store_ping(kafka.address, check)
    assert _stored(kafka.address, check) == 1


def test_the_broker_took_every_setting(kafka: Service) -> None:
    """Those that the embedded Kafka has too; a name that the image does not understand would leave the default."""
    admin, broker = admin_client(kafka.address), ConfigResource(ResourceType.BROKER, "1")
    found = admin.describe_configs([broker])[broker].result(20)
    shared = {name: COMPOSE_KAFKA[name] for name in EMBEDDED_KAFKA.keys() - OF_THE_MACHINE}
    assert {name: found[name].value for name in shared} == shared


def test_folds_write_transactions_that_readers_see_whole(kafka: Service, tmp_path: Path) -> None:
    """A worker of two chained folds: states, effects and progress as a plain count and a pure pass give them."""
    world = World(kafka.address, f"toy-{uuid4().hex[:8]}", tmp_path)
    try:
        for number in range(1_000):
            world.add(f"thing-{number % 30}", number)
        worker = world.start()
        world.settle()
        world.check()
        assert worker.stop() == 0
    finally:
        world.close()


def test_tables_are_made_once(clickhouse: Service) -> None:
    url = f"{clickhouse.address}_{uuid4().hex[:8]}"
    assert clickhouse_migrations.migrate(url)
    assert clickhouse_migrations.migrate(url) == []
    assert _pings_of(url, "nobody") == 0


def test_a_user_of_sql_reads_the_views_and_nothing_else(clickhouse: Service) -> None:
    """The views on a whole ClickHouse, and the user that docs/analytics.md has an administrator make."""
    name = uuid4().hex[:8]
    url, views, reader = f"{clickhouse.address}_{name}", f"analytics_{name}", f"reader_{name}"
    clickhouse_migrations.migrate(url)
    assert clickhouse_analytics.apply(url, Settings(analytics_database=views))
    if clickhouse.container.image.startswith(OWN):
        pytest.skip("not run: the embedded ClickHouse, which our own image runs, makes no users")
    page = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text()
    text = (
        page.partition("An administrator makes the user for analysts.")[2].partition("```sql\n")[2].partition("```")[0]
    )
    address = Address.parse(url)
    administrator = connect(address)
    for statement in clickhouse_migrations.statements(text):
        administrator.command(statement.replace("analytics.", f"{views}.").replace("analyst", reader))
    client = connect(replace(address, user=reader, password="choose-a-password", database=views))
    assert client.query("SELECT count() FROM uptime_daily").result_rows == [(0,)]
    for refused in (
        f"SELECT * FROM {address.database}.spans", "SELECT * FROM url('http://192.0.2.1/', 'CSV')",
        f"INSERT INTO {address.database}.things (id) VALUES ('x')", "SELECT * FROM file('x', 'CSV')",
        "SET max_execution_time = 0",
    ):  # fmt: skip
        with pytest.raises(DatabaseError):
            client.command(refused)
    client.close()
    administrator.close()


def test_the_history_writer_inserts_what_the_log_holds(kafka: Service, clickhouse: Service) -> None:
    url = f"{clickhouse.address}_{uuid4().hex[:8]}"
    migrate(kafka.address, PARTITIONS)
    clickhouse_migrations.migrate(url)
    check = str(uuid4())
    store_ping(kafka.address, check)
    settings = Settings(clickhouse_url=url).model_copy(update={"kafka_bootstrap_servers": kafka.address})
    writer, stop = HistoryWriter(settings, group=f"history-{uuid4().hex[:8]}"), threading.Event()
    thread = threading.Thread(target=writer.write, args=[stop])
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while _pings_of(url, check) == 0:
            assert time.monotonic() < deadline, "the ping is not in ClickHouse"
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert _pings_of(url, check) == 1


def test_what_was_kept_survives_a_restart(kafka: Service, clickhouse: Service) -> None:
    """Stopped within the compose file's time of grace, not killed at its end; started again on the same volume."""
    url, check = f"{clickhouse.address}_{uuid4().hex[:8]}", str(uuid4())
    migrate(kafka.address, PARTITIONS)
    store_ping(kafka.address, check)
    assert clickhouse_migrations.migrate(url)
    assert restart(kafka.container, services()["kafka"]) in STOPPED
    assert restart(clickhouse.container, services()["clickhouse"]) in STOPPED
    assert partition_count(kafka.address) == PARTITIONS
    assert _stored(kafka.address, check) == 1
    assert clickhouse_migrations.migrate(url) == []


def _stored(bootstrap: str, check: str) -> int:
    return sum(stored.key == check.encode() for stored in read_to_end(bootstrap, PINGS))


def _pings_of(url: str, check: str) -> int:
    client = connect(Address.parse(url))
    try:
        found = client.query("SELECT count() FROM pings WHERE check_id = {check:String}", parameters={"check": check})
        return int(found.result_rows[0][0])
    finally:
        client.close()
