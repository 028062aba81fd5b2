"""The embedded ClickHouse lets in nobody without its password and no web page, and no statement out to files, programs
or the network."""

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.embedded.logins import login_file
from infra.embedded.ports import HOST, free_port
from tests.stack import Server, start_clickhouse

pytestmark = pytest.mark.stack

SECRET = "nobody-may-read-this-by-sql"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("closed")
    (data / "credentials.json").write_text(SECRET)
    server = start_clickhouse(data)
    yield server
    server.stop()


@pytest.fixture
def data(server: Server) -> Path:
    return server.output.parent


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = clickhouse_connect.get_client(dsn=server.address)
    yield client
    client.close()


@pytest.fixture
def called() -> Iterator[tuple[int, list[bytes]]]:
    """A port on which something listens, and what it was sent; nothing may ever come."""
    heard: list[bytes] = []
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(0.1)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    heard.append(b"called")

        thread = threading.Thread(target=listen)
        thread.start()
        yield listener.getsockname()[1], heard
        stop.set()
        thread.join()


def ask(server: Server, statement: str, headers: dict[str, str], **arguments: str) -> httpx.Response:
    return httpx.post(plain(server), content=statement, headers=headers, params=arguments, trust_env=False, timeout=30)


def plain(server: Server) -> str:
    """Its URL without the login."""
    parts = urlsplit(server.address)
    return f"http://{parts.hostname}:{parts.port}/"


def basic(server: Server) -> tuple[str, str]:
    parts = urlsplit(server.address)
    assert parts.username is not None
    assert parts.password is not None
    return parts.username, parts.password


def test_nobody_gets_in_without_the_password(server: Server) -> None:
    user, password = basic(server)
    for login in ({}, {"X-ClickHouse-User": "default"}, {"X-ClickHouse-User": user, "X-ClickHouse-Key": password[:-1]}):
        answer = ask(server, "SELECT 1", login)
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
        assert password not in answer.text
    assert ask(server, "SELECT 1", {}, user=user, password=password[:-1]).status_code == 403
    for wrong in ("Basic", "Basic ?", "Bearer x", "Basic " + "=" * 5):
        assert ask(server, "SELECT 1", {"Authorization": wrong}).status_code == 403
    assert ask(server, "SELECT 1", {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}).text == "1\n"
    assert httpx.post(plain(server), content="SELECT 1", auth=(user, password), trust_env=False).text == "1\n"


def test_the_login_is_its_owner_s_and_in_no_argument(server: Server, data: Path) -> None:
    file = login_file(data, "clickhouse")
    _, password = basic(server)
    assert file.stat().st_mode & 0o777 == 0o600
    assert password in file.read_text()
    for of_process in ("cmdline", "environ"):
        assert password.encode() not in Path(f"/proc/{server.pid}/{of_process}").read_bytes()


def test_no_web_page_gets_in(server: Server) -> None:
    login = httpx.BasicAuth(*basic(server))

    def status(path: str = "/?query=SELECT+1", **headers: str) -> int:
        return httpx.get(plain(server).rstrip("/") + path, headers=headers, auth=login, trust_env=False).status_code

    port = urlsplit(server.address).port
    assert status() == status(Host=f"localhost:{port}") == status(Host="LOCALHOST") == status(Host="[::1]:1") == 200
    assert status(Host=f"rebound.example:{port}") == 403
    assert status("/ping", Host="rebound.example") == 403
    assert status(Host="127.0.0.1.example.org") == status(Host="") == 403
    assert status(Origin="https://example.org") == status(Origin="null") == 403
    assert status(Origin=plain(server).rstrip("/")) == 403
    raw = http.client.HTTPConnection(HOST, port or 0, timeout=10)
    raw.putrequest("GET", "/ping", skip_host=True)
    raw.putheader("Host", f"127.0.0.1:{port}")
    raw.putheader("Host", "rebound.example")
    raw.endheaders()
    assert raw.getresponse().status in (400, 403)
    raw.close()


