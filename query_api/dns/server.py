"""The DNS server of a process: UDP and TCP on each of its addresses, its metrics, and signs that it makes progress.

It asks itself now and then, so that a server that nobody asks makes progress, too, and one that no longer reads is
noticed (`infra.process.liveness`).
"""

import asyncio
import contextlib
import socket
from collections import Counter
from struct import pack
from typing import NamedTuple

from infra import metrics as metrics_table
from infra.process.liveness import LIVENESS, Activity
from query_api.dns.answers import Answers
from query_api.dns.queries import HEADER_SIZE
from query_api.dns.rates import Rates
from query_api.dns.tcp import TcpServer
from query_api.dns.udp import UdpServer
from query_api.dns.zone import Type, Zone
from schemas.servers import Server

_LOOK_SECONDS = 0.5
_ASK_SECONDS, _ANSWER_SECONDS = 2.0, 2.0
_BACKLOG = 128
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_ANSWERS = metrics_table.DNS_ANSWERS.create()
_CONNECTIONS = metrics_table.DNS_CONNECTIONS.create()


class Listener(NamedTuple):
    """Two sockets that are bound to one address, and what that is."""

    address: Server
    udp: socket.socket
    tcp: socket.socket


class DnsServer:
    """Answers as soon as it is started. rates: of UDP; `tcp` has the bounds of its connections."""

    def __init__(self, zone: Zone, rates: Rates) -> None:
        self._zone, self._rates = zone, rates
        self.udp_outcomes, self.tcp_outcomes = Counter[str](), Counter[str]()
        self._counted = Counter[tuple[str, str]]()
        answers = Answers(zone)
        self._answers = answers
        self.tcp = TcpServer(answers, self.tcp_outcomes)
        self.udp: list[UdpServer] = []
        self._servers: list[asyncio.Server] = []
        self._activities: list[Activity] = []

    async def start(self, listeners: list[Listener]) -> None:
        """Answer from now on."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            server = UdpServer(listener.udp, self._answers, self._rates, self.udp_outcomes, loop.time)
            server.start()
            self.udp.append(server)
            name = f"dns over udp, {listener.address[0]}"
            self._activities.append(LIVENESS.activity(name, progress=lambda server=server: server.handled))  # type: ignore[misc]
            self._servers.append(await loop.create_server(self.tcp.connection, sock=listener.tcp, backlog=_BACKLOG))
        self._activities.append(LIVENESS.activity("dns over tcp", progress=lambda: self.tcp.handled))

    def close(self) -> None:
        """Answer no more."""
        for activity in self._activities:
            LIVENESS.end(activity)
        for udp in self.udp:
            udp.stop()
        for server in self._servers:
            server.close()
        self.tcp.close()

    async def keep_looking(self) -> None:
        """End connections that wait too long, and tell what has been counted, for ever."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = loop.time()
            self.tcp.look(now - before)
            before = now
            self.publish()

    def publish(self) -> None:
        """Tell what has been counted since the last time."""
        for transport, outcomes in (("udp", self.udp_outcomes), ("tcp", self.tcp_outcomes)):
            for outcome, count in outcomes.items():
                if new := count - self._counted[transport, outcome]:
                    self._counted[transport, outcome] = count
                    _ANSWERS.labels(transport, outcome).inc(new)
        _CONNECTIONS.set(len(self.tcp.limiter.members))

    async def keep_asking(self, addresses: list[Server]) -> None:
        """Ask ourselves, for ever. Whether it was read is told by the activities; nothing is made of the answers."""
        question = pack("!6H", 0, 0, 1, 0, 0, 0) + self._zone.name + pack("!2H", Type.SOA, 1)
        while True:
            for host, port in addresses:
                reached = _ANYWHERE.get(host, host)
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await _ask_over_tcp(reached, port, question)
                with contextlib.suppress(OSError):
                    _ask_over_udp(reached, port, question)
            await asyncio.sleep(_ASK_SECONDS)


async def _ask_over_tcp(host: str, port: int, question: bytes) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        await reader.read(HEADER_SIZE)
    finally:
        writer.close()


def _ask_over_udp(host: str, port: int, question: bytes) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.sendto(question, (host, port))
