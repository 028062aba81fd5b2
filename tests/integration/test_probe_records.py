"""Probes of records in the DNS, of resolvers on loopback: what is asked, and what must be in an answer."""

import asyncio
import socket
from typing import Any

import pytest

from infra.egress.guard import Guard
from schemas.monitors import MonitorKind
from tests.probe_targets import (
    V4,
    V6,
    Zone,
    connecting,
    on_uvloop,
    probed,
    resolving,
    seen,
)

MANY = [f"127.0.1.{number}" for number in range(1, 201)]


@on_uvloop
async def test_dns() -> None:
    zone: Zone = {"four.test": [V4], "six.test": [V6], "none.test": [], "broken.test": "SERVFAIL", "many.test": MANY}
    async with resolving(zone) as names, connecting(server=names.server) as connector:
        for host, outcome, words in [
            ("four.test", "ok", ""),
            ("FOUR.test.", "ok", ""),
            ("six.test", "ok", ""),
            ("many.test", "ok", ""),
            ("none.test", "answer", "no address"),
            ("gone.test", "answer", "NXDOMAIN"),
            ("broken.test", "answer", "SERVFAIL"),
        ]:
            names.asked.clear()
            result = await probed(connector, "dns", host=host)
            assert (seen(result), result.detail, result.address) == (outcome, words, ""), result
            assert {kind for _, _, kind in names.asked} == {"A", "AAAA"}
            assert ("tcp" in {protocol for protocol, _, _ in names.asked}) is (host == "many.test")


RECORDS: Zone = {
    "a.test": ["127.0.0.9", V4, "::1", "MX 10 mail.A.test.", "MX 20 other.test.", "NS ns1.a.test."],
    "alias.test": ["CNAME www.A.test."],
    "words.test": ['TXT "v=spf1 " "-All"', 'TXT "other"', 'CAA 0 issue "Ca.test"', "SRV 1 2 443 host.test."],
    "zone.test": ["SOA ns1.zone.test. admin.zone.test. 7 2 3 4 5"],
    "private.test": ["10.0.0.1"],
}

EXPECTED: list[tuple[str, str, str, str]] = [  # host, record, expected, what is said
    ("a.test", "", "", "ok"),
    ("a.test", "A", "", "ok"),
    ("a.test", "", V4, "ok"),
    ("a.test", "", "0:0::1", "ok"),
    ("a.test", "AAAA", "::0001", "ok"),
    ("a.test", "A", "127.0.0.2", "found a private address"),
    ("a.test", "AAAA", V4, "found a private address"),
    ("a.test", "MX", "", "ok"),
    ("a.test", "MX", "10 MAIL.a.test", "ok"),
    ("a.test", "MX", "10   mail.a.test.", "ok"),
    ("a.test", "MX", "Other.test.", "ok"),
    ("a.test", "MX", "20 mail.a.test", "found 10 mail.a.test, 20 other.test"),
    ("a.test", "NS", "NS1.a.test.", "ok"),
    ("a.test", "CNAME", "", "no CNAME record"),
    ("alias.test", "CNAME", "www.a.test", "ok"),
    ("alias.test", "CNAME", "w.a.test", "found www.a.test"),
    ("words.test", "TXT", "v=spf1 -All", "ok"),
    ("words.test", "TXT", "v=spf1 -all", "found other, v=spf1 -All"),
    ("words.test", "CAA", '0 issue "ca.test"', "ok"),
    ("words.test", "SRV", "1 2 443 HOST.test", "ok"),
    ("zone.test", "SOA", "ns1.zone.test. admin.zone.test. 7 2 3 4 5", "ok"),
    ("zone.test", "SOA", "ns1.zone.test. admin.zone.test. 8 2 3 4 5", "found ns1.zone.test admin.zone.test 7 2 3 4 5"),
    ("gone.test", "TXT", "x", "NXDOMAIN"),
    ("private.test", "A", "10.0.0.1", "resolves to a private or reserved address"),
]


