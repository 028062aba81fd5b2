"""What the DNS server answers, message by message. dnspython and dnslib make the queries and read the answers."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dnslib
import pytest

from query_api.dns.answers import MOST_UDP, PLAIN_UDP, Answers
from query_api.dns.rates import Rates, network_of
from query_api.dns.zone import TTL
from tests.dns_zone import ALL, NAME, NAMESERVERS, many, question, values, zone

ANSWERS = Answers(zone())


def ask(query: dns.message.QueryMessage, answers: Answers = ANSWERS) -> dns.message.Message:
    """Over UDP. That it answers this very query is checked by dnspython."""
    answer = answers.over_udp(query.to_wire())
    assert answer is not None
    response = dns.message.from_wire(answer.message)
    assert query.is_response(response)
    return response


def code(message: bytes) -> int | None:
    """What a message of bytes is answered with; None: with nothing."""
    udp, tcp = ANSWERS.over_udp(message), ANSWERS.over_tcp(message)
    assert (udp is None) == (tcp is None)
    if udp is None:
        return None
    assert tcp is not None
    assert udp.message == tcp.message
    assert udp.message[:2] == message[:2]
    rcode: int = dns.message.from_wire(udp.message).rcode()
    return rcode


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("ips", "A", {"192.0.2.10", "192.0.2.11"}),
        ("ips", "AAAA", {"2001:db8::10", "2001:db8::12"}),
        ("ips", "TXT", {ALL}),
        ("ipv4", "A", {"192.0.2.10", "192.0.2.11"}),
        ("ipv4", "TXT", {"192.0.2.10 192.0.2.11"}),
        ("ipv6", "AAAA", {"2001:db8::10", "2001:db8::12"}),
        ("ipv6", "TXT", {"2001:db8::10 2001:db8::12"}),
        ("fra.nodes", "A", {"192.0.2.10"}),
        ("fra.nodes", "AAAA", {"2001:db8::10"}),
        ("fra.nodes", "TXT", {"2001:db8::10 192.0.2.10"}),
        ("tok.nodes", "TXT", {"192.0.2.11"}),
        ("", "NS", {f"{name}." for name in NAMESERVERS}),
    ],
)
def test_what_there_is(name: str, kind: str, found: set[str]) -> None:
    response = ask(question(name, kind))
    assert response.rcode() == dns.rcode.NOERROR
    assert dns.flags.to_text(response.flags) == "QR AA RD"
    assert values(response) == found
    assert {records.ttl for records in response.answer} == {TTL}
    assert not response.authority
    assert not response.additional


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("ipv4", "AAAA", "NOERROR"),
        ("ipv6", "A", "NOERROR"),
        ("tok.nodes", "AAAA", "NOERROR"),
        ("local.nodes", "A", "NOERROR"),
        ("local.nodes", "TXT", "NOERROR"),
        ("nodes", "A", "NOERROR"),
        ("nodes", "TXT", "NOERROR"),
        ("", "A", "NOERROR"),
        ("ips", "MX", "NOERROR"),
        ("ips", "TYPE127", "NOERROR"),
        ("ips", "TYPE65280", "NOERROR"),
        ("mia.nodes", "A", "NXDOMAIN"),
        ("fra", "A", "NXDOMAIN"),
        ("a.ips", "A", "NXDOMAIN"),
        ("a.b.c.d.e", "TXT", "NXDOMAIN"),
        ("*", "A", "NXDOMAIN"),
        ("xnodes", "A", "NXDOMAIN"),
    ],
)
def test_what_there_is_not(name: str, kind: str, rcode: str) -> None:
    response = ask(question(name, kind))
    assert dns.rcode.to_text(response.rcode()) == rcode
    assert dns.flags.to_text(response.flags) == "QR AA RD"
    assert not response.answer
    (soa,) = response.authority
    assert (soa.name.to_text(), soa.rdtype, soa.ttl) == (f"{NAME}.", dns.rdatatype.SOA, TTL)
    assert soa[0].minimum == TTL


def test_the_soa() -> None:
    (soa,) = ask(question("", "SOA")).answer
    assert (soa[0].mname.to_text(), soa[0].rname.to_text()) == ("ns1.example.org.", f"hostmaster.{NAME}.")
    assert soa == ask(question("none")).authority[0]
    assert zone() == zone()
    assert zone(many(2)).soa != zone(many(3)).soa


@pytest.mark.parametrize(
    ("name", "kind", "class_"),
    [
        ("example.org.", "A", "IN"),
        ("org.", "SOA", "IN"),
        (".", "NS", "IN"),
        (f"x{NAME}.", "A", "IN"),
        ("ips.nodes.example.org.example.com.", "A", "IN"),
        (f"ips.{NAME}.", "A", "CH"),
        (f"ips.{NAME}.", "A", "ANY"),
        ("version.bind.", "TXT", "CH"),
        (f"{NAME}.", "AXFR", "IN"),
        (f"{NAME}.", "IXFR", "IN"),
    ],
)
def test_what_is_refused(name: str, kind: str, class_: str) -> None:
    response = ask(dns.message.make_query(name, kind, class_))
    assert response.rcode() == dns.rcode.REFUSED
    assert dns.flags.to_text(response.flags) == "QR RD"
    assert not response.answer
    assert not response.authority


def test_bytes_within_a_label_are_no_name_of_the_zone() -> None:
    """A label of 18 bytes that are those of the zone's name, lengths and all."""
    inner = b"\x05nodes\x07example\x03org"
    message = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + bytes([len(inner)]) + inner + b"\0" + struct.pack("!2H", 1, 1)
    assert code(message) == dns.rcode.REFUSED


