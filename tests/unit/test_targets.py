"""The SSRF guard: every class of address that is not public, and the resolver that applies it to names."""

import socket
from ipaddress import ip_address, ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from infra.targets import Guard, GuardedResolver, TargetRefused


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
)

PUBLIC = words(
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1",
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
    with pytest.raises(TargetRefused, match=r"example.com resolves to 10\.0\.0\.1"):
        await resolver.resolve("example.com", 443)


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
