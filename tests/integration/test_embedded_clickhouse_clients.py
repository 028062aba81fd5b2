"""The embedded ClickHouse answers curl, httpx and clickhouse-connect as a ClickHouse server would, or says what it
cannot do in ClickHouse's form of an error."""

import base64
import gzip
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.embedded.ports import HOST
from tests.stack import Server, start_clickhouse

pytestmark = pytest.mark.stack

CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="not run: there is no curl")
TABLE = "CREATE OR REPLACE TABLE rows (n Int32, s String) ENGINE = MergeTree ORDER BY n"
ALL = "SELECT n, s FROM rows ORDER BY n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_clickhouse(tmp_path_factory.mktemp("clients"))
    yield server
    server.stop()


class Place(NamedTuple):
    """Where it is: `bare` without, `url` with user and password; neither has a final slash."""

    url: str
    bare: str
    user: str
    password: str


@pytest.fixture
def at(server: Server) -> Place:
    parts = urlsplit(server.address)
    assert parts.username
    assert parts.password
    bare = f"{parts.hostname}:{parts.port}"
    return Place(f"http://{parts.username}:{parts.password}@{bare}", f"http://{bare}", parts.username, parts.password)


@pytest.fixture
def http(at: Place) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=at.bare, auth=(at.user, at.password), trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def rows(http: httpx.Client) -> None:
    """An empty table."""
    assert http.post("/", content=TABLE).text == ""


def curl(*arguments: str, given: bytes = b"") -> str:
    """What curl prints; nothing of this machine's settings counts."""
    done = subprocess.run(
        ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", "60", *arguments],
        input=given, capture_output=True, timeout=90, check=True,
    )  # fmt: skip
    return done.stdout.decode()


def refused(answer: httpx.Response, code: int, status: int, words: str) -> None:
    """It is told as ClickHouse tells its errors."""
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code), answer.text
    assert answer.status_code == status
    assert answer.text.startswith(f"Code: {code}. DB::Exception: "), answer.text
    assert words in answer.text


@CURL
def test_curl_asks_in_the_body(at: Place) -> None:
    """curl calls what it sends a form, which to ClickHouse it is not."""
    assert curl(at.url, "-d", "SELECT 1") == curl(f"{at.url}/", "-d", "SELECT 1") == "1\n"
    assert curl(at.url, "--data-binary", "SELECT 'a=b&c=%41+ü'") == "a=b&c=%41+ü\n"
    assert curl(at.url, "--data-binary", "@-", given=b"SELECT 2\n") == "2\n"
    assert curl(at.url, "-d", "SELECT 1 AS a FORMAT JSONEachRow") == '{"a":1}\n'
    assert curl(at.url, "-F", "query=SELECT {x:Int8} + 1", "-F", "param_x=2") == "3\n"
    assert curl(at.url, "-d", "SELECT 1;") == "1\n"


@CURL
def test_curl_asks_in_the_url(at: Place) -> None:
    for url in (at.url, f"{at.url}/"):
        assert curl(f"{url}?query=SELECT%201") == curl("-G", url, "--data-urlencode", "query=SELECT 1") == "1\n"
    assert curl(f"{at.url}/?query=SELECT+{{x:UInt8}}&param_x=7", "-g") == "7\n"
    assert curl(f"{at.url}/?query=SELECT+1&default_format=JSONCompactEachRow") == "[1]\n"
    assert curl(f"{at.url}/?query=SELECT+1", "-X", "POST") == "1\n"
    head = curl("-I", f"{at.url}/?query=SELECT+1+FORMAT+CSV").lower()
    assert head.startswith("http/1.1 200")
    assert "content-type: text/csv" in head
    assert curl(at.bare) == "Ok.\n"


