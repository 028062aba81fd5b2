"""Probes of DNS: well is a name for which the resolver of this host has an address, IPv4 or IPv6.

Each question goes out anew, over UDP, and again over TCP when the answer did not fit. Names that lead to private
addresses are refused as they are for other probes, so that nobody explores the networks of this host through it.
"""

import asyncio
import itertools
import secrets
import struct
import time
from pathlib import Path

from dnslib import QTYPE, RCODE, DNSError, DNSHeader, DNSQuestion, DNSRecord
from dnslib.label import DNSLabelError

from ingest.prober.connection import Connector
from ingest.prober.names import Names, Server
from ingest.prober.outcome import Failed, Trace
from schemas.monitors import Target

_AGAIN_SECONDS = 2.0
# Parsing costs about 10 us a record; longer answers are refused unread.
_LONGEST = 4_096
_LENGTH = struct.Struct("!H")


async def probe_dns(connector: Connector, target: Target, trace: Trace) -> None:
    """Returns when the name has an address; raises `Failed` when it has none. The time limit is the caller's."""
    began = time.perf_counter_ns()
    found = await asyncio.gather(
        *(_ask(connector.names, target.host, kind, trace) for kind in (QTYPE.A, QTYPE.AAAA)), return_exceptions=True
    )
    trace.lookup = (time.perf_counter_ns() - began) // 1_000
    addresses = [address for answer in found if isinstance(answer, list) for address in answer]
    for address in addresses:
        connector.check(address)
    if not addresses:
        raise next((answer for answer in found if isinstance(answer, BaseException)), Failed("answer", "no address"))


async def _ask(names: Names, host: str, kind: int, trace: Trace) -> list[str]:
    """The addresses in the answer to one question."""
    try:
        question = DNSRecord(DNSHeader(id=secrets.randbits(16), rd=1), q=DNSQuestion(host, kind))
        packed = bytes(question.pack())
    except (DNSError, DNSLabelError, UnicodeError):
        raise Failed("name", "not a host name") from None
    trace.asked = time.monotonic()
    doubt = names.doubt_soon()
    try:
        answer, server = await _over_udp(names.servers or system_servers(), packed)
        names.heard()
        trace.address = server[0]
        if answer.header.tc:
            answer = await _over_tcp(server, packed)
    finally:
        doubt.cancel()
    trace.asked = None
    if answer.header.rcode != RCODE.NOERROR:
        raise Failed("answer", str(RCODE.get(answer.header.rcode)))
    return [str(record.rdata) for record in answer.rr if record.rtype == kind]


def system_servers() -> list[Server]:
    """The resolvers that `/etc/resolv.conf` names; as the system does, this host when it names none."""
    try:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    return [(line[1], 53) for line in words if len(line) > 1 and line[0] == "nameserver"] or [("127.0.0.1", 53)]


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the answer to `question`."""

    def __init__(self, question: bytes) -> None:
        self.answer: asyncio.Future[DNSRecord] = asyncio.get_running_loop().create_future()
        self._question = question

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.answer.done() and (parsed := _parsed(data, self._question)) is not None:
            self.answer.set_result(parsed)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _over_udp(servers: list[Server] | tuple[Server, ...], question: bytes) -> tuple[DNSRecord, Server]:
    """The first answer, and who gave it: the resolvers are asked in turn until one answers."""
    loop = asyncio.get_running_loop()
    for turn in itertools.count(1):
        server = servers[turn % len(servers) - 1]
        transport, datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(question), remote_addr=server)
        try:
            transport.sendto(question)
            async with asyncio.timeout(_AGAIN_SECONDS):
                return await datagrams.answer, server
        except TimeoutError:
            pass
        except OSError:  # nobody listens there
            if turn >= len(servers):
                raise Failed("ours", "the resolver of this host cannot be reached") from None
        finally:
            transport.abort()
    raise AssertionError


async def _over_tcp(server: Server, question: bytes) -> DNSRecord:
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError:
        raise Failed("ours", "the resolver of this host cannot be reached over TCP") from None
    try:
        writer.write(_LENGTH.pack(len(question)) + question)
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > _LONGEST:
            raise Failed("answer", "longer than 4 KB")
        answer = _parsed(await reader.readexactly(length), question)
    except (asyncio.IncompleteReadError, OSError):
        raise Failed("answer", "cut off") from None
    finally:
        writer.transport.abort()
    if answer is None:
        raise Failed("answer", "not an answer to the question")
    return answer


def _parsed(data: bytes, question: bytes) -> DNSRecord | None:
    """An answer to `question`; None for anything else."""
    if len(data) > _LONGEST or data[:2] != question[:2]:
        return None
    try:
        answer = DNSRecord.parse(data)
    except (DNSError, DNSLabelError, ValueError, IndexError, struct.error, RecursionError):
        return None
    told = answer.header.tc or answer.header.rcode  # then the question need not be repeated
    same = answer.q == DNSRecord.parse(question).q if answer.questions else told
    return answer if answer.header.qr and same else None
