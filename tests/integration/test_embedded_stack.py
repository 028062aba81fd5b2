"""The embedded Kafka and ClickHouse, driven by the ordinary clients, killed and started again."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import pytest
from aiokafka import AIOKafkaConsumer
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infra.embedded import kafka
from infra.embedded.ports import HOST, PortTaken, free_port, remembered
from infra.log.cluster import aiokafka_config, client_config
from tests.places import NASTY
from tests.stack import start_clickhouse, start_kafka

pytestmark = pytest.mark.stack

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:10]}"


@pytest.fixture
def client(clickhouse_url: str) -> Iterator[Client]:
    client = clickhouse_connect.get_client(dsn=clickhouse_url, tz_mode="aware")
    yield client
    client.close()


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    table = name("t")
    client.command(
        f"CREATE TABLE {table} (n UInt64, s String, u UUID, at DateTime64(3, 'UTC'), a Array(UInt32)) "
        "ENGINE = MergeTree ORDER BY n"
    )
    yield table
    client.command(f"DROP TABLE {table} SYNC")


def rows(count: int) -> list[list[object]]:
    return [
        [n, f"row {n}", uuid.UUID(int=n), NOON + timedelta(milliseconds=n), list(range(n % 4))] for n in range(count)
    ]


COLUMNS = ["n", "s", "u", "at", "a"]


def test_rows_come_back_as_they_went_in(client: Client, table: str) -> None:
    written = rows(200_000)
    assert client.insert(table, written, column_names=COLUMNS).written_rows == 200_000
    read = client.query(f"SELECT * FROM {table} ORDER BY n", query_tz="UTC").result_rows
    assert [list(row) for row in read] == written


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_every_compression(clickhouse_url: str, table: str, compress: str | bool) -> None:
    client = clickhouse_connect.get_client(dsn=clickhouse_url, compress=compress)
    try:
        client.insert(table, rows(70_000), column_names=COLUMNS)
        assert len(client.query(f"SELECT s FROM {table}").result_rows) == 70_000
    finally:
        client.close()


def test_parameters(client: Client) -> None:
    given = {
        "n": 7,
        "a": [1, 2, 3],
        "u": uuid.uuid4(),
        "at": NOON + timedelta(microseconds=123_000),
        "s": "it's\ta \\ 'test' with Ünïcode",
        "l": ["a'b", "c\\d"],
    }
    statement = "SELECT {n:UInt32}, {a:Array(UInt32)}, {u:UUID}, {at:DateTime64(3)}, {s:String}, {l:Array(String)}"
    for form in (False, True):
        client._backend.form_encode_query_params = form  # type: ignore[attr-defined]
        (read,) = client.query(statement, parameters=given, query_tz="UTC").result_rows
        assert list(read) == list(given.values())


def test_a_parameter_too_long_for_an_address(client: Client) -> None:
    assert client.query("SELECT length({s:String})", parameters={"s": "x" * 300_000}).first_row == (300_000,)


def test_blocks_and_arrow(client: Client, table: str) -> None:
    client.insert(table, rows(150_000), column_names=COLUMNS)
    with client.query_row_block_stream(f"SELECT n FROM {table}") as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 150_000
    assert len(sizes) > 1
    # As libraries of data frames ask for it: a file of Arrow, which is taken back as it is.
    arrow = client.raw_query(f"SELECT n, s FROM {table} ORDER BY n LIMIT 5", fmt="Arrow")
    assert arrow[:6] == arrow[-6:] == b"ARROW1"
    client.raw_insert(table, ["n", "s"], arrow, fmt="Arrow")
    assert client.command(f"SELECT count() FROM {table}") == 150_005
    assert client.query(f"SELECT s FROM {table} WHERE n < 5 ORDER BY n").result_columns[0][::2] == [
        f"row {number}" for number in range(5)
    ]


def test_raw_inserts_and_queries(client: Client, table: str) -> None:
    lines = "".join(json.dumps({"n": n, "s": "FORMAT CSV"}) + "\n" for n in range(1000))
    assert client.raw_insert(table, ["n", "s"], lines.encode(), fmt="JSONEachRow").written_rows == 1000
    client.command(f"INSERT INTO {table} (n, s) VALUES (5000, 'one')")
    client.command(f"INSERT INTO {table} (n) SELECT number + 6000 FROM numbers(10)")
    read = client.raw_query(f"SELECT count() AS c FROM {table} WHERE s != ''", fmt="JSONEachRow")
    assert json.loads(read) == {"c": 1001}
    assert client.command(f"SELECT n FROM {table} WHERE n = 1000000") == ""


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM there_is_none", 60),
        ("SELEC 1", 62),
        ("SELECT none FROM system.one", 47),
        ("USE there_is_none", 81),
        ("SELECT throwIf(number = 5) FROM numbers(10)", 395),
        ("SELECT number FROM numbers(500000000) ORDER BY rand() SETTINGS max_memory_usage = 20000000", 241),
    ],
)
def test_errors_have_their_codes(client: Client, statement: str, code: int) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query(statement)
    assert caught.value.code == code


def test_a_bad_insert_has_its_code_and_spoils_nothing(client: Client, table: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, ["n"], b"\x01\x05\x01n\x06UInt64\x00", fmt="Native")
    assert caught.value.code == 33
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("there_is_none", ["n"], b"1\n", fmt="CSV")
    assert caught.value.code == 60
    client.insert(table, [[1]], column_names=["n"])
    assert client.command(f"SELECT count() FROM {table}") == 1


def test_settings_hold_for_one_call_only(client: Client) -> None:
    statement = "SELECT getSetting('max_block_size')"
    usual = client.query(statement).first_row
    assert client.query(statement, settings={"max_block_size": 1234}).first_row == (1234,)
    client.command("SET max_block_size = 77")
    client.query("SELECT 1", settings={"readonly": 1})
    # Each of the server's threads keeps a connection: enough calls to meet them all.
    assert {client.query(statement).first_row for _ in range(30)} == {usual}


async def test_the_asynchronous_client(clickhouse_url: str, table: str) -> None:
    client = await clickhouse_connect.get_async_client(dsn=clickhouse_url)
    try:
        assert (await client.insert(table, rows(100_000), column_names=COLUMNS)).written_rows == 100_000
        counts = await asyncio.gather(*(client.query(f"SELECT count() FROM {table}") for _ in range(50)))
        assert {count.first_row for count in counts} == {(100_000,)}
        async with await client.query_row_block_stream(f"SELECT n FROM {table}") as blocks:
            assert sum([len(block) async for block in blocks]) == 100_000
        assert (await client.query("SELECT {u:UUID}", parameters={"u": uuid.UUID(int=5)})).first_row == (
            uuid.UUID(int=5),
        )
        with pytest.raises(DatabaseError) as caught:
            await client.query("SELECT * FROM there_is_none")
        assert caught.value.code == 60
    finally:
        await client.close()


def test_clickhouse_keeps_what_it_answered(tmp_path: Path) -> None:
    server = start_clickhouse(tmp_path / NASTY)
    try:
        client = clickhouse_connect.get_client(dsn=server.address)
        client.command("CREATE DATABASE kept")
        client.command("CREATE TABLE kept.t (n UInt64) ENGINE = MergeTree ORDER BY n")
        for round_ in range(3):
            client.insert("kept.t", [[n] for n in range(20_000)], column_names=["n"])
            server.kill()
            server.start()
            assert client.command("SELECT count() FROM kept.t") == 20_000 * (round_ + 1)
        client.close()
    finally:
        server.stop()
    assert server.process.returncode == 0


def test_clickhouse_stops_while_a_query_runs(tmp_path: Path) -> None:
    server = start_clickhouse(tmp_path)

    async def stop_in_mid_query() -> float:
        client = await clickhouse_connect.get_async_client(dsn=server.address)
        query = asyncio.create_task(
            client.query("SELECT sum(sleepEachRow(1)) FROM numbers(60)", settings={"max_block_size": 1})
        )
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await asyncio.to_thread(server.stop)
        took = time.monotonic() - began
        query.cancel()
        await asyncio.gather(query, return_exceptions=True)
        await client.close()
        return took

    try:
        assert asyncio.run(stop_in_mid_query()) < 14  # the query would take a minute
    finally:
        server.kill()


def produce(bootstrap: str, topic: str, values: list[bytes], commit: bool = True) -> None:
    producer = Producer({**client_config(bootstrap), "transactional.id": name("tx"), "transaction.timeout.ms": 10_000})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.flush(30)
        producer.abort_transaction(30)


def make_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({**client_config(bootstrap)})
    for made in admin.create_topics([NewTopic(topic, 4, 1)]).values():
        made.result(20)


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """What a read_committed consumer sees: `count` values, and whatever else comes soon after."""
    consumer = Consumer(
        {
            **client_config(bootstrap),
            "group.id": name("g"),
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            messages = consumer.consume(1000, 1.0)
            if not messages and len(values) >= count:
                break
            for message in messages:
                assert message.error() is None, message.error()
                values.append(message.value())
    finally:
        consumer.close()
    return values


async def test_kafka_transactions_are_read_by_both_clients(kafka_bootstrap: str) -> None:
    topic = name("topic")
    make_topic(kafka_bootstrap, topic)
    expected = [b"%d" % n for n in range(1000)]
    await asyncio.to_thread(produce, kafka_bootstrap, topic, [b"aborted"] * 10, False)
    await asyncio.to_thread(produce, kafka_bootstrap, topic, expected)
    assert sorted(await asyncio.to_thread(consume, kafka_bootstrap, topic, 1000)) == sorted(expected)

    consumer = AIOKafkaConsumer(
        topic, **aiokafka_config(kafka_bootstrap), auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        values: list[bytes] = []
        deadline = time.monotonic() + 60
        while len(values) < 1000 and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                values += [record.value for record in batch]
    finally:
        await consumer.stop()
    assert sorted(values) == sorted(expected)


def test_kafka_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    server = start_kafka(tmp_path / NASTY)
    try:
        make_topic(server.address, "kept")
        values: list[bytes] = []
        for round_ in range(3):
            batch = [b"%d/%d" % (round_, n) for n in range(2000)]
            # Killed with the transaction committed, but most often its markers not written yet.
            produce(server.address, "kept", batch)
            server.kill()
            values += batch
            server.start()
            assert sorted(consume(server.address, "kept", len(values))) == sorted(values)
        server.restart()
        assert sorted(consume(server.address, "kept", len(values))) == sorted(values)
    finally:
        server.stop()


def test_a_port_is_remembered_and_refused_when_taken(tmp_path: Path) -> None:
    port = remembered(tmp_path, "kafka")
    assert remembered(tmp_path, "kafka") == port != remembered(tmp_path, "clickhouse")
    with socket.create_server((HOST, port)), pytest.raises(PortTaken, match=f"port {port} of the embedded kafka"):
        remembered(tmp_path, "kafka")
    assert remembered(tmp_path, "kafka", wanted=free_port()) == remembered(tmp_path, "kafka") != port


def test_processes_that_start_at_once_fetch_the_jars_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        f"""#!/bin/sh
        echo fetch >> {tmp_path}/calls
        sleep 0.5
        for argument in "$@"; do case $argument in
            -DoutputDirectory=*) mkdir -p "${{argument#*=}}" && touch "${{argument#*=}}/kafka_2.13.jar";;
        esac; done
        """
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    install = (
        "from pathlib import Path; from infra.embedded import kafka;"
        f"print(kafka.install(Path({str(tmp_path / 'cache')!r})))"
    )
    both = [subprocess.Popen([sys.executable, "-c", install], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    (folder,) = {process.communicate(timeout=60)[0].strip() for process in both}
    assert Path(folder, "kafka_2.13.jar").exists()
    assert (tmp_path / "calls").read_text() == "fetch\n"


def test_a_missing_program_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    kafka.java.cache_clear()
    try:
        with pytest.raises(kafka.MissingPrerequisite) as caught:
            kafka.install(tmp_path)
    finally:
        kafka.java.cache_clear()
    text = str(caught.value)
    assert "default-jre-headless" in text
    assert "KAFKA_BOOTSTRAP_SERVERS" in text
    assert "\n" not in text
