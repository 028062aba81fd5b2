"""Requests that browsers and curl do not send, over real sockets: taken if clear, else it is said what was seen."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from infra.http_server.bounds import BOUNDS
from tests.http_client import HttpServer, answer_of, is_closed, wait_until, whole_body

PATIENT = BOUNDS._replace(
    head_time=600.0, body_time=600.0, idle_time=600.0, answer_time=600.0, linger=600.0, half_closed=600.0
)


class App:
    """Answers, and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes, bytes]] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await whole_body(receive)
        if body is None:
            return
        self.seen.append((scope["method"], scope["path"], scope["query_string"], body))
        self.headers.append(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"OK"})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[HttpServer]:
    with HttpServer(app, PATIENT) as server:
        yield server


GROESSE = "/gr\u00f6\u00dfe".encode()
TAKEN = {
    "LF only, 1.0": (b"GET /p HTTP/1.0\n\n", ("GET", "/p", b"", b"")),
    "LF only, with headers": (b"GET /p HTTP/1.1\nHost: x\nX: y\n\n", ("GET", "/p", b"", b"")),
    "LF only, with a body": (b"POST /p HTTP/1.1\nContent-Length: 3\n\nabc", ("POST", "/p", b"", b"abc")),
    "LF for the empty line": (b"GET /p HTTP/1.0\r\n\n", ("GET", "/p", b"", b"")),
    "LF for some lines": (b"GET /p HTTP/1.0\r\nHost: x\nX: y\r\n\n", ("GET", "/p", b"", b"")),
    "blank lines ahead": (b"\r\n\r\nGET /p HTTP/1.1\r\n\r\n", ("GET", "/p", b"", b"")),
    "blank lines of LF ahead": (b"\n\nGET /p HTTP/1.0\n\n", ("GET", "/p", b"", b"")),
    "no version": (b"GET /p\r\n\r\n", ("GET", "/p", b"", b"")),
    "no version, LF": (b"GET /p?a=b\n\n", ("GET", "/p", b"a=b", b"")),
    "raw UTF-8": (
        b"GET " + GROESSE + b"?m=gr\xc3\xb6\xc3\x9fe HTTP/1.1\r\nHost: x\r\n\r\n",
        ("GET", GROESSE.decode(), b"m=gr%C3%B6%C3%9Fe", b""),
    ),
    "raw latin-1 is bytes": (b"GET /?m=gr\xf6 HTTP/1.1\r\nHost: x\r\n\r\n", ("GET", "/", b"m=gr%F6", b"")),
    "raw UTF-8 and a body": (
        b"POST /\xc3\xb6 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
        ("POST", "/\u00f6", b"", b"ab"),
    ),
    "no Host, 1.1": (b"GET /p HTTP/1.1\r\n\r\n", ("GET", "/p", b"", b"")),
    "a method in lower case": (b"get /p HTTP/1.1\r\nHost: x\r\n\r\n", ("GET", "/p", b"", b"")),
    "a version in lower case": (b"GET /p http/1.1\r\nHost: x\r\n\r\n", ("GET", "/p", b"", b"")),
    "a later version": (b"GET /p HTTP/1.2\r\nHost: x\r\n\r\n", ("GET", "/p", b"", b"")),
    "an absolute target": (b"GET http://h.test:80/p?a=b HTTP/1.1\r\nHost: h\r\n\r\n", ("GET", "/p", b"a=b", b"")),
    "an absolute target without a path": (b"GET http://h.test HTTP/1.1\r\nHost: h\r\n\r\n", ("GET", "/", b"", b"")),
    "an absolute target, only a query": (b"GET http://h.test?a=b HTTP/1.1\r\n\r\n", ("GET", "/", b"a=b", b"")),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", ("OPTIONS", "*", b"", b"")),
    "a folded header": (b"GET /p HTTP/1.1\r\nX: a\r\n b\r\nHost: x\r\n\r\n", ("GET", "/p", b"", b"")),
    "names in any case": (b"POST /p HTTP/1.1\r\nhOST: x\r\nCONTENT-length: 1\r\n\r\na", ("POST", "/p", b"", b"a")),
    "extensions and trailers": (
        b"POST /p HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n1;a=b\r\na\r\n0\r\nX: y\r\n\r\n",
        ("POST", "/p", b"", b"a"),
    ),
    "a header in UTF-8": (b"GET /p HTTP/1.1\r\nUser-Agent: \xc3\xb6\r\n\r\n", ("GET", "/p", b"", b"")),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("pieces", [1, 2, 100])
def test_what_is_clear_is_taken(server: HttpServer, app: App, name: str, pieces: int) -> None:
    sent, seen = TAKEN[name]
    connection = server.connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(ConnectionError):  # a line without a version is answered before the empty one comes
        for one in range(pieces):
            connection.sendall(sent[len(sent) * one // pieces : len(sent) * (one + 1) // pieces])
    assert answer_of(connection).startswith(b"HTTP/1.1 200 OK")
    assert app.seen == [seen]
    if b"X: a" in sent:
        assert (b"x", b"a b") in app.headers[0]


def test_a_client_that_closes_its_side_gets_its_answer(server: HttpServer) -> None:
    """As `nc -N` and socat do it."""
    for sent in (b"GET /p HTTP/1.0\n\n", b"GET /p HTTP/1.1\r\nHost: x\r\n\r\n"):
        connection = server.connect()
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert answer_of(connection).endswith(b"OK")
        assert is_closed(connection)
    wait_until(lambda: not server.limiter.members)


@pytest.mark.parametrize("sent", [b"GET /p\n", b"GET /p\r\n", b"get /p\n", b"\nGET /p \n", b"GET /p\n\n"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_line_without_a_version_is_a_whole_request(server: HttpServer, app: App, sent: bytes, pieces: int) -> None:
    """HTTP/0.9, as nginx and Apache take it: netcat keeps its side open, and sends nothing more."""
    connection = server.connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(ConnectionError):
        for one in range(pieces):
            connection.sendall(sent[len(sent) * one // pieces : len(sent) * (one + 1) // pieces])
    answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"OK")
    assert is_closed(connection)
    assert app.seen == [("GET", "/p", b"", b"")]


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (b"GET /p HTTP/1.0\n", ("GET", "/p")),
        (b"GET /p HTTP/1.0\r\n", ("GET", "/p")),
        (b"GET /p HTTP/1.0", ("GET", "/p")),
        (b"POST /p HTTP/1.1\r", ("POST", "/p")),
        (b"POST /p\n", ("POST", "/p")),
        (b"GET /p HTTP/1.1\r\nHost: x\r\n", ("GET", "/p")),
        (b"GET /p http/1.0\nHost: x\n", ("GET", "/p")),
        (GROESSE.join([b"GET ", b" HTTP/1.0\n"]), ("GET", GROESSE.decode())),
    ],
)
def test_a_head_ends_where_its_client_does(server: HttpServer, app: App, sent: bytes, seen: tuple[str, str]) -> None:
    """No line can follow: nothing could change what is asked for."""
    connection = server.connect()
    connection.sendall(sent)
    connection.shutdown(socket.SHUT_WR)
    assert answer_of(connection).endswith(b"OK")
    assert is_closed(connection)
    assert [one[:2] for one in app.seen] == [seen]


@pytest.mark.parametrize(
    "sent", [b"GET /ping/abc/fa", b"GET /p HTTP/1.", b"GET /p HTTP/1.1\r\nHost: x", b"GET /p HTTP/1.1\nX: y\nZ"]
)
def test_a_head_that_is_cut_off_within_a_line_is_not_guessed(server: HttpServer, app: App, sent: bytes) -> None:
    connection = server.connect()
    connection.sendall(sent)
    connection.shutdown(socket.SHUT_WR)
    answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"the connection ended within '" + sent.partition(b"\r\n")[0].partition(b"\n")[0] in answer
    assert is_closed(connection)
    assert not app.seen


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 9\r\n\r\nhalf",
        b"Content-Length: 9\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nha",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
    ],
)
def test_a_body_that_is_cut_off_is_told(server: HttpServer, app: App, body: bytes) -> None:
    connection = server.connect()
    connection.sendall(b"POST /cut-off HTTP/1.1\r\nHost: x\r\n" + body)
    connection.shutdown(socket.SHUT_WR)
    answer = answer_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"invalid HTTP request: the connection ended within the body of the request")
    assert is_closed(connection)
    assert not app.seen
    wait_until(lambda: not server.limiter.members)


def test_who_sends_nothing_at_all_is_told_nothing(server: HttpServer) -> None:
    for sent in (b"", b"\r\n", b"\n\n"):
        connection = server.connect()
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1_000) == b""


