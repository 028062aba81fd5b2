"""Many pings in one request over real sockets, on the real Kafka: HTTP/1.1 and HTTP/2, packed, in pieces, cut off."""

import gzip
import json
import socket
from collections.abc import Iterator

import pytest

from tests.http2_client import Http2Client
from tests.ping_journal import Journal
from tests.ping_server import PingServer

pytestmark = pytest.mark.stack
COUNT = 3_000  # more than may be under way at once


@pytest.fixture(scope="module")
def server(kafka_bootstrap: str) -> Iterator[PingServer]:
    with PingServer(kafka_bootstrap) as server:
        yield server


@pytest.fixture
def journal(kafka_bootstrap: str, server: PingServer) -> Journal:
    return Journal(kafka_bootstrap, server)


def lines(server: PingServer, count: int = COUNT) -> bytes:
    bodies = (json.dumps({"uuid": server.check, "body": f"part {number}"}) for number in range(count))
    return "\n".join(bodies).encode()


def all_recorded(body: bytes, journal: Journal, count: int = COUNT) -> None:
    told = [json.loads(line) for line in body.splitlines()]
    assert [(one["line"], one["status"]) for one in told] == [(number, 200) for number in range(1, count + 1)]
    pings = journal.pings()
    assert [ping.body for ping in pings] == [f"part {number}" for number in range(count)]
    stamps = [ping.at or 0 for ping in pings]
    assert stamps == sorted(set(stamps))


def test_packed_and_chunked_over_http_1(server: PingServer, journal: Journal) -> None:
    packed = gzip.compress(lines(server))
    head = "POST /ping/bulk HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((server.host, server.port), 30.0) as connection:
        connection.sendall(head.encode())
        for begin in range(0, len(packed), 999):
            part = packed[begin : begin + 999]
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")
        status, body = answer_of(connection)
        assert status == 200
        all_recorded(body, journal)
        # The connection goes on.
        connection.sendall(b"POST /bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert answer_of(connection) == (
            207, b'{"line":1,"status":400,"answer":"invalid line: uuid: missing, and there is no slug"}\n'
        )  # fmt: skip


def test_over_http_2(server: PingServer, journal: Journal) -> None:
    with socket.create_connection((server.host, server.port), 30.0) as connection:
        answer = Http2Client(connection).ask("/ping/bulk", "POST", body=lines(server))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    all_recorded(answer.body, journal)


def test_lines_that_came_before_a_connection_breaks_are_recorded(server: PingServer, journal: Journal) -> None:
    content = lines(server, 50)
    with socket.create_connection((server.host, server.port), 30.0) as connection:
        head = f"POST /ping/bulk HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content) + 1}\r\n\r\n"
        connection.sendall(head.encode() + content)  # the last line has no end
    with socket.create_connection((server.host, server.port), 30.0) as connection:
        connection.sendall(f"GET /{server.check}/fail HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert answer_of(connection) == (200, b"OK")
    pings = journal.pings()
    assert [ping.body for ping in pings if ping.kind == "success"] == [f"part {number}" for number in range(49)]


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += connection.recv(65_536)
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += connection.recv(65_536)
    return int(head.split()[1]), body
