"""A fair queue: the owner with the fewest items in use goes first; among equals, the longest waiting one. Pure."""

import heapq
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

_SLACK = 64


class FairQueue(Generic[T]):
    """Each member waits once, with a weight: what it holds now. Every operation costs at most O(log n), amortised.

    Members that left, or whose weight has changed, leave an entry behind in the heap; entries that are out of date are
    skipped when they come up, and swept out when they are more than half of the heap.
    """

    __slots__ = ("_entries", "_heap", "_numbers")

    def __init__(self) -> None:
        self._entries: dict[T, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, T]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, member: T) -> bool:
        return member in self._entries

    def put(self, member: T, weight: int = 0) -> None:
        """Let `member` wait. One that waits already keeps its place among those of its weight."""
        entry = self._entries.get(member)
        if entry is None:
            number = next(self._numbers)
        elif entry[0] == weight:
            return
        else:
            number = entry[1]
        self._entries[member] = weight, number
        heapq.heappush(self._heap, (weight, number, member))
        if len(self._heap) > 2 * len(self._entries) + _SLACK:
            self._heap = [(*entry, one) for one, entry in self._entries.items()]
            heapq.heapify(self._heap)

    def reweigh(self, member: T, weight: int) -> None:
        """What `member` holds has changed; nothing happens unless it waits."""
        if member in self._entries:
            self.put(member, weight)

    def first(self) -> T | None:
        """Whose turn it is; it goes on waiting. None when nobody waits."""
        heap = self._heap
        while heap:
            weight, number, member = heap[0]
            if self._entries.get(member) == (weight, number):
                return member
            heapq.heappop(heap)
        return None

    def remove(self, member: T) -> None:
        """`member` waits no more."""
        self._entries.pop(member, None)
