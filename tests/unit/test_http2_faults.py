"""Wrong frames of HTTP/2: those of a request cut off that request, those of the connection end it (RFC 9113, 5.4)."""

from collections.abc import Iterator
from typing import Any

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from infra.http_server.bounds import BOUNDS
from tests.http2_app import LARGE, PATIENT, App
from tests.http2_client import Http2Client
from tests.http_client import HttpServer, wait_until

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/")]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[HttpServer]:
    with HttpServer(app, PATIENT) as server:
        yield server


def client_of(server: HttpServer) -> Http2Client:
    """A client that may send what is wrong."""
    client = Http2Client(server.connect())
    client.h2.config.validate_outbound_headers = client.h2.config.normalize_outbound_headers = False
    client.flush()
    return client


def frame(kind: int, stream: int, body: bytes, flags: int = 0) -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body


def said(client: Http2Client, frames: Frame | bytes) -> None:
    client.connection.sendall(frames if isinstance(frames, bytes) else frames.serialize())


# ---- of one request


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ([*HEAD, ("X-Upper", "a")], b"X-Upper"),
        ([*HEAD, ("connection", "close")], b"connection"),
        ([*HEAD, ("te", "gzip")], b"gzip"),
        ([*HEAD, ("x", "a\nb")], b""),
        ([*HEAD, ("content-length", "abc")], b"abc"),
        ([*HEAD, ("content-length", "1"), ("content-length", "2")], b"content-length"),
        ([*HEAD, (":path", "/again")], b":path"),
        ([*HEAD[:3]], b":path"),
        ([*HEAD, ("x", "y"), (":other", "z")], b":other"),
        ([(":status", "200"), *HEAD], b":status"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value[-1]),
)
@pytest.mark.parametrize("ended", [True, False])
def test_a_malformed_request_is_told_so_and_others_go_on(
    server: HttpServer, app: App, head: Any, words: bytes, ended: bool
) -> None:
    client = client_of(server)
    slow = client.begin("/wait")
    wait_until(lambda: app.waiting)
    stream = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream, head, end_stream=ended)
    client.flush()
    answer = client.answer(stream)
    assert (answer.status, answer.reset) == (400, ErrorCodes.PROTOCOL_ERROR)
    assert answer.body.startswith(b"invalid HTTP request: ")
    assert words in answer.body
    assert len(app.seen) == 1  # the application has not seen it
    assert client.ask(method="POST", body=b"next").body == b"next"
    app.go = True
    assert client.answer(slow).status == 200
    assert client.good_bye is None


def test_an_answer_as_head_is_refused(server: HttpServer) -> None:
    client = client_of(server)
    stream = client.begin(ended=False)
    said(client, HeadersFrame(stream, client.h2.encoder.encode([(":status", "100")]), flags=["END_HEADERS"]))
    assert client.answer(stream).reset == ErrorCodes.PROTOCOL_ERROR
    assert client.ask().status == 200


@pytest.mark.parametrize(("length", "sent", "ended"), [("3", b"hello", False), ("9", b"hello", True)])
def test_a_body_of_another_length_than_said(
    server: HttpServer, app: App, length: str, sent: bytes, ended: bool
) -> None:
    client = client_of(server)
    stream = client.begin(method="POST", headers=[("content-length", length)], ended=False)
    wait_until(lambda: app.seen)
    client.h2.send_data(stream, sent, end_stream=ended)
    client.flush()
    answer = client.answer(stream)
    assert (answer.status, answer.reset) == (400, ErrorCodes.PROTOCOL_ERROR)
    assert app.bodies == []  # it is no whole request
    assert client.ask(method="POST", body=b"next").body == b"next"


def test_what_is_malformed_takes_no_room(server: HttpServer) -> None:
    """Bytes of bodies that are refused are given back to the window of the connection."""
    client = client_of(server)
    for _ in range(12):
        stream = client.begin(method="POST", headers=[("content-length", "1")], ended=False)
        client.h2.send_data(stream, b"x" * 16_000)
        client.flush()
        assert client.answer(stream).reset == ErrorCodes.PROTOCOL_ERROR
    assert client.ask(method="POST", body=LARGE[:300_000]).body == LARGE[:300_000]


def test_trailers_that_do_not_end_the_request(server: HttpServer, app: App) -> None:
    client = client_of(server)
    stream = client.begin(method="POST", ended=False)
    wait_until(lambda: app.seen)
    said(client, HeadersFrame(stream, client.h2.encoder.encode([("x", "y")]), flags=["END_HEADERS"]))
    assert client.answer(stream).reset == ErrorCodes.PROTOCOL_ERROR
    assert app.bodies == []
    assert client.ask().status == 200


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (WindowUpdateFrame.type, b"\0\0\0\0", ErrorCodes.PROTOCOL_ERROR),
        (WindowUpdateFrame.type, b"\x7f\xff\xff\xff", ErrorCodes.FLOW_CONTROL_ERROR),
        (2, b"\0\0\0\0", ErrorCodes.FRAME_SIZE_ERROR),  # a priority
    ],
)
def test_wrong_frames_of_a_stream_cut_off_that_stream(
    server: HttpServer, app: App, kind: int, body: bytes, code: ErrorCodes
) -> None:
    client = client_of(server)
    stream, other = client.begin("/wait"), client.begin("/wait")
    wait_until(lambda: app.waiting == 2)
    said(client, frame(kind, stream, body))
    assert client.answer(stream).reset == code
    said(client, frame(kind, stream, body))  # it is over: nothing more happens
    app.go = True
    assert client.answer(other).status == 200
    assert client.ask().status == 200


