"""One DNS query without a cache: over UDP, and over TCP if the answer was truncated.

If a resolver that the monitor names does not answer, the target has failed; if those of this host do not, it is a
`prober_error`.
"""

import asyncio
import itertools
import secrets
import struct
from collections.abc import Sequence
from typing import NamedTuple

from dnslib import QTYPE, DNSError, DNSHeader, DNSQuestion, DNSRecord
from dnslib.label import DNSLabelError

from ingest.prober.probes.outcome import ProbeFailed, because
from schemas.servers import Server

_AGAIN_SECONDS = 2.0
# Parsing costs about 10 us a record; longer answers are refused unread.
_LONGEST = 4_096
_LENGTH = struct.Struct("!H")


class Nameservers(NamedTuple):
    """Servers that are asked in turn. is_local: they are those of this host."""

    servers: Sequence[Server]
    is_local: bool = False

    def away(self, error: OSError) -> ProbeFailed:
        """Nobody can be asked there."""
        if self.is_local:
            return ProbeFailed("prober_error", "the resolver of this host cannot be reached")
        fault = because(error, "connect")
        return ProbeFailed(fault.failure, f"the resolver cannot be reached: {fault.detail}", fault.answered)


def question(host: str, record: str) -> bytes:
    """The question for records of a kind; raises `ProbeFailed` for what cannot be a name."""
    try:
        asked = DNSQuestion(host, getattr(QTYPE, record))
        return bytes(DNSRecord(DNSHeader(id=secrets.randbits(16), rd=1), q=asked).pack())
    except (DNSError, DNSLabelError, UnicodeError):
        raise ProbeFailed("name", "not a host name") from None


async def over_udp(resolver: Nameservers, question: bytes) -> tuple[DNSRecord, Server]:
    """The first answer, and who gave it. Waits for ever while they are silent: the time limit is the caller's."""
    loop, servers = asyncio.get_running_loop(), resolver.servers
    for turn in itertools.count(1):
        server = servers[turn % len(servers) - 1]
        transport = None
        try:
            transport, datagrams = await loop.create_datagram_endpoint(lambda: _Datagrams(question), remote_addr=server)
            transport.sendto(question)
            async with asyncio.timeout(_AGAIN_SECONDS):
                return await datagrams.answer, server
        except TimeoutError:
            pass
        except OSError as error:  # nobody listens there
            if turn >= len(servers):
                raise resolver.away(error) from None
        finally:
            if transport is not None:
                transport.abort()
    raise AssertionError


async def over_tcp(resolver: Nameservers, server: Server, question: bytes) -> DNSRecord:
    """The answer of `server`."""
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        raise resolver.away(error) from None
    try:
        writer.write(_LENGTH.pack(len(question)) + question)
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > _LONGEST:
            raise ProbeFailed("answer", "longer than 4 KB")
        answer = _parsed(await reader.readexactly(length), question)
    except (asyncio.IncompleteReadError, OSError):
        raise ProbeFailed("answer", "cut off") from None
    finally:
        writer.transport.abort()
    if answer is None:
        raise ProbeFailed("answer", "not an answer to the question")
    return answer


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
