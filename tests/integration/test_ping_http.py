"""The ping endpoint over real sockets: uvicorn (uvloop, httptools) and the real Kafka."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.http_server.bounds import BOUNDS
from ingest.ping.request import Limits
from tests.http_client import wait_until
from tests.ping_journal import Journal
from tests.ping_server import PingServer
from tests.stack import start_kafka

pytestmark = pytest.mark.stack
LIMITS = Limits(body_time=1.0, body_size=3_000_000)


@pytest.fixture(scope="module")
def server(kafka_bootstrap: str) -> Iterator[PingServer]:
    with PingServer(kafka_bootstrap, LIMITS) as server:
        yield server


@pytest.fixture
def journal(kafka_bootstrap: str, server: PingServer) -> Journal:
    return Journal(kafka_bootstrap, server)


def connect(server: PingServer, timeout: float = 15.0) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout)


def answer(connection: socket.socket, head: bool = False) -> tuple[str, dict[str, str], str]:
    """One answer; the connection may stay open. An empty status: closed without one."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = connection.recv(65536)
        if not part:
            return "", {}, ""
        raw += part
    lines, _, body = raw.partition(b"\r\n\r\n")
    status, *rest = lines.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    while not head and len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return status.partition(" ")[2], headers, body.decode()


def ask(server: PingServer, request: str, body: bytes = b"", head: bool = False) -> tuple[str, dict[str, str], str]:
    with connect(server) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return answer(connection, head)


def test_http_1_0(server: PingServer, journal: Journal) -> None:
    status, headers, body = ask(server, f"GET /{server.check} HTTP/1.0\nHost: x")
    assert (status, body) == ("200 OK", "OK")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["content-length"] == "2"
    assert headers["ping-body-limit"] == "100000"
    assert headers["access-control-allow-origin"] == "*"
    assert [ping.kind for ping in journal.pings()] == ["success"]


