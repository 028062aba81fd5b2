"""Deadlines of one partition, in memory: a lazy bucket wheel with a bucket for each second (DESIGN section 2).

The contract:

- A thing has one entry, at or before its true deadline. A later deadline is not written down: when the entry comes due
  the owner computes the true deadline from the state and sets it again. So a ping, which only moves deadlines later,
  never touches the wheel. An earlier deadline takes the entry's place; what it leaves behind is skipped when it is met.
- `due` takes out what it returns. Entries whose thing is gone are the owner's to recognise.
- A jump over a year costs what is due in it, not the seconds between: only buckets that exist are visited.

Nothing here is kept: the wheel is built anew from the states when a partition is taken.
"""

import heapq

from schemas.base import SECOND, Micros


class Wheel:
    def __init__(self) -> None:
        self._entries: dict[str, Micros] = {}
        self._buckets: dict[int, list[tuple[Micros, str]]] = {}
        self._seconds: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: str, deadline: Micros) -> None:
        """Make sure that `key` comes due no later than at `deadline`."""
        entry = self._entries.get(key)
        if entry is not None and entry <= deadline:
            return
        self._entries[key] = deadline
        second = deadline // SECOND
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [(deadline, key)]
            heapq.heappush(self._seconds, second)
        else:
            bucket.append((deadline, key))

    def due(self, now: Micros) -> list[str]:
        """Take out the things whose entry is at or before `now`, in the order of (deadline, id)."""
        found: list[str] = []
        last = now // SECOND
        while self._seconds and self._seconds[0] <= last:
            second = heapq.heappop(self._seconds)
            bucket = sorted(self._buckets.pop(second))
            later = [entry for entry in bucket if entry[0] > now]
            if later:
                self._buckets[second] = later
                heapq.heappush(self._seconds, second)
            for deadline, key in bucket[: len(bucket) - len(later)]:
                if self._entries.get(key) == deadline:
                    del self._entries[key]
                    found.append(key)
            if later:
                break
        return found
