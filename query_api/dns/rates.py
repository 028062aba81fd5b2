"""How many full answers a network gets in a second over UDP, where anybody may ask in another's name. Pure.

A network is what one victim would be: an IPv4 /24, an IPv6 /56. The count begins anew each second; it is kept of a
bounded number of networks, and those beyond are not limited: a flood from so many does not aim at one of them.
"""

import socket

_MOST_NETWORKS = 65_536
_MAPPED = bytes(10) + b"\xff\xff"


class Rates:
    """most: in a second; 0: no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = 0
        self._counts: dict[bytes, int] = {}

    def is_over(self, address: str, now: float) -> bool:
        """Count one more of this address; whether it is one too many. now: in seconds, of a clock that only grows."""
        if not self._most:
            return False
        if int(now) != self._second:
            self._second, self._counts = int(now), {}
        network = network_of(address)
        count = self._counts.get(network, 0) + 1
        if count > 1 or len(self._counts) < _MOST_NETWORKS:
            self._counts[network] = count
        return count > self._most


def network_of(address: str) -> bytes:
    """The network of an address as the kernel gives it."""
    if ":" not in address:
        return socket.inet_pton(socket.AF_INET, address)[:3]
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return packed[12:15] if packed.startswith(_MAPPED) else packed[:7]
