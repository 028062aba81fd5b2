"""DNS monitors against resolvers that answer as few do: long, cut, late, wrong, or with no idea of EDNS."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, DNSLabel, DNSRecord

from ingest.prober.probes.connection import Connector
from schemas.probes import ProbeCompleted
from tests.probe_targets import V4, Talk, connecting, on_uvloop, probed, room_of, seen, serving, silent, until_gone

# What a resolver sends for a request: each of these datagrams.
Answers = Callable[[DNSRecord], Sequence[bytes]]
TEXTS = [f'TXT "{number} {"x" * 250}" "{"y" * 250}"' for number in range(40)]  # more than 20 KB
ZONE = {
    "a.test": ["A 127.0.0.1"],
    "long.test": TEXTS,
    "some.test": [f"A 127.0.1.{number}" for number in range(1, 60)],  # about 1,000 bytes
    "strings.test": ["TXT " + " ".join(f'"{letter}{number}"' for letter in "abc" for number in range(30))],
    "key.test": ['TXT "v=DKIM1; p=' + "A" * 240 + '" "' + "B" * 240 + '"'],
    "quoted.test": [r'TXT "say \"hi\""'],
    "mail.test": ["MX 10 MX.xn--Bcher-kva.Test.", 'CAA 0 issue "ca.test; policy=ev"'],
    "Mixed.test": ["CNAME WWW.Mixed.Test."],
}


def reply_to(request: DNSRecord) -> DNSRecord:
    reply, name, kind = request.reply(), str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
    for host, records in ZONE.items():
        for record in records if host.lower() == name else ():
            if record.split()[0] == kind:
                reply.add_answer(*RR.fromZone(f"{name}. 0 {record}"))
    return reply


def whole(request: DNSRecord) -> Sequence[bytes]:
    """As any server: truncated where there is no room."""
    reply, room = reply_to(request), room_of(request)
    packed = bytes(reply.pack())
    return [packed if len(packed) <= room else bytes(reply.truncate().pack())]


class Odd(asyncio.DatagramProtocol):
    """asked: the requests over UDP; over_tcp: over TCP."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.asked: list[DNSRecord] = []
        self.over_tcp: list[DNSRecord] = []
        self.name = ""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = DNSRecord.parse(data)
        self.asked.append(request)
        for answer in self._answers(request):
            self._transport.sendto(answer, addr)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        self.over_tcp.append(request)
        packed = bytes(reply_to(request).pack())
        writer.write(len(packed).to_bytes(2) + packed[:100])
        await writer.drain()
        writer.write(packed[100:])


@contextlib.asynccontextmanager
async def odd(answers: Answers, tcp: Talk | None = None) -> AsyncIterator[tuple[Odd, Connector]]:
    """A resolver, and a prober. tcp: what it does over TCP; None: it answers."""
    told = Odd(answers)
    async with serving(tcp or told.talk) as listening, connecting() as connector:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: told, local_addr=(V4, listening.port)
        )
        told.name = f"{V4}:{listening.port}"
        try:
            yield told, connector
        finally:
            transport.close()


async def asks(
    resolver: Odd, connector: Connector, host: str, record: str = "A", expected: str = "", timeout: int = 20
) -> ProbeCompleted:
    return await probed(connector, "dns", timeout, host=host, record=record, expected=expected, resolver=resolver.name)


def room_told(request: DNSRecord) -> int | None:
    """What EDNS says; None without it."""
    return next((one.rclass for one in request.ar if one.rtype == QTYPE.OPT), None)


@on_uvloop
async def test_an_answer_that_finds_room_in_1232_bytes_comes_over_udp() -> None:
    async with odd(whole) as (resolver, connector):
        result = await asks(resolver, connector, "some.test", expected="127.0.1.59")
        assert (seen(result), len(resolver.asked), resolver.over_tcp) == ("ok", 1, []), result
        assert room_told(resolver.asked[0]) == 1_232


@on_uvloop
async def test_a_long_answer_comes_over_tcp() -> None:
    async with odd(whole) as (resolver, connector):
        result = await asks(resolver, connector, "long.test", "TXT", f"39 {'x' * 250}{'y' * 250}")
        assert (seen(result), len(resolver.over_tcp)) == ("ok", 1), result


def with_edns_refused(rcode: int, extended: int = 0) -> Answers:
    def answers(request: DNSRecord) -> Sequence[bytes]:
        if room_told(request) is None:
            return whole(request)
        refused = request.reply()
        refused.header.rcode = rcode
        if extended:
            refused.add_ar(EDNS0(ext_rcode=extended, udp_len=512))
        elif rcode == RCODE.FORMERR:  # as old servers do, without the question
            refused.questions = []
        return [bytes(refused.pack())]

    return answers


