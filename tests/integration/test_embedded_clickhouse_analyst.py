"""The login of analysts at the embedded ClickHouse: views, and nothing else, in bounds."""

import gzip
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.embedded.clickhouse_analyst import ANALYST_LIMITS
from infra.embedded.logins import ANALYST, login_file, read_login

pytestmark = pytest.mark.stack

MIB = 2**20


@pytest.fixture(scope="module")
def owner(clickhouse_url: str) -> Iterator[Client]:
    """Pingfold's own login, and what there is to see."""
    client = clickhouse_connect.get_client(dsn=clickhouse_url)
    for statement in (
        "CREATE DATABASE analytics", "CREATE DATABASE hidden",
        "CREATE TABLE hidden.t (a UInt8) ENGINE = MergeTree ORDER BY a", "INSERT INTO hidden.t VALUES (1), (2)",
        "CREATE VIEW analytics.seen DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT a FROM hidden.t",
    ):  # fmt: skip
        client.command(statement)
    yield client
    for database in ("analytics", "hidden"):
        client.command(f"DROP DATABASE {database}")
    client.close()


@pytest.fixture
def url(owner: Client, clickhouse_url: str) -> str:
    return f"http://127.0.0.1:{urlsplit(clickhouse_url).port}/"


@pytest.fixture
def login(stack_data: Path) -> tuple[str, str]:
    login = read_login(login_file(stack_data, ANALYST))
    return login.user, login.password


def ask(url: str, login: tuple[str, str], statement: str, **arguments: str) -> httpx.Response:
    return httpx.post(url, content=statement, params=arguments, auth=login, trust_env=False, timeout=30)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT sum(a) FROM analytics.seen", "3"),
        ("SELECT sum(a) FROM seen", "3"),
        ("WITH 1 AS x SELECT x + a FROM seen ORDER BY a", "2\n3"),
        ("SHOW TABLES FROM analytics", "seen"),
        ("EXISTS analytics.seen", "1"),
        ("SELECT name FROM system.tables WHERE database IN ('analytics', 'hidden')", "seen"),
        ("SELECT count() FROM numbers(10)", "10"),
    ],
)
def test_what_an_analyst_may_ask(url: str, login: tuple[str, str], statement: str, told: str) -> None:
    answer = ask(url, login, statement)
    assert (answer.status_code, answer.text.strip()) == (200, told)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM hidden.t", "SELECT * FROM `hidden`.`t`", "SELECT * FROM view(SELECT * FROM hidden.t)",
        "SELECT * FROM merge('hidden', 't')", "SELECT 1 WHERE 1 IN (SELECT a FROM hidden.t)", "DESCRIBE hidden.t",
        "SHOW CREATE TABLE hidden.t", "EXPLAIN SELECT * FROM hidden.t", "EXISTS hidden.t", "CHECK TABLE hidden.t",
        "INSERT INTO hidden.t VALUES (3)", "INSERT INTO hidden.t SELECT 3", "INSERT INTO analytics.seen VALUES (3)",
        "CREATE TABLE analytics.x (a UInt8) ENGINE = Memory", "CREATE VIEW analytics.x AS SELECT 1",
        "DROP VIEW analytics.seen", "DROP TABLE hidden.t", "TRUNCATE TABLE hidden.t",
        "ALTER TABLE hidden.t DELETE WHERE 1", "OPTIMIZE TABLE hidden.t", "SELECT file('/etc/hostname')",
        "SELECT * FROM file('/etc/hostname')",
        "SELECT * FROM url('http://192.0.2.1/', 'CSV')", "SELECT * FROM remote('192.0.2.1', hidden, t)",
        "SELECT * FROM system.processes", "SELECT * FROM `system` . processes", "SELECT * FROM system.users",
        "SHOW PROCESSLIST", "SET ROLE pingfold", "SET max_threads = 1", "USE hidden",
        "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1", "GRANT SELECT ON *.* TO default",
        "EXECUTE AS default SELECT * FROM hidden.t",
        "SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_result_rows = 0", "SELECT 1; SELECT 2",
        "SELECT a FROM seen INTO OUTFILE '/tmp/x'", "DELETE FROM hidden.t WHERE 1",
        "BACKUP DATABASE hidden TO Disk('a', 'b')",
    ],
)  # fmt: skip
def test_what_an_analyst_may_not(owner: Client, url: str, login: tuple[str, str], statement: str) -> None:
    answer = ask(url, login, statement)
    assert answer.status_code in (400, 403, 404, 500), answer.text
    assert "Code: " in answer.text
    assert owner.query("SELECT count() FROM hidden.t").result_rows == [(2,)]


