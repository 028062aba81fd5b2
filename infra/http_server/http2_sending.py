"""The half of an HTTP/2 connection that sends: answers, as far as the client takes them, and whether it waits for that.

Nothing is copied ahead: what a client does not take stays where the application has put it (`Stream.queue`), and the
application waits when that is much. A turn of the event loop makes one write, however many requests it answers.
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Iterator

from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from uvicorn.server import ServerState

from infra.http_server.bounds import INVALID, Refusal
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.http2_budget import Budget
from infra.http_server.http2_faults import StreamFault
from infra.http_server.http2_scope import Headers
from infra.http_server.http2_state import SLICE, Http2State
from infra.http_server.http2_stream import Stream
from infra.http_server.offers import HOP_BY_HOP
from infra.http_server.peers import Peer

# Bytes after which the transport is asked whether it can take more.
_AT_ONCE = 64 * 2**10


class Http2Sending(asyncio.Protocol):
    """streams: the requests that are not answered. `Outlet` of `infra.http_server.http2_stream` for them."""

    def __init__(self, server_state: ServerState, limiter: ConnectionLimiter) -> None:
        self.peer: Peer | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.streams: dict[int, Stream] = {}
        self.budget = Budget(limiter.bounds.nuisances)
        self.h2 = Http2State(limiter.bounds)
        self._server_state = server_state
        self._limiter, self._bounds = limiter, limiter.bounds
        self._loop = asyncio.get_running_loop()
        self._since = limiter.now  # without a request
        self._paused: float | None = None  # since when the client does not read
        self._waits = True
        self._leaving = self._over = False  # no new requests are taken; nothing more is done
        self._deaf: float | None = None  # since when nothing is read any more, while the last answers are sent
        self._will_write = False

    @abstractmethod
    def give_way(self, refusal: Refusal) -> bool:
        """Closed to make room for others; whether a part of a request was lost by that. See `ConnectionLimiter`."""

    def say_good_bye(self) -> None:
        """Close, in good order."""
        self._over = True
        self.write()
        if not self.transport.is_closing() and self._deaf is None:
            self.transport.write(self.h2.farewell())
        self.transport.close()

    def go_on(self, stream: Stream) -> None:
        with self._sending(stream):
            self.h2.send_headers(stream.id, [(b":status", b"100")])

    def start(self, stream: Stream, status: int, headers: Headers) -> None:
        fields = [(b":status", b"%d" % status), *self._server_state.default_headers]
        fields += [field for field in headers if field[0] not in HOP_BY_HOP]
        with self._sending(stream):
            self.h2.send_headers(stream.id, fields)

    def taken(self, stream: Stream, size: int) -> None:
        with self._sending(stream):
            self.h2.acknowledge_received_data(size, stream.id)

    def fail(self, stream: Stream) -> None:
        self.reset(stream, ErrorCodes.INTERNAL_ERROR)

    def flush(self, stream: Stream) -> None:
        with self._sending(stream):
            ahead = 0  # bytes that the transport does not know yet
            while stream.queue and self._paused is None and not self._over:
                part = stream.queue[0]
                size = min(len(part), SLICE, self.h2.local_flow_control_window(stream.id))
                if size <= 0:
                    stream.block(self._limiter.now)
                    self.judge()
                    return
                rest = part[size:]
                if len(rest):
                    stream.queue[0] = rest
                else:
                    stream.queue.popleft()
                self.h2.send_data(stream.id, bytes(part[:size]), end_stream=stream.ended and not stream.queue)
                stream.left(size)
                self.budget.moved(size)
                stream.sent = stream.ended and not stream.queue
                ahead += size
                if ahead >= _AT_ONCE:
                    self.write()
                    ahead = 0
            if stream.ended and not stream.queue and not stream.sent:
                self.h2.end_stream(stream.id)
                stream.sent = True
        if stream.sent and stream.id in self.streams:
            self._close(stream)

    @contextlib.contextmanager
    def _sending(self, stream: Stream) -> Iterator[None]:
        """What a stream sends leaves with the next turn of the loop; one that has ended meanwhile is given up."""
        try:
            yield
        except H2Error:
            self.forget(stream)
        if not self._will_write and not self._over:
            self._will_write = True
            self._loop.call_soon(self.write)

    def write(self) -> None:
        """Give the transport what h2 has for it."""
        self._will_write = False
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def _close(self, stream: Stream) -> None:
        """A request is answered. Whatever is still to come of it is not wanted."""
        self.forget(stream)
        self._server_state.total_requests += 1
        if not stream.whole:
            with contextlib.suppress(H2Error):
                self.h2.reset_stream(stream.id, ErrorCodes.NO_ERROR)
        if self._leaving and not self.streams:
            self.say_good_bye()
        self.judge()

    def forget(self, stream: Stream) -> None:
        """Nothing more is sent on a stream; the room that its body has taken is free again."""
        untaken = stream.untaken
        if self.streams.pop(stream.id, None) is not None and not self.streams:
            self._since = self._limiter.now
        stream.give_up()
        if untaken and not self._over:
            with contextlib.suppress(H2Error):
                self.h2.acknowledge_received_data(untaken, stream.id)

    def reset(self, stream: Stream, code: ErrorCodes) -> None:
        """Cut an answer off."""
        self.forget(stream)
        with contextlib.suppress(H2Error):
            self.h2.reset_stream(stream.id, code)
        self.judge()
        self.write()

    def refuse(self, stream: Stream, why: Refusal) -> None:
        """Answer a request in place of its application, or cut off what has begun."""
        started, id = stream.started, stream.id
        self.forget(stream)
        with contextlib.suppress(H2Error):
            if not started:
                fields = [field for field in why.headers if field[0] not in HOP_BY_HOP]
                self.h2.send_headers(id, [(b":status", b"%d" % why.status.value), *fields])
                room = self.h2.local_flow_control_window(id) >= len(why.body) and stream.scope["method"] != "HEAD"
                self.h2.send_data(id, why.body if room else b"", end_stream=True)
            if started or not stream.whole:
                self.h2.reset_stream(id, ErrorCodes.CANCEL if started else ErrorCodes.NO_ERROR)
        self.judge()
        self.write()

    def cut_off(self, fault: StreamFault) -> None:
        """Reset a stream that is at fault; a request that is malformed is answered 400 first, with what is wrong."""
        stream = self.streams.get(fault.stream_id)
        if stream is not None:
            self.forget(stream)
        if fault.code == ErrorCodes.PROTOCOL_ERROR and (stream is None or not stream.started):
            why = INVALID.saying(fault.words)
            self._limiter.count(why)
            with contextlib.suppress(H2Error):
                fields = [field for field in why.headers if field[0] not in HOP_BY_HOP]
                self.h2.send_headers(fault.stream_id, [(b":status", b"%d" % why.status.value), *fields])
                self.h2.send_data(fault.stream_id, why.body)
        self.h2.cut_off(fault.stream_id, fault.code)
        self.judge()
        self.write()

    def judge(self) -> None:
        """Whether it waits for its client: no request is whole, or one is not, or an answer is not read."""
        waits = self._paused is not None or not self.streams
        waits = waits or any(not one.whole or one.blocked is not None for one in self.streams.values())
        if waits != self._waits and not self._over:
            self._waits = waits
            (self._limiter.waits if waits else self._limiter.serves)(self)

    def pause_writing(self) -> None:
        self._paused = self._limiter.now
        if not self.transport.is_closing():
            self.transport.pause_reading()  # what else it sends would be answered, too
        self.judge()

    def resume_writing(self) -> None:
        self._paused = None
        if not self.transport.is_closing():
            self.transport.resume_reading()
        self.flush_all()

    def flush_all(self) -> None:
        """There may be room again for what is queued."""
        for stream in list(self.streams.values()):
            if stream.queue or stream.ended:
                self.flush(stream)
        self.judge()

    @property
    def stalled(self) -> float | None:
        """Since when the client has not read what it was sent."""
        times = [one.blocked for one in self.streams.values() if one.blocked is not None]
        return min(times if self._paused is None else [*times, self._paused], default=None)

    @property
    def unread(self) -> int:
        """Bytes of answers that wait for a client which does not read them now."""
        if self.stalled is None:
            return 0
        return self.transport.get_write_buffer_size() + sum(one.unsent for one in self.streams.values())
