"""The nodes of an installation: from where it probes, from where it sends notifications, by which addresses.

They stand in a TOML file that `PINGFOLD_NODES` names, a table for each. Its name is the node's code: that of a region
(`PINGFOLD_REGIONS`), or, for a host that only sends, any other name:

    [fra]
    ip = "192.0.2.10"
    ip6 = "2001:db8::10"
    city = "Frankfurt"
    country = "Germany"
    country_code = "de"
    lat = 50.11
    lng = 8.68

At least one address is needed, everything else may be left out. Reading it is the only I/O of this module.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

CODE = r"^[a-z0-9-]{1,40}$"
_CODE = re.compile(CODE)
# Answers that list all nodes are bounded by these.
MOST_NODES = 250
_LARGEST_FILE = 2**20
_FIELDS = {
    "ip": "a text with an IPv4 address",
    "ip6": "a text with an IPv6 address",
    "city": "a text of 1 to 100 characters in one line",
    "country": "a text of 1 to 100 characters in one line",
    "country_code": "a text of two letters",
    "lat": "a number from -90 to 90",
    "lng": "a number from -180 to 180",
}
_EXPECTED = "a TOML file with a table for each node is expected (docs/operations.md)"

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z")]


class Node(NamedTuple):
    """A region, or a host that only sends. None: not known. country_code: two lower-case letters."""

    code: str
    ip: str | None = None
    ip6: str | None = None
    city: str | None = None
    country: str | None = None
    country_code: str | None = None
    lat: float | None = None
    lng: float | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that are known, the one of IPv6 first."""
        return tuple(address for address in (self.ip6, self.ip) if address is not None)


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """As it is written."""

    ip: str | None = None
    ip6: str | None = None
    city: _Text | None = None
    country: _Text | None = None
    country_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2}\Z")] | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lng: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


def read_nodes(file: Path) -> tuple[Node, ...]:
    """The nodes of a file. Raises `ValueError`, which says what is wrong and what is expected."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"it cannot be read ({reason}); {_EXPECTED}") from None
    if len(content) > _LARGEST_FILE:
        raise ValueError(f"it is larger than {_LARGEST_FILE} bytes; {_EXPECTED}")
    try:
        return parse_nodes(content.decode())
    except UnicodeDecodeError:
        raise ValueError(f"it is not UTF-8; {_EXPECTED}") from None


def parse_nodes(text: str) -> tuple[Node, ...]:
    """The nodes of such a file, in its order. Raises `ValueError`."""
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"it is not TOML ({error}); {_EXPECTED}") from None
    if len(tables) > MOST_NODES:
        raise ValueError(f"it has {len(tables)} tables; at most {MOST_NODES} nodes are expected")
    return tuple(_node(code, table) for code, table in tables.items())


def every_node(regions: Iterable[str], nodes: Iterable[Node]) -> dict[str, Node]:
    """All nodes by code: the regions, also those of which nothing is known, then the hosts that only send."""
    known = {node.code: node for node in nodes}
    return {region: known.get(region) or Node(region) for region in regions} | known


def addresses_of(nodes: Iterable[Node], version: int | None = None) -> tuple[str, ...]:
    """All addresses, each once: of each node the one of IPv6, then the one of IPv4. version: 4 or 6, only those."""
    found = dict.fromkeys(address for node in nodes for address in node.addresses)
    return tuple(address for address in found if version is None or (":" in address) == (version == 6))


def _node(code: str, table: object) -> Node:
    if not _CODE.match(code) or "\n" in code:
        raise ValueError(f"[{code[:50]}]: a name of at most 40 lower-case letters, digits and hyphens is expected")
    if not isinstance(table, Mapping):
        raise ValueError(f"{code}: a table [{code}] with the addresses and the place of the node is expected")
    try:
        entry = msgspec.convert(table, _Entry)
    except msgspec.ValidationError as error:
        raise ValueError(f"[{code}]: {_in_words(error)}") from None
    if entry.ip is None and entry.ip6 is None:
        raise ValueError(f"[{code}]: an address is expected, ip or ip6 or both")
    ip = None if entry.ip is None else _address(f"[{code}] ip", entry.ip, IPv4Address)
    ip6 = None if entry.ip6 is None else _address(f"[{code}] ip6", entry.ip6, IPv6Address)
    country_code = entry.country_code and entry.country_code.lower()
    return Node(code, ip, ip6, entry.city, entry.country, country_code, entry.lat, entry.lng)


def _in_words(error: msgspec.ValidationError) -> str:
    """What is wrong with an entry, without the words of a library."""
    reason, _, path = str(error).rpartition(" - at ")
    field = path.strip("`").removeprefix("$.")
    if field in _FIELDS:
        return f"{field}: {_FIELDS[field]} is expected"
    return f"{reason or error}; expected are {', '.join(_FIELDS)}"


def _address(where: str, text: str, kind: type[IPv4Address] | type[IPv6Address]) -> str:
    """An address as it is usually written."""
    try:
        address = kind(text)
    except ValueError:
        address = None
    scoped = isinstance(address, IPv6Address) and (address.scope_id is not None or address.ipv4_mapped is not None)
    if address is None or scoped or address.is_unspecified or address.is_multicast:
        which = "IPv4 address, such as 192.0.2.10," if kind is IPv4Address else "IPv6 address, such as 2001:db8::10,"
        raise ValueError(f"{where} is {text[:50]!r}: an {which} is expected")
    return str(address)