def test_rights_that_were_given_up_are_back_for_nobody_else(owner: Client, url: str, login: tuple[str, str]) -> None:
    for _ in range(20):
        assert ask(url, login, "SELECT * FROM hidden.t").status_code == 403
        assert owner.query("SELECT sum(a) FROM hidden.t").result_rows == [(3,)]


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("max_execution_time", "10", None), ("max_execution_time", "65", None), ("max_execution_time", "0", None),
        ("max_memory_usage", "-1", "452"), ("max_memory_usage", "9" * 30, None), ("max_result_rows", "x", "452"),
        ("readonly", "2", None), ("limit", "10", None), ("readonly", "0", "164"), ("max_threads", "1", None),
        ("allow_ddl", "1", "164"),
        ("output_format_json_quote_64bit_integers", "0", None), ("database", "hidden", "497"),
        ("database", "system", "497"),
    ],
)  # fmt: skip
def test_settings_of_a_request(url: str, login: tuple[str, str], name: str, given: str, code: str | None) -> None:
    answer = ask(url, login, "SELECT count() FROM analytics.seen", **{name: given})
    assert (answer.status_code == 200) is (code is None), answer.text
    assert answer.headers.get("X-ClickHouse-Exception-Code") == code


def test_answers_in_the_forms_of_other_programs(url: str, login: tuple[str, str]) -> None:
    assert ask(url, login, "SELECT a FROM seen FORMAT Parquet").content[:4] == b"PAR1"
    assert "│" in ask(url, login, "SELECT a FROM seen FORMAT PrettyCompact").text
    assert ask(url, login, "SELECT displayName(), version(), revision(), timezone()").status_code == 200


def test_answers_are_bounded(url: str, login: tuple[str, str]) -> None:
    for lifted in ({}, {"max_result_rows": "0"}, {"max_result_rows": "9" * 20}):
        rows = int(ANALYST_LIMITS["max_result_rows"]) + 1
        answer = ask(url, login, f"SELECT number FROM numbers({rows})", **lifted)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "396"
    memory = ask(url, login, "SELECT length(groupArray(number)) FROM numbers(200000000)")
    assert memory.headers["X-ClickHouse-Exception-Code"] == "241"
    slow = ask(url, login, "SELECT count() FROM numbers(1000000000000)", max_execution_time="1")
    assert slow.headers["X-ClickHouse-Exception-Code"] == "159"
    assert ask(url, login, "SELECT 1 -- " + "x" * 2**20).headers["X-ClickHouse-Exception-Code"] == "229"


def test_the_ordinary_client_works(url: str, login: tuple[str, str]) -> None:
    user, password = login
    port = urlsplit(url).port
    assert port is not None
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username=user, password=password, database="analytics"
    )
    assert client.query("SELECT a FROM seen WHERE a > {least:UInt8}", parameters={"least": 1}).result_rows == [(2,)]
    with pytest.raises(DatabaseError, match="Not enough privileges"):
        client.query("SELECT * FROM hidden.t")
    client.close()


def test_the_password_is_its_own(clickhouse_url: str, url: str, login: tuple[str, str]) -> None:
    user, password = login
    others = urlsplit(clickhouse_url)
    assert password != others.password
    assert ask(url, (user, others.password or ""), "SELECT 1").status_code == 403
    assert ask(url, (others.username or "", password), "SELECT 1").status_code == 403


def nested(depth: int) -> str:
    text = "1"
    for _ in range(depth):
        text = f"({text} BETWEEN 0 AND 2)"
    return f"SELECT {text}"


