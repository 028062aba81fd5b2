"""A connection of uvicorn with limits: on the size of the head, on the time for head and body, on idle time.

No client can hold a connection for longer than the limits allow. A request that exceeds them gets a clear response: 431
or 414 for its head, 408 if it is too slow, 429 or 503 for too many connections, 400 if it is not HTTP. Responses to
earlier requests on the connection are sent first; then the connection is closed.

Trailers (RFC 9112 section 7.1.2) are read and dropped. Chunk extensions and trailers count as part of the head.

A normal request costs two dictionary entries and no timer: `look` is called for every connection about twice a second,
and enforces what is due. Large input is parsed in slices, so that a limit is noticed before much is parsed.
"""

import asyncio
from abc import abstractmethod
from enum import Enum
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from infra.errors import InfraError
from infra.http_server.bounds import (
    BODY_TOO_SLOW,
    HEAD_TOO_LARGE,
    INVALID,
    TOO_MANY_PIPELINED,
    URL_TOO_LONG,
    Refusal,
)
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.peers import Peer

SLICE = 16 * 2**10
# A body in chunks of a hundred bytes or more may be of any length; the sizes of smaller chunks count as head.
_BODY_FOR_A_BYTE_OF_FRAMING = 16
_SLASH = ord("/")


class Part(Enum):
    """The part of a request that is expected next."""

    NONE = 0  # between two requests
    HEAD = 1
    BODY = 2
    OVER = 3  # nothing more is read; the client is left some time to read our answer


