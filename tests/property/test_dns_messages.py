"""Whatever is sent to the DNS server is answered in bounds, or not at all, and never with an exception."""

import struct

import dns.message
import dns.name
import dns.rcode
from hypothesis import given
from hypothesis import strategies as st

from query_api.dns.answers import MOST_UDP, PLAIN_UDP, Answers
from tests.dns_zone import many, question, zone

SMALL, LARGE = Answers(zone()), Answers(zone(many(120)))
NAMES = ["", "ips", "ipv4", "ipv6", "nodes", "fra.nodes", "n1.nodes", "none", "a.b.ips"]
TYPES = ["A", "AAAA", "TXT", "NS", "SOA", "ANY", "AXFR", "MX", "TYPE250"]
QUERIES = st.builds(
    lambda name, kind, size, dnssec: question(
        name, kind, **({} if size is None else {"use_edns": 0, "payload": size, "want_dnssec": dnssec})
    ).to_wire(),
    st.sampled_from(NAMES),
    st.sampled_from(TYPES),
    st.none() | st.integers(0, 65_535),
    st.booleans(),
)
HEADERS = st.builds(
    lambda flags, *counts: struct.pack("!6H", 7, flags, *counts),
    st.integers(0, 0xFFFF),
    *([st.integers(0, 3) | st.integers(0, 0xFFFF)] * 4),
)


@st.composite
def disturbed(draw: st.DrawFn) -> bytes:
    """A query with some of its bytes changed, taken out or put in."""
    message = bytearray(draw(QUERIES))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(message)))
        message[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(message)


MESSAGES = st.one_of(
    st.binary(max_size=600), st.builds(lambda a, b: a + b, HEADERS, st.binary(max_size=300)), disturbed()
)


def check(answers: Answers, message: bytes) -> None:
    udp, tcp = answers.over_udp(message), answers.over_tcp(message)
    short = answers.over_udp(message, short=True)
    assert (udp is None) == (tcp is None)
    if udp is None or tcp is None:
        assert short is None
        assert len(message) < 12 or message[2] & 0x80
        return
    for answer in (udp, tcp, *([] if short is None else [short])):
        response = dns.message.from_wire(answer.message)  # nothing is left over, nothing is missing
        assert answer.message[:2] == message[:2]
        assert answer.message[2] & 0x80, "a response, which no server answers"
        assert answers.over_udp(answer.message) is None
        assert not response.question or answer.message[12:].startswith(message[12 : 12 + _question_size(message)])
    assert len(udp.message) <= (MOST_UDP if tcp.message[10:12] == b"\0\1" else PLAIN_UDP)
    assert len(tcp.message) <= 65_535
    assert short is None or len(short.message) <= max(len(message), 12)
    if not udp.message[2] & 0x02:
        assert udp == tcp


def _question_size(message: bytes) -> int:
    size: int = dns.name.from_wire(message, 12)[1]
    return size + 4


@given(MESSAGES)
def test_any_bytes(message: bytes) -> None:
    check(SMALL, message)
    check(LARGE, message)


@given(QUERIES)
def test_any_query(message: bytes) -> None:
    check(SMALL, message)
    check(LARGE, message)
    answer = LARGE.over_tcp(message)
    assert answer is not None
    assert dns.message.from_wire(answer.message).rcode() != dns.rcode.FORMERR


@given(QUERIES, st.integers(0, 100))
def test_case_makes_no_difference(message: bytes, seed: int) -> None:
    """Of the letters of the name; the question comes back as it was sent."""
    end = 12 + _question_size(message) - 4
    name = bytes(
        byte ^ 0x20 if chr(byte).isalpha() and seed >> n % 7 & 1 else byte for n, byte in enumerate(message[12:end])
    )
    other = message[:12] + name + message[end:]
    plain, changed = SMALL.over_tcp(message), SMALL.over_tcp(other)
    assert plain is not None
    assert changed is not None
    assert changed.outcome == plain.outcome
    assert changed.message[12:end] == name
    assert changed.message[:12] + changed.message[end:] == plain.message[:12] + plain.message[end:]
