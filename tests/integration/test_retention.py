"""How long things are kept, on the real Kafka and ClickHouse: what differs is altered, and roll-ups outlive rows."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse, connect
from infra.clickhouse.migrations import migrate as migrate_tables
from infra.clickhouse.retention import apply, table_ttls
from infra.log.admin import admin_client, migrate
from infra.log.group_progress import GroupProgress
from infra.settings.settings import Settings
from processors.history.ping_hours import PING_HOURS
from processors.history.probe_hours import PROBE_HOURS
from processors.history.roll_ups import roll_up
from query_api.history.behind import Behind
from query_api.history.checks import History
from schemas.topics import CHECK_STATES, TOPICS
from tests.pingfold_client import wait_until

pytestmark = pytest.mark.stack

DAY_MS = 86_400_000


def retention_of(bootstrap: str) -> dict[str, str]:
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in TOPICS]
    admin = admin_client(bootstrap)  # kept: what it promises dies with it
    found = admin.describe_configs(resources)
    return {resource.name: future.result(10)["retention.ms"].value for resource, future in found.items()}


def expect_retention(bootstrap: str, expected: dict[str, str]) -> None:
    """A broker learns of a change a moment after the controller has acknowledged it."""
    wait_until(lambda: retention_of(bootstrap) == expected, 60.0, f"retention is {expected}")


def test_existing_topics_are_altered_and_altered_back(kafka_bootstrap: str) -> None:
    migrate(kafka_bootstrap, 8)
    before = retention_of(kafka_bootstrap)
    try:
        assert migrate(kafka_bootstrap, 8, retention_ms={"pings": 90 * DAY_MS}) == 8
        expect_retention(kafka_bootstrap, before | {"pings": str(90 * DAY_MS)})
    finally:
        migrate(kafka_bootstrap, 8)
    expect_retention(kafka_bootstrap, before)


def test_state_topics_of_an_older_version_get_small_segments(kafka_bootstrap: str) -> None:
    migrate(kafka_bootstrap, 8)
    admin = admin_client(kafka_bootstrap)
    place = ConfigResource(ResourceType.TOPIC, CHECK_STATES.name)

    def settings() -> tuple[str, str]:
        [found] = admin.describe_configs([place]).values()
        config = found.result(10)
        return config["segment.bytes"].value, config["max.compaction.lag.ms"].value

    today = settings()
    older = {"segment.bytes": str(64 * 2**20), "max.compaction.lag.ms": "9223372036854775807"}
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in older.items()]
    changed = ConfigResource(ResourceType.TOPIC, CHECK_STATES.name, incremental_configs=entries)
    for altered in admin.incremental_alter_configs([changed]).values():
        altered.result(10)
    wait_until(lambda: settings() == tuple(older.values()), 60.0, "the settings of an older version stand")
    migrate(kafka_bootstrap, 8)
    wait_until(lambda: settings() == today, 60.0, "the settings of today stand")
    assert today == (str(8 * 2**20), str(12 * 3_600_000))


def test_what_is_acknowledged_reaches_the_disk_within_a_second(kafka_bootstrap: str) -> None:
    """So the broker was told: each log is written out half a second after a change, looked at twice a second."""
    migrate(kafka_bootstrap, 8)
    admin = admin_client(kafka_bootstrap)
    [found] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, "pings")]).values()
    assert int(found.result(10)["flush.ms"].value) == 500
    [found] = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    assert int(found.result(10)["log.flush.scheduler.interval.ms"].value) == 500


@pytest.fixture
def url(clickhouse_url: str) -> str:
    url = f"{clickhouse_url.rstrip('/')}/retention{uuid4().hex[:8]}"
    migrate_tables(url)
    return url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    one = connect(Address.parse(url))
    yield one
    one.close()


def number(client: Client, what: str) -> int:
    return int(client.query(f"SELECT {what}").result_rows[0][0])


LIMITS: dict[str, Any] = {
    "history_pings": "10d",
    "history_ping_bodies": "2d",
    "history_probes": "10d",
    "history_transitions": "400d",
    "history_deliveries": "10d",
    "history_roll_ups": "800d",
    "history_lost_records": "400d",
    "history_audit": "400d",
}


def test_each_table_of_rows_has_a_setting(url: str, client: Client) -> None:
    # And the names of things, one row each, kept as long as anything that history tells of them.
    marks = {"migrations", "rolled_up", "roll_ups", "probe_roll_ups", "things", "expired_rows", "uptime_changes"}
    found = {
        name
        for (name,) in client.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View'"
        ).result_rows
    }
    assert found - marks == set(table_ttls(Settings()))
    own = {"history_incidents": "20d", "history_hours": "20d", "history_months": "forever"}
    ttls = table_ttls(Settings(**LIMITS | own))
    assert [ttls[table] for table in ("incidents", "ping_hours", "uptime_months")] == [
        "toDateTime(started) + toIntervalSecond(1728000)",
        "hour + toIntervalSecond(1728000)",
        "",
    ]
    assert ttls["gaps"] == "toDateTime(since) + toIntervalSecond(34560000)"


def test_tables_are_altered_where_they_differ(url: str) -> None:
    assert apply(url, Settings()) == [], "what migrations make is what the defaults say"
    assert len(apply(url, Settings(**LIMITS))) == 19
    assert apply(url, Settings(**LIMITS)) == []
    assert apply(url, Settings(**LIMITS | {"history_ping_bodies": "3d"})) == ["pings.body"]
    assert len(apply(url, Settings())) == 19
    assert apply(url, Settings()) == []


# Three months ago, five days ago, and now: one ping and one result each, at the same minute of their hours.
_AGES = "arrayJoin([90, 5, 0])"


def test_roll_ups_outlive_the_rows_that_expire(url: str, client: Client) -> None:
    client.command(
        "INSERT INTO pings (check_id, part, off, at, kind, body_size, body, inserted_at) "
        f"SELECT 'c', 0, 100 - {_AGES} AS off, now() - toIntervalDay(100 - off) AS at, 'success', 4, 'text', at"
    )
    client.command(
        "INSERT INTO probe_results (monitor, slot, ok, took, inserted_at) "
        f"SELECT 'm', now() - toIntervalDay({_AGES}) AS slot, 1, 1000, slot"
    )
    for kind in (PING_HOURS, PROBE_HOURS):
        roll_up(client, kind)
    hours, probed = "sum(successes) FROM ping_hours FINAL", "sum(results) FROM uptime_pieces FINAL WHERE kind = 2"
    assert (number(client, hours), number(client, probed)) == (3, 3)
    apply(url, Settings(**LIMITS))
    for table in ("pings", "probe_results", "uptime_pieces", "ping_hours"):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert number(client, "count() FROM pings") == 2
    assert number(client, "countIf(body != '') FROM pings") == 1
    assert number(client, "count() FROM probe_results") == 2
    # A row of an expired hour comes late: the hour keeps what it had.
    client.command(
        "INSERT INTO pings (check_id, part, off, at, kind) "
        "SELECT 'c', 0, 200, (SELECT min(hour) FROM ping_hours) + 60, 'success'"
    )
    for kind in (PING_HOURS, PROBE_HOURS):
        roll_up(client, kind)
    assert (number(client, hours), number(client, probed)) == (3, 3)
    apply(url, Settings(**LIMITS | {"history_roll_ups": "30d"}))
    for table in ("uptime_pieces", "ping_hours"):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    assert (number(client, hours), number(client, probed)) == (2, 2)


class _Written(GroupProgress):
    """A group that has, or has not, come to the end."""

    def __init__(self, is_written: bool) -> None:
        self._is_written = is_written

    async def reached(self, timeout: float, number: int | None = None) -> bool:
        await asyncio.sleep(0)
        return self._is_written


async def test_a_list_whose_newest_ping_has_expired_is_empty_and_not_late(url: str) -> None:
    clickhouse = ClickHouse(Address.parse(url))
    try:
        assert await History(clickhouse, pings=_Written(True)).pings("c", 7, 1, 100) == []
        with pytest.raises(Behind):
            await History(clickhouse, pings=_Written(False)).pings("c", 7, 1, 100)
        with pytest.raises(Behind):
            await History(clickhouse).pings("c", 7, 1, 100)
    finally:
        await clickhouse.close()
