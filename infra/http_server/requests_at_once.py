"""How many HTTP/2 requests are worked on at once: of each peer, and of all.

A connection of HTTP/1.1 has one at a time; one of HTTP/2 has many, and those whose client has cancelled them, or is
gone, are worked on to their end. So few connections, opened again and again, could otherwise keep an event loop busy
for minutes with what nobody waits for any more (CVE-2023-44487).
"""

from collections import Counter


class RequestsAtOnce:
    """most: of all. most_of_peer: of one address or network. Trusted proxies (`name` None) are bounded by `most`."""

    def __init__(self, most: int, most_of_peer: int) -> None:
        self._most, self._most_of_peer = most, most_of_peer
        self._of_peer: Counter[str | None] = Counter()
        self._all = 0

    def begin(self, name: str | None) -> None:
        """One more is worked on."""
        self._all += 1
        self._of_peer[name] += 1

    def end(self, name: str | None) -> None:
        """It has been."""
        self._all -= 1
        self._of_peer[name] -= 1
        if not self._of_peer[name]:
            del self._of_peer[name]

    @property
    def is_full(self) -> bool:
        """Whether no more are taken, whoever asks."""
        return self._all >= self._most

    def has_too_many(self, name: str | None) -> bool:
        """Whether this peer has as many as one may have."""
        return name is not None and self._of_peer[name] >= self._most_of_peer
