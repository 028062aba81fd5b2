"""The peers of an HTTP server: how many connections each has, and which of them wait for their client."""

from collections.abc import Iterator
from typing import Protocol

from infra.http_server.bounds import Refusal


class Member(Protocol):
    """A connection, as far as it is known here."""

    peer: "Peer | None"

    def give_way(self, refusal: Refusal) -> bool:
        """Close it. Whether a request, or a part of one, was lost by that."""


class Peer:
    """One address, or all trusted proxies (`name` is None). waiting: its connections that wait, the longest first."""

    __slots__ = ("count", "name", "waiting")

    def __init__(self, name: str | None) -> None:
        self.name, self.count = name, 0
        self.waiting: dict[Member, None] = {}


class Peers:
    """Those that have connections. Whoever has most of them is found without looking at all."""

    def __init__(self) -> None:
        self._named: dict[str | None, Peer] = {}
        self._by_count: dict[int, dict[Peer, None]] = {}

    def __len__(self) -> int:
        return len(self._named)

    def named(self, name: str | None) -> Peer:
        """The peer of this name; one without connections is not kept."""
        return self._named.get(name) or Peer(name)

    def gain(self, peer: Peer) -> None:
        """It has one connection more."""
        self._named[peer.name] = peer
        self._move(peer, peer.count + 1)

    def lose(self, peer: Peer) -> None:
        """It has one connection less."""
        self._move(peer, peer.count - 1)
        if not peer.count:
            del self._named[peer.name]

    def largest(self, over: int) -> Iterator[Peer]:
        """Those that have more than `over` connections, the largest first."""
        for count in sorted(self._by_count, reverse=True):
            if count <= over:
                return
            yield from self._by_count[count]

    def _move(self, peer: Peer, count: int) -> None:
        if peer.count:
            alike = self._by_count[peer.count]
            del alike[peer]
            if not alike:
                del self._by_count[peer.count]
        peer.count = count
        if count:
            self._by_count.setdefault(count, {})[peer] = None