REACHING_FILES = [
    "SELECT file('{file}')",
    "SELECT `fi\\x6ce`('{file}')",
    'SELECT "file"(\'{file}\')',
    "SELECT file /* */ ('{file}')",
    "SELECT arrayMap(file, ['{file}'])",
    "SELECT arrayMap(x -> file(x), ['{file}'])",
    "SELECT * APPLY file FROM (SELECT '{file}' AS x)",
    "SELECT $$'$$, file('{file}'), $$'$$",
    "SELECT 1; SELECT file('{file}')",
    "WITH file('{file}') AS x SELECT x",
    "SELECT * FROM numbers(1) QUALIFY file('{file}') != ''",
    "SELECT * FROM view(SELECT file('{file}'))",
    "EXISTS TABLE default.`{file}`",
    "EXISTS TABLE `default`.`{file}`",
    "SELECT * FROM default.`{file}`",
    "DESCRIBE TABLE default.`{file}`",
    "SHOW TABLES FROM default",
    "USE default",
    "SELECT * FROM file('{file}', 'LineAsString')",
    "SELECT * FROM FILE('{file}', 'LineAsString')",
    "SELECT * FROM `{file}`",
    "SELECT * FROM default.`{file}`",
    "SELECT * FROM fileCluster('default', '{file}', 'LineAsString')",
    "SELECT * FROM filesystem('{folder}')",
    "SELECT * FROM sqlite('{folder}/x.db', 't')",
    "SELECT * FROM executable('cat', TSV, 'a String')",
    "SELECT * FROM python('open(\"{file}\").read()')",
    "SELECT * FROM Python(login)",
    "SELECT * FROM eval('SELECT file(''{file}'')') SETTINGS allow_experimental_eval_table_function = 1",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{file}')))",
    "SELECT * FROM icebergLocal('{folder}')",
    "SELECT * FROM deltaLakeLocal('{folder}')",
    "SELECT * FROM format(Values, '(file(''{file}''))') SETTINGS input_format_values_interpret_expressions = 1",
    "DESCRIBE TABLE file('{file}')",
    "EXPLAIN ESTIMATE SELECT * FROM file('{file}', 'LineAsString')",
    "SELECT '{file}' INTO OUTFILE '{folder}/out'",
    "SELECT 1 INTO /* */ OUTFILE '{folder}/out' FORMAT TSV",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{file}'",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{file}'",
    "SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = '{file}:A'",
    "SELECT 1 AS a FORMAT CapnProto SETTINGS output_format_schema = '{folder}/out'",
    "INSERT INTO lines FROM INFILE '{file}' FORMAT LineAsString",
    "INSERT INTO lines (s) VALUES (file('{file}'))",
    "INSERT INTO lines SETTINGS log_comment = $$'$$ VALUES ('a'); SELECT file('{file}'); INSERT INTO lines VALUES $$",
    "INSERT INTO lines (s) SELECT file('{file}')",
    "INSERT INTO FUNCTION file('{folder}/out', 'TSV', 's String') SELECT 'x'",
    "INSERT INTO FUNCTION file('{folder}/out', 'TSV', 's String') FORMAT TSV\nx",
    "EXPLAIN INSERT INTO lines VALUES ('a'); SELECT file('{file}')",
    "CREATE TABLE t1 (s String) ENGINE = File(LineAsString, '{file}')",
    "CREATE TABLE t1 (s String) ENGINE = Executable('cat', TSV)",
    "CREATE TABLE t1 (s String DEFAULT file('{file}')) ENGINE = Memory",
    "CREATE TABLE t1 (s String) ENGINE = MergeTree ORDER BY s SETTINGS disk = disk(type = local, path = '{folder}/d/')",
    "CREATE TABLE t1 AS file('{file}', 'LineAsString')",
    "CREATE VIEW v1 AS SELECT * FROM file('{file}', 'LineAsString')",
    "CREATE MATERIALIZED VIEW v1 TO lines AS SELECT file('{file}') AS s FROM lines",
    "CREATE DATABASE d1 ENGINE = Filesystem('{folder}')",
    "CREATE DATABASE d1 ENGINE = SQLite('{folder}/x.db')",
    "CREATE DATABASE d1 ENGINE = Overlay('default')",
    "CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(FILE(path '{file}' format TSV)) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE FUNCTION f1 AS x -> file(x)",
    "ATTACH TABLE t1 FROM '{folder}' (s String) ENGINE = MergeTree ORDER BY s",
    "ALTER TABLE lines UPDATE s = file('{file}') WHERE 1",
    "ALTER TABLE lines FREEZE WITH NAME 'x'",
    "BACKUP TABLE lines TO File('{folder}/backup')",
    "RESTORE TABLE lines FROM File('{folder}/backup')",
    "SET dialect = 'prql'",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "CREATE USER u1 IDENTIFIED BY 'x'",
]  # fmt: skip

