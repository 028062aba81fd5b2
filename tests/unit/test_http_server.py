"""The HTTP server over real sockets, with an application that only reads bodies: what is bounded, and what is said."""

import asyncio
import contextlib
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from infra.http_server.bounds import BOUNDS, Bounds
from infra.http_server.serve import let_go_of_answers
from tests.http_client import HttpServer, answer_of, is_closed, send_in_vain, wait_until

# Long times, so that nothing depends on how fast the machine is; each test shortens the one that it is about.
PATIENT = BOUNDS._replace(head_time=600.0, body_time=600.0, idle_time=600.0, answer_time=600.0, linger=600.0)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers its length; under /early answers at once, under /large with what nobody can buffer."""
    size = 0
    while scope["path"] != "/early":
        message = await receive()
        if message["type"] != "http.request":
            return
        size += len(message["body"])
        if not message.get("more_body"):
            break
    body = b"x" * 2**26 if scope["path"] == "/large" else b"%d" % size
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(app, PATIENT) as server:
        yield server


def status(answer: bytes) -> int:
    return int(answer[9:12] or 0)


def finish(connection: socket.socket, rest: bytes) -> bytes:
    """The answer, after the rest of a request was sent, unless it was refused before."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(rest)
    return answer_of(connection)


def test_heads_are_taken_up_to_the_bound(server: HttpServer) -> None:
    start = b"GET / HTTP/1.1\r\nX: "
    for large, wanted in ((32_000, 200), (60_000, 431), (4_000_000, 431)):
        answer = server.ask(start + b"x" * large + b"\r\n\r\n")
        assert status(answer) == wanted, large
    assert b"too many or too large headers" in answer
    for number, wanted in ((99, 200), (101, 431), (20_000, 431)):
        lines = b"".join(b"X-%d: y\r\n" % one for one in range(number))
        assert status(server.ask(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")) == wanted, number
    for long, wanted in ((8_000, 200), (9_000, 414), (200_000, 431)):
        assert status(server.ask(b"GET /" + b"a" * long + b" HTTP/1.1\r\n\r\n")) == wanted, long
    for empty, wanted in ((100, 200), (50_000, 431)):
        assert status(server.ask(b"\r\n" * empty + GET)) == wanted, empty
    assert status(server.ask()) == 200
    assert server.limiter.refused.total() == 7


def test_a_head_that_never_ends_costs_what_is_sent_of_it_and_no_more(server: HttpServer) -> None:
    """A head of 160 MiB: it is refused, and cut off after the little that is read while the client may see why."""
    began = time.process_time()
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert send_in_vain(connection, 160 * 2**20) < 32 * 2**20
        assert answer_of(connection)[9:12] in (b"431", b"")
    assert time.process_time() - began < 5.0  # joining what came took 80 s
    assert status(server.ask()) == 200


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "taken", "refused"),
    [
        (b"0\r\nX: %b\r\n\r\n", 32_000, 80_000),
        (b"0\r\n%b\r\n", b"X: y\r\n" * 99, b"X: y\r\n" * 20_000),
        (b"5;%b\r\nhello\r\n0\r\n\r\n", 32_000, 80_000),
        (b"5\r\nhello\r\n0;%b\r\n\r\n", 32_000, 80_000),
        (b"%b0\r\n\r\n", b"1\r\nz\r\n" * 5_000, b"1\r\nz\r\n" * 20_000),
        # However much has come in large chunks, no more is taken behind them.
        (b"%x\r\n%b\r\n0\r\nX: %%b\r\n\r\n" % (2**21, b"z" * 2**21), 32_000, 80_000),
    ],
    ids=["a trailer", "trailers", "an extension", "an extension of the last chunk", "chunks", "a trailer behind much"],
)
def test_what_is_no_body_is_bounded_as_heads_are(
    server: HttpServer, body: bytes, taken: int | bytes, refused: int | bytes
) -> None:
    for what, wanted in ((taken, 200), (refused, 431)):
        filled = body % (b"x" * what if isinstance(what, int) else what)
        assert status(server.ask(CHUNKED + filled)) == wanted
    # Chunks of a hundred bytes or more may be as many as they like.
    assert status(server.ask(CHUNKED + (b"64\r\n" + b"z" * 100 + b"\r\n") * 20_000 + b"0\r\n\r\n")) == 200


def test_trailers_that_never_end_cost_what_is_sent_of_them_and_no_more(server: HttpServer) -> None:
    began = time.process_time()
    with server.connect() as connection:
        connection.sendall(CHUNKED + b"0\r\nX: ")
        assert send_in_vain(connection, 160 * 2**20) < 32 * 2**20
    assert time.process_time() - began < 5.0  # joining 32 MiB took 18 s
    assert status(server.ask()) == 200


