"""Room for connections: how many there are, of whom, and which of them wait for their client.

A connection waits for its client until a whole request has come, and again from its answer on. Only such connections
are closed to make room, the one that has waited longest first: one of the peer's own when a peer has too many, else
any. A connection whose request is being answered is never closed for others.

A peer is an IPv4 address, or a network of IPv6 as providers give it to one customer (/64). Trusted proxies are no
peers: whoever stands behind them is not known here, so only the bound on all connections holds for them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from infra.forwarded import Forwarded, customer_of
from infra.http_server.bounds import BOUNDS, TOO_MANY, TOO_MANY_OF_PEER, Bounds, Refusal

# What takes longer than this from one look to the next is this process's standing still.
_LONGEST_STEP = 1.0

Network = IPv4Network | IPv6Network


def _nobody() -> None:
    """Nobody wants to know."""


class Member(Protocol):
    """A connection, as far as it is known here."""

    peer: "Peer | None"

    def give_way(self, refusal: Refusal) -> bool:
        """Close it. Whether a part of a request was lost by that."""


class Peer:
    """One address: how many connections it has, and those that wait for it, the longest first."""

    __slots__ = ("count", "name", "waiting")

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.waiting: dict[Member, None] = {}


class Room:
    """`overloaded` is called whenever a request may have been lost because all there is room for are connected.

    now: the time by which connections judge how long they have been waiting, in seconds. It stands still while this
    process does, so that nobody is charged for that. `pass_time` moves it.
    refused: how often each refusal was given.
    """

    def __init__(
        self,
        bounds: Bounds = BOUNDS,
        trusted: Sequence[Network] = (),
        overloaded: Callable[[], None] | None = None,
    ) -> None:
        self.bounds, self._forwarded, self._overloaded = bounds, Forwarded(trusted), overloaded or _nobody
        self.now = 0.0
        self.members: dict[Member, None] = {}
        self.refused: Counter[Refusal] = Counter()
        self._waiting: dict[Member, None] = {}
        self._peers: dict[str, Peer] = {}
        self._name_of = lru_cache(4_096)(self._look_up_name)

    def enter(self, member: Member, host: str) -> Refusal | None:
        """Let a connection in, which waits from now on; or why there is no room for it."""
        name = self._name_of(host)
        peer = None if name is None else self._peers.get(name) or Peer(name)
        if peer is not None and peer.count >= self.bounds.most_per_peer:
            if not peer.waiting:
                return self._refuse(TOO_MANY_OF_PEER)
            self._make_room(peer.waiting, TOO_MANY_OF_PEER)
        if len(self.members) >= self.bounds.most:
            if not self._waiting:
                self._overloaded()
                return self._refuse(TOO_MANY)
            if self._make_room(self._waiting, TOO_MANY):
                self._overloaded()
        member.peer = peer
        self.members[member] = None
        if peer is not None:
            peer.count += 1
            self._peers[peer.name] = peer
        self.waits(member)
        return None

    def leave(self, member: Member) -> None:
        """It is closed. Harmless when it was not let in, or has left."""
        if member not in self.members:
            return
        del self.members[member]
        self.serves(member)
        peer = member.peer
        if peer is not None:
            peer.count -= 1
            if not peer.count:
                self._peers.pop(peer.name, None)

    def waits(self, member: Member) -> None:
        """It waits for its client from now on; one that waits already keeps its place."""
        if member not in self.members:  # it has left, and is about to be closed
            return
        self._waiting[member] = None
        if member.peer is not None:
            member.peer.waiting[member] = None

    def serves(self, member: Member) -> None:
        """A whole request of it is here."""
        self._waiting.pop(member, None)
        if member.peer is not None:
            member.peer.waiting.pop(member, None)

    def moves(self, member: Member) -> None:
        """A part of a request has come: of those that wait it is the last to be closed now."""
        if member in self._waiting:
            self.serves(member)
            self.waits(member)

    def pass_time(self, seconds: float) -> None:
        """So much time has passed since the last call."""
        self.now += min(seconds, _LONGEST_STEP)

    @property
    def waiting(self) -> int:
        """How many wait for their client."""
        return len(self._waiting)

    def count(self, refusal: Refusal) -> None:
        """A request was refused."""
        self.refused[refusal] += 1

    def _refuse(self, refusal: Refusal) -> Refusal:
        self.refused[refusal] += 1
        return refusal

    def _make_room(self, waiting: dict[Member, None], why: Refusal) -> bool:
        oldest = next(iter(waiting))
        self.leave(oldest)
        lost = oldest.give_way(why)
        if lost:
            self.refused[why] += 1
        return lost

    def _look_up_name(self, host: str) -> str | None:
        """None: a trusted proxy, or a Unix socket: whoever may open it is trusted."""
        return None if self._forwarded.is_trusted(host) else customer_of(host)
