"""Notifies subscribers of changed checks and monitors: for live pages.

Fed by a replica's thread, read by the event loop; every change is one operation that is atomic under the interpreter's
lock. Without subscribers nothing is recorded.
"""

from collections import deque
from collections.abc import Sequence

# Whoever is further behind is told that anything may have changed.
_KEPT = 1_000


class Changes:
    """newest: the number of the newest change; numbers only grow. followers: how many follow."""

    def __init__(self, kept: int = _KEPT) -> None:
        self.newest = 0
        self.followers = 0
        self._kept: deque[tuple[int, str]] = deque(maxlen=kept)

    def note(self, thing: str) -> None:
        """A thing looks otherwise now."""
        number = self.newest + 1
        self._kept.append((number, thing))
        self.newest = number

    def since(self, number: int) -> Sequence[str] | None:
        """The things that changed after the change of this number, each once; None: more than are kept."""
        kept = tuple(self._kept)
        if number < self.newest and (not kept or kept[0][0] > number + 1):
            return None
        return tuple(dict.fromkeys(thing for at, thing in kept if at > number))
