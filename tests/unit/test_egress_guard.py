"""The SSRF guard: every class of address that is not public, and the resolver that applies it to names."""

import socket
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from infra.egress.guard import Guard, GuardedResolver, TargetRefused, public_or_empty, tell_operator


def words(*lines: str) -> list[str]:
    return [word for line in lines for word in line.split()]


REFUSED = words(
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 127.0.0.1 127.9.9.9 172.16.0.1 172.31.255.255 192.168.1.1",
    ":: ::1 fc00::1 fdff::1",
    "169.254.169.254 fe80::1 fe80::1%eth0 febf::1 fec0::1",
    "100.64.0.1 100.127.255.255 168.63.129.16 ::ffff:168.63.129.16 64:ff9b::a83f:8110",
    "192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9",
    "2001:db8::1 3fff::1 2001::1 2001:2::1",
    "224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 ff02::1 ff0e::1",
    "::ffff:127.0.0.1 ::ffff:a00:1 ::ffff:169.254.169.254 ::127.0.0.1 ::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2002:c0a8:101::1",
    "2002:a9fe:a9fe::1 100::1 5f00::1",
    # Where clouds answer their machines: AWS, Oracle, Alibaba, Tencent, Scaleway, Google, IBM, Azure; and disguises.
    "169.254.170.2 169.254.170.23 fd00:ec2::254 fd00:ec2::23 192.0.0.192 fd00:c1::a9fe:a9fe 100.100.100.200",
    "169.254.0.23 169.254.42.42 fd00:42::42 fd20:ce::254 161.26.0.10 166.8.0.1 166.11.255.255 2002:a83f:8110::1",
    "2001:0:a83f:8110:: 2606:4700::5efe:168.63.129.16 2606:4700::200:5efe:a9fe:a9fe",
    "2001:0:4136:e378:8000:63bf:57c0:7eef",
)

PUBLIC = words(
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1",
    "168.63.129.15 168.63.129.17 161.25.255.255 161.27.0.0 166.7.255.255 166.12.0.0 2606:4700::5efe:8.8.8.8",
    "172.15.0.1 172.32.0.1 169.253.0.1 192.167.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255",
    "2606:4700::1111 2a00:1450:4001::1 2001:4860::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1",
)


@pytest.mark.parametrize("address", REFUSED)
def test_refuses_what_is_not_public_and_says_how_to_allow_it(address: str) -> None:
    with pytest.raises(TargetRefused, match="PINGFOLD_PRIVATE_TARGETS"):
        Guard().check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_permits_what_is_public(address: str) -> None:
    Guard().check(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.200.0.9", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
)
def test_an_allowed_network_counts_in_every_disguise(address: str) -> None:
    guard = Guard([ip_network("127.0.0.0/8")])
    guard.check(address)
    assert not guard.permits(ip_address("10.0.0.1"))
    assert not guard.permits(ip_address("::1"))


@pytest.mark.parametrize("text", ["localhost", "127.1", "0x7f000001", "2130706433", "", "1.1.1.1.1"])
def test_what_is_no_canonical_address_is_refused(text: str) -> None:
    with pytest.raises(TargetRefused):
        Guard().check(text)