def test_the_case_of_a_question_is_kept() -> None:
    written = f"iPs.NoDeS.{'.'.join(part.title() for part in NAME.split('.')[1:])}."
    for name in (written, f"NONE.{NAME}.".upper()):
        query = dns.message.make_query(name, "A").to_wire()
        answer = ANSWERS.over_udp(query)
        assert answer is not None
        response = dns.message.from_wire(answer.message)
        assert response.question[0].name.to_text() == name
        assert all(records.name.to_text() == name for records in response.answer)
        assert answer.message[12 : len(query)] == query[12:]


def test_any_gets_one_short_record() -> None:
    response = ask(question("ips", "ANY"))
    (records,) = response.answer
    assert (records.rdtype, records[0].to_text()) == (dns.rdatatype.HINFO, '"RFC8482" ""')
    assert ask(question("none", "ANY")).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("kind", ["MAILA", "TYPE253", "TYPE250", "TYPE249", "TYPE200"])
def test_other_questions_of_many_types(kind: str) -> None:
    assert ask(question("ips", kind)).rcode() == dns.rcode.NOTIMP


def test_what_a_client_says_of_edns() -> None:
    plain = ask(question("ips"))
    assert plain.edns == -1
    response = ask(question("ips", use_edns=0, payload=4_096))
    assert (response.edns, response.payload, response.ednsflags, response.options) == (0, MOST_UDP, 0, ())
    asked = question(
        "ips", want_dnssec=True, use_edns=0, options=[dns.edns.GenericOption(dns.edns.OptionType(10), b"12345678")]
    )
    assert ask(asked).ednsflags == dns.flags.DO
    assert ask(question("none", use_edns=0)).edns == 0
    assert ask(dns.message.make_query("example.com.", "A", use_edns=0)).edns == 0


def test_a_version_of_edns_that_there_is_not() -> None:
    response = ask(question("ips", use_edns=1))
    assert response.rcode() == dns.rcode.BADVERS
    assert (response.edns, response.answer, response.authority) == (0, [], [])


