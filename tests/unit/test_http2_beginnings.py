"""HTTP/2 without sockets: what comes with its beginning, whose offers are taken, bodies that come slowly or in bits."""

import asyncio
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from hyperframe.frame import DataFrame, HeadersFrame
from uvicorn.server import ServerState

from infra.http_server.bounds import BODY_TOO_SLOW, BOUNDS, HEAD_TOO_SLOW, TOO_MANY_FRAMES
from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter
from tests.http_client import whole_body
from tests.http_wire import Wire, turns

POST = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/")]
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: %b\r\n"
SETTINGS = b"AAMAAABkAAQAAP__"
PROXY = "10.0.0.9"


async def _echo(_scope: Any, receive: Any, send: Any) -> None:
    body = await whole_body(receive)
    if body is None:
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


CONFIG = uvicorn.Config(_echo, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
CONFIG.load()


class Talk:
    """A client's connection and what it is answered; time passes when it is told to."""

    def __init__(self, host: str = "192.0.2.7") -> None:
        self.state, self.wire = ServerState(), Wire(host)
        self.limiter = ConnectionLimiter(trusted=(ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8")))
        first = Connection(CONFIG, self.state, {}, asyncio.get_running_loop(), limiter=self.limiter)
        self.wire.protocol = first
        first.connection_made(self.wire)  # type: ignore[arg-type]
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.read = 0  # bytes of what was written

    async def send(self, data: bytes) -> bytes:
        """In one read; what has been answered so far."""
        self.wire.protocol.data_received(data)
        await turns(self.state)
        return self.wire.written

    async def begin(self, fields: Iterable[tuple[str, str]] = POST) -> None:
        """The preface and a request whose body is still to come."""
        self.h2.initiate_connection()
        self.h2.send_headers(1, fields)
        await self.send(self.h2.data_to_send())

    async def events(self) -> list[events.Event]:
        """What is new."""
        await turns(self.state)
        await asyncio.sleep(0)
        new, self.read = self.wire.written[self.read :], len(self.wire.written)
        return self.h2.receive_data(new)

    async def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.limiter.pass_time(1.0)
            self.wire.protocol.look()
        await asyncio.sleep(0)


def _body(found: list[events.Event]) -> bytes:
    return b"".join(one.data or b"" for one in found if isinstance(one, events.DataReceived))


def _statuses(found: list[events.Event]) -> list[str]:
    heads = [one.headers or () for one in found if isinstance(one, events.ResponseReceived)]
    return [str(value) for head in heads for name, value in head if str(name) == ":status"]


@pytest.mark.parametrize("size", [10_000, 16_400, 40_000, 60_000])
async def test_all_that_comes_with_the_preface_is_read(size: int) -> None:
    talk = Talk()
    body = bytes(range(250)) * (size // 250)
    talk.h2.initiate_connection()
    talk.h2.send_headers(1, POST)
    for start in range(0, len(body), 16_000):
        talk.h2.send_data(1, body[start : start + 16_000])
    talk.h2.end_stream(1)
    await talk.send(talk.h2.data_to_send())
    found = await talk.events()
    assert _statuses(found) == ["200"]
    assert _body(found) == body


async def test_all_that_comes_with_an_offer_is_read() -> None:
    talk = Talk()
    settings = (talk.h2.initiate_upgrade_connection() or b"").rstrip(b"=")
    talk.h2.send_headers(3, POST)
    for _ in range(4):
        talk.h2.send_data(3, b"x" * 10_000)
    talk.h2.end_stream(3)
    answer = await talk.send(b"GET / HTTP/1.1\r\n" + OFFER % settings + b"\r\n" + talk.h2.data_to_send())
    assert answer.startswith(b"HTTP/1.1 101 ")
    talk.read = answer.index(b"\r\n\r\n") + 4
    found = await talk.events()
    assert _statuses(found) == ["200", "200"]
    assert _body(found) == b"x" * 40_000


@pytest.mark.parametrize(
    ("host", "headers", "taken"),
    [
        ("192.0.2.7", b"", True),
        ("127.0.0.1", b"", True),
        ("::ffff:127.0.0.1", b"", True),
        (PROXY, b"", False),
        ("::ffff:10.0.0.9", b"", False),
        ("127.0.0.1", b"X-Forwarded-For: 192.0.2.1\r\n", False),
        ("127.0.0.1", b"x-forwarded-proto: https\r\n", False),
        ("127.0.0.1", b"Forwarded: for=192.0.2.1\r\n", False),
        ("192.0.2.7", b"Via: 1.1 x\r\n", False),
    ],
)
async def test_no_offer_is_taken_that_a_proxy_has_passed_on(host: str, headers: bytes, taken: bool) -> None:
    """It is answered as any other request, and so is the one behind it."""
    talk = Talk(host)
    answer = await talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + headers + OFFER % SETTINGS + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 101 " if taken else b"HTTP/1.1 200 ")
    if not taken:
        answer = await talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("settings", [b"AAIAAAAC", b"AAT_____", b"AAUAAAAA", b"AAMAAABkAAT_____", b"AAgAAAAC"])
async def test_an_offer_with_wrong_settings_is_not_taken(settings: bytes) -> None:
    """No push of 2, no window beyond 2**31 - 1, no frames of nothing: after the 101 it would be too late."""
    talk = Talk()
    answer = await talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + OFFER % settings + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    answer = await talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + OFFER % SETTINGS + b"\r\n")
    assert b"HTTP/1.1 101 " in answer


async def test_a_frame_of_a_body_has_the_time_of_a_body() -> None:
    talk = Talk()
    await talk.begin()
    frame = DataFrame(1, b"x" * 16_000, flags=["END_STREAM"]).serialize()
    for second in range(int(BOUNDS.body_time) - 1):
        await talk.send(frame[second * 100 : second * 100 + 100])
        await talk.pass_time(1)
    await talk.send(frame[(second + 1) * 100 :])
    found = await talk.events()
    assert (_statuses(found), _body(found)) == (["200"], b"x" * 16_000)
    assert not talk.limiter.refused
    # A head that is not whole has the time of a head again.
    await talk.send(HeadersFrame(3, b"\x82").serialize())
    await talk.pass_time(int(BOUNDS.head_time) + 2)
    assert talk.wire.closed
    assert talk.limiter.refused == {HEAD_TOO_SLOW: 1}


async def test_a_body_that_is_too_slow_is_answered_and_its_frame_may_end() -> None:
    talk = Talk()
    await talk.begin()
    frame = DataFrame(1, b"x" * 16_000).serialize()
    await talk.send(frame[:5_000])
    await talk.pass_time(int(BOUNDS.body_time) + 5)
    assert _statuses(await talk.events()) == ["408"]
    assert not talk.wire.closed
    await talk.send(frame[5_000:])
    talk.h2.send_headers(3, POST, end_stream=True)
    await talk.send(talk.h2.data_to_send())
    assert _statuses(await talk.events()) == ["200"]
    assert talk.limiter.refused == {BODY_TOO_SLOW: 1}


async def test_a_frame_that_never_ends_is_not_waited_for_for_ever() -> None:
    talk = Talk()
    await talk.begin()
    await talk.send(DataFrame(1, b"x" * 16_000).serialize()[:5_000])
    await talk.pass_time(int(BOUNDS.body_time + BOUNDS.head_time) + 3)
    assert talk.wire.closed


@pytest.mark.parametrize("part", [b"x", b"abc\n"])
async def test_a_body_may_come_in_small_parts(part: bytes) -> None:
    """As of a job whose output is sent line by line; nobody waits meanwhile, so nothing of the budget comes back."""
    talk = Talk()
    await talk.begin()
    number = 15_500
    data = DataFrame(1, part).serialize() * number
    for start in range(0, len(data), 50_000):
        await talk.send(data[start : start + 50_000])
    await talk.send(DataFrame(1, flags=["END_STREAM"]).serialize())
    found = await talk.events()
    assert (_statuses(found), _body(found)) == (["200"], part * number)


@pytest.mark.parametrize(("part", "number"), [(b"", 1_100), (b"x", 17_000)])
async def test_not_without_end(part: bytes, number: int) -> None:
    talk = Talk()
    await talk.begin()
    await talk.send(DataFrame(1, part).serialize() * number)
    assert talk.wire.closed
    assert talk.limiter.refused == {TOO_MANY_FRAMES: 1}