def test_keep_alive_pipelining_and_head(server: PingServer, journal: Journal) -> None:
    with connect(server) as connection:
        for method in ("GET", "HEAD", "GET", "HEAD", "OPTIONS"):
            connection.sendall(f"{method} /ping/{server.check}/log HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status, _, body = answer(connection, head=method == "HEAD")
            assert (status, body) == (
                ("204 No Content", "") if method == "OPTIONS" else ("200 OK", "OK"[: 2 * (method == "GET")])
            )
        connection.sendall(f"GET /{server.key}/job HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 3)
        received = b""
        while received.count(b"\r\n\r\nOK") < 3:
            received += connection.recv(65536)
    assert [ping.method for ping in journal.pings()] == ["GET", "HEAD", "GET", "HEAD", "GET", "GET", "GET"]


def test_chunked(server: PingServer, journal: Journal) -> None:
    head = f"POST /ping/{server.check}/3 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked"
    status, _, body = ask(server, head, b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert (status, body) == ("200 OK", "OK")
    (ping,) = journal.pings()
    assert (ping.body, ping.exitstatus, ping.remote_addr) == ("hello world", 3, "127.0.0.1")


def test_a_body_over_the_cap_is_kept_in_part(server: PingServer, journal: Journal) -> None:
    sent = b"0123456789" * 280_000  # more than Healthchecks takes
    status, _, body = ask(server, f"POST /{server.check} HTTP/1.1\nHost: x\nContent-Length: {len(sent)}", sent)
    assert (status, body) == ("200 OK", "OK")
    assert [ping.body for ping in journal.pings()] == [sent[:100_000].decode()]


def test_an_endless_body_is_answered_and_cut_off(server: PingServer, journal: Journal) -> None:
    with connect(server) as connection:
        connection.sendall(f"POST /{server.check} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 60_000_000:
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        assert sent < 60_000_000
    assert [len(ping.body or "") for ping in journal.pings()] == [100_000]


def test_a_slow_body_is_not_waited_for_ever(server: PingServer, journal: Journal) -> None:
    began = time.monotonic()
    status, headers, _ = ask(server, f"POST /{server.check} HTTP/1.1\nHost: x\nContent-Length: 10", b"half")
    assert (status, headers["connection"]) == ("408 Request Timeout", "close")
    assert time.monotonic() - began < 5
    assert journal.pings() == []


def test_a_client_that_goes_away_in_mid_body_leaves_nothing(server: PingServer, journal: Journal) -> None:
    with connect(server) as connection:
        connection.sendall(f"POST /{server.check} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf".encode())
    assert ask(server, f"GET /{server.check}/log HTTP/1.1\nHost: x")[0] == "200 OK"
    assert [ping.kind for ping in journal.pings()] == ["log"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"GET /\xff\xfe/\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%ff%fe/%00%0a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%2F%2f..%2f?%ff=%&rid=%0A HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PROPFIND /x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"GET /x HTTP/1.1\r\nX-Forwarded-For: \xff\xfe\r\nUser-Agent: \x80\r\n\r\n",
        b"\r\n\r\n\r\n",
    ],
)
def test_garbage_on_the_socket(server: PingServer, raw: bytes) -> None:
    with connect(server, 3.0) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            status, _, _ = answer(connection)
            assert not status.startswith("5")
    assert ask(server, f"GET /{server.check}/log HTTP/1.1\nHost: x")[0] == "200 OK"


def test_first_ping_of_an_unknown_check_is_looked_up(server: PingServer) -> None:
    assert ask(server, f"GET /{server.key[::-1]}/job HTTP/1.1\nHost: x")[::2] == ("404 Not Found", "not found")
    assert ask(server, f"GET /{server.check[:-12]}000000000000 HTTP/1.1\nHost: x")[::2] == ("200 OK", "OK (not found)")


def test_ipv6_and_the_life_of_a_source(kafka_bootstrap: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with PingServer(kafka_bootstrap, host="::1") as server:
        journal = Journal(kafka_bootstrap, server)
        assert ask(server, f"GET /{server.check} HTTP/1.1\nHost: x")[0] == "200 OK"
        deadline = time.monotonic() + 60
        while server.source.unreachable_since is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.source.unreachable_since is None  # the public URL answers
    pings, ticks = journal.read()
    assert [ping.remote_addr for ping in pings] == ["::1"]
    assert [tick for tick in ticks if tick.slot == f"test-{server.port}"][-1].closing


def test_when_it_is_full_pings_are_taken_and_what_may_be_lost_is_told(kafka_bootstrap: str) -> None:
    """Half requests from many addresses take all the room there is: they make room for a ping, and a gap tells it."""
    with PingServer(kafka_bootstrap, bounds=BOUNDS._replace(most=20)) as server, contextlib.ExitStack() as stack:
        journal = Journal(kafka_bootstrap, server)
        for number in range(2, 42):
            half = socket.create_connection((server.host, server.port), 15.0, source_address=(f"127.0.0.{number}", 0))
            stack.enter_context(half).sendall(b"GET / HTTP/1.1\r\nX: half")
        for _ in range(3):
            assert ask(server, f"GET /{server.check} HTTP/1.1\nHost: x")[0] == "200 OK"
        deadline = time.monotonic() + 60
        while not (told := [tick for tick in journal.read()[1] if tick.refused_since]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert told
        assert len(journal.pings()) == 3


def test_kafka_frozen(tmp_path: Path) -> None:
    """503 and never a lie; the ticks that come through afterwards tell of it."""
    kafka = start_kafka(tmp_path, heap="256m")
    try:
        with PingServer(kafka.address, sink={"patience": 1.0}) as server:
            journal = Journal(kafka.address, server)
            wait_until(lambda: ask(server, f"GET /{server.check} HTTP/1.1\nHost: x")[0] == "200 OK", 60.0)
            kafka.freeze()
            began = time.time_ns() // 1000
            status, headers, _ = ask(server, f"GET /{server.check} HTTP/1.1\nHost: x")
            assert (status, headers["retry-after"]) == ("503 Service Unavailable", "1")
            status, headers, _ = ask(server, f"GET /{server.check[:-12]}000000000000 HTTP/1.1\nHost: x")
            assert (status, headers["retry-after"]) == ("503 Service Unavailable", "1")
            lines = f'{{"uuid":"{server.check}"}}\n'.encode() * 3_000  # some under way, the others refused at once
            head = f"POST /ping/bulk HTTP/1.1\nHost: x\nContent-Length: {len(lines)}"
            status, headers, body = ask(server, head, lines)
            assert (status, headers["retry-after"]) == ("207 Multi-Status", "1")
            assert body.count('"status":503,"answer":"not recorded, try again"') == 3_000
            kafka.thaw()
            deadline = time.monotonic() + 120
            told: list[int] = []
            while not told and time.monotonic() < deadline:
                time.sleep(0.1)
                told = [tick.refused_since for tick in journal.read()[1] if tick.refused_since]
            assert told
            assert abs(told[0] - began) < 60_000_000
            # One that needs more than its second on a busy machine is told of again.
            wait_until(lambda: ask(server, f"GET /{server.check} HTTP/1.1\nHost: x")[0] == "200 OK", 60.0)
    finally:
        kafka.thaw()
        kafka.stop()
