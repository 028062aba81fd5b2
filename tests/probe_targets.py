"""What probes are tried on: real servers on the loopback addresses, well-behaved and not, and a resolver."""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, ParamSpec

import uvloop
from dnslib import QTYPE, RCODE, RR, DNSRecord

from infra.egress.guard import Guard
from ingest.prober.probes.connection import Connector, tls_context
from ingest.prober.probes.kinds import probe
from ingest.prober.probes.resolver import Resolver
from schemas.monitors import Monitor, MonitorKind, ProbeTarget, Sealed
from schemas.probes import ProbeCompleted
from schemas.servers import Server

V4, V6 = "127.0.0.1", "::1"
LOOPBACK = Guard([ip_network("127.0.0.0/8"), ip_network("::1/128")])

P = ParamSpec("P")
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def on_uvloop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in the loop that the prober process has."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        uvloop.run(asyncio.wait_for(test(*args, **kwargs), 180.0))

    return run


def seen(result: ProbeCompleted) -> str:
    """The outcome as one word or two."""
    return "ok" if result.ok else result.failure


class Listening:
    """A server. open: connections that it holds now."""

    def __init__(self) -> None:
        self.port = 0
        self.open = 0

    async def emptied(self, timeout: float = 60.0) -> None:
        """Until no connection is open."""
        async with asyncio.timeout(timeout):
            while self.open:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(
    talk: Talk, host: str = V4, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Listening]:
    """A server that talks so on every connection, and then closes it."""
    listening = Listening()
    talking: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening.open += 1
        talks = asyncio.ensure_future(talk(reader, writer))
        talking.add(talks)
        await asyncio.wait({talks})
        talking.discard(talks)
        listening.open -= 1
        writer.close()
        if not talks.cancelled() and not isinstance(talks.exception(), OSError | asyncio.IncompleteReadError | None):
            talks.result()

    server = await asyncio.start_server(accept, host, port, ssl=tls, limit=2**20)
    listening.port = server.sockets[0].getsockname()[1]
    try:
        yield listening
    finally:
        server.close()
        for talks in talking:
            talks.cancel()
        async with asyncio.timeout(60.0):
            while listening.open:
                await asyncio.sleep(0)


@contextlib.contextmanager
def unanswered(host: str = V4, port: int = 0) -> Iterator[int]:
    """A port of which nothing answers, as where a network is cut: its queue is full, so the kernel drops what comes."""
    version = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket(version))
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((host, port))
        full.listen(0)
        filled = False
        for _ in range(10):
            waiting = stack.enter_context(socket.socket(version))
            waiting.settimeout(0.1)
            try:
                waiting.connect(full.getsockname())
            except TimeoutError:
                filled = True
                break
        assert filled, "the kernel takes more connections than the queue has room for"
        yield full.getsockname()[1]


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """The head of a request."""
    return await reader.readuntil(b"\r\n\r\n")


async def until_gone(reader: asyncio.StreamReader) -> None:
    """Until the other side has closed."""
    while await reader.read(65_536):
        pass


def answering(*pieces: bytes, then: Talk | None = None) -> Talk:
    """Reads the head of the request and answers with these bytes; closes, or goes on with `then`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then is not None:
            await then(reader, writer)

    return talk


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never says anything."""
    await until_gone(reader)


def monitor(kind: MonitorKind = "http", timeout: int = 5, **target: Any) -> Monitor:
    """A monitor of one region."""
    return Monitor(
        id="m", project="p", version=1, created=0, revised=0, name="m", kind=kind, timeout=timeout,
        target=ProbeTarget(**target),
    )  # fmt: skip


async def probed(
    connector: Connector, kind: MonitorKind = "http", timeout: int = 5, sealed: Sealed | None = None, **target: Any
) -> ProbeCompleted:
    """The result of one probe."""
    return await probe(connector, monitor(kind, timeout, **target), sealed or Sealed(), 1, 0, "local", 1)


Zone = Mapping[str, list[str] | str | Callable[[], list[str]]]


class Resolving(asyncio.DatagramProtocol):
    """A resolver. names: addresses, something that gives other ones each time, or the error code to answer with; other
    records as in a zone file (`MX 10 mail.test`).

    Names that begin with `silent` are never answered; `silent`: nothing is. asked: (protocol, name, type).
    """

    def __init__(self, names: Zone) -> None:
        self.names = names
        self.silent = False
        self.asked: list[tuple[str, str, str]] = []
        self.server: Server = (V4, 0)
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._reply("udp", data)
        if reply is not None:
            packed, room = bytes(reply.pack()), room_of(DNSRecord.parse(data))
            self._transport.sendto(packed if len(packed) <= room else bytes(reply.truncate().pack()), addr)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same over TCP."""
        reply = self._reply("tcp", await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        if reply is None:
            await until_gone(reader)
        else:
            packed = bytes(reply.pack())
            writer.write(len(packed).to_bytes(2) + packed)

    def _reply(self, protocol: str, data: bytes) -> DNSRecord | None:
        request = DNSRecord.parse(data)
        reply, name, kind = request.reply(aa=0), str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.asked.append((protocol, name, kind))
        if self.silent or name.startswith("silent"):
            return None
        known = self.names.get(name, "NXDOMAIN")
        if isinstance(known, str):
            reply.header.rcode = getattr(RCODE, known)
            return reply
        for told in known() if callable(known) else known:
            record = told if " " in told else f"{'AAAA' if ':' in told else 'A'} {told}"
            if kind == record.split()[0]:
                reply.add_answer(*RR.fromZone(f"{name} 0 {record}"))
        return reply


def room_of(request: DNSRecord) -> int:
    """How long an answer over UDP may be: 512 bytes, or what EDNS says."""
    return max([512, *(int(one.rclass) for one in request.ar if one.rtype == QTYPE.OPT)])


@contextlib.asynccontextmanager
async def resolving(names: Zone) -> AsyncIterator[Resolving]:
    """A resolver over UDP and TCP."""
    told = Resolving(names)
    async with serving(told.talk) as listening:
        told.server = V4, listening.port
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: told, local_addr=told.server)
        try:
            yield told
        finally:
            transport.close()


@functools.cache
def system_trust() -> ssl.SSLContext:
    """Verifies by the authorities of the system: to read them takes longer than most tests of probes."""
    return tls_context()


@contextlib.asynccontextmanager
async def connecting(
    guard: Guard = LOOPBACK, server: Server | None = None, verify: ssl.SSLContext | None = None
) -> AsyncIterator[Connector]:
    """A connector; `server`: the resolver that it asks."""
    connector = Connector(guard, Resolver([server]) if server else None, verify or system_trust())
    try:
        yield connector
    finally:
        await connector.close()
