"""The nodes of a file: what is read, what is refused and how, and which nodes there are."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.settings import nodes
from infra.settings.errors import wrong_settings
from infra.settings.ignored import ignored_settings
from infra.settings.nodes import Node, addresses_of, every_node, parse_nodes, read_nodes
from infra.settings.settings import Settings

FILE = """
[fra]
ip = "192.0.2.10"
ip6 = "2001:DB8:0::10"
city = "Frankfurt"
country = "Germany"
country_code = "DE"
lat = 50.11
lng = 8

[hooks]
ip = "192.0.2.20"

[six]
ip6 = "2001:db8::30"
"""
FRA = Node("fra", "192.0.2.10", "2001:db8::10", "Frankfurt", "Germany", "de", 50.11, 8.0)
HOOKS, SIX = Node("hooks", "192.0.2.20"), Node("six", ip6="2001:db8::30")


def test_a_file() -> None:
    assert parse_nodes(FILE) == (FRA, HOOKS, SIX)
    assert parse_nodes("") == ()


def test_regions_come_first_and_each_is_a_node() -> None:
    every = every_node(["tok", "six", "fra"], parse_nodes(FILE))
    assert list(every.items()) == [("tok", Node("tok")), ("six", SIX), ("fra", FRA), ("hooks", HOOKS)]


def test_addresses_of_both_families_are_interleaved_and_each_is_there_once() -> None:
    twice = [FRA, HOOKS, FRA._replace(code="gra"), SIX]
    assert addresses_of(twice) == ("2001:db8::10", "192.0.2.10", "192.0.2.20", "2001:db8::30")
    assert addresses_of(twice, 4) == ("192.0.2.10", "192.0.2.20")
    assert addresses_of(twice, 6) == ("2001:db8::10", "2001:db8::30")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[fra", "it is not TOML (Expected"),
        ("x = " + "[" * 100_000, "it is not TOML"),
        ("fra = 1", "fra: a table [fra] with the addresses"),
        ('[Fra]\nip = "192.0.2.1"', "[Fra]: a name of at most 40 lower-case letters, digits and hyphens is expected"),
        ('["fra\\n"]\nip = "192.0.2.1"', "a name of at most 40 lower-case letters, digits and hyphens is expected"),
        ("[fra]", "[fra]: an address is expected, ip or ip6 or both"),
        ('[fra]\ncity = "Frankfurt"', "[fra]: an address is expected, ip or ip6 or both"),
        ("[fra]\nip = 1", "[fra]: ip: a text with an IPv4 address is expected"),
        ('[fra]\nip = "192.0.2.256"', "[fra] ip is '192.0.2.256': an IPv4 address, such as 192.0.2.10, is expected"),
        ('[fra]\nip = "2001:db8::1"', "[fra] ip is '2001:db8::1': an IPv4 address"),
        ('[fra]\nip = "0.0.0.0"', "[fra] ip is '0.0.0.0': an IPv4 address"),
        ('[fra]\nip6 = "192.0.2.1"', "[fra] ip6 is '192.0.2.1': an IPv6 address, such as 2001:db8::10, is expected"),
        ('[fra]\nip6 = "fe80::1%eth0"', "[fra] ip6 is 'fe80::1%eth0': an IPv6 address"),
        ('[fra]\nip6 = "::ffff:192.0.2.1"', "[fra] ip6 is '::ffff:192.0.2.1': an IPv6 address"),
        ('[fra]\nip6 = "ff02::1"', "[fra] ip6 is 'ff02::1': an IPv6 address"),
        ('[fra]\nip = "192.0.2.1"\nlat = 91', "[fra]: lat: a number from -90 to 90 is expected"),
        ('[fra]\nip = "192.0.2.1"\nlng = -180.5', "[fra]: lng: a number from -180 to 180 is expected"),
        ('[fra]\nip = "192.0.2.1"\nlat = nan', "[fra]: lat: a number"),
        ('[fra]\nip = "192.0.2.1"\ncountry_code = "deu"', "[fra]: country_code: a text of two letters is expected"),
        ('[fra]\nip = "192.0.2.1"\ncity = ""', "[fra]: city: a text of 1 to 100 characters in one line is expected"),
        (
            '[fra]\nip = "192.0.2.1"\ncity = "a\\nb"',
            "[fra]: city: a text of 1 to 100 characters in one line is expected",
        ),
        ('[fra]\nip = "192.0.2.1"\nipv6 = ""', "unknown field `ipv6`; expected are ip, ip6, city, country"),
        ("\n".join(f'[n{n}]\nip = "192.0.2.1"' for n in range(251)), "it has 251 tables; at most 250 nodes are exp"),
    ],
)
def test_a_refusal_tells_the_table_the_field_and_what_is_expected(text: str, told: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        parse_nodes(text)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 300


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"it cannot be read .*; a TOML file"):
        read_nodes(tmp_path / "missing.toml")
    with pytest.raises(ValueError, match=r"it cannot be read .*; a TOML file"):
        read_nodes(tmp_path)
    with pytest.raises(ValueError, match=r"it cannot be read .*; a TOML file"):
        read_nodes(Path("nul\0"))
    (tmp_path / "nodes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="it is not UTF-8"):
        read_nodes(tmp_path / "nodes.toml")
    monkeypatch.setattr(nodes, "_LARGEST_FILE", 1)
    with pytest.raises(ValueError, match="it is larger than 1 bytes"):
        read_nodes(tmp_path / "nodes.toml")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of Pingfold."""
    for name in list(os.environ):
        if name.upper().startswith("PINGFOLD_"):
            monkeypatch.delenv(name)
    return monkeypatch