HOSTILE: dict[str, dict[str, Any]] = {
    "it unpacks to gigabytes": {"content": gzip.compress(bytes(300 * MIB)), "headers": {"Content-Encoding": "gzip"}},
    "comments that do not end": {"content": "INSERT " + "/*" * 120_000},
    "quotes that do not end": {"content": "SELECT " + "'\\'\"`" * 50_000},
    "spaces behind a format": {"content": "SELECT 'FORMAT a" + " " * 200_000 + "x'"},
    "spaces behind a format in the URL": {"content": "", "params": {"query": "SELECT 'FORMAT a" + " " * 50_000 + "x'"}},
    "copies of copies": {"content": nested(40)},
    "its error repeats it": {"content": "SELECT " + ": In scope SELECT formatQuerySingleLine(" * 5_000},
    "a form of many fields": {
        "content": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 4_000,
        "headers": {"Content-Type": "multipart/form-data; boundary=x"},
    },
    "it never ends": {"content": "SELECT count() FROM numbers_mt(1000000000000) WHERE sipHash64(number) = 1"},
    "it sleeps": {"content": "SELECT sleepEachRow(1) FROM numbers(1000)"},
    "a huge join": {"content": "SELECT count() FROM numbers(1000000000) a JOIN numbers(1000000000) b USING number"},
    "a huge array": {"content": "SELECT length(range(400000000))"},
    "tuples of tuples": {
        "content": "WITH 1 AS a0, " + ", ".join(f"(a{n}, a{n}) AS a{n + 1}" for n in range(40)) + " SELECT a40"
    },
    "names without an end": {
        "content": "SELECT number AS `" + "x" * 60_000 + "` FROM numbers(1000000) FORMAT JSONEachRow"
    },
    "no bound of its own": {"content": "SELECT count() FROM numbers(1000000000000) SETTINGS max_execution_time = 0"},
}


@pytest.mark.parametrize("question", HOSTILE)
def test_pingfold_is_answered_meanwhile(
    owner: Client, clickhouse_url: str, url: str, login: tuple[str, str], question: str
) -> None:
    """Two of them at a time, as many as are run at once, of at most two seconds each."""
    asked = {"params": {"max_execution_time": "2"}} | HOSTILE[question]
    others = urlsplit(clickhouse_url)
    own = (others.username or "", others.password or "")

    def hostile(_: int) -> httpx.Response:
        return httpx.post(url, auth=login, trust_env=False, timeout=30, **asked)

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(hostile, number) for number in range(2)]
        for number in count():
            # Another one each time, so that it is read and judged, too.
            answer = ask(url, own, f"SELECT {number} + sum(a) FROM hidden.t", wait_end_of_query="1")
            assert answer.text == f"{number + 3}\n"
            assert answer.elapsed.total_seconds() < 5
            if all(one.done() for one in answers):
                break
        assert all("Code: " in one.result().text for one in answers) or "spaces" in question


def test_more_questions_than_are_taken_are_refused(url: str, login: tuple[str, str], owner: Client) -> None:
    """Those whose text is still coming count, so that they hold no memory."""
    host, user = urlsplit(url), b64encode(":".join(login).encode()).decode()
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {user}\r\nContent-Length: 9\r\n\r\nSELECT"
    with ExitStack() as open_ones:
        for _ in range(18):
            connection = open_ones.enter_context(socket.create_connection((host.hostname or "", host.port or 0), 5))
            connection.sendall(head.encode())
        deadline = time.monotonic() + 10
        while (answer := ask(url, login, "SELECT 1")).status_code == 200 and time.monotonic() < deadline:
            pass
        assert answer.headers["X-ClickHouse-Exception-Code"] == "202"
        assert owner.query("SELECT sum(a) FROM hidden.t").result_rows == [(3,)]
    deadline = time.monotonic() + 10
    while ask(url, login, "SELECT 1").status_code != 200:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("name", ["JSONColumns", "JSONCompactColumns", "JSONColumnsWithMetadata", "SQLInsert", "Avro"])
def test_formats_without_a_bound_are_refused(url: str, login: tuple[str, str], name: str) -> None:
    for asked in (
        {"content": f"SELECT a FROM seen FORMAT {name}"},
        {"content": "SELECT 1", "params": {"default_format": name}},
    ):
        answer = httpx.post(url, auth=login, trust_env=False, **asked)
        assert answer.headers["X-ClickHouse-Exception-Code"] == "73"