@pytest.mark.parametrize("pieces", [1, 3])
def test_trailers_are_no_headers(pieces: int) -> None:
    """Who may say for whom a request comes, or with which key, headers say; no proxy looks at trailers."""
    seen: list[tuple[bytes, bytes]] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.extend(scope["headers"])

    trailers = b"X-Forwarded-For: 203.0.113.66\r\nX-Api-Key: other\r\nExpect: 100-continue\r\n\r\n"
    sent = CHUNKED[:-2] + b"X-Forwarded-For: 198.51.100.9\r\n\r\n5\r\nhello\r\n0\r\n" + trailers
    with HttpServer(noting, PATIENT) as server, server.connect() as connection:
        size = len(sent) // pieces + 1
        for start in range(0, len(sent), size):
            connection.sendall(sent[start : start + size])
            wait_until(lambda: server.limiter.members)
        answer = answer_of(connection)
        assert status(answer) == 200
        assert answer.endswith(b"5")
        connection.sendall(GET)  # the next request has headers again
        assert status(answer_of(connection)) == 200
        wait_until(lambda: len(seen) == 3)
    assert seen == [(b"transfer-encoding", b"chunked"), (b"x-forwarded-for", b"198.51.100.9"), (b"host", b"x")]


def test_a_head_byte_by_byte_is_a_head(server: HttpServer) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET:
            connection.sendall(bytes([byte]))
        assert status(answer_of(connection)) == 200


