"""The client of a request behind proxies, by `X-Forwarded-For` and `X-Forwarded-Proto` of trusted proxies.

Each proxy appends the address of its peer, so only what trusted proxies appended is reliable: the client is the
rightmost address that is not a trusted proxy. Everything to the left of it may be forged.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
RawHeaders = Iterable[tuple[bytes, bytes]]

_SCHEMES = ("http", "https")
# What a chain of proxies can be; whoever sends more is not read further.
_MOST_HOPS = 32


class Forwarded:
    """`trusted`: networks of the proxies that are believed."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self.is_trusted = lru_cache(4096)(self._look_up_trust)

    def client(self, peer: str, headers: RawHeaders) -> str:
        """The client's address. `peer`: who is connected; it is the client when it is no proxy or names nobody."""
        if not self.is_trusted(peer):
            return peer
        lines = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        client = peer
        for hop in reversed(",".join(lines).split(",")[-_MOST_HOPS:]):
            address = _address(hop)
            if not address:
                break
            client = address
            if not self.is_trusted(address):
                break
        return client

    def scheme(self, given: str, peer: str, headers: RawHeaders) -> str:
        """The scheme that the client used. `given`: that of the connection."""
        if not self.is_trusted(peer):
            return given
        text = next((value for name, value in headers if name == b"x-forwarded-proto"), b"").decode("latin-1")
        scheme = text.partition(",")[0].strip().lower()
        return scheme if scheme in _SCHEMES else given

    def _look_up_trust(self, peer: str) -> bool:
        address = _parsed(peer)
        return address is not None and any(address in network for network in self._trusted)


def customer_of(address: str) -> str | None:
    """Whom an address belongs to: itself, or the network that providers give to one customer (/64 of IPv6).

    None for what is no address: whoever is connected by a Unix socket.
    """
    known = _parsed(address)
    if known is None:
        return None
    return str(ip_network(f"{known}/64", strict=False)) if known.version == 6 else str(known)


def is_loopback(address: str) -> bool:
    """Whether whoever is connected is on this host."""
    known = _parsed(address)
    return known is not None and known.is_loopback


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _address(hop: str) -> str:
    """An address of the list, without port and zone; empty for what is none."""
    hop = hop.strip()
    if hop.startswith("["):  # [address] or [address]:port
        hop = hop[1:].partition("]")[0]
    elif hop.count(".") == 3 and hop.count(":") == 1:  # a.b.c.d:port
        hop = hop.partition(":")[0]
    hop = hop.partition("%")[0].lower()
    return hop if _parsed(hop) is not None else ""