@pytest.mark.parametrize("payload", [None, 0, 511, 512, 700, 1_232, 4_096, 65_535])
def test_what_finds_no_room_is_truncated(payload: int | None) -> None:
    """It comes whole over TCP; over UDP nothing of it."""
    answers = Answers(zone(many(100)))
    query = question("ips", "AAAA", **({} if payload is None else {"use_edns": 0, "payload": payload}))
    over_udp, over_tcp = answers.over_udp(query.to_wire()), answers.over_tcp(query.to_wire())
    assert over_udp is not None
    assert over_tcp is not None
    short, whole = dns.message.from_wire(over_udp.message), dns.message.from_wire(over_tcp.message)
    assert dns.flags.to_text(short.flags) == "QR AA TC RD"
    assert (short.answer, over_udp.outcome) == ([], "truncated")
    assert len(over_udp.message) <= PLAIN_UDP
    assert dns.flags.to_text(whole.flags) == "QR AA RD"
    assert len(values(whole)) == 100


@pytest.mark.parametrize(
    ("size", "truncated"), [(None, True), (512, True), (600, True), (1_000, False), (9_000, False)]
)
def test_what_finds_room_is_not(size: int | None, truncated: bool) -> None:
    answers = Answers(zone(many(30)))  # 30 AAAA records of 28 bytes
    query = question("ips", "AAAA", **({} if size is None else {"use_edns": 0, "payload": size}))
    answer = answers.over_udp(query.to_wire())
    assert answer is not None
    assert (answer.outcome == "truncated") is truncated
    assert len(answer.message) <= min(size or PLAIN_UDP, MOST_UDP)


def test_as_many_nodes_as_there_may_be_find_room_over_tcp() -> None:
    answers = Answers(zone(many(250)))
    for kind, count in (("A", 250), ("AAAA", 250), ("TXT", 1)):
        over_tcp = answers.over_tcp(question("ips", kind).to_wire())
        assert over_tcp is not None
        assert over_tcp.outcome == "noerror"
        assert len(values(dns.message.from_wire(over_tcp.message))) == count
    text = answers.over_tcp(question("ips", "TXT").to_wire())
    assert text is not None
    (records,) = dns.message.from_wire(text.message).answer
    assert len(records[0].strings) > 20
    assert all(len(string) <= 255 and string.endswith(b" ") for string in records[0].strings[:-1])
    assert len(b"".join(records[0].strings).split()) == 500


HEAD = struct.Struct("!6H")
QUESTION = b"\x03ips\x05nodes\x07example\x03org\0\0\1\0\1"
OPT = b"\0" + struct.pack("!HHIH", 41, 1_232, 0, 0)
FORMERR, NOTIMP, NOERROR = dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.NOERROR


@pytest.mark.parametrize(
    ("message", "rcode"),
    [
        (b"", None),
        (b"\0" * 11, None),
        (HEAD.pack(7, 0x8000, 1, 0, 0, 0) + QUESTION, None),
        (HEAD.pack(7, 0x8400, 1, 1, 0, 0) + QUESTION, None),
        (HEAD.pack(7, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), None),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + QUESTION, NOERROR),
        (HEAD.pack(7, 0x0FF0 & 0x87FF, 1, 0, 0, 0) + QUESTION, NOERROR),
        (HEAD.pack(7, 0x0800, 1, 0, 0, 0) + QUESTION, NOTIMP),
        (HEAD.pack(7, 0x2000, 1, 0, 0, 0) + QUESTION, NOTIMP),
        (HEAD.pack(7, 0x2800, 1, 0, 0, 0) + QUESTION, NOTIMP),
        (HEAD.pack(7, 0x7800, 0, 0, 0, 0), NOTIMP),
        (HEAD.pack(7, 0, 0, 0, 0, 0), FORMERR),
        (HEAD.pack(7, 0, 2, 0, 0, 0) + QUESTION * 2, FORMERR),
        (HEAD.pack(7, 0, 0xFFFF, 0, 0, 0) + QUESTION, FORMERR),
        (HEAD.pack(7, 0, 1, 1, 0, 0) + QUESTION + OPT, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 1, 0) + QUESTION + OPT, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0), FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + QUESTION[:-1], FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + QUESTION + b"\0", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + OPT, NOERROR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + QUESTION + OPT, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 2) + QUESTION + OPT * 2, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 9) + QUESTION + OPT, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + OPT[:-1], FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + OPT + b"\0", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + OPT[:-2] + b"\xff\xff", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + b"\xc0\x0c" + OPT[1:], FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + b"\xc0", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + b"\x80" + OPT, FORMERR),
        # Another record beside EDNS: its owner may refer to anything, itself too.
        (
            HEAD.pack(7, 0, 1, 0, 0, 2) + QUESTION + b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 0, 1) + b"x" + OPT,
            NOERROR,
        ),
        (HEAD.pack(7, 0, 1, 0, 0, 1) + QUESTION + b"\xc0\x22" + struct.pack("!HHIH", 16, 1, 0, 0), NOERROR),
        # Names of the question: a reference to itself, to the header, ahead; lengths of no meaning; too long.
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\xc0\x00\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x03ips\xc0\x0c\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x40" + b"a" * 64 + b"\0\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x80" + b"a" * 64 + b"\0\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x3f" + b"a" * 10, FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x01a" * 127 + b"\0\0\1\0\1", dns.rcode.REFUSED),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x01a" * 128 + b"\0\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x01a" * 2_000 + b"\0\0\1\0\1", FORMERR),
        (HEAD.pack(7, 0, 1, 0, 0, 0) + b"\x04a\0.\xff" + QUESTION[4:], dns.rcode.NXDOMAIN),
    ],
)
def test_messages_that_nobody_sends_in_good_faith(message: bytes, rcode: int | None) -> None:
    assert code(message) == rcode