class ParserStopped(InfraError):
    """Raised out of a callback of the parser, to end its work."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


class BoundedConnection(HttpToolsProtocol):
    """To be made by uvicorn, as the protocol of its `Config`, with a `limiter` that all of them share."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limiter: ConnectionLimiter,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.headers = []  # before a request begins, there may be empty lines
        self.peer: Peer | None = None
        self._limiter, self._bounds = limiter, limiter.bounds
        self._part = Part.HEAD
        self._since = limiter.now  # this part has been expected
        self._head = 0  # bytes of a request that are not body, as far as they count
        self._body = 0  # bytes of a body that have come with this slice
        self._unwanted = 0
        self._answering: RequestResponseCycle | None = None  # the oldest that is not answered; `cycle` is the newest
        self._ending = False  # what comes is not read any more
        self._offered = False  # to go on in another protocol
        self._successor: asyncio.Protocol | None = None  # has the connection from now on
        self.stalled: float | None = None  # since when the client has not read what it was sent
        self._closing: float | None = None
        self._left: float | None = None  # since when the client has nothing more to send, and may be gone

    # ---- uvicorn's callbacks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        refusal = self._limiter.enter(self, self.client[0] if self.client else "")
        if refusal is not None:
            self._ending = True
            transport.write(refusal.answer)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._limiter.leave(self)
        self._give_up()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if len(data) <= SLICE:
            self._feed(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), SLICE):
            self._feed(view[start : start + SLICE])
            if self._successor is not None:
                self._successor.data_received(bytes(view[start + SLICE :]))
                return

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._head, self._since = Part.HEAD, 0, self._limiter.now
        if self._is_busy():
            self._limiter.waits(self)  # for the rest of this request, although one before is being answered

    def on_headers_complete(self) -> None:
        if len(self.headers) > self._bounds.headers:
            raise ParserStopped(HEAD_TOO_LARGE)
        if len(self.url) > self._bounds.url:
            raise ParserStopped(URL_TOO_LONG)
        if len(self.pipeline) >= self._bounds.pipelined:
            raise ParserStopped(TOO_MANY_PIPELINED)
        if self.url[0] != _SLASH:
            self.url = _with_path(self.url)
        if self.parser.should_upgrade():
            self._offered = True
            if self._take_offer():
                return
        super().on_headers_complete()
        self.headers = []  # for trailers; the application has the headers
        self._part, self._unwanted, self._since = Part.BODY, 0, self._limiter.now

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self.cycle.response_complete:
            self._throw_away(len(body))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered:
            return  # the parser takes the body for another protocol
        super().on_message_complete()
        self._part, self._since = Part.NONE, self._limiter.now
        if not self.cycle.response_complete:
            self._limiter.serves(self)

    def on_response_complete(self) -> None:
        """As uvicorn's, without a timer for each request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not self._ending:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            self._since = self._limiter.now
            return  # it waits for its client already if the newest request is not whole
        if self._part is Part.NONE:
            self._since = self._limiter.now
        self._limiter.waits(self)

    def pause_writing(self) -> None:
        self.stalled = self._limiter.now
        self._limiter.waits(self)  # for the client, to read
        super().pause_writing()

    def resume_writing(self) -> None:
        self.stalled = None
        if self._part is Part.NONE and self._is_busy():
            self._limiter.serves(self)
        super().resume_writing()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client that has nothing more to send, such as netcat, may wait for its answer all the same."""
        if self._part is Part.HEAD and self.scheme != "https" and not self._ending and not self._is_busy():
            self._end_head()
        if self._part is Part.BODY and self.scheme != "https" and not self._ending:
            self._refuse(INVALID.saying("the connection ended within the body of the request"))
        if self._part is not Part.NONE or not self._is_busy() or self.scheme == "https" or self.cycle.response_started:
            return None  # the transport closes itself
        self._ending = True
        self.cycle.keep_alive = False
        self._left = self._limiter.now
        return True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    # ---- bounds

    def _feed(self, data: bytes | memoryview) -> None:
        if self._ending:
            self._throw_away(len(data))
            return
        part, newest = self._part, self.cycle
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as error:
            stopped = error  # looked at outside of this block, since other parsers may stop then, too
        else:
            if self._part is Part.NONE:
                self._body = 0  # whole: what is not body is weighed anew with the next one
                return
            self._weigh(len(data))
            if self._part is Part.HEAD:
                self._hold(data, part, newest)
            return
        if isinstance(stopped, httptools.HttpParserUpgrade):
            self._go_on_behind(data, stopped.args[0])
        elif isinstance(stopped.__context__, ParserStopped):
            self._refuse(stopped.__context__.refusal)
        else:
            self._heed_fault(data, stopped, part, newest)

    # ---- what `Connection` does about heads that are not usual

    @abstractmethod
    def _hold(self, data: bytes | memoryview, part: "Part", newest: RequestResponseCycle) -> None:
        """`data` ends within a head. part, newest: what was expected before, and the newest request then."""

    @abstractmethod
    def _heed_fault(
        self, data: bytes | memoryview, error: httptools.HttpParserError, part: "Part", newest: RequestResponseCycle
    ) -> None:
        """The parser refuses `data`."""

    @abstractmethod
    def _end_head(self) -> None:
        """The client sends nothing more, and has sent a part of a head at most."""

    @abstractmethod
    def _slow_head(self) -> Refusal:
        """What is said when the rest of a head has not come in time."""

    @abstractmethod
    def _take_offer(self) -> bool:
        """Whether the offer in a head, to go on in another protocol, is taken."""

    @abstractmethod
    def _go_on_behind(self, data: bytes | memoryview, end: int) -> None:
        """The parser has stopped behind a head with an offer."""

    def _weigh(self, size: int) -> None:
        """Judge how much of the request so far, `size` bytes more than before, is not body."""
        if self._part is Part.HEAD and not self._head:
            self._limiter.moves(self)
        body, self._body = self._body, 0
        # What large chunks leave over is not saved up for trailers.
        self._head = max(1, self._head + size - body - body // _BODY_FOR_A_BYTE_OF_FRAMING)
        # The first slice may hold the end of the request before.
        if self._head >= self._bounds.head + SLICE or len(self.headers) > self._bounds.headers:
            self._refuse(HEAD_TOO_LARGE)

    def _throw_away(self, size: int) -> None:
        self._unwanted += size
        if self._unwanted > self._bounds.unwanted:
            if self._part is Part.OVER:
                self.transport.abort()
            elif not self._is_busy():
                self.transport.close()

    def _is_busy(self) -> bool:
        """Whether a request is being answered, or waits for that."""
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, why: Refusal) -> None:
        """End the connection: after the answers to the requests before, or with this one."""
        self._ending = True
        self._limiter.count(why)
        if not self._is_busy():
            if self._part is Part.BODY:
                self.transport.close()  # it was answered before its body had ended
            else:
                self._tell(why)
        elif self._part is not Part.BODY or self.pipeline:
            # The newest of those that are whole is the last that is answered.
            self.cycle.keep_alive = False
            if self._part is Part.BODY:
                self._give_up_request()
        else:
            started = self.cycle.response_started
            self._give_up_request()
            if started:
                self.transport.close()
            else:
                self._tell(why)

    def _give_up_request(self) -> None:
        """Tell the application that the rest of the body will not come."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _give_up(self) -> None:
        """Tell the application that nobody waits for answers any more; uvicorn tells only the newest request."""
        for cycle in (self._answering, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _tell(self, why: Refusal) -> None:
        """Send an error and leave the client some time to read it: closing at once might take it away again."""
        if self.transport.is_closing():
            return
        self._part, self._since = Part.OVER, self._limiter.now
        self.flow.resume_reading()  # of a body that came fast; else its end would not be noticed
        self.transport.write(why.answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._limiter.waits(self)

    def give_way(self, refusal: Refusal) -> bool:
        """Closed to make room for others; whether a part of a request was lost by that. See `ConnectionLimiter`."""
        if self._part is Part.OVER:
            self.transport.abort()
            return False
        busy = self._is_busy()
        lost = self._part is Part.BODY or (self._part is Part.HEAD and self._head > 0)
        if self.stalled is not None:
            self.transport.abort()  # who does not read could keep it for long
            lost = lost or busy
        elif busy and (self._part is not Part.BODY or self.pipeline or self.cycle.response_started):
            pass  # an answer would be taken for that to a request before
        elif lost and not self._ending:
            self.transport.write(refusal.answer)
        self._ending = True
        self._give_up()
        self.transport.close()
        return lost

    @property
    def unread(self) -> int:
        """Bytes of an answer that wait for a client which does not read them now."""
        return 0 if self.stalled is None else self.transport.get_write_buffer_size()

    def look(self) -> None:
        """Do what is due by the time of the room."""
        now, bounds = self._limiter.now, self._bounds
        age = now - self._since
        if self.transport.is_closing():
            if self._closing is None:
                self._closing = now
            elif now - self._closing > bounds.linger:
                self.transport.abort()  # the client does not read what it was sent last
        elif self.stalled is not None and now - self.stalled > bounds.answer_time:
            self.transport.abort()
        elif self._part is Part.OVER:
            if age > bounds.linger:
                self.transport.abort()
        elif self._part is Part.BODY:
            # A request that waits for an earlier one is not read on.
            if age > bounds.body_time and not self.pipeline:
                self._end_slow(BODY_TOO_SLOW)
        elif self._is_busy():
            if self._left is not None and now - self._left > bounds.half_closed:
                self.transport.close()
        elif self._part is Part.HEAD:
            if age > bounds.head_time:
                self._end_slow(self._slow_head())
        elif age > bounds.idle_time:
            self.transport.close()

    def _end_slow(self, why: Refusal) -> None:
        # Browsers open connections ahead of requests, and take an answer there for one to their next request.
        if self._part is Part.HEAD and not self._head:
            self.transport.close()
        else:
            self._refuse(why)


def _with_path(url: bytes) -> bytes:
    """A target in absolute form names a path, as others do: `http://host` means `http://host/`."""
    parsed = httptools.parse_url(url)
    path: bytes | None = parsed.path
    query: bytes | None = parsed.query
    return url if path is not None else b"/?" + query if query else b"/"
