"""How many HTTP/2 requests are worked on at once: of a connection, of a peer, of all."""

import asyncio
import itertools
from typing import Any

import pytest
import uvicorn
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hpack import Encoder
from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from uvicorn.server import ServerState

from infra.http_server.bounds import BOUNDS, TOO_MANY_STREAMS
from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.http2_connection import Http2Connection
from infra.http_server.request_heads import PREFACE
from tests.http_client import whole_body
from tests.http_wire import Wire, turns

Fields = list[tuple[str, str]]
GET: Fields = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/")]
POST: Fields = [(":method", "POST"), *GET[1:]]


async def _echo(_scope: Any, receive: Any, send: Any) -> None:
    body = await whole_body(receive)
    if body is None:
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class _Waiting:
    """An application that answers when `go` is set. called: how often it was."""

    def __init__(self) -> None:
        self.go, self.called = asyncio.Event(), 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.called += 1
        await self.go.wait()
        await _echo(scope, receive, send)


class Talk:
    """A connection to which a test sends frames as it likes. reset, ended: streams, by what they were ended."""

    def __init__(self, limiter: ConnectionLimiter | None = None, app: Any = _echo, host: str = "192.0.2.7") -> None:
        self.state, self.wire, self.limiter = ServerState(), Wire(host), limiter or ConnectionLimiter()
        config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
        config.load()
        first = Connection(config, self.state, {}, asyncio.get_running_loop(), limiter=self.limiter)
        self.wire.protocol = first
        first.connection_made(self.wire)  # type: ignore[arg-type]
        self.reader = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.reader.initiate_connection()
        self.reader.data_to_send()
        self.encoder = Encoder()
        self.read = 0
        self.statuses: dict[int, str] = {}
        self.bodies: dict[int, bytes] = {}
        self.reset: dict[int, int] = {}
        self.good_bye: events.ConnectionTerminated | None = None

    def head(self, id: int, fields: Fields, ended: bool = True) -> bytes:
        frame = HeadersFrame(id, self.encoder.encode(fields))
        frame.flags.add("END_HEADERS")
        if ended:
            frame.flags.add("END_STREAM")
        if id not in self.reader.streams:
            self.reader.send_headers(id, GET, end_stream=ended)
            self.reader.clear_outbound_data_buffer()
        return frame.serialize()

    def body(self, id: int, data: bytes) -> bytes:
        frame = DataFrame(id, data)
        frame.flags.add("END_STREAM")
        self.reader.end_stream(id)
        self.reader.clear_outbound_data_buffer()
        return frame.serialize()

    async def send(self, data: bytes) -> None:
        """Send bytes, and take what is answered."""
        self.wire.protocol.data_received(data)
        await turns(self.state)
        await asyncio.sleep(0)
        new, self.read = self.wire.written[self.read :], len(self.wire.written)
        for event in self.reader.receive_data(new):
            match event:
                case events.ResponseReceived(stream_id=int(id), headers=list(fields)):
                    self.statuses[id] = next(str(value) for name, value in fields if str(name) == ":status")
                case events.DataReceived(stream_id=int(id), data=bytes(data)):
                    self.bodies[id] = self.bodies.get(id, b"") + data
                case events.StreamReset(stream_id=int(id), error_code=code):
                    self.reset[id] = int(code or 0)
                case events.ConnectionTerminated():
                    self.good_bye = event

    async def begin(self) -> None:
        await self.send(PREFACE + SettingsFrame(0).serialize())


async def test_a_request_that_is_cancelled_in_the_same_breath_is_not_begun() -> None:
    app = _Waiting()
    talk = Talk(app=app)
    await talk.begin()
    cancelled = b"".join(talk.head(id, GET) + RstStreamFrame(id, 8).serialize() for id in range(1, 101, 2))
    await talk.send(cancelled + talk.head(101, GET))
    assert app.called == 1
    app.go.set()
    await talk.send(b"")
    assert talk.statuses == {101: "200"}


