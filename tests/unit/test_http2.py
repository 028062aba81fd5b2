"""HTTP/2 over real sockets, with an application that only reads bodies: how it begins, what is bounded, how it ends."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import ContinuationFrame, GoAwayFrame, HeadersFrame

from infra.http_server import serve
from infra.http_server.bounds import BOUNDS, STOPPED, Bounds
from infra.http_server.request_heads import PREFACE
from tests.http2_app import LARGE, PATIENT, App
from tests.http2_client import Http2Client
from tests.http_client import HttpServer, answer_of, wait_until


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[HttpServer]:
    with HttpServer(app, PATIENT) as server:
        yield server


def client_of(server: HttpServer, **how: Any) -> Http2Client:
    client = Http2Client(server.connect(), **how)
    client.flush()
    return client


def test_requests_and_answers(server: HttpServer, app: App) -> None:
    client = client_of(server)
    answer = client.ask("/gr%C3%BC%C3%9Fe?m=gr\u00f6\u00dfe&a=%20", headers=[("cookie", "a=1"), ("cookie", "b=2")])
    assert (answer.status, answer.body) == (200, b"")
    assert "connection" not in answer.headers
    assert "date" in answer.headers
    scope = app.seen[0]
    assert (scope["http_version"], scope["method"], scope["scheme"]) == ("2", "GET", "http")
    assert (scope["path"], scope["query_string"]) == ("/gr\u00fc\u00dfe", b"m=gr%C3%B6%C3%9Fe&a=%20")
    assert scope["headers"] == [(b"host", b"x"), (b"cookie", b"a=1; b=2")]
    assert scope["client"][0] == "127.0.0.1"
    assert client.ask(method="POST", body=b"hello").body == b"hello"
    assert (b"transfer-encoding", b"chunked") in app.seen[1]["headers"]  # by which a body is known
    assert client.ask(method="PUT", body=b"hello", headers=[("content-length", "5")]).body == b"hello"
    assert (b"transfer-encoding", b"chunked") not in app.seen[2]["headers"]
    head = client.ask(method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "0")
    assert client.ask("/large").body == LARGE
    assert client.ask(method="POST", body=LARGE[:300_000]).body == LARGE[:300_000]


def test_many_requests_at_once_share_a_connection(server: HttpServer, app: App) -> None:
    client = client_of(server)
    slow = client.begin("/wait")
    wait_until(lambda: app.waiting)
    streams = [client.begin(method="POST", ended=False) for _ in range(50)]
    for number, stream in enumerate(streams):
        client.send(stream, b"%d" % number)
    assert [client.answer(stream).body for stream in streams] == [b"%d" % number for number in range(50)]
    app.go = True
    assert client.answer(slow).status == 200
    assert len(server.limiter.members) == 1


@pytest.mark.parametrize("cut", [1, 3, 4, 14, 16, 18, 20, 23, 24, 30])
def test_the_preface_may_come_in_pieces(server: HttpServer, cut: int) -> None:
    client = Http2Client(server.connect())
    client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = client.h2.data_to_send()
    assert sent.startswith(PREFACE)
    client.connection.sendall(sent[:cut])
    wait_until(lambda: server.limiter.members)
    server.ask()  # whatever was sent has been read
    client.connection.sendall(sent[cut:])
    assert client.ask(method="POST", body=b"x").body == b"x"


def test_httpx_speaks_it(server: HttpServer) -> None:
    with httpx.Client(http1=False, http2=True, trust_env=False) as client:
        answer = client.post(f"http://127.0.0.1:{server.port}/", content=b"text")
    assert (answer.http_version, answer.content) == ("HTTP/2", b"text")


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


def test_an_offer_without_a_body_is_taken(server: HttpServer, app: App) -> None:
    client = Http2Client(server.connect(), upgraded=True)
    settings = client.h2.initiate_upgrade_connection() or b""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: " + settings.rstrip(b"=")
    client.connection.sendall(b"GET /p?q=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n" + offer + b"\r\n\r\n")
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.connection.recv(1)
    assert received.startswith(b"HTTP/1.1 101 ")
    client.flush()
    assert client.answer(1).status == 200
    scope = app.seen[0]
    assert (scope["path"], scope["query_string"], scope["http_version"]) == ("/p", b"q=1", "2")
    assert scope["headers"] == [(b"host", b"h"), (b"user-agent", b"u")]
    assert client.ask(method="POST", body=b"more").body == b"more"


@pytest.mark.parametrize(
    "offer",
    [
        OFFER,
        b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        b"Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n",
        OFFER.replace(b"HTTP2-Settings: AAMA", b"HTTP2-Settings: !"),
    ],
    ids=["h2c", "websocket", "TLS", "broken"],
)
@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_an_offer_that_is_not_taken_changes_nothing(server: HttpServer, app: App, offer: bytes, pieces: int) -> None:
    """The body is kept, however it is framed, and whatever follows on the connection is served."""
    first = b"POST /1 HTTP/1.1\r\nHost: x\r\n" + offer + b"Content-Length: 5\r\n\r\nhello"
    second = (
        b"POST /2 HTTP/1.1\r\nHost: x\r\n"
        + offer
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: y\r\n\r\n"
    )
    third = b"POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nlast"
    connection = server.connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number, request in enumerate((first, second, third), start=1):
        for one in range(pieces):
            connection.sendall(request[len(request) * one // pieces : len(request) * (one + 1) // pieces])
        assert answer_of(connection).startswith(b"HTTP/1.1 200 ")
        assert len(app.bodies) == number
    assert app.bodies == [b"hello", b"abc", b"last"]
    # All of it at once: the answers come in turn.
    connection.sendall(first + second + third)
    wait_until(lambda: len(app.bodies) == 6)
    assert app.bodies[3:] == [b"hello", b"abc", b"last"]


def test_an_offer_of_something_else_without_a_body_is_answered(server: HttpServer) -> None:
    connection = server.connect()
    for _ in range(2):
        connection.sendall(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 200 ")


# ---- bounds


def test_heads_are_bounded_as_those_of_http_1(server: HttpServer) -> None:
    client = client_of(server)
    # The library remembers heads; different ones leave no room for that.
    for size, wanted in ((20_000, 200), (40_000, 431)):
        assert client.ask(headers=[("x", "y" * size)]).status == wanted, size
    for number, wanted in ((99, 200), (101, 431)):
        assert client.ask(headers=[(f"x{one}", "y") for one in range(number)]).status == wanted, number
    for length, wanted in ((8_000, 200), (9_000, 414)):
        assert client.ask("/" + "a" * length).status == wanted, length
    assert client.ask(method="POST", body=b"x").body == b"x"  # the connection goes on
    assert server.limiter.refused.total() == 3
    client.begin(headers=[("x", "y" * 100_000)])
    assert client.until_good_bye().error_code == ErrorCodes.ENHANCE_YOUR_CALM
    client.until_closed()


def test_a_head_that_never_ends_is_cut_off(server: HttpServer) -> None:
    client = client_of(server)
    client.ask()
    block = client.h2.encoder.encode([(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "x")])
    client.connection.sendall(HeadersFrame(3, block).serialize())
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            client.connection.sendall(ContinuationFrame(3, b"\0" * 16_000).serialize())
    client.until_closed()
    assert server.limiter.refused.total() == 1


def test_a_head_of_many_empty_pieces_is_cut_off(server: HttpServer) -> None:
    client = client_of(server)
    client.connection.sendall(HeadersFrame(1, b"").serialize() + ContinuationFrame(1, b"").serialize() * 10_000)
    client.until_closed()


def test_no_more_requests_at_once_than_the_bound(server: HttpServer, app: App) -> None:
    """Those that the client has cancelled count as long as they are worked on."""
    client = client_of(server)
    client.ask()
    first = [client.begin("/wait") for _ in range(BOUNDS.streams)]
    wait_until(lambda: app.waiting == BOUNDS.streams)
    for stream in first[:10]:
        client.h2.reset_stream(stream)
    refused = [client.begin("/wait") for _ in range(10)]
    assert {client.answer(stream).reset for stream in refused} == {ErrorCodes.REFUSED_STREAM}
    app.go = True
    assert {client.answer(stream).status for stream in first[10:]} == {200}
    assert app.waiting == BOUNDS.streams
    assert client.ask().status == 200


def test_who_cancels_again_and_again_is_cut_off(server: HttpServer) -> None:
    client = client_of(server)
    for _ in range(2_000):
        stream = client.begin(method="POST", ended=False)
        client.h2.reset_stream(stream)
    client.flush()
    assert client.until_good_bye().error_code == ErrorCodes.ENHANCE_YOUR_CALM
    client.until_closed()


@pytest.mark.parametrize("kind", ["ping", "settings", "priority", "window", "empty data"])
def test_who_sends_frames_without_use_is_cut_off(server: HttpServer, kind: str) -> None:
    client = client_of(server)
    stream = client.begin(method="POST", ended=False)
    for number in range(4_000):
        match kind:
            case "ping":
                client.h2.ping(b"12345678")
            case "settings":
                client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 65_535 + number})
            case "priority":
                client.h2.prioritize(stream, weight=1 + number % 200)
            case "window":
                client.h2.increment_flow_control_window(1)
            case _:
                client.h2.send_data(stream, b"")
    client.flush()
    assert client.until_good_bye().error_code == ErrorCodes.ENHANCE_YOUR_CALM
    client.until_closed()


def test_who_does_something_useful_may_be_chatty(server: HttpServer) -> None:
    client = client_of(server)
    for _ in range(1_500):
        client.h2.ping(b"12345678")
        assert client.ask().status == 200


def test_frames_that_are_none_end_the_connection(server: HttpServer) -> None:
    client = client_of(server)
    client.ask()
    client.connection.sendall(b"\xff" * 100_000)
    assert client.until_good_bye().error_code != ErrorCodes.NO_ERROR
    client.until_closed()
    assert client_of(server).ask().status == 200


@pytest.mark.parametrize(
    ("bound", "sent"),
    [("head_time", "preface"), ("head_time", "half a head"), ("head_time", "nothing"), ("idle_time", "a request")],
)
def test_nobody_is_waited_for_for_ever(bound: str, sent: str) -> None:
    with HttpServer(App(), Bounds(**PATIENT._asdict() | {bound: 0.5})) as server:
        client = Http2Client(server.connect())
        if sent == "nothing":
            client.connection.sendall(PREFACE)
        else:
            client.flush()
        if sent == "half a head":
            client.ask()
            with contextlib.suppress(ConnectionError):  # it may have been too slow already
                client.connection.sendall(HeadersFrame(3, b"\x82").serialize())
        if sent == "a request":
            client.ask()
        client.until_closed()
        wait_until(lambda: not server.limiter.members)


def test_a_slow_body_is_answered_408_and_holds_up_nothing() -> None:
    with HttpServer(App(), PATIENT._replace(body_time=0.5)) as server:
        client = client_of(server)
        slow = client.begin(method="POST", ended=False)
        client.send(slow, b"x", ended=False)
        answer = client.answer(slow)
        assert (answer.status, answer.body) == (408, b"the request body came too slowly")
        assert client.ask().status == 200


def test_an_answer_that_nobody_reads_is_cut_off() -> None:
    with HttpServer(App(), PATIENT._replace(answer_time=0.5)) as server:
        client = client_of(server, windows=False)
        stream = client.begin("/large")
        assert client.answer(stream).reset == ErrorCodes.CANCEL
        wait_until(lambda: not any(one.unread for one in server.connections))


def test_an_answer_before_the_body_ends_it(server: HttpServer) -> None:
    client = client_of(server)
    stream = client.begin("/early", "POST", ended=False)
    answer = client.answer(stream)
    assert answer.status == 200
    assert client.ask(method="POST", body=b"next").body == b"next"


def test_whoever_expects_it_is_told_to_go_on(server: HttpServer) -> None:
    client = client_of(server)
    stream = client.begin("/", "POST", [("expect", "100-continue")], ended=False)
    while not client.answers.get(stream):
        client.read()
    assert client.answers[stream].continued
    client.send(stream, b"now")
    assert client.answer(stream).body == b"now"


def test_a_defect_is_answered_500(server: HttpServer) -> None:
    client = client_of(server)
    assert client.ask("/defect").status == 500
    assert client.ask().status == 200


def test_when_it_is_full_those_make_room_who_keep_us_waiting() -> None:
    app = App()
    with HttpServer(app, PATIENT._replace(most=2, most_per_peer=2)) as server:
        idle, busy = client_of(server), client_of(server)
        idle.ask()
        served = busy.begin("/wait")
        wait_until(lambda: app.waiting)
        third = client_of(server)
        assert third.ask().status == 200
        idle.until_closed()
        app.go = True
        assert busy.answer(served).status == 200


# ---- how it ends


def test_what_was_read_is_answered_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "GRACE_SECONDS", 120)  # however slow this machine is
    app = App()
    with HttpServer(app, PATIENT) as server:
        client = client_of(server)
        idle = client_of(server)
        idle.ask()
        stream = client.begin("/wait")
        wait_until(lambda: app.waiting)
        server.begin_stop()
        assert idle.until_good_bye().error_code == ErrorCodes.NO_ERROR
        assert client.until_good_bye().last_stream_id == stream
        app.go = True
        assert client.answer(stream).status == 200
        server.stop()


def test_what_a_stop_cuts_off_is_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "GRACE_SECONDS", 5)  # the good-bye is read well before the answer
    app = App()
    with HttpServer(app, PATIENT) as server:
        client = client_of(server)
        stream = client.begin("/wait")
        wait_until(lambda: app.waiting)
        server.begin_stop()
        answer = client.answer(stream)
        assert (answer.status, answer.body) == (503, STOPPED.body)
        server.stop()


def test_a_client_that_says_good_bye_gets_its_answer(server: HttpServer, app: App) -> None:
    client = client_of(server)
    stream = client.begin("/wait")
    wait_until(lambda: app.waiting)
    client.connection.sendall(GoAwayFrame(0).serialize())
    app.go = True
    assert client.answer(stream).status == 200
    client.until_closed()