@pytest.mark.parametrize(
    ("rcode", "extended"),
    [(RCODE.FORMERR, 0), (RCODE.NOTIMP, 0), (RCODE.SERVFAIL, 0), (RCODE.REFUSED, 0), (RCODE.NOERROR, 1)],
)
@on_uvloop
async def test_a_server_that_knows_no_edns_is_asked_again_without(rcode: int, extended: int) -> None:
    async with odd(with_edns_refused(rcode, extended)) as (resolver, connector):
        result = await asks(resolver, connector, "a.test")
        assert seen(result) == "ok", result
        assert [room_told(request) for request in resolver.asked] == [1_232, None]


@on_uvloop
async def test_a_server_that_is_silent_to_edns_is_asked_again_without() -> None:
    async with odd(lambda request: [] if room_told(request) else whole(request)) as (resolver, connector):
        assert seen(await asks(resolver, connector, "a.test")) == "ok"
        assert [room_told(request) for request in resolver.asked][:2] == [1_232, None]


@on_uvloop
async def test_what_says_no_to_everything_is_told() -> None:
    def refuses(request: DNSRecord) -> Sequence[bytes]:
        refused = request.reply()
        refused.header.rcode = RCODE.REFUSED
        return [bytes(refused.pack())]

    async with odd(refuses) as (resolver, connector):
        result = await asks(resolver, connector, "a.test")
        assert (seen(result), result.detail, len(resolver.asked)) == ("answer", "REFUSED", 2)


def short(request: DNSRecord) -> Sequence[bytes]:
    """Cut at 512 bytes, whatever EDNS says."""
    packed = bytes(reply_to(request).pack())
    if len(packed) <= 512:
        return [packed]
    return [packed[:2] + bytes([packed[2] | 0x02]) + packed[3:512]]


@on_uvloop
async def test_a_resolver_that_cuts_and_has_no_tcp() -> None:
    told = Odd(short)
    with socket.socket() as bound:
        bound.bind((V4, 0))  # and nobody listens there
        told.name = f"{V4}:{bound.getsockname()[1]}"
        make = asyncio.get_running_loop().create_datagram_endpoint
        transport, _ = await make(lambda: told, local_addr=bound.getsockname())
        try:
            async with connecting() as connector:
                result = await asks(told, connector, "some.test")
        finally:
            transport.close()
    assert (seen(result), result.address) == ("answer", V4)
    assert result.detail == (
        "the resolver answered over UDP, truncated to 512 bytes; over TCP, where the rest is, it cannot be reached: "
        "connection refused"
    )


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(2)
    writer.write(b"\x10\x00half")


async def wrong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
    packed = bytes(DNSRecord.question("other.test").reply().pack())
    packed = request.header.id.to_bytes(2) + packed[2:]
    writer.write(len(packed).to_bytes(2) + packed)
    await until_gone(reader)


@pytest.mark.parametrize(
    ("tcp", "timeout", "words"),
    [
        (closing, 20, "it closed without a whole answer"),
        (silent, 1, "it is silent"),
        (wrong, 20, "something else than was asked"),
    ],
)
@on_uvloop
async def test_a_resolver_whose_tcp_is_of_no_use(tcp: Talk, timeout: int, words: str) -> None:
    async with odd(short, tcp) as (resolver, connector):
        result = await asks(resolver, connector, "some.test", timeout=timeout)
        while seen(result) == "timeout" and timeout < 20:  # this machine was too slow for the answer over UDP
            timeout *= 4
            result = await asks(resolver, connector, "some.test", timeout=timeout)
        assert (seen(result), words in result.detail) == ("answer", True), result