def test_the_setting(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "nodes.toml"
    file.write_text(FILE)
    alone.setenv("PINGFOLD_NODES", str(file))
    alone.setenv("PINGFOLD_REGIONS", "tok,fra")
    settings = Settings()
    assert settings.nodes == (FRA, HOOKS, SIX)
    assert list(settings.every_node) == ["tok", "fra", "hooks", "six"]
    alone.setenv("PINGFOLD_NODES", "")
    assert Settings().every_node == {"tok": Node("tok"), "fra": Node("fra")}
    alone.setenv("PINGFOLD_NODES", str(tmp_path / "other.toml"))
    with pytest.raises(ValidationError) as refused:
        Settings()
    (line,) = wrong_settings(refused.value)
    assert line.startswith(f"PINGFOLD_NODES is '{tmp_path}/other.toml'"[:100])
    assert "it cannot be read (No such file or directory); a TOML file" in line


@pytest.mark.parametrize(
    ("zone", "servers", "told"),
    [
        ("nodes", None, "PINGFOLD_DNS_ZONE is 'nodes': a domain name of at most 200 characters is expected, such as"),
        ("a." * 100 + "org", "ns.example.org", "PINGFOLD_DNS_ZONE is"),
        ("-.example.org", "ns.example.org", "PINGFOLD_DNS_ZONE is '-.example.org': a domain name"),
        ("n.example.org", None, "PINGFOLD_DNS_NAMESERVERS: the names of the servers of the zone n.example.org are exp"),
        ("n.example.org", ",", "PINGFOLD_DNS_NAMESERVERS is ',': the names of the servers of the zone"),
        ("n.example.org", "a b", "PINGFOLD_DNS_NAMESERVERS is 'a b': a domain name"),
        (
            "n.example.org",
            "ns.example.org,NS.N.example.org",
            "PINGFOLD_DNS_NAMESERVERS is 'ns.example.org,NS.N.example.org': names outside of the zone are expected: "
            "ns.n.example.org is within n.example.org",
        ),
    ],
)
def test_a_zone_that_cannot_be_served(alone: pytest.MonkeyPatch, zone: str, servers: str | None, told: str) -> None:
    alone.setenv("PINGFOLD_DNS_ZONE", zone)
    if servers is not None:
        alone.setenv("PINGFOLD_DNS_NAMESERVERS", servers)
    with pytest.raises(ValidationError) as refused:
        Settings()
    (line,) = wrong_settings(refused.value)
    assert line.startswith(told)


def test_a_zone(alone: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert (settings.dns_zone, settings.dns_nameservers) == (None, ())
    assert settings.dns_listen == (("127.0.0.1", 8053),)
    alone.setenv("PINGFOLD_DNS_NAMESERVERS", "ns1.example.org., NS2.example.org")
    assert Settings().dns_nameservers == ("ns1.example.org", "ns2.example.org")
    assert ignored_settings(Settings()) == [
        "PINGFOLD_DNS_NAMESERVERS is set and PINGFOLD_DNS_ZONE is not: there is no DNS server"
    ]
    alone.setenv("PINGFOLD_DNS_ZONE", "Nodes.Example.ORG.")
    alone.setenv("PINGFOLD_DNS_LISTEN", "192.0.2.53, [2001:db8::53]:5300")
    settings = Settings()
    assert settings.dns_zone == "nodes.example.org"
    assert settings.dns_listen == (("192.0.2.53", 53), ("2001:db8::53", 5300))
    assert ignored_settings(settings) == ["PINGFOLD_DNS_ZONE is set and PINGFOLD_NODES is not: the zone has no address"]