class Names(AbstractResolver):
    """Answers with given addresses, another list at each call."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        kind = socket.AF_INET
        return [
            ResolveResult(hostname=host, host=a, port=port, family=kind, proto=0, flags=0) for a in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def test_every_address_of_a_name_is_checked() -> None:
    resolver = GuardedResolver(Guard(), Names(["1.1.1.1", "8.8.8.8"], ["1.1.1.1", "10.0.0.1"]))
    found = await resolver.resolve("example.com", 443)
    assert [(r["hostname"], r["host"], r["port"]) for r in found] == [
        ("example.com", "1.1.1.1", 443),
        ("example.com", "8.8.8.8", 443),
    ]
    tell_operator.cache_clear()
    with capture_logs() as logs, pytest.raises(TargetRefused, match=r"example\.com resolves to a private") as refused:
        await resolver.resolve("example.com", 443)
    assert "10.0.0.1" not in str(refused.value)
    [told] = [line for line in logs if line["event"] == "target.refused"]
    assert (told["host"], "10.0.0.1" in told["reason"]) == ("example.com", True)


@pytest.mark.parametrize("name", ["127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "0"])
async def test_odd_literals_are_resolved_and_then_refused(name: str) -> None:
    resolver = GuardedResolver(Guard())
    with pytest.raises(TargetRefused, match="resolves to"):
        await resolver.resolve(name, 80)
    await resolver.close()


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST"])
async def test_names_of_this_host_are_refused(name: str) -> None:
    resolver = GuardedResolver(Guard())
    with pytest.raises(TargetRefused):
        await resolver.resolve(name, 80)
    await resolver.close()


async def test_a_label_that_is_too_long_is_an_ordinary_failure() -> None:
    resolver = GuardedResolver(Guard())
    with pytest.raises(OSError, match="not a host name"):
        await resolver.resolve("x" * 70 + ".example", 80)
    await resolver.close()


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "127.0.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "localhost", "LOCALHOST."]
)
def test_a_host_that_is_a_refused_address_is_refused_before_anything_is_connected(host: str) -> None:
    with pytest.raises(TargetRefused, match="PINGFOLD_PRIVATE_TARGETS"):
        Guard().check_host(host, 80)
    Guard([ip_network("0.0.0.0/0"), ip_network("::/0")]).check_host(host, 80)


@pytest.mark.parametrize(
    "host", ["example.org", "1.1.1.1", "2606:4700::1111", "localhost.example.org", "10.0.0.1.example"]
)
def test_a_host_that_is_a_name_or_public_is_let_be(host: str) -> None:
    Guard().check_host(host, 80)


def test_localhost_is_let_be_when_either_of_its_addresses_may_be_reached() -> None:
    Guard([ip_network("::1/128")]).check_host("localhost", 80)
    Guard([ip_network("127.0.0.1/32")]).check_host("localhost", 80)
    Guard([ip_network("127.0.0.1/32")]).check_host("app.localhost.", 80)


# Clients take each of these for an address before they look it up, or refuse it: nobody ever reaches a host by it.
NO_HOSTS = words(
    "127.1 0x7f000001 2130706433 0177.0.0.1 017700000001 0 0x7f.1 0x 127.0.0.0x1 1.1.1.1.1 256.1.1.1 010.0.0.1",
    "127.0.0.1. 1.1.1.1. example.123 example.0x1f ①②⑦.0.0.1 １２７.０.０.１ 127。0。0。1 %31%32%37.0.0.1 local%68ost",
)


@pytest.mark.parametrize("host", NO_HOSTS)
@pytest.mark.parametrize("allowed", [(), ("0.0.0.0/0", "::/0")])
def test_what_is_neither_a_name_nor_an_address_is_refused_whatever_is_allowed(
    host: str, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(TargetRefused, match="is no host name, nor an IP address in its usual form"):
        Guard([ip_network(network) for network in allowed]).check_host(host, 80)


@pytest.mark.parametrize("host", ["1.example.org", "0x7f.example.org", "127-0-0-1.example.org", "xn--p1ai", "a.b", "x"])
def test_names_with_numbers_in_them_are_names(host: str) -> None:
    Guard().check_host(host, 80)


class Closed:
    """As `OwnServers`: port 9092 is one of its own, at every address."""

    def holds(self, address: object, port: int) -> bool:
        return port == 9092


def test_who_may_not_reach_an_address_does_not_learn_which_ports_of_it_are_our_own() -> None:
    def told(guard: Guard, host: str, port: int) -> str:
        with pytest.raises(TargetRefused) as refused:
            guard.check_host(host, port)
        return str(refused.value)

    for host in ("127.0.0.1", "10.0.0.1", "::1", "localhost"):
        assert told(Guard(own=Closed()), host, 9092) == told(Guard(own=Closed()), host, 9093)
    allowing = Guard([ip_network("127.0.0.0/8")], Closed())
    allowing.check_host("127.0.0.1", 9093)
    for host in ("127.0.0.1", "localhost"):
        assert told(allowing, host, 9092) == f"{host} is closed to probes and webhooks, whatever is allowed"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_for_everybody(address: str) -> None:
    assert public_or_empty(address) == address


@pytest.mark.parametrize("address", [*REFUSED, "", "x", "127.1"])
def test_others_are_not(address: str) -> None:
    assert public_or_empty(address) == ""


_SPECIAL = [network for network in map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32"))]


@given(st.sampled_from(_SPECIAL), st.integers(0), st.integers(0, 2**32 - 1))
def test_a_refused_address_is_refused_in_every_disguise(network: Any, number: int, other: int) -> None:
    inner = int(network[number % network.num_addresses])
    forms = {
        "mapped": 0xFFFF << 32 | inner,
        "compatible": inner,
        "translated": 0xFFFF << 48 | inner,
        "nat64": 0x64FF9B << 96 | inner,
        "nat64 local": 0x64FF9B0001 << 80 | inner,
        "6to4": 0x2002 << 112 | inner << 80 | other,
        "teredo server": 0x20010000 << 96 | inner << 64 | other,
        "teredo client": 0x20010000 << 96 | other << 64 | (inner ^ 0xFFFFFFFF),
        "isatap": 0x2606 << 112 | other << 64 | 0x5EFE << 32 | inner,
        "isatap, universal": 0x2606 << 112 | other << 64 | 0x2005EFE << 32 | inner,
    }
    for name, form in forms.items():
        assert not Guard().permits(IPv6Address(form)), name