@on_uvloop
async def test_answers_with_another_number_or_from_elsewhere_do_not_count() -> None:
    forged = bytes([127, 0, 0, 66])

    def answers(request: DNSRecord) -> Sequence[bytes]:
        [right] = whole(request)
        false = right.replace(bytes([127, 0, 0, 1]), forged)
        other = bytes(DNSRecord.question("other.test").reply().pack())
        return [
            bytes([false[0] ^ 0xFF]) + false[1:],  # another number
            false[:2] + bytes([false[2] & 0x7F]) + false[3:],  # a question
            false[:2] + other[2:],  # of another name
            false[:2] + bytes([other[2] | 0x02]) + other[3:],  # the same, truncated
            false[:2] + other[2:] + bytes(5_000),  # so long that it is not parsed
            false[:5],
            right,
        ]

    async with odd(answers) as (resolver, connector):
        result = await asks(resolver, connector, "a.test", expected="127.0.0.1")
        assert seen(result) == "ok", result
        assert not resolver.over_tcp

    class Elsewhere(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            [right] = whole(DNSRecord.parse(data))
            with socket.socket(type=socket.SOCK_DGRAM) as stranger:
                stranger.bind((V4, 0))
                stranger.sendto(right, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Elsewhere, local_addr=(V4, 0))
    try:
        async with connecting() as connector:
            name = f"{V4}:{transport.get_extra_info('sockname')[1]}"
            assert seen(await probed(connector, "dns", 1, host="a.test", record="A", resolver=name)) == "timeout"
    finally:
        transport.close()


@on_uvloop
async def test_a_question_may_come_back_in_other_letters() -> None:
    def answers(request: DNSRecord) -> Sequence[bytes]:
        reply = reply_to(request)
        reply.questions[0].qname = DNSLabel("A.TeSt")
        return [bytes(reply.pack())]

    async with odd(answers) as (resolver, connector):
        assert seen(await asks(resolver, connector, "a.test")) == "ok"


@pytest.mark.parametrize("count", [999, 1_001])
@on_uvloop
async def test_so_many_records_are_read(count: int) -> None:
    async def many(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        reply = request.reply()
        address = RR.fromZone("a.test A 127.0.0.1")[0].rdata
        reply.add_answer(*(RR("a.test", rdata=address) for _ in range(count)))
        packed = bytes(reply.pack())
        writer.write(len(packed).to_bytes(2) + packed)

    async with odd(lambda request: [bytes(request.reply().truncate().pack())], many) as (resolver, connector):
        result = await asks(resolver, connector, "a.test")
        assert (seen(result), result.detail) == (("ok", "") if count < 1_000 else ("answer", "more than 1000 records"))


@on_uvloop
async def test_what_is_no_message_is_told() -> None:
    def answers(request: DNSRecord) -> Sequence[bytes]:
        reply = bytes(reply_to(request).pack())
        return [reply[:6] + b"\x00\x09" + reply[8:]]  # nine answers, of which one is there

    async with odd(answers) as (resolver, connector):
        result = await asks(resolver, connector, "a.test")
        assert (seen(result), result.detail) == ("answer", "the resolver answered with what is no valid DNS message")


@on_uvloop
async def test_an_alias_without_an_end_is_told() -> None:
    def answers(request: DNSRecord) -> Sequence[bytes]:
        reply = request.reply()
        reply.add_answer(*RR.fromZone("a.test. 0 CNAME b.test.\nb.test. 0 CNAME C.Test."))
        if QTYPE[request.q.qtype] == "A":
            reply.add_answer(*RR.fromZone("c.test. 0 A 127.0.0.1"))
        return [bytes(reply.pack())]

    async with odd(answers) as (resolver, connector):
        assert seen(await asks(resolver, connector, "a.test", expected="127.0.0.1")) == "ok"
        result = await asks(resolver, connector, "a.test", "AAAA")
        assert (seen(result), result.detail) == ("answer", "only an alias: there is no AAAA record of c.test")
        either = await probed(connector, "dns", 20, host="a.test", resolver=resolver.name, expected="127.0.0.2")
        assert (seen(either), either.detail) == ("answer", "found a private address")


EXPECTED = [
    ("strings.test", "TXT", "".join(f"{letter}{number}" for letter in "abc" for number in range(30)), True),
    ("key.test", "TXT", "v=DKIM1; p=" + "A" * 240 + "B" * 240, True),
    ("key.test", "TXT", '"v=DKIM1; p=' + "A" * 240 + '" "' + "B" * 240 + '"', True),  # as dig and zone files have it
    ("key.test", "TXT", '"v=DKIM1; p=' + "A" * 240 + '"', False),
    ("quoted.test", "TXT", 'say "hi"', True),
    ("quoted.test", "TXT", r'"say \"hi\""', True),
    ("mail.test", "MX", "10 mx.bücher.test", True),
    ("mail.test", "MX", "mx.XN--BCHER-KVA.test.", True),
    ("mail.test", "MX", "20 mx.bücher.test", False),
    ("mail.test", "CAA", '0 issue "ca.test; policy=ev"', True),
    ("mixed.test", "CNAME", "www.MIXED.test", True),
    ("MIXED.test", "CNAME", "www.mixed.test.", True),
]


@pytest.mark.parametrize(("host", "record", "expected", "well"), EXPECTED)
@on_uvloop
async def test_an_expected_value_is_what_people_copy_from_elsewhere(
    host: str, record: str, expected: str, well: bool
) -> None:
    async with odd(whole) as (resolver, connector):
        result = await asks(resolver, connector, host, record, expected)
        assert result.ok is well, result
