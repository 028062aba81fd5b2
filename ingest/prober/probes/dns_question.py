"""One DNS query without a cache: over UDP, and over TCP if the answer was truncated.

- It says that it takes 1,232 bytes (EDNS), which no network cuts into pieces. A server that does not know that, whether
  it says so, answers with an error or not at all, is asked again without.
- Only an answer with the same number and question counts, from the address that was asked. Some servers repeat no
  question where they truncate: then it is looked at over TCP, where it must be there.
- Several servers are asked one after the other, a quarter of a second apart; the first answer counts.
- If a resolver that the monitor names does not answer, the target has failed; if those of this host do not, it is a
  `prober_error`.
"""

import asyncio
import itertools
import secrets
import struct
from collections.abc import Sequence
from typing import NamedTuple

from dnslib import EDNS0, QTYPE, RCODE, DNSBuffer, DNSError, DNSHeader, DNSQuestion, DNSRecord
from dnslib.label import DNSLabelError

from ingest.prober.probes.happy_eyeballs import first_to_answer
from ingest.prober.probes.outcome import ProbeFailed, because
from schemas.host_names import InvalidHost, encoded_host
from schemas.servers import Server

_AGAIN_SECONDS = 2.0
_EDNS_BYTES = 1_232
_HEADER = struct.Struct("!6H")
_LENGTH = struct.Struct("!H")
# Parsing costs about 10 us a record. Answers longer than this are parsed in a thread, those of more records not at all.
_PARSED_AT_ONCE = 4_096
_MOST_RECORDS = 1_000
_NO_MESSAGE = (DNSError, DNSLabelError, ValueError, IndexError, struct.error, RecursionError)
_UNREADABLE = "the resolver answered with what is no valid DNS message"
# What servers say to EDNS that do not know it; the others are asked again in vain.
_MAY_BE_EDNS = (RCODE.FORMERR, RCODE.NOTIMP, RCODE.SERVFAIL, RCODE.REFUSED)


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

    def half(self, size: int, why: str) -> ProbeFailed:
        """There is a truncated answer of so many bytes, and no whole one."""
        words = f"the resolver answered over UDP, truncated to {size} bytes; over TCP, where the rest is, {why}"
        if self.is_local:
            return ProbeFailed("prober_error", f"of this host, {words}", True)
        return ProbeFailed("answer", words, True)


class Question(NamedTuple):
    """The forms of a question in which it is sent, those with EDNS first."""

    forms: Sequence[bytes]

    @property
    def plain(self) -> bytes:
        """As every server knows it."""
        return self.forms[-1]


class Truncated(NamedTuple):
    """The beginning of an answer: the rest is to be had over TCP. size: in bytes."""

    size: int


def question(host: str, record: str) -> bytes:
    """The question for records of a kind; raises `ProbeFailed` for what cannot be a name."""
    return _packed(host, record)


def question_with_edns(host: str, record: str) -> Question:
    """The same in both forms."""
    return Question((_packed(host, record, EDNS0(udp_len=_EDNS_BYTES)), _packed(host, record)))


def _packed(host: str, record: str, *more: EDNS0) -> bytes:
    try:
        asked = DNSQuestion(encoded_host(host, in_dns=True).encode(), getattr(QTYPE, record))
        return bytes(DNSRecord(DNSHeader(id=secrets.randbits(16), rd=1), q=asked, ar=list(more)).pack())
    except (DNSError, DNSLabelError, InvalidHost, UnicodeError):
        raise ProbeFailed("name", "not a host name") from None


async def over_udp(resolver: Nameservers, question: Question | bytes) -> tuple[DNSRecord | Truncated, Server]:
    """The first answer, and who gave it. Waits for ever while they are silent: the time limit is the caller's."""
    forms = (question,) if isinstance(question, bytes) else question.forms

    async def ask(server: Server) -> tuple[DNSRecord | Truncated, Server]:
        try:
            return await _answer_of(server, forms), server
        except OSError as error:  # nobody listens there
            raise resolver.away(error) from None

    return await first_to_answer(resolver.servers, ask)


