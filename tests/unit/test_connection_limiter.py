"""Room that peers share: however much a few of them hold open, others are let in, stay, and are told of no gap."""

import asyncio
from ipaddress import ip_network
from itertools import product
from typing import Any

import pytest
from uvicorn.server import ServerState

from infra.http_server.bounds import BOUNDS, Bounds
from infra.http_server.connection import Connection
from infra.http_server.connection_limiter import ConnectionLimiter, Network
from tests.http_wire import CONFIG, Wire, turns

HALF_HEAD = b"GET / HTTP/1.1\r\nX: h"
HALF_BODY = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"
GET = b"GET / HTTP/1.1\r\n\r\n"
SHARED = BOUNDS._replace(most=64, most_per_peer=16)


class Side:
    """A server without sockets. gaps: how often it was told that a request may have been lost."""

    def __init__(self, bounds: Bounds, trusted: tuple[Network, ...] = ()) -> None:
        self.gaps = 0
        self.state, self.limiter = ServerState(), ConnectionLimiter(bounds, trusted, self._overload)
        self.all: list[tuple[Connection, Wire]] = []

    def _overload(self) -> None:
        self.gaps += 1

    def connect(self, host: str, *sent: bytes) -> Wire:
        wire = Wire(host)
        connection = Connection(CONFIG, self.state, {}, asyncio.get_running_loop(), limiter=self.limiter)
        self.all.append((connection, wire))
        connection.connection_made(wire)  # type: ignore[arg-type]
        for data in sent:
            if not wire.closed:
                connection.data_received(data)
        return wire

    def told(self) -> int:
        return self.gaps

    def waiting(self) -> int:
        return self.limiter.waiting

    async def turns(self) -> None:
        await turns(self.state)

    async def end(self) -> None:
        for connection, _ in self.all:
            connection.connection_lost(None)
        await self.turns()
        assert not self.limiter.members
        assert not self.limiter.waiting
        assert not self.limiter._peers


@pytest.mark.parametrize(
    ("sent", "attackers"),
    [
        *product((b"", HALF_HEAD, HALF_BODY, GET + HALF_BODY, GET + HALF_HEAD), (1, 4, 30)),
        *product((GET, GET * 2), (1, 4, 8)),
    ],
)
@pytest.mark.parametrize("before", [False, True])
async def test_a_few_peers_leave_room_for_others(sent: bytes, attackers: int, before: bool) -> None:
    """Whole requests are being answered all the time: the application gets no turn."""
    side = Side(SHARED)
    others = [f"198.51.100.{number}" for number in range(3)]
    halves = [side.connect(other, HALF_BODY) for other in others] if before else []

    async def attack() -> None:
        for _ in range(20):
            for number in range(attackers):
                side.connect(f"192.0.2.{number}", sent)
            if sent not in (GET, GET * 2):
                await side.turns()

    await attack()
    if not before:
        halves = [side.connect(other, HALF_BODY) for other in others]
        await attack()
    assert len(side.limiter.members) <= SHARED.most
    assert not any(half.closed for half in halves)
    assert side.told() == 0
    await side.end()


async def test_whoever_reads_no_answer_makes_room() -> None:
    side = Side(SHARED._replace(most=2, most_per_peer=2))
    silent = side.connect("192.0.2.1", GET)
    connection = side.all[0][0]
    connection.pause_writing()  # as the transport does, whose buffer is full
    side.connect("192.0.2.2", GET)
    assert side.waiting() == 1
    connection.resume_writing()
    assert side.waiting() == 0
    connection.pause_writing()
    side.connect("192.0.2.3", GET)
    assert silent.closed
    assert side.told() == 1  # its request may have been a ping, and all peers have as much
    await side.end()


async def test_requests_in_turn_wait_only_while_the_newest_is_not_whole() -> None:
    side = Side(SHARED)
    side.connect("192.0.2.1", GET, GET)
    assert side.waiting() == 0
    connection, wire = side.all[0]
    connection.data_received(HALF_BODY)
    assert side.waiting() == 1
    await side.turns()
    assert wire.written.count(b"200 OK") == 2
    assert side.waiting() == 1
    connection.data_received(b" body")
    assert side.waiting() == 0
    await side.turns()
    assert wire.written.count(b"200 OK") == 3
    assert side.waiting() == 1
    await side.end()


async def test_an_answer_is_never_taken_for_another_requests() -> None:
    """Of a pipelined half request that has to go nothing is said: the one before it is not answered yet."""
    side = Side(SHARED._replace(most_per_peer=1))
    wire = side.connect("192.0.2.1", GET + HALF_BODY)
    side.connect("192.0.2.1")
    assert wire.closed
    await side.turns()
    assert not wire.written
    alone = side.connect("192.0.2.2", HALF_BODY)
    side.connect("192.0.2.2")
    assert b"429" in alone.written
    await side.end()


@pytest.mark.parametrize("bounded", [True, False])
async def test_a_full_room_tells_a_gap_for_whoever_has_no_more_than_others(bounded: bool) -> None:
    """20 peers with one connection each; where peers have no bound of their own, nobody is to blame for having many."""
    side = Side(BOUNDS._replace(most=40, most_per_peer=39 if bounded else 40))
    many: Any = [side.connect("192.0.2.1", HALF_BODY) for _ in range(20)]
    one = [side.connect(f"198.51.100.{number}", HALF_BODY) for number in range(20)]
    assert side.told() == 0
    side.connect("203.0.113.1")
    assert many[0].closed
    assert side.told() == (0 if bounded else 1)
    assert (b"429" in many[0].written) is bounded
    assert not any(wire.closed for wire in one)
    await side.end()


async def test_behind_a_trusted_proxy_it_is_not_known_whose_request_is_lost() -> None:
    side = Side(SHARED, (ip_network("203.0.113.0/24"),))
    proxied = [side.connect("203.0.113.7", HALF_BODY) for _ in range(64)]
    assert side.told() == 0
    side.connect("192.0.2.1", HALF_BODY)
    assert proxied[0].closed
    assert b"503" in proxied[0].written
    assert side.told() == 1
    await side.end()
