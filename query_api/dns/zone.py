"""The zone: which names there are, and their records, packed once. Pure.

    <zone>                 SOA, NS
    ips.<zone>             A, AAAA, TXT of all nodes; TXT is a list with blanks between the addresses
    ipv4.<zone>            A, TXT
    ipv6.<zone>            AAAA, TXT
    <node>.nodes.<zone>    A, AAAA, TXT of one node

Whatever has no record of a type is NODATA for it; `nodes.<zone>` has none at all. Names are as they are sent: labels
with their lengths, in lower case.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from ipaddress import ip_address
from struct import pack
from typing import Any, NamedTuple

import dnslib
from dnslib.label import DNSBuffer

from infra.settings.nodes import Node, addresses_of

TTL = 300
_IN = 1
# Where the name of the question stands in every message: records refer to it.
_OWNER = b"\xc0\x0c"
# A name server that would copy the zone has to ask so often; there is none, since the zone is not transferred.
_REFRESH, _RETRY, _EXPIRE = 7_200, 900, 1_209_600
_LONGEST_STRING = 255


class Type(IntEnum):
    """Of records; the last ones only of questions."""

    A = 1
    NS = 2
    SOA = 6
    HINFO = 13
    TXT = 16
    AAAA = 28
    OPT = 41
    IXFR = 251
    AXFR = 252
    ANY = 255


class Records(NamedTuple):
    """All records of a name and type, as they follow the question that names them."""

    number: int
    packed: bytes


class Zone(NamedTuple):
    """name: of the zone. names: what there is. soa: of the answers that say what there is not, without its owner."""

    name: bytes
    names: Mapping[bytes, Mapping[int, Records]]
    soa: bytes


def build_zone(name: str, nameservers: Sequence[str], nodes: Iterable[Node]) -> Zone:
    """The zone of these nodes. Two processes that have the same nodes have the same zone, its serial number too."""
    known = tuple(nodes)
    below: dict[str, dict[int, Records]] = {
        "ips": _address_records(addresses_of(known)),
        "ipv4": _address_records(addresses_of(known, 4)),
        "ipv6": _address_records(addresses_of(known, 6)),
        "nodes": {},
        **{f"{node.code}.nodes": _address_records(node.addresses) for node in known},
    }
    # No name server copies the zone by its serial number, so it need not grow.
    serial = zlib.crc32(repr((name, nameservers, known)).encode()) or 1
    soa = _soa(nameservers[0], f"hostmaster.{name}", serial)
    apex: dict[int, Records] = {
        Type.SOA: _records(Type.SOA, [soa]),
        Type.NS: _records(Type.NS, map(_name, nameservers)),
    }
    names: dict[bytes, dict[int, Records]] = {_name(name): apex} | {
        _name(f"{label}.{name}"): found for label, found in below.items()
    }
    for found in names.values():
        # RFC 8482: who asks for everything gets something small.
        found[Type.ANY] = _records(Type.HINFO, [b"\x07RFC8482\x00"])
    return Zone(_name(name), names, _head(Type.SOA, soa) + soa)


def _address_records(addresses: Sequence[str]) -> dict[int, Records]:
    found = {
        Type.A: [_packed(dnslib.A(address)) for address in addresses if ":" not in address],
        Type.AAAA: [_packed(dnslib.AAAA(tuple(ip_address(address).packed))) for address in addresses if ":" in address],
        Type.TXT: [_packed(dnslib.TXT(list(_strings(addresses))))] if addresses else [],
    }
    return {kind: _records(kind, values) for kind, values in found.items() if values}


def _strings(addresses: Sequence[str]) -> Iterator[bytes]:
    """The list in strings that fit into a TXT record. Each but the last ends with a blank: who joins them has the list,
    who prints them apart has whole addresses."""
    line = b""
    for address in addresses:
        if len(line) + len(address) + 1 > _LONGEST_STRING:
            yield line
            line = b""
        line += address.encode() + b" "
    yield line.rstrip()


def _records(kind: Type, values: Iterable[bytes]) -> Records:
    packed = [_OWNER + _head(kind, value) + value for value in values]
    return Records(len(packed), b"".join(packed))


def _head(kind: Type, value: bytes) -> bytes:
    return pack("!HHIH", kind, _IN, TTL, len(value))


def _packed(data: Any) -> bytes:
    buffer = DNSBuffer()
    data.pack(buffer)
    return bytes(buffer.data)


def _name(text: str) -> bytes:
    buffer = DNSBuffer()
    buffer.encode_name_nocompress(text)
    return bytes(buffer.data)


def _soa(server: str, mailbox: str, serial: int) -> bytes:
    """Nothing in it is compressed: it stands at another place in each answer. The last number is how long resolvers
    remember that there is no such name or record."""
    return _name(server) + _name(mailbox) + pack("!5I", serial, _REFRESH, _RETRY, _EXPIRE, TTL)
