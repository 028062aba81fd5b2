"""Many pings in one request over real sockets, on the real Kafka: HTTP/1.1 and HTTP/2, packed, in pieces, cut off."""

import contextlib
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


HOSTILE = {
    "no gzip": ("Content-Encoding: gzip", b"PK\x03\x04" + bytes(1_000), {400}),
    "half a gzip": ("Content-Encoding: gzip", gzip.compress(bytes(range(40, 120)) * 20)[:60], {400}),
    "gzip in gzip": ("Content-Encoding: gzip", gzip.compress(gzip.compress(b"{}\n")), {400}),
    "a bomb": ("Content-Encoding: gzip", gzip.compress(b"{" * 40_000_000), {413}),
    "many parts": ("Content-Encoding: gzip", gzip.compress(b"") * 100_000, {400}),
    "empty blocks": ("Content-Encoding: gzip", gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * 100_000, {400}),
    "NUL bytes": ("X: x", bytes(300_000) + b"\n" + bytes(100), {400}),
    "empty lines": ("X: x", b"\n" * 2_000_000, {413}),
    "a long line": ("X: x", b'{"uuid":"' + b"a" * 2**21 + b'"}', {413}),
    "deep JSON": ("X: x", b'{"body":' + b"[" * 900_000 + b"\n" + b"[" * 900_000, {400}),
    "one field again and again": ("X: x", b"{" + b'"uuid":"x",' * 90_000 + b'"uuid":"y"}', {400}),
    "UTF-16": ("X: x", '{"uuid":"x"}\r\n'.encode("utf-16"), {400}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_wrong_is_told_and_the_server_goes_on(server: PingServer, what: str) -> None:
    header, content, statuses = HOSTILE[what]
    head = f"POST /ping/bulk HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((server.host, server.port), 30.0) as connection:
        connection.sendall(head.encode() + content)
        status, body = answer_of(connection)
    assert status == 207
    assert {json.loads(line)["status"] for line in body.splitlines()} == statuses
    assert len(body) < 1_000, "nothing of it is sent back but a little"
    assert server.source.in_flight == 0


def test_many_slow_and_broken_requests_at_once_hold_nobody_up(server: PingServer, journal: Journal) -> None:
    """Two hundred clients: some send a byte and no more, some go away in the middle of a line, the others are heard."""
    lines_of_one = "".join(f'{{"uuid":"{server.check}","body":"{number}"}}\n' for number in range(50))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((server.host, server.port), 60.0)) for _ in range(200)]
        for number, client in enumerate(clients):
            head = f"POST /bulk HTTP/1.1\r\nHost: x\r\nContent-Length: {len(lines_of_one)}\r\n\r\n"
            whole = head.encode() + lines_of_one.encode()
            client.sendall(whole if number % 4 > 1 else whole[: len(head) + 1] if number % 4 else whole[:-9])
            if number % 4 == 0:
                client.close()
        heard = [answer_of(client) for number, client in enumerate(clients) if number % 4 > 1]
    assert [(status, body.count(b'"status":200,')) for status, body in heard] == [(200, 50)] * 100
    assert len(journal.pings()) == 100 * 50 + 50 * 49


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += connection.recv(65_536)
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += connection.recv(65_536)
    return int(head.split()[1]), body