async def _answer_of(server: Server, forms: Sequence[bytes]) -> DNSRecord | Truncated:
    """The answer to one of the forms. While there is none they are sent in turn."""
    for turn in itertools.count():
        sent = forms[turn % len(forms)]
        try:
            async with asyncio.timeout(_AGAIN_SECONDS):
                answer = await _sent(server, sent)
        except TimeoutError:
            continue
        if sent is forms[-1] or not _may_be_edns(answer):
            return answer
        forms = forms[-1:]
    raise AssertionError


async def _sent(server: Server, sent: bytes) -> DNSRecord | Truncated:
    transport, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(sent), remote_addr=server
    )
    try:
        transport.sendto(sent)
        return await datagrams.answer
    finally:
        transport.abort()
        datagrams.answer.cancel()


def _may_be_edns(answer: DNSRecord | Truncated) -> bool:
    """Whether a server that knows no EDNS says so, or may mean it."""
    if isinstance(answer, Truncated):
        return False
    extended = any(one.rtype == QTYPE.OPT and one.ttl >> 24 for one in answer.ar)
    return answer.header.rcode in _MAY_BE_EDNS or extended


async def over_tcp(resolver: Nameservers, server: Server, question: bytes, truncated: Truncated) -> DNSRecord:
    """The whole of the truncated answer of `server`."""
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        raise resolver.half(truncated.size, f"it cannot be reached: {because(error, 'connect').detail}") from None
    try:
        writer.write(_LENGTH.pack(len(question)) + question)
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        data = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError):
        raise resolver.half(truncated.size, "it closed without a whole answer") from None
    finally:
        writer.transport.abort()
    if len(data) > _PARSED_AT_ONCE:
        answer = await asyncio.to_thread(_parsed, data, question)
    else:
        answer = _parsed(data, question)
    if answer is None:
        raise ProbeFailed("answer", "the resolver answered something else than was asked")
    return answer


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the answer to `sent`. The socket is connected: what others send never comes here."""

    def __init__(self, sent: bytes) -> None:
        self.answer: asyncio.Future[DNSRecord | Truncated] = asyncio.get_running_loop().create_future()
        self._sent = sent

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.answer.done() or not _is_reply(data, self._sent):
            return
        try:
            if len(data) > _PARSED_AT_ONCE or data[2] & 0x02:
                if _has_question(data, self._sent):
                    self.answer.set_result(Truncated(len(data)))
            elif (parsed := _parsed(data, self._sent)) is not None:
                self.answer.set_result(parsed)
        except ProbeFailed as failed:
            self.answer.set_exception(failed)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


def _is_reply(data: bytes, sent: bytes) -> bool:
    """Whether it says that it answers the question with this number."""
    return len(data) >= _HEADER.size and data[:2] == sent[:2] and bool(data[2] & 0x80)


def _has_question(data: bytes, sent: bytes) -> bool:
    """Whether it answers the question, or only sends us to TCP; the rest is not read. Raises as `_parsed` does."""
    try:
        buffer = DNSBuffer(data)
        header = DNSHeader.parse(buffer)
        if header.tc and not header.q:
            return True
        return _is_same([DNSQuestion.parse(buffer)] if header.q else [], header, sent)
    except _NO_MESSAGE:
        raise ProbeFailed("answer", _UNREADABLE, True) from None


def _is_same(questions: Sequence[DNSQuestion], header: DNSHeader, sent: bytes) -> bool:
    """Whether that is what was asked. An error need not repeat the question."""
    return bool(questions[0] == DNSRecord.parse(sent).q if questions else header.rcode)


def _parsed(data: bytes, sent: bytes) -> DNSRecord | None:
    """An answer to the question; None for anything else. Raises `ProbeFailed` when the answer cannot be read."""
    if not _is_reply(data, sent):
        return None
    if sum(_HEADER.unpack_from(data)[3:]) > _MOST_RECORDS:
        raise ProbeFailed("answer", f"more than {_MOST_RECORDS} records")
    try:
        answer = DNSRecord.parse(data)
    except _NO_MESSAGE:
        raise ProbeFailed("answer", _UNREADABLE, True) from None
    return answer if _is_same(answer.questions, answer.header, sent) else None