@CURL
@pytest.mark.parametrize(
    "more", [(), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue"), ("-H", "Content-Type: text/csv")]
)
def test_curl_sends_rows_behind_a_query_in_the_url(at: Place, rows: None, more: tuple[str, ...]) -> None:
    query = quote("INSERT INTO rows FORMAT CSV")
    lines = b"".join(b"%d,%d\n" % (number, number) for number in range(20_000))
    assert curl(f"{at.url}/?query={query}", *more, "--data-binary", "@-", given=lines) == ""
    assert curl(at.url, "-d", "SELECT count(), sum(n) FROM rows") == "20000\t199990000\n"


@CURL
def test_curl_sends_and_takes_what_is_compressed(at: Place, rows: None) -> None:
    query = quote("INSERT INTO rows FORMAT TSV")
    packed = gzip.compress(b"1\ta\n")
    url = f"{at.url}/?query={query}"
    assert curl(url, "-H", "Content-Encoding: gzip", "--data-binary", "@-", given=packed) == ""
    assert curl("-T", "-", url, given=b"2\tb\n") == ""  # by PUT, in chunks
    assert curl(at.url, "-d", f"{ALL} FORMAT CSV") == '1,"a"\n2,"b"\n'
    # Long enough to be worth it.
    assert curl("--compressed", f"{at.url}/?enable_http_compression=1", "-d", "SELECT repeat('x', 5000)") == (
        "x" * 5_000 + "\n"
    )


@CURL
def test_curl_offers_another_protocol_and_sends_letters_as_typed(at: Place) -> None:
    assert curl(f"{at.url}/?query=SELECT+'größe'") == "größe\n"
    version = curl("--version")
    if "HTTP2" in version:  # this curl knows it
        assert curl("--http2", at.url, "-d", "SELECT 1") == "1\n"
        assert curl("--http2", f"{at.url}/?query=SELECT+2") == "2\n"


def test_an_offer_of_another_protocol_changes_nothing(http: httpx.Client) -> None:
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    for number in range(3):
        assert http.post("/", content=f"SELECT {number}", headers=offer).text == f"{number}\n"


@CURL
def test_curl_is_told_of_errors(at: Place) -> None:
    told = curl("-i", at.url, "-d", "SELECT * FROM nowhere")
    assert told.startswith("HTTP/1.1 404")
    assert "\nx-clickhouse-exception-code: 60\r" in told.lower()
    assert "Code: 60. DB::Exception: " in told
    assert "Multi-statements are not allowed" in curl(at.url, "-d", "SELECT 1; SELECT 2")
    assert "Code: 516." in curl(at.bare, "-d", "SELECT 1")
    assert "AUTHENTICATION_FAILED" in curl(f"{at.bare}/?query=SELECT+1")


def test_each_way_to_log_in(at: Place) -> None:
    own = {"X-ClickHouse-User": at.user, "X-ClickHouse-Key": at.password}
    arguments = {"user": at.user, "password": at.password, "query": "SELECT 1"}
    basic = {"Authorization": "Basic " + base64.b64encode(f"{at.user}:{at.password}".encode()).decode()}
    with httpx.Client(base_url=at.bare, trust_env=False, timeout=60) as client:
        assert client.get("/", params={"query": "SELECT 1"}, headers=own).text == "1\n"
        assert client.get("/", params={"query": "SELECT 1"}, headers=basic).text == "1\n"
        assert client.get("/", params=arguments).text == client.post("/", params=arguments).text == "1\n"
        refused(client.get("/", params=arguments | {"password": "wrong"}), 516, 403, "Authentication failed")
        refused(client.get("/", params=arguments, headers=own), 516, 403, "several ways")
        refused(client.get("/", params={"query": "SELECT 1"}, headers=own | basic), 516, 403, "several ways")


def test_where_it_answers(http: httpx.Client) -> None:
    for path in ("/ping", "/ping/", "/replicas_status", "/replicas_status/", "/"):
        for method in ("GET", "HEAD"):
            answer = http.request(method, path)
            assert (answer.status_code, answer.text) == (200, "Ok.\n" if method == "GET" else "")
    assert http.post("/nowhere", content="SELECT 1").status_code == 404
    assert http.options("/").headers["Allow"] == "GET, HEAD, POST, PUT, OPTIONS"
    refused(http.delete("/", params={"query": "SELECT 1"}), 48, 501, "Method DELETE")


def test_headers_say_database_and_format(http: httpx.Client) -> None:
    answer = http.post("/", content="SELECT currentDatabase()", headers={"X-ClickHouse-Database": "system"})
    assert answer.text == "system\n"
    answer = http.post("/", content="SELECT 1 AS a", headers={"X-ClickHouse-Format": "JSONEachRow"})
    assert (answer.text, answer.headers["X-ClickHouse-Format"]) == ('{"a":1}\n', "JSONEachRow")
    assert answer.headers["Content-Type"] == "application/x-ndjson; charset=UTF-8"


@pytest.mark.parametrize(
    ("statement", "arguments", "code", "status", "words"),
    [
        ("SELECT 1; SELECT 2", {}, 62, 400, "Multi-statements are not allowed"),
        ("INSERT INTO rows VALUES (1, 'a'); SELECT 1", {}, 62, 400, "Multi-statements are not allowed"),
        ("SELEC 1", {}, 62, 400, "Syntax error"),
        ("", {}, 62, 400, "Empty query"),
        ("SELECT 1", {"nosuch": "1"}, 115, 404, "nosuch"),
        ("SELECT 1", {"default_format": "Nope"}, 73, 404, "Unknown format"),
        ("SELECT 1", {"database": "nowhere"}, 81, 404, "nowhere"),
        ("SELECT {a:Int8}", {}, 456, 500, "`a`"),
        ("SELECT 1", {"compress": "1"}, 48, 501, "Content-Encoding"),
        ("SELECT 1", {"decompress": "1"}, 48, 501, "Content-Encoding"),
        ("SELECT 1", {"session_id": "s", "session_check": "1"}, 48, 501, "session_check"),
        ("SELECT 1", {"role": "reader"}, 511, 404, "reader"),
        ("CREATE TEMPORARY TABLE t (a Int8)", {}, 48, 501, "temporary"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(
    http: httpx.Client, rows: None, statement: str, arguments: dict[str, str], code: int, status: int, words: str
) -> None:
    answer = http.post("/", content=statement, params=arguments)
    refused(answer, code, status, words)
    assert answer.text.count("DB::Exception") == 1
    assert "formatQuerySingleLine" not in answer.text
    assert http.post("/", content="SELECT count() FROM rows").text == "0\n"


def test_what_only_reads_changes_nothing(http: httpx.Client, rows: None) -> None:
    for method in ("GET", "HEAD"):
        answer = http.request(method, "/", params={"query": "DROP TABLE rows"})
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert http.post("/", content=ALL).status_code == 200


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        ("Content-Encoding: gzip", b"no such thing", 271),
        ("Content-Encoding: br", b"SELECT 1", 48),
        ("Content-Type: multipart/form-data; boundary=x", b"SELECT 1", 36),
        ("Content-Type: multipart/form-data", b"SELECT 1", 36),
        ("Content-Type: text/plain; charset=latin-1", b"SELECT '\xff'", 62),
    ],
)
def test_bodies_that_are_not_what_they_say(http: httpx.Client, head: str, body: bytes, code: int) -> None:
    name, _, value = head.partition(": ")
    answer = http.post("/", content=body, headers={name: value})
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code), answer.text
    assert answer.status_code in (400, 500, 501)
    assert http.post("/", content="SELECT 1").text == "1\n"


def test_who_waits_for_leave_to_send_gets_it_or_the_refusal(server: Server, at: Place) -> None:
    """`Expect: 100-continue`, spoken by hand: no byte of the body goes before the leave, and none after a refusal."""
    login = base64.b64encode(f"{at.user}:{at.password}".encode())
    port = urlsplit(server.address).port
    assert port
    for authorization, told in ((login, b"HTTP/1.1 100 "), (b"eDp5", b"HTTP/1.1 403 ")):
        with socket.create_connection((HOST, port), timeout=60) as connection:
            head = b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 8\r\n"
            connection.sendall(head + b"Authorization: Basic " + authorization + b"\r\n\r\n")
            received = connection.recv(65_536)
            assert received.startswith(told)
            if authorization is login:
                connection.sendall(b"SELECT 3")
                while not received.endswith(b"3\n"):
                    more = connection.recv(65_536)
                    assert more
                    received += more


@pytest.mark.parametrize("compress", [False, True, "gzip", "zstd"])
def test_clickhouse_connect(server: Server, compress: bool | str, tmp_path: Path) -> None:
    client: Client = clickhouse_connect.get_client(dsn=server.address, compress=compress)
    try:
        client.command(TABLE)
        client.insert("rows", [[number, "ü" * number] for number in range(2_000)], column_names=["n", "s"])
        found = client.query("SELECT count(), sum(n) FROM rows WHERE n < {most:Int32}", parameters={"most": 10})
        assert found.first_row == (10, 45)
        assert client.raw_query("SELECT 1", fmt="CSV") == b"1\n"
        assert client.command("SELECT 1") == 1
        with pytest.raises(DatabaseError, match=r"(?i)unknown.*nowhere"):
            client.query("SELECT * FROM nowhere")
    finally:
        client.close()
