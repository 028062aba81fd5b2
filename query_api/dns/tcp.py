"""DNS over TCP: any number of queries on a connection, answered in their order.

Bounded are the connections, of all and of each client (`infra.http_server.connection_limiter`), what is read of one
ahead of its answers, what is kept for a client that does not read, and the time in which a query has to be complete. A
client that does not keep to it loses its connection, and nobody else anything.
"""

import asyncio
from collections import Counter
from typing import cast

import structlog

from infra.http_server.bounds import BOUNDS, Refusal
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.peers import Peer
from query_api.dns.answers import Answers

log = structlog.get_logger(__name__)

MOST_CONNECTIONS, MOST_OF_CLIENT = 256, 32
# From one answer to the next query, whole; and for a client to read what it is sent.
IDLE_SECONDS = 10.0
# No query is so long.
_LONGEST_QUERY = 4_096
_MOST_UNREAD = 64 * 2**10
# So many are answered before anything else has its turn.
_BATCH = 64


class TcpServer:
    """All connections of a process. handled: queries that were read. outcomes: counts what became of them."""

    def __init__(
        self,
        answers: Answers,
        outcomes: Counter[str],
        most: int = MOST_CONNECTIONS,
        most_of_client: int = MOST_OF_CLIENT,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.answers, self.outcomes, self.idle_seconds = answers, outcomes, idle_seconds
        self.limiter = ConnectionLimiter(BOUNDS._replace(most=most, most_per_peer=most_of_client))
        self.handled = 0

    def connection(self) -> "TcpConnection":
        """A new connection: for `loop.create_server`."""
        return TcpConnection(self)

    def look(self, seconds: float) -> None:
        """End the connections that have waited too long. seconds: since the last look."""
        self.limiter.pass_time(seconds)
        for member in list(self.limiter.members):
            connection = cast(TcpConnection, member)
            if self.limiter.now - connection.since >= self.idle_seconds:
                self.outcomes["timeout"] += 1
                connection.abort()

    def close(self) -> None:
        """End all of them."""
        for member in list(self.limiter.members):
            cast(TcpConnection, member).abort()


class TcpConnection(asyncio.Protocol):
    """since: when it began to wait for its client."""

    peer: Peer | None = None

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._paused = self._is_due = self._ended = False
        self.since = server.limiter.now

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_MOST_UNREAD)
        address = transport.get_extra_info("peername")
        refusal = None if address is None else self._server.limiter.enter(self, address[0])
        if address is None or refusal is not None:  # it has left again already, or there is no room
            self._server.outcomes["crowded"] += 1
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._received.clear()
        self._server.limiter.leave(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._work()

    def eof_received(self) -> bool:
        """What was asked before the end is answered first."""
        self._ended = True
        return self._is_due or self._paused

    def pause_writing(self) -> None:
        self._paused = True
        self._read(False)

    def resume_writing(self) -> None:
        self._paused = False
        self.since = self._server.limiter.now
        self._work()

    def give_way(self, refusal: Refusal) -> bool:
        """There are too many connections, and this one has waited longest. Whether a part of a query was lost."""
        self._server.outcomes["crowded"] += 1
        self.abort()
        return bool(self._received)

    def abort(self) -> None:
        """End it at once."""
        self._server.limiter.leave(self)
        if self._transport is not None:
            self._transport.abort()

    def _work(self) -> None:
        """Answer what is complete, so much of it as may be done at once."""
        self._is_due = False
        for _ in range(_BATCH):
            if self._transport is None or self._transport.is_closing() or self._paused:
                return
            message = self._next()
            if message is None:
                if self._ended:
                    self._transport.close()
                else:
                    self._read(True)
                return
            self._answer(message)
        self._is_due = True
        self._read(False)
        asyncio.get_running_loop().call_soon(self._work)

    def _next(self) -> bytes | None:
        """The next query, when it is complete."""
        received = self._received
        if len(received) < 2:
            return None
        length = received[0] << 8 | received[1]
        if not 0 < length <= _LONGEST_QUERY:
            self._server.outcomes["ignored"] += 1
            self.abort()
            return None
        if len(received) < length + 2:
            return None
        message = bytes(received[2 : length + 2])
        del received[: length + 2]
        return message

    def _answer(self, message: bytes) -> None:
        server, transport = self._server, self._transport
        server.handled += 1
        try:
            answer = server.answers.over_tcp(message)
        except Exception:
            answer = None
            server.outcomes["failed"] += 1
            log.exception("dns.failed", transport="tcp")
        else:
            server.outcomes["ignored" if answer is None else answer.outcome] += 1
        if transport is None:
            return
        if answer is None:
            self.abort()
            return
        transport.write(len(answer.message).to_bytes(2, "big") + answer.message)
        self.since = server.limiter.now
        server.limiter.moves(self)

    def _read(self, go_on: bool) -> None:
        """Read on, or leave what comes to the kernel for now."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.is_reading() == go_on:
            return
        if go_on:
            transport.resume_reading()
        else:
            transport.pause_reading()
