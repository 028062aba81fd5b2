"""A connection that speaks HTTP/2, in front of the same ASGI application and within the same bounds as one of HTTP/1.1.

It is begun by ALPN over TLS, or takes over a plain connection whose client began with the preface of HTTP/2 or whose
offer to upgrade was taken. Frames are read by h2; what they may cost is bounded here:

- requests at once, of a connection, of a client and of all, those among them that the client has cancelled: more are
  refused (REFUSED_STREAM), for a later try;
- heads, their number of headers and URLs: 431 and 414; a head that goes on and on ends the connection;
- bodies and answers by windows, so that no more is held than an application or a client takes;
- frames without use (`Budget`), the times for a body, for an answer that is not read, and between two requests.

A request that has been read is answered even if the server stops: the client is told to send no more (GOAWAY). So it
is when a frame of the connection is wrong, behind which nothing can be read. One of a stream cuts off that stream.
"""

import asyncio
import contextlib
from functools import partial
from typing import Any

import structlog
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import DenialOfServiceError, H2Error, ProtocolError
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from infra.http_server.bounds import (
    BODY_TOO_SLOW,
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    INVALID,
    INVALID_FRAMES,
    TOO_MANY_FRAMES,
    TOO_MANY_STREAMS,
    URL_TOO_LONG,
    Refusal,
)
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.http2_budget import CANCELLED
from infra.http_server.http2_events import Heeder
from infra.http_server.http2_faults import connection_code, words_of
from infra.http_server.http2_scope import Headers, Peers, request_of, scope_of, size_of
from infra.http_server.http2_sending import Http2Sending
from infra.http_server.http2_state import SLICE
from infra.http_server.http2_stream import Stream
from infra.http_server.offers import HOP_BY_HOP

log = structlog.get_logger(__name__)