REACHING_THE_NETWORK = [
    "SELECT * FROM url('http://{address}/', 'LineAsString', 's String')",
    "SELECT * FROM URL('http://{address}/', 'LineAsString', 's String')",
    "SELECT * FROM urlCluster('default', 'http://{address}/', 'LineAsString', 's String')",
    "SELECT * FROM s3('http://{address}/b/k', 'LineAsString', 's String')",
    "SELECT * FROM gcs('http://{address}/b/k', 'LineAsString', 's String')",
    "SELECT * FROM azureBlobStorage('http://{address}/', 'c', 'b', 'a', 'a2V5', 'TSV', 'auto', 's String')",
    "SELECT * FROM hdfs('hdfs://{address}/x', 'LineAsString', 's String')",
    "SELECT * FROM remote('{address}', system.one)",
    "SELECT * FROM remoteSecure('{address}', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM mysql('{address}', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('{address}', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('{address}', 'd', 'c', 'u', 'p', 's String')",
    "SELECT * FROM redis('{address}', 'k', 'k String')",
    "SELECT * FROM odbc('DSN=x', 'd', 't')",
    "SELECT * FROM jdbc('x', 'd', 't')",
    "SELECT * FROM iceberg('http://{address}/b/')",
    "SELECT * FROM deltaLake('http://{address}/b/')",
    "SELECT * FROM hudi('http://{address}/b/')",
    "SELECT aiGenerate('x', map('url', 'http://{address}/', 'credentials', 'x'))",
    "SELECT * FROM format(AvroConfluent, 'x') SETTINGS format_avro_schema_registry_url = 'http://{address}/'",
    "CREATE TABLE t2 (s String) ENGINE = URL('http://{address}/', LineAsString)",
    "CREATE TABLE t2 (s String) ENGINE = S3('http://{address}/b/k', LineAsString)",
    "CREATE TABLE t2 (s String) ENGINE = MySQL('{address}', 'd', 't', 'u', 'p')",
    "CREATE TABLE t2 (s String) ENGINE = Kafka('{address}', 't', 'g', 'LineAsString')",
    "CREATE TABLE t2 (s String) ENGINE = MergeTree ORDER BY s SETTINGS disk = disk(type = web, endpoint = 'http://{address}/')",
    "CREATE DATABASE d2 ENGINE = MySQL('{address}', 'd', 'u', 'p')",
    "CREATE DATABASE d2 ENGINE = PostgreSQL('{address}', 'd', 'u', 'p')",
    "CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(HTTP(url 'http://{address}/' format TSV)) LAYOUT(FLAT())",
    "INSERT INTO FUNCTION url('http://{address}/', 'TSV', 's String') SELECT 'x'",
]  # fmt: skip


@pytest.fixture
def lines(client: Client) -> Iterator[None]:
    client.command("CREATE TABLE IF NOT EXISTS lines (s String) ENGINE = MergeTree ORDER BY s")
    yield
    client.command("DROP TABLE lines SYNC")