def test_a_query_cut_short_anywhere_has_one_answer_at_most() -> None:
    whole = question("fra.nodes", "TXT", use_edns=0).to_wire()
    codes = [code(whole[:length]) for length in range(len(whole) + 1)]
    assert codes == [None] * 12 + [FORMERR] * (len(whole) - 12) + [NOERROR]


def test_who_asks_too_often_is_told_to_come_over_tcp() -> None:
    query = question("ips", "AAAA", use_edns=0).to_wire()
    answer = ANSWERS.over_udp(query, short=True)
    assert answer is not None
    assert len(answer.message) <= len(query)
    response = dns.message.from_wire(answer.message)
    assert dns.flags.to_text(response.flags) == "QR TC RD"
    assert (response.answer, answer.outcome) == ([], "limited")
    assert ANSWERS.over_udp(HEAD.pack(7, 0x0800, 1, 0, 0, 0) + QUESTION, short=True) is None
    assert ANSWERS.over_udp(HEAD.pack(7, 0, 0, 0, 0, 0), short=True) is None


def test_networks_and_their_rates() -> None:
    rates = Rates(2)
    assert [rates.is_over(address, 10.0) for address in ("192.0.2.1", "192.0.2.9", "192.0.2.1")] == [False, False, True]
    assert not rates.is_over("192.0.3.1", 10.0)
    assert not rates.is_over("192.0.2.1", 11.2), "another second"
    assert not any(Rates(0).is_over("192.0.2.1", 10.0) for _ in range(100))
    assert network_of("2001:db8:1:200::1") == network_of("2001:db8:1:2ff::9") != network_of("2001:db8:1:300::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.9")
    assert network_of("fe80::1%lo") == network_of("fe80::2")


def test_rates_of_more_networks_than_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_api.dns.rates._MOST_NETWORKS", 2)
    rates = Rates(1)
    asked = ["192.0.2.1", "192.0.3.1", "192.0.4.1", "192.0.4.1", "192.0.2.1"]
    assert [rates.is_over(address, 10.0) for address in asked] == [False, False, False, False, True]


def test_dnslib_reads_the_same() -> None:
    answer = ANSWERS.over_udp(bytes(dnslib.DNSRecord.question(f"ips.{NAME}", "A").pack()))
    assert answer is not None
    record = dnslib.DNSRecord.parse(answer.message)
    assert [str(one.rdata) for one in record.rr] == ["192.0.2.10", "192.0.2.11"]
    assert str(record.rr[0].rname) == f"ips.{NAME}."