@pytest.mark.parametrize(("host", "record", "expected", "said"), EXPECTED)
@on_uvloop
async def test_what_must_be_in_the_answer_of_the_resolver_that_is_named(
    host: str, record: Any, expected: str, said: str
) -> None:
    async with resolving({}) as ours, resolving(RECORDS) as named, connecting(server=ours.server) as connector:
        resolver = f"{V4}:{named.server[1]}"
        result = await probed(connector, "dns", host=host, record=record, expected=expected, resolver=resolver)
        failure = "refused target" if host == "private.test" else "answer"
        assert (seen(result), result.address) == ("ok" if said == "ok" else failure, V4), result
        assert result.detail.startswith("" if said == "ok" else said)
        assert ours.asked == []


@on_uvloop
async def test_what_only_the_resolver_of_this_host_knows_is_not_told() -> None:
    async with resolving(RECORDS) as ours, connecting(server=ours.server) as connector:
        result = await probed(connector, "dns", host="words.test", record="TXT", expected="x")
        assert (seen(result), result.detail) == ("answer", "none of 2 records is the expected one")
        assert seen(await probed(connector, "dns", host="words.test", record="TXT", expected="other")) == "ok"


@on_uvloop
async def test_a_resolver_that_is_named_is_a_target_like_others() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind((V4, 0))
        nobody = f"{V4}:{bound.getsockname()[1]}"
    async with (
        resolving({"a.test": [V4], "big.test": MANY}) as named,
        resolving({"a.test": [V4]}) as ours,
        connecting(server=ours.server) as connector,
        connecting(Guard(), ours.server) as strict,
    ):
        listening = f"{V4}:{named.server[1]}"
        assert seen(await probed(connector, "dns", host="big.test", resolver=listening)) == "ok"
        assert {protocol for protocol, _, _ in named.asked} == {"udp", "tcp"}
        named.asked.clear()
        for guarded, resolver, timeout, failure, words in [
            (connector, nobody, 5, "connect", "the resolver cannot be reached: connection refused"),
            (connector, "10.0.0.1", 5, "refused target", "a private or reserved"),
            (connector, "[::ffff:10.0.0.1]:53", 5, "refused target", "private"),
            (connector, "resolver.test", 5, "refused target", "not the address of a resolver"),
            (strict, listening, 5, "refused target", "private"),
        ]:
            result = await probed(guarded, "dns", timeout=timeout, host="a.test", resolver=resolver)
            assert (seen(result), words in result.detail) == (failure, True), result
        assert named.asked == []
        named.silent = True
        ours.silent = True  # that says nothing about the one that is asked
        result = await probed(connector, "dns", timeout=1, host="a.test", resolver=listening)
        assert (seen(result), result.address) == ("timeout", V4)
        assert len(named.asked) == 2
        assert ours.asked == []


@on_uvloop
async def test_a_name_that_is_never_answered_is_not_a_resolver_that_is_silent() -> None:
    async with resolving({"a.test": [V4]}) as names, connecting(server=names.server) as connector:
        targets: list[tuple[MonitorKind, dict[str, Any]]] = [
            ("dns", {"host": "silent.test"}),
            ("http", {"url": "http://silent.test/"}),
        ]
        for kind, target in targets:
            names.silent = False
            # The resolver is asked for something else in time, however busy this machine is.
            assert seen(await probed(connector, kind, timeout=4, **target)) == "timeout"
            names.silent = True
            result = await probed(connector, kind, timeout=1, **target)
            assert (seen(result), "resolver" in result.detail) == ("prober_error", True)


@on_uvloop
async def test_where_no_resolver_listens_it_is_our_fault() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind((V4, 0))
        server = bound.getsockname()
    async with connecting(server=server) as connector:
        for kind in ("dns", "tcp"):
            result = await probed(connector, kind, host="a.test", port=1)
            assert seen(result) == "prober_error", result


@on_uvloop
async def test_a_resolver_that_tells_nonsense() -> None:
    class Nonsense(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            loop = b"\xc0\x0c"
            for reply in (b"", data[:2], data, bytes(600), data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + loop + data[12:]):
                self.transport.sendto(reply, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Nonsense, local_addr=(V4, 0))
    try:
        async with connecting(server=transport.get_extra_info("sockname")) as connector:
            for kind in ("dns", "tcp"):
                result = await probed(connector, kind, timeout=1, host="a.test", port=1)
                assert not result.ok
    finally:
        transport.close()
