"""Limits the number of connections, in total and per peer, by closing those that have waited longest for their client.

A connection waits for its client while its newest request is incomplete, while a response is not read, and between two
requests. Only such connections are closed, the one that has waited longest first. A connection with complete requests
is never closed for the sake of others.

A peer may have as many connections as are still free, and at most `most_per_peer`. So a few peers, whatever they do,
leave space for others. Above that limit, the peer's own connections are closed. When the total limit is reached, those
of the peer with most connections are closed; if it has more than a fair share, a ping that is lost by this is not
recorded as a gap.

A peer is an IPv4 address, or an IPv6 network of one customer (/64). Trusted proxies are not peers, because the clients
behind them are not known here: only the total limit applies to them, and each request that they lose is recorded as a
gap. The same holds if there is no limit per peer.

Requests of HTTP/2 that are worked on are limited likewise (`infra.http_server.requests_at_once`), those of a trusted
proxy by the client that it names.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from infra.http_server.bounds import BOUNDS, TOO_MANY, TOO_MANY_OF_PEER, Bounds, Refusal
from infra.http_server.forwarded import Forwarded, RawHeaders, customer_of, is_loopback
from infra.http_server.peers import Member, Peer, Peers
from infra.http_server.requests_at_once import RequestsAtOnce

# What takes longer than this from one look to the next is this process's standing still.
_LONGEST_STEP = 1.0
# However full it is, a peer may have one of so many connections.
_LEAST_SHARE = 1_024

Network = IPv4Network | IPv6Network


def _nobody() -> None:
    """Nobody wants to know."""


class ConnectionLimiter:
    """`overloaded` is called whenever a request may have been lost by others' number: see above.

    now: the time by which connections judge how long they have been waiting, in seconds. It stands still while this
    process does, so that nobody is charged for that. `pass_time` moves it.
    refused: how often each refusal was given. at_once: the HTTP/2 requests that are worked on.
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
        self._peers = Peers()
        self._shared = bounds.most_per_peer < bounds.most
        self.at_once = RequestsAtOnce(bounds.at_once, bounds.at_once_per_peer)
        self.name_of = lru_cache(4_096)(self._look_up_name)

    def enter(self, member: Member, host: str) -> Refusal | None:
        """Let a connection in, which waits from now on; or why there is no room for it."""
        peer = self._peers.named(self.name_of(host))
        if peer.name is not None and peer.count >= self._most_of_peer():
            if not peer.waiting:
                return self._refuse(TOO_MANY_OF_PEER)
            self._close(next(iter(peer.waiting)), TOO_MANY_OF_PEER)
        member.peer = peer
        self.members[member] = None
        self._peers.gain(peer)
        if len(self.members) > self.bounds.most:
            refusal = self._make_room(peer)
            if refusal is not None:
                self.leave(member)
                return refusal
        self.waits(member)
        return None

    def leave(self, member: Member) -> None:
        """It is closed. Harmless when it was not let in, or has left."""
        if member not in self.members:
            return
        del self.members[member]
        self.serves(member)
        if member.peer is not None:
            self._peers.lose(member.peer)

    def hand_over(self, member: Member, successor: Member) -> None:
        """Another protocol has its connection from now on, which waits for its client."""
        if member not in self.members:
            return
        self.serves(member)
        del self.members[member]
        successor.peer = member.peer
        self.members[successor] = None
        self.waits(successor)

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

    def requester(self, host: str, headers: RawHeaders) -> str | None:
        """As whom a request counts that comes from `host`: its client, as far as trusted proxies name one.

        None: nobody knows, or there is no limit per peer.
        """
        return self.name_of(self._forwarded.client(host, headers)) if self._shared else None

    def may_begin(self, name: str | None) -> bool:
        """Whether one more request of this client may be worked on, beside others of its connection."""
        if self.at_once.has_too_many(name):
            return False
        if self.at_once.has_room(name):
            return True
        if not self.at_once.has_more_than_its_share(name):
            self._overloaded()
        return False

    def crowded_out(self, peer: Peer | None) -> None:
        """A request was refused for what else came by its connection: by that of a trusted proxy come others', too."""
        if peer is not None and peer.name is None:
            self._overloaded()

    def pass_time(self, seconds: float) -> None:
        """So much time has passed since the last call."""
        self.now += min(seconds, _LONGEST_STEP)

    def is_proxy(self, host: str) -> bool:
        """Whether it is a trusted proxy, on any host: several clients may come over one of its connections."""
        return self._forwarded.is_trusted(host)

    def is_remote_proxy(self, host: str) -> bool:
        """Whether it is a trusted proxy on another host: on this one there are clients without a proxy, too."""
        return self._forwarded.is_trusted(host) and not is_loopback(host)

    @property
    def waiting(self) -> int:
        """How many wait for their client."""
        return len(self._waiting)

    def count(self, refusal: Refusal) -> None:
        """A request was refused."""
        self.refused[refusal.kind] += 1

    def _refuse(self, refusal: Refusal) -> Refusal:
        self.refused[refusal] += 1
        return refusal

    def _most_of_peer(self) -> int:
        bounds = self.bounds
        if not self._shared:
            return bounds.most_per_peer
        free = bounds.most - len(self.members)
        return min(bounds.most_per_peer, max(free, bounds.most // _LEAST_SHARE, 1))

    def _make_room(self, newcomer: Peer) -> Refusal | None:
        """Close one of those that wait; when there is none, why the newcomer, who is counted already, has no room."""
        fair = max(1, self.bounds.most // len(self._peers))
        if not self._waiting:
            why = self._reason(newcomer, fair)
            if why is TOO_MANY:
                self._overloaded()
            return self._refuse(why)
        victim = self._victim(fair)
        why = TOO_MANY if victim.peer is None else self._reason(victim.peer, fair)
        if self._close(victim, why) and why is TOO_MANY:
            self._overloaded()
        return None

    def _victim(self, fair: int) -> Member:
        if self._shared:
            for peer in self._peers.largest(fair):
                if peer.waiting:
                    return next(iter(peer.waiting))
        return next(iter(self._waiting))

    def _reason(self, peer: Peer, fair: int) -> Refusal:
        """What a peer is told whose connection is closed: that it has too many, or that there are."""
        own_doing = self._shared and peer.name is not None and peer.count > fair
        return TOO_MANY_OF_PEER if own_doing else TOO_MANY

    def _close(self, member: Member, why: Refusal) -> bool:
        self.leave(member)
        lost = member.give_way(why)
        if lost:
            self.refused[why] += 1
        return lost

    def _look_up_name(self, host: str) -> str | None:
        """None: a trusted proxy, or a Unix socket: whoever may open it is trusted."""
        return None if self._forwarded.is_trusted(host) else customer_of(host)