def test_no_statement_reaches_a_file(server: Server, client: Client, lines: None, data: Path) -> None:
    """Nor a program, nor the server itself. Every one is refused, none gives the secret, and no file comes to be."""
    before = sorted(data.iterdir())
    login = httpx.BasicAuth(*basic(server))
    passed = []
    for template in REACHING_FILES:
        statement = template.format(file=data / "credentials.json", folder=data)
        for arguments, body in (("", statement), ("?" + urlencode({"query": statement}, quote_via=quote), "")):
            answer = httpx.post(plain(server) + arguments, content=body, auth=login, trust_env=False, timeout=30)
            assert SECRET not in answer.text
            if answer.status_code == 200:
                passed.append(statement)
    assert passed == []
    # What stands behind rows is no statement.
    rows = f"INSERT INTO lines (s) VALUES ('a'); SELECT file('{data / 'credentials.json'}')"
    assert SECRET not in httpx.post(plain(server), content=rows, auth=login, trust_env=False, timeout=30).text
    assert SECRET not in str(client.query("SELECT * FROM lines").result_rows)
    assert sorted(data.iterdir()) == before


def test_no_parameter_becomes_a_name(server: Server, data: Path) -> None:
    """What is put in after a statement has been judged is text, never a function, a table or a database."""
    login = dict(zip(("X-ClickHouse-User", "X-ClickHouse-Key"), basic(server), strict=True))
    file = str(data / "credentials.json")
    for statement, parameters in (
        (f"SELECT arrayMap({{f:Identifier}}, ['{file}'])", {"f": "file"}),
        (f"SELECT * APPLY {{f : Identifier}} FROM (SELECT '{file}' AS x)", {"f": "file"}),
        ("SELECT * FROM {d:Identifier}.{f:Identifier}", {"d": "default", "f": file}),
        ("EXISTS TABLE {d:IDENTIFIER}.{f:Identifier}", {"d": "default", "f": file}),
    ):
        answer = ask(server, statement, login, **{f"param_{name}": value for name, value in parameters.items()})
        assert answer.status_code != 200, statement
        assert SECRET not in answer.text


def test_no_statement_reaches_the_network(
    server: Server, lines: None, data: Path, called: tuple[int, list[bytes]]
) -> None:
    port, heard = called
    login = httpx.BasicAuth(*basic(server))
    passed = []
    for template in REACHING_THE_NETWORK:
        statement = template.format(address=f"{HOST}:{port}")
        answer = httpx.post(plain(server), content=statement, auth=login, trust_env=False, timeout=30)
        if answer.status_code == 200:
            passed.append(statement)
    assert passed == []
    assert heard == []


def test_settings_of_a_request_open_nothing(server: Server, data: Path) -> None:
    user, password = basic(server)
    login = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    for name, value in {
        "input_format_values_interpret_expressions": "1",
        "allow_python_table_function": "1",
        "allow_introspection_functions": "1",
        "format_template_row": str(data / "credentials.json"),
        "format_schema": f"{data / 'credentials.json'}:A",
        "format_avro_schema_registry_url": f"http://{HOST}:{free_port()}/",
        "input_format_record_errors_file_path": str(data / "errors"),
        "dialect": "kusto",
    }.items():
        answer = ask(server, "SELECT 1", login, **{name: value})
        assert answer.status_code != 200, name
    assert not (data / "errors").exists()


def test_what_is_harmless_still_works(client: Client, lines: None) -> None:
    client.command("INSERT INTO lines VALUES ('a'), ('file(b) INTO OUTFILE')")
    client.command("INSERT INTO lines (s) SELECT toString(number) FROM numbers(3)")
    client.insert("lines", [["from infile"]], column_names=["s"])
    assert client.query("SELECT count() FROM lines WHERE s = {s:String}", {"s": "from infile"}).first_row == (1,)
    text = "SELECT 'SELECT file(1) INTO OUTFILE', $$a'b\\$$, 'tab\\there', 'ü' -- file('x')"
    assert client.query(text).first_row == ("SELECT file(1) INTO OUTFILE", "a'b\\", "tab\there", "ü")
    client.command("CREATE TABLE IF NOT EXISTS copy (s String) ENGINE = ReplacingMergeTree ORDER BY s")
    client.command("CREATE MATERIALIZED VIEW IF NOT EXISTS moving TO copy AS SELECT s FROM lines")
    client.command("INSERT INTO lines VALUES ('b')")
    assert client.command("SELECT count() FROM copy") == 1
    client.command("DROP VIEW moving")
    client.command("DROP TABLE copy")
    with pytest.raises(DatabaseError, match="SELEC 1"):
        client.query("SELEC 1")