def test_a_priority_that_depends_on_itself_is_nothing(server: HttpServer) -> None:
    client = client_of(server)
    said(client, frame(2, 1, b"\0\0\0\x01\x10"))
    stream = client.begin(ended=False)
    said(client, frame(2, stream, stream.to_bytes(4) + b"\x10"))
    client.send(stream, b"x")
    assert client.answer(stream).body == b"x"


def test_a_client_that_does_not_know_the_bound_yet(server: HttpServer, app: App) -> None:
    """More requests at once than are taken, before our settings have been read: those too many are refused."""
    client = Http2Client(server.connect())
    client.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1_000
    client.h2.remote_settings.acknowledge()
    streams = [client.begin("/wait") for _ in range(BOUNDS.streams + 40)]
    wait_until(lambda: server.limiter.refused.total() == 40, 60.0)
    assert app.waiting <= BOUNDS.streams
    app.go = True
    answers = [client.answer(stream) for stream in streams]
    assert [one.status for one in answers[: BOUNDS.streams]] == [200] * BOUNDS.streams
    assert {one.reset for one in answers[BOUNDS.streams :]} == {ErrorCodes.REFUSED_STREAM}
    assert client.ask().status == 200


# ---- of the connection


def broken(client: Http2Client, kind: str) -> bytes:
    """A frame behind which nothing can be read, on a connection whose streams 1 and 3 are in use."""
    match kind:
        case "compression":
            return HeadersFrame(5, b"\xff\xff\xff\xff\x0f", flags=["END_HEADERS", "END_STREAM"]).serialize()
        case "overlong":
            return frame(0, 3, b"")[3:].rjust(9, b"\x01")  # only its head
        case "window":
            return frame(WindowUpdateFrame.type, 0, b"\0\0\0\0")
        case "idle":
            return DataFrame(7, b"x").serialize()
        case "continuation":
            return ContinuationFrame(3, b"").serialize()
        case "even":
            head = client.h2.encoder.encode(HEAD)
            return HeadersFrame(6, head, flags=["END_HEADERS"]).serialize()
        case "padding":
            return frame(0, 3, b"\x09x", flags=8)
        case "ping":
            return frame(PingFrame.type, 0, b"1234567")
        case "settings":
            return frame(SettingsFrame.type, 1, b"")
        case _:
            return frame(SettingsFrame.type, 0, b"\0\x04\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("compression", ErrorCodes.COMPRESSION_ERROR),
        ("overlong", ErrorCodes.FRAME_SIZE_ERROR),
        ("window", ErrorCodes.PROTOCOL_ERROR),
        ("idle", ErrorCodes.PROTOCOL_ERROR),
        ("continuation", ErrorCodes.PROTOCOL_ERROR),
        ("even", ErrorCodes.PROTOCOL_ERROR),
        ("padding", ErrorCodes.PROTOCOL_ERROR),
        ("ping", ErrorCodes.FRAME_SIZE_ERROR),
        ("settings", ErrorCodes.PROTOCOL_ERROR),
        ("window of settings", ErrorCodes.FLOW_CONTROL_ERROR),
    ],
)
def test_a_wrong_frame_of_the_connection_ends_it_behind_the_answers(
    server: HttpServer, app: App, kind: str, code: ErrorCodes
) -> None:
    client = client_of(server)
    slow = client.begin("/wait")
    wait_until(lambda: app.waiting)
    # The whole request comes with the wrong frame, in one piece; half a request came before.
    half = client.begin(method="POST", ended=False)
    whole = client.h2.get_next_available_stream_id()
    if kind == "compression":
        said(client, broken(client, kind))
        whole = slow
    else:
        client.h2.send_headers(whole, HEAD)
        client.h2.send_data(whole, b"ping", end_stream=True)
        said(client, client.h2.data_to_send() + broken(client, kind))
    good_bye = client.until_good_bye()
    assert good_bye.error_code == code
    assert good_bye.last_stream_id in (half, whole)
    assert (good_bye.additional_data or b"").startswith(b"invalid HTTP/2 frames: ")
    app.go = True
    client.until_closed()
    assert client.answers[slow].status == 200
    assert whole == slow or client.answers[whole].body == b"ping"
    assert half not in client.answers
    assert app.bodies.count(b"") == 1
    assert client_of(server).ask().status == 200


def test_nobody_is_waited_for_behind_a_wrong_frame() -> None:
    app = App()
    with HttpServer(app, PATIENT._replace(half_closed=0.5)) as server:
        client = client_of(server)
        client.begin("/wait")
        wait_until(lambda: app.waiting)
        said(client, frame(PingFrame.type, 0, b"1"))
        client.until_closed()
        wait_until(lambda: not server.limiter.members)
        app.go = True


def test_frames_behind_a_good_bye_are_read(server: HttpServer, app: App) -> None:
    client = client_of(server)
    stream = client.begin("/wait")
    wait_until(lambda: app.waiting)
    more = WindowUpdateFrame(0, window_increment=1_000).serialize()
    said(client, GoAwayFrame(0).serialize() + more)
    app.go = True
    assert client.answer(stream).status == 200
    client.until_closed()
    assert client.good_bye is None or client.good_bye.error_code == ErrorCodes.NO_ERROR
