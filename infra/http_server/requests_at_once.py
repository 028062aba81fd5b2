"""How many HTTP/2 requests are worked on at once: of each peer, and of all.

A connection of HTTP/1.1 has one at a time; one of HTTP/2 has many, and those whose client has cancelled them, or is
gone, are worked on to their end. So few connections, opened again and again, could otherwise keep an event loop busy
for minutes with what nobody waits for any more (CVE-2023-44487).

When there are as many as are meant to be, a client that has less than a fair share of them may begin some all the same:
so a few clients, however many requests they leave half sent, keep nobody else from being heard.

Nor do all begin in one turn of the loop, in which nobody else gets theirs: more have to wait for the next turn, and
those whose client has gone until then are never begun.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable

# As many begin in a turn.
_A_TURN = 32


class RequestsAtOnce:
    """most: of all; twice as many where shares are kept. most_of_peer: of one client.

    A name is that of a client, an address or a network; None stands for all of whom nothing is known.
    """

    def __init__(self, most: int, most_of_peer: int) -> None:
        self._most, self._most_of_peer = most, most_of_peer
        self._of_peer: Counter[str | None] = Counter()
        self._all = 0
        self._queue: deque[Callable[[], None]] = deque()
        self._begun = 0  # in this turn
        self._is_due = False

    def begin(self, name: str | None, start: Callable[[], None]) -> None:
        """One more is to be worked on: `start` begins that, in a turn of the loop that has room for it."""
        self._all += 1
        self._of_peer[name] += 1
        if self._queue or self._begun >= _A_TURN:
            self._queue.append(start)
        else:
            self._begun += 1
            start()
        self._look_again()

    def end(self, name: str | None) -> None:
        """It has been."""
        self._all -= 1
        self._of_peer[name] -= 1
        if not self._of_peer[name]:
            del self._of_peer[name]

    @property
    def is_full(self) -> bool:
        """Whether no more are taken of those who have their share."""
        return self._all >= self._most

    def has_room(self, name: str | None) -> bool:
        """Whether one more of this client may be worked on, as far as all others go."""
        return not self.is_full or (self._of_peer[name] < self._share(name) and self._all < 2 * self._most)

    def has_more_than_its_share(self, name: str | None) -> bool:
        """Whether this client leaves less for others than it has itself."""
        return name is not None and self._of_peer[name] > self._share(name)

    def has_too_many(self, name: str | None) -> bool:
        """Whether this peer has as many as one may have."""
        return name is not None and self._of_peer[name] >= self._most_of_peer

    def _share(self, name: str | None) -> int:
        return max(1, self._most // (len(self._of_peer) + (name not in self._of_peer)))

    def _look_again(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due, self._begun = False, 0
        while self._queue and self._begun < _A_TURN:
            self._begun += 1
            self._queue.popleft()()
        if self._queue:
            self._look_again()