def test_nothing_is_smuggled_behind_an_unusual_head(server: HttpServer, app: App) -> None:
    """Where a proxy in front may have seen other lines, what follows is not read as a request."""
    for head in (
        b"POST /1 HTTP/1.1\nContent-Length: 2\n\nab",
        b"POST /1 HTTP/1.1\r\nX: y\nContent-Length: 2\r\n\r\nab",
        b"POST /1 HTTP/1.1\r\nX: y\r\n Content-Length: 0\r\nContent-Length: 2\r\n\r\nab",
        b"GET /1\n\n",
    ):
        app.seen.clear()
        connection = server.connect()
        connection.sendall(head + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in answer
        assert is_closed(connection)
        assert [path for _, path, _, _ in app.seen] == ["/1"]


def test_a_connection_goes_on_behind_raw_utf_8(server: HttpServer, app: App) -> None:
    connection = server.connect()
    for sent in (b"GET /\xc3\xb6 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n") * 2:
        connection.sendall(sent)
        assert answer_of(connection).endswith(b"OK")
    assert [path for _, path, _, _ in app.seen] == ["/\u00f6", "/2"] * 2


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 30, b"TLS was seen: use http://"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\nGET / HTTP/1.1\r\n\r\n", b"PROXY protocol is not spoken"),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", b"PROXY protocol is not spoken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"'SSH-2.0-OpenSSH_9.2' is no request line such as GET /path HTTP/1.1"),
        (b"\x00\xff\xfe garbage\r\n\r\n", b"is no request line"),
        (b"GET /a b HTTP/1.1\r\n\r\n", b"'GET /a b HTTP/1.1' is no request line"),
        (b"PROPFOUND /a HTTP/1.1\r\n\r\n", b"Invalid method encountered, in 'PROPFOUND /a HTTP/1.1"),
        (b"GET /a HTTP/1.1\r\nHost : x\r\n\r\n", b"the header line 'Host : x' is not of the form Name: value"),
        (b"GET /a HTTP/1.1\r\nHost\r\n\r\n", b"the header line 'Host' is not of the form"),
        (b"GET /a HTTP/1.1\r\nX: a\x01b\r\n\r\n", b"the header line 'X: a\\x01b' is not of the form"),
        (b"GET /a HTTP/1.1\r\nX: a\rb\r\n\r\n", b"the header line 'X: a\\x0db' is not of the form"),
        (b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", b"invalid url"),
        (b"POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"Duplicate Content-Length"),
        (
            b"POST /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding can't be present with Content-Length",
        ),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"Invalid character in chunk size"),
    ],
)
def test_it_is_said_what_was_seen(server: HttpServer, app: App, sent: bytes, said: bytes) -> None:
    answer = server.ask(sent)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"\r\n\r\ninvalid HTTP request: " in answer
    assert said in answer
    assert not app.seen
    assert server.limiter.refused.total() == 1  # counted under one text, whatever the client is told
    assert [one.words for one in server.limiter.refused] == ["invalid HTTP request"]


def test_an_unusual_head_is_bounded_as_others_are(server: HttpServer) -> None:
    for sent in (b"GET / HTTP/1.1\nX: " + b"y" * 60_000, b"GET / HTTP/1.1\n" + b"X: y\n" * 200 + b"\n"):
        assert server.ask(sent).startswith(b"HTTP/1.1 431 ")


def test_an_unusual_head_is_not_waited_for_for_ever() -> None:
    with HttpServer(App(), PATIENT._replace(head_time=3.0)) as server:
        assert server.ask(b"GET / HTTP/1.1\nX: y\n").startswith(b"HTTP/1.1 408 ")
        for sent in (b"GET /p HTTP/1.0\n", b"GET /p HTTP/1.0\r\n"):  # as netcat sends it, which keeps its side open
            answer = server.ask(sent)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"behind 'GET /p HTTP/1.0' no empty line came, which ends the head" in answer