async def test_others_get_their_turn_while_many_requests_begin() -> None:
    """And what is cancelled meanwhile is never begun."""
    app, many = _Waiting(), BOUNDS.streams
    talks = [Talk(app=app) for _ in range(5)]
    limiter = talks[0].limiter
    talks = [talks[0], *(Talk(limiter, app) for _ in talks[1:])]
    for talk in talks:
        await talk.begin()
    for talk in talks:  # all of it is read in one turn
        talk.wire.protocol.data_received(b"".join(talk.head(id, GET) for id in range(1, 2 * many, 2)))
    begun = []
    for _ in range(5):
        await asyncio.sleep(0)
        begun.append(app.called)
    assert 0 < max(after - before for before, after in itertools.pairwise([0, *begun])) <= 64
    for talk in talks[1:]:
        talk.wire.protocol.connection_lost(None)
    await turns(talks[0].state)
    assert many <= app.called < 3 * many
    app.go.set()
    await talks[0].send(b"")
    assert talks[0].statuses == dict.fromkeys(range(1, 2 * many, 2), "200")
    assert not limiter.at_once.is_full


async def test_a_peer_has_so_many_requests_at_once_over_all_of_its_connections() -> None:
    """Those of connections that are gone count as long as they are worked on; so nobody gains by opening others."""
    lost: list[None] = []
    bounds = BOUNDS._replace(at_once=5, at_once_per_peer=3)
    limiter, app = ConnectionLimiter(bounds, overloaded=lambda: lost.append(None)), _Waiting()
    first, second = Talk(limiter, app), Talk(limiter, app)
    await first.begin()
    await first.send(first.head(1, GET) + first.head(3, GET))
    first.wire.protocol.connection_lost(None)
    await second.begin()
    await second.send(second.head(1, GET) + second.head(3, GET) + second.head(5, GET))
    assert second.reset == dict.fromkeys((3, 5), ErrorCodes.REFUSED_STREAM)
    assert not lost  # it is this peer's own doing

    other = Talk(limiter, app, host="192.0.2.8")
    await other.begin()
    await other.send(b"".join(other.head(id, GET) for id in (1, 3, 5)))
    assert other.reset == {5: ErrorCodes.REFUSED_STREAM}
    assert len(lost) == 1  # it is refused for what others do: that is told
    app.go.set()
    await second.send(b"")
    await other.send(other.head(7, GET))
    assert (second.statuses, other.statuses) == ({1: "200"}, dict.fromkeys((1, 3, 7), "200"))
    assert limiter.refused == {TOO_MANY_STREAMS: 3}


async def test_who_sends_nothing_but_what_is_no_request_is_cut_off() -> None:
    talk = Talk()
    await talk.begin()
    for id in range(1, 2 * BOUNDS.nuisances, 2):
        await talk.send(talk.head(id, GET[:3]))
        if talk.good_bye is not None:
            break
    assert talk.good_bye is not None
    assert talk.good_bye.error_code == ErrorCodes.ENHANCE_YOUR_CALM


async def test_few_requests_are_read_before_those_that_are_too_many_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A piece of bytes holds a thousand heads, and the library looks at all that are open for each."""
    most, request = 0, Http2Connection.request

    def counting(connection: Http2Connection, *given: Any) -> None:
        nonlocal most
        most = max(most, len(connection.h2.streams))
        request(connection, *given)

    monkeypatch.setattr(Http2Connection, "request", counting)
    talk = Talk(app=_Waiting())
    await talk.begin()
    frames = [HeadersFrame(id, talk.encoder.encode(GET)) for id in range(1, 2_000, 2)]
    for frame in frames:
        frame.flags |= {"END_HEADERS", "END_STREAM"}
    talk.wire.protocol.data_received(b"".join(frame.serialize() for frame in frames))
    assert BOUNDS.streams <= most <= BOUNDS.streams + 64
    assert talk.limiter.refused[TOO_MANY_STREAMS] >= 100
    talk.wire.protocol.connection_lost(None)
    await turns(talk.state)