@pytest.mark.parametrize(
    ("bound", "sent", "told"),
    [
        ("head_time", b"", b""),  # browsers take an answer to nothing for one to their next request
        ("head_time", b"GET / HTTP/1.1\r\nX: y", b"408 Request Timeout"),
        ("body_time", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf", b"408 Request Timeout"),
        ("body_time", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", b"408 Request Timeout"),
        ("body_time", b"POST /early HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf", b"200 OK"),
        ("idle_time", GET, b"200 OK"),
    ],
)
def test_nobody_is_waited_for_for_ever(bound: str, sent: bytes, told: bytes) -> None:
    bounds = Bounds(**PATIENT._asdict() | {bound: 0.5})
    with HttpServer(app, bounds) as server:
        with server.connect() as connection:
            connection.sendall(sent)
            answer = answer_of(connection)
            assert told in answer[:100]
            assert is_closed(connection)
        wait_until(lambda: not server.limiter.members)
        assert status(server.ask()) == 200


def test_trickling_does_not_make_it_longer() -> None:
    with HttpServer(app, PATIENT._replace(head_time=1.0)) as server, server.connect() as connection:
        connection.settimeout(0.05)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        deadline, answer = time.monotonic() + 30, b""
        while not answer and time.monotonic() < deadline:
            connection.sendall(b"X: y\r\n")
            try:
                answer = connection.recv(4_096)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer


def test_whoever_reads_no_answer_is_cut_off() -> None:
    asked = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await app(scope, receive, send)

    with HttpServer(noting, PATIENT._replace(answer_time=0.5, linger=0.5)) as server:
        server.connect().sendall(b"GET /large HTTP/1.1\r\n\r\n")
        server.connect().sendall(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        wait_until(lambda: len(asked) == 2)
        wait_until(lambda: not server.limiter.members)


def test_so_much_is_held_for_those_who_do_not_read_and_no_more() -> None:
    """/large is 64 MiB: of ten that ask for it and do not read, some are cut off."""
    with HttpServer(app, PATIENT._replace(unread=2**28)) as server:
        for _ in range(10):
            server.connect().sendall(b"GET /large HTTP/1.1\r\n\r\n")
        wait_until(lambda: len(server.limiter.members) <= 5, 60.0)
        assert status(server.ask()) == 200


class Unread:
    """A connection whose client has not read so many bytes since then."""

    def __init__(self, unread: int, stalled: float | None) -> None:
        self.unread, self.stalled, self.cut_off = unread, stalled, False
        self.transport = self

    def abort(self) -> None:
        self.cut_off = True


def test_who_has_not_read_for_longest_is_cut_off_first() -> None:
    some: list[Any] = [Unread(60, 3.0), Unread(0, None), Unread(60, 1.0), Unread(60, 2.0), Unread(90, 4.0)]
    let_go_of_answers(some, 300)
    assert not any(one.cut_off for one in some)
    let_go_of_answers(some, 200)
    assert [one.cut_off for one in some] == [False, False, True, True, False]


def test_what_a_stop_cuts_off_is_answered_503() -> None:
    """Never 500: the client is to try again."""
    asked = []

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await asyncio.Event().wait()

    server = HttpServer(waiting, PATIENT)
    with server:
        connection = server.connect()
        connection.sendall(GET)
        wait_until(lambda: asked)
        server.stop()
        answer = answer_of(connection)
    assert status(answer) == 503
    assert b"access-control-allow-origin: *" in answer, "as on every other refusal"
    assert b"retry-after: 5" in answer
    assert answer.endswith(b"this process is being stopped, try again")


def test_an_error_leaves_the_client_time_to_read_it_but_not_for_ever() -> None:
    with HttpServer(app, PATIENT._replace(linger=0.5)) as server, server.connect() as connection:
        connection.sendall(b"what is this\r\n\r\n")
        assert b"\r\n\r\ninvalid HTTP request: " in answer_of(connection)
        wait_until(lambda: not server.limiter.members)


def test_a_body_that_nobody_wants_is_read_in_bounds(server: HttpServer) -> None:
    head = b"POST /early HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head)
        assert status(answer_of(connection)) == 200
        assert send_in_vain(connection, 100_000_000) < 32 * 2**20
    # A short one leaves the connection as it was.
    with server.connect() as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nContent-Length: 100000\r\n\r\n")
        assert status(answer_of(connection)) == 200
        connection.sendall(b"x" * 100_000 + GET)
        assert status(answer_of(connection)) == 200


def test_pipelined_requests_are_answered_in_turn_and_in_bounds(server: HttpServer) -> None:
    def answers(sent: bytes, number: int) -> bytes:
        received = b""
        with server.connect() as connection:
            connection.sendall(sent)
            while received.count(b"\r\n\r\n") < number and (part := connection.recv(65_536)):
                received += part
        return received

    assert answers(GET * 20, 20).count(b"HTTP/1.1 200") == 20
    # Those ahead of what is wrong are answered, in turn; then the connection ends.
    received = answers(GET * 3 + b"what is this\r\n\r\n" + GET, 9)
    assert received.count(b"HTTP/1.1 200") == 3
    assert b"400" not in received
    received = answers(GET * 5_000, 5_001)
    assert 32 <= received.count(b"HTTP/1.1 200") <= 34
    assert received.count(b"connection: close") == 1


def test_an_upgrade_that_is_not_made_changes_nothing(server: HttpServer) -> None:
    for wanted in (b"h2c", b"websocket"):  # without settings, which is no offer
        request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + wanted + b"\r\n\r\n"
        with server.connect() as connection:
            for sent in (request, GET):
                connection.sendall(sent)
                answer = answer_of(connection)
                assert status(answer) == 200
                assert b"connection: close" not in answer


def test_one_peer_has_its_share_and_gives_way_to_itself() -> None:
    """The oldest that wait for their client are closed; those of others, and of proxies, stay."""
    bounds = PATIENT._replace(most_per_peer=20)
    with HttpServer(app, bounds, trusted=(ip_network("127.0.0.9/32"),)) as server:
        other = server.connect("127.0.0.2")
        silent = [server.connect("127.0.0.3") for _ in range(10)]
        half = [server.connect("127.0.0.3") for _ in range(10)]
        for connection in half:
            connection.sendall(b"GET / HTTP/1.1\r\nX: half")
        proxied = [server.connect("127.0.0.9") for _ in range(60)]
        wait_until(lambda: len(server.limiter.members) == 81)
        for _ in range(15):
            connection = server.connect("127.0.0.3")
            connection.sendall(GET)
            assert status(answer_of(connection)) == 200
        assert all(map(is_closed, silent))
        assert Counter(status(finish(connection, b"\r\n\r\n")) for connection in half) == {200: 5, 429: 5}
        assert {status(finish(connection, GET)) for connection in (other, *proxied)} == {200}
        assert not server.overloaded


def test_when_it_is_full_those_make_room_who_keep_us_waiting() -> None:
    with HttpServer(app, PATIENT._replace(most=30)) as server:
        idle = server.connect("127.0.0.2")
        idle.sendall(GET)
        assert status(answer_of(idle)) == 200
        half = [server.connect(f"127.0.0.{number}") for number in range(3, 32)]
        for connection in half:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
        wait_until(lambda: len(server.limiter.members) == 30)
        for _ in range(5):
            assert status(server.ask()) == 200
        assert is_closed(idle)
        # Each that asked has left again, so that few more had to make room; it may have been a ping, so it is told.
        ended = Counter(status(finish(connection, b" body")) for connection in half)
        assert ended[200] >= 25
        assert ended == Counter({200: 29 - server.overloaded}) + Counter({503: server.overloaded})


def test_requests_that_are_being_answered_never_make_room() -> None:
    asked = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.append(scope["path"])
        await app(scope, receive, send)  # waits for what never comes: the client going away

    with HttpServer(slow, PATIENT._replace(most=5, half_closed=0.5)) as server:
        busy = [server.connect() for _ in range(5)]
        for connection in busy:
            connection.sendall(GET)
        wait_until(lambda: len(asked) == 5)
        answer = server.ask()
        assert status(answer) == 503
        assert b"retry-after: 1" in answer
        assert server.overloaded == 1
        for connection in busy:
            connection.close()
        wait_until(lambda: not server.limiter.members)


def test_more_connections_than_the_usual_limit_of_files_take_nothing_from_others() -> None:
    """1,100 half requests: others are served as ever."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(1_100, soft // 2 - 100)  # client and server are one process here
    with HttpServer(app, PATIENT) as server:
        half = [server.connect("127.0.0.2") for _ in range(number)]
        for connection in half:
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        wait_until(lambda: len(server.limiter.members) == number)
        for _ in range(50):
            assert status(server.ask()) == 200
        for connection in half:
            connection.close()
        wait_until(lambda: not server.limiter.members)


def test_half_requests_do_not_hold_up_a_stop() -> None:
    server = HttpServer(app, PATIENT)
    with server:
        half = [server.connect() for _ in range(20)]
        for connection in half[:10]:
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        for connection in half[10:]:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
        wait_until(lambda: len(server.limiter.members) == 20)
        server.stop()  # fails when it takes long