class Http2Connection(Http2Sending):
    """`limiter` is shared with all other connections, `server_state` too: by it uvicorn waits when it stops."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], *, limiter: ConnectionLimiter
    ) -> None:
        super().__init__(server_state, limiter)
        self._heeder = Heeder(self)
        self._config, self._app, self._app_state = config, config.loaded_app, app_state
        self._running = 0  # applications, those among them whose request was cancelled
        self._looked = limiter.now
        self._unwanted = 0  # bytes that came when nobody read them any more
        self._unread_frames = 0  # bytes of frames that are not whole yet, or of a head
        self._unread_since: float | None = limiter.now
        self._body_expected = limiter.now  # when that was so last
        self._closing: float | None = None

    # ---- how it begins

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Of TLS, by ALPN."""
        self._begin(transport)
        refusal = self._limiter.enter(self, self._host)
        self.h2.initiate_connection()
        if refusal is not None:
            self.end(refusal, ErrorCodes.ENHANCE_YOUR_CALM, counted=True)
        self.write()

    def take_over(self, transport: asyncio.Transport) -> None:
        """Go on with a connection that is counted already, whose client sends the preface."""
        self._begin(transport)
        self.h2.initiate_connection()
        self.write()

    def take_upgrade(self, transport: asyncio.Transport, settings: bytes, scope: dict[str, Any], url: bytes) -> None:
        """Go on with a connection whose client has offered HTTP/2 in a request, which is answered here."""
        self._begin(transport)
        transport.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        self.h2.initiate_upgrade_connection(settings)
        self.h2.bound_tables()
        self.write()
        headers = [(name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP]
        self._start(1, scope["method"], url, headers, self._app, self._limiter.requester(self._host, headers))
        self.streams[1].finish()
        self.judge()

    def _begin(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        client, server = get_remote_addr(transport), get_local_addr(transport)
        self._peers = Peers(client, server, "https" if is_ssl(transport) else "http")
        self._server_state.connections.add(self)  # type: ignore[arg-type]

    # ---- what comes

    def data_received(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), SLICE):
            if self._over or self._deaf is not None:
                self._throw_away(len(view) - start)
                return
            self._feed(view[start : start + SLICE])
        self.judge()
        self.write()

    def _feed(self, data: memoryview) -> None:
        rest, more = data, True
        while more:
            self.write()  # h2 drops what is not sent when the client says good-bye
            try:
                events, fault, more = self.h2.receive(rest)
            except Exception:  # a defect of the library is the end of this connection, and of nothing else
                log.exception("http2.failed")
                self.end(INVALID_FRAMES, ErrorCodes.INTERNAL_ERROR)
                return
            if events:
                self._unread_frames, self._unread_since = 0, None
            elif rest:
                self._count_unread(len(rest))
            self._heed(events)
            if self._over:
                return
            if fault is not None:
                self._stop_reading(fault)
            rest = data[:0]

    def _count_unread(self, size: int) -> None:
        self._unread_frames += size
        self._unread_since = self._limiter.now if self._unread_since is None else self._unread_since
        if self._unread_frames > self._bounds.head + 2 * SLICE:
            self.end(HEAD_TOO_LARGE, ErrorCodes.ENHANCE_YOUR_CALM)

    def _heed(self, events: list[Event]) -> None:
        for event in events:
            with contextlib.suppress(H2Error):  # what came with it may have ended the request already
                self._heeder.heed(event)
            if self.budget.is_used_up:
                self._calm_down()
            if self._over:
                return

    def _calm_down(self) -> None:
        """Too many frames without use have come.

        A proxy speaks for many, of whom one sent them: what others have begun is read to its end, with one more budget,
        and the proxy goes on over another connection.
        """
        if self._leaving or not self._limiter.is_proxy(self._host):
            self.end(TOO_MANY_FRAMES, ErrorCodes.ENHANCE_YOUR_CALM)
            return
        self._limiter.count(TOO_MANY_FRAMES)
        self.budget.renew()
        self.shutdown()

    def request(self, id: int, fields: Headers, has_body: bool) -> None:
        """A head has come: call the application, or refuse."""
        client = self._limiter.requester(self._host, fields)
        if not self._has_room(client):
            self.h2.reset_stream(id, ErrorCodes.REFUSED_STREAM)
            self.budget.spend(CANCELLED)
            if not self._leaving:
                self._limiter.count(TOO_MANY_STREAMS)
            return
        method, target, headers = request_of(fields, has_body)
        refusal = self._refusal(fields, target)
        if refusal is not None:
            self._limiter.count(refusal)
        self._start(id, method, target if refusal is None else b"/", headers, refusal or self._app, client)

    def _has_room(self, client: str | None) -> bool:
        """Whether one more request may be worked on."""
        if self._leaving:
            return False
        if self._running >= self._bounds.streams:
            self._limiter.crowded_out(self.peer)
            return False
        return self._limiter.may_begin(client)

    @property
    def _host(self) -> str:
        return self._peers.client[0] if self._peers.client else ""

    def _refusal(self, fields: Headers, target: bytes) -> Refusal | None:
        bounds = self._bounds
        if len(target) > bounds.url:
            return URL_TOO_LONG
        if len(fields) > bounds.headers + 4 or size_of(fields) > bounds.head:  # four of them are the request line
            return HEAD_TOO_LARGE
        if not target.startswith(b"/") and target != b"*":
            return INVALID.saying("CONNECT is for proxies" if not target else "the path does not begin with a slash")
        return None

    def _start(self, id: int, method: str, target: bytes, headers: Headers, app: Any, client: str | None) -> None:
        state = self._app_state.copy()
        scope = scope_of(method, target, headers, self._peers, self._config.asgi_version, state)
        expects = any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)
        stream = self.streams[id] = Stream(id, scope, self, self._limiter.now, expects)
        self._limiter.moves(self)
        self._running += 1
        self._limiter.at_once.begin(client, partial(self._run, stream, app, client))

    def _run(self, stream: Stream, app: Any, client: str | None) -> None:
        if stream.gone:
            self._has_run(client)
            return
        task = self._loop.create_task(stream.run(app))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)
        task.add_done_callback(partial(self._has_run, client))

    def _has_run(self, client: str | None, _task: "asyncio.Task[None] | None" = None) -> None:
        self._running -= 1
        self._limiter.at_once.end(client)

    def _throw_away(self, size: int) -> None:
        """Bytes that nobody reads have come."""
        self._unwanted += size
        if self._unwanted > self._bounds.unwanted:
            self.transport.abort()

    # ---- how it ends

    def _stop_reading(self, fault: ProtocolError) -> None:
        """What comes cannot be read any more: say why, answer the requests that are whole, and close."""
        why = HEAD_TOO_LARGE if isinstance(fault, DenialOfServiceError) else INVALID_FRAMES
        log.debug("http2.connection_error", why=str(fault))
        self._limiter.count(why)
        self._leaving, self._deaf = True, self._limiter.now
        for stream in [one for one in self.streams.values() if not one.whole]:
            self.forget(stream)
        self.write()
        if not self.transport.is_closing():
            self.transport.write(self.h2.farewell(connection_code(fault), why.saying(words_of(fault)).body))
        if not self.streams:
            self.say_good_bye()

    def end(self, why: Refusal, code: ErrorCodes, counted: bool = False) -> None:
        """End the connection at once."""
        if self._over:
            return
        self._over = True
        if not counted:
            self._limiter.count(why)
        with contextlib.suppress(H2Error):
            self.h2.close_connection(code, additional_data=why.body)
        self._give_up()
        self.write()
        self.transport.close()

    def _give_up(self) -> None:
        for stream in list(self.streams.values()):
            stream.give_up()
        self.streams.clear()

    def shutdown(self) -> None:
        """The server stops: answer what has been read, and take no more."""
        if self._over or self._deaf is not None:
            return
        self._leaving = True
        if not self.streams:
            self.say_good_bye()
            return
        self.write()
        self.transport.write(self.h2.farewell())

    def client_leaves(self) -> None:
        """The client asks for nothing more; it may wait for answers."""
        self._leaving = True
        if not self.streams:
            self._over = True
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._limiter.leave(self)
        self._server_state.connections.discard(self)
        self._give_up()

    def eof_received(self) -> None:
        """The transport closes itself."""

    def give_way(self, refusal: Refusal) -> bool:
        """Closed to make room for others; whether a part of a request was lost by that. See `ConnectionLimiter`."""
        lost = bool(self.streams) or self._unread_frames > 0
        if self._paused is not None:
            self._over = True
            self._give_up()
            self.transport.abort()
            return lost
        for stream in list(self.streams.values()):
            self.refuse(stream, refusal)
        self.end(refusal, ErrorCodes.ENHANCE_YOUR_CALM, counted=True)
        return lost

    # ---- waiting

    def look(self) -> None:
        """Do what is due by the time of the room."""
        now, bounds = self._limiter.now, self._bounds
        self.budget.pass_time(now - self._looked)
        self._looked = now
        if any(not stream.whole for stream in self.streams.values()):
            self._body_expected = now  # its frames make no event before they are whole: it has its own time
        if self.transport.is_closing() or self._over:
            if self._closing is None:
                self._closing = now
            elif now - self._closing > bounds.linger:
                self.transport.abort()
        elif self._paused is not None:
            if now - self._paused > bounds.answer_time:
                self.transport.abort()
        elif self._deaf is not None:
            if now - self._deaf > bounds.half_closed:
                self._over = True
                self._give_up()
                self.transport.close()
        elif self._unread_since is not None and now - max(self._unread_since, self._body_expected) > bounds.head_time:
            self.end(HEAD_TOO_SLOW, ErrorCodes.NO_ERROR, counted=not self._unread_frames)
        elif not self.streams:
            longest = bounds.idle_time if self.h2.highest_inbound_stream_id else bounds.head_time
            if now - self._since > longest:
                self.say_good_bye()
        else:
            self._look_at_streams(now)

    def _look_at_streams(self, now: float) -> None:
        for stream in list(self.streams.values()):
            if stream.blocked is not None and now - stream.blocked > self._bounds.answer_time:
                self.reset(stream, ErrorCodes.CANCEL)
            elif not stream.whole and now - stream.since > self._bounds.body_time:
                self._limiter.count(BODY_TOO_SLOW)
                self.refuse(stream, BODY_TOO_SLOW)
