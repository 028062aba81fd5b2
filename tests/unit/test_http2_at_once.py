"""How many HTTP/2 requests are worked on at once: of a connection, of a peer, of all."""

import asyncio
import itertools
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn
from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from uvicorn.server import ServerState

from infra.http_server.bounds import BOUNDS, TOO_MANY_FRAMES, TOO_MANY_STREAMS
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
                    self.reader.state_machine.state = ConnectionState.CLIENT_OPEN  # a client may wait for answers

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


async def test_what_a_proxy_has_begun_for_others_is_read_to_its_end_when_one_is_cut_off() -> None:
    limiter = ConnectionLimiter(trusted=(ip_network("192.0.2.0/28"),))
    talk = Talk(limiter)
    await talk.begin()
    await talk.send(talk.head(1, POST, ended=False) + DataFrame(1, b"half").serialize())
    id = 3
    while talk.good_bye is None and id < 3 * BOUNDS.nuisances:
        await talk.send(talk.head(id, GET[:3]))
        id += 2
    assert talk.good_bye is not None
    assert (talk.good_bye.error_code, talk.good_bye.last_stream_id) == (ErrorCodes.NO_ERROR, id - 2)
    assert limiter.refused[TOO_MANY_FRAMES] == 1
    await talk.send(talk.head(id, GET))
    assert talk.reset[id] == ErrorCodes.REFUSED_STREAM
    await talk.send(talk.body(1, b" and half"))
    assert (talk.statuses[1], talk.bodies[1]) == ("200", b"half and half")


async def test_a_proxy_that_goes_on_is_cut_off_all_the_same() -> None:
    limiter = ConnectionLimiter(trusted=(ip_network("192.0.2.0/28"),))
    talk = Talk(limiter)
    await talk.begin()
    await talk.send(talk.head(1, POST, ended=False))
    for id in range(3, 8 * BOUNDS.nuisances, 2):
        await talk.send(talk.head(id, GET[:3]))
        if talk.wire.closed:
            break
    assert talk.wire.closed
    assert 1 not in talk.statuses


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


async def _asked(talk: Talk, *ids: int, of: str = "") -> list[int]:
    """The requests that are not refused. of: the client for whom a proxy asks."""
    if not talk.read:
        await talk.begin()
    fields = [*GET, ("x-forwarded-for", of)] if of else GET
    await talk.send(b"".join(talk.head(id, fields) for id in ids))
    return [id for id in ids if talk.reset.get(id) != ErrorCodes.REFUSED_STREAM]


def _take_no_heed(talk: Talk) -> None:
    """Of how many requests a connection may have."""
    talk.reader.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 100
    talk.reader.remote_settings.acknowledge()


async def test_who_has_less_than_a_fair_share_is_heard_when_others_have_filled_it() -> None:
    lost: list[None] = []
    bounds = BOUNDS._replace(at_once=6, at_once_per_peer=4)
    limiter, app = ConnectionLimiter(bounds, overloaded=lambda: lost.append(None)), _Waiting()
    talks = [Talk(limiter, app, host=f"192.0.2.{number}") for number in range(4)]
    assert await _asked(talks[0], 1, 3, 5, 7) == [1, 3, 5, 7]
    assert await _asked(talks[1], 1, 3, 5) == [1, 3, 5]  # the last one is within its share
    assert await _asked(talks[0], 9) == []
    assert not lost
    assert await _asked(talks[2], 1, 3, 5) == [1, 3]
    assert len(lost) == 1  # it has its share, and no more
    assert await _asked(talks[1], 7) == []
    assert len(lost) == 1  # it has more
    assert await _asked(talks[3], 1) == [1]
    app.go.set()
    for talk in talks:
        await talk.send(b"")
    assert [len(talk.statuses) for talk in talks] == [4, 3, 2, 1]
    assert not limiter.at_once.is_full
    assert await _asked(talks[0], 11) == [11]


async def test_twice_as_many_are_the_end_however_many_clients_there_are() -> None:
    lost: list[None] = []
    limiter = ConnectionLimiter(BOUNDS._replace(at_once=4), overloaded=lambda: lost.append(None))
    app = _Waiting()
    talks = [Talk(limiter, app, host=f"192.0.2.{number}") for number in range(9)]
    assert [await _asked(talk, 1) for talk in talks] == [[1]] * 8 + [[]]
    assert len(lost) == 1
    app.go.set()
    await talks[0].send(b"")


async def test_clients_behind_one_proxy_are_told_apart() -> None:
    lost: list[None] = []
    bounds, proxies = BOUNDS._replace(at_once_per_peer=2, streams=4), (ip_network("192.0.2.0/24"),)
    limiter, app = ConnectionLimiter(bounds, proxies, lambda: lost.append(None)), _Waiting()
    proxy = Talk(limiter, app)
    assert await _asked(proxy, 1, 3, 5, of="198.51.100.1") == [1, 3]
    assert await _asked(proxy, 7, of="198.51.100.2") == [7]
    assert not lost
    # Whom it does not name may be anybody; and the connection is full by what others have asked for.
    _take_no_heed(proxy)
    assert await _asked(proxy, 9, 11) == [9]
    assert len(lost) == 1
    app.go.set()
    await proxy.send(b"")
    assert proxy.statuses == dict.fromkeys((1, 3, 7, 9), "200")


async def test_without_a_limit_per_address_each_refused_request_is_told() -> None:
    """An address may be that of a proxy then."""
    lost: list[None] = []
    bounds = BOUNDS._replace(at_once=2, most_per_peer=BOUNDS.most)
    limiter, app = ConnectionLimiter(bounds, overloaded=lambda: lost.append(None)), _Waiting()
    assert await _asked(Talk(limiter, app), 1, 3, 5) == [1, 3]
    assert len(lost) == 1
    app.go.set()
    await asyncio.sleep(0)


async def test_whoever_fills_a_connection_of_their_own_makes_no_gap() -> None:
    lost: list[None] = []
    bounds = BOUNDS._replace(streams=2, most_per_peer=BOUNDS.most)
    limiter, app = ConnectionLimiter(bounds, overloaded=lambda: lost.append(None)), _Waiting()
    talk = Talk(limiter, app)
    assert await _asked(talk, 1, 3) == [1, 3]
    _take_no_heed(talk)
    assert await _asked(talk, 5) == []
    assert not lost
    app.go.set()
    await talk.send(b"")
