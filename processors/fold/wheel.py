"""Deadlines of one partition, in memory: a lazy timing wheel with a bucket per second.

The contract:

- Each key has one entry, at or before its true deadline. A later deadline is not entered: when the entry is due, the
  owner computes the true deadline from the state and enters it. So a ping, which only moves deadlines later, never
  touches the wheel. An earlier deadline replaces the entry; the stale one is skipped when its bucket is visited.
- `due` removes what it returns. The owner must recognise entries of keys that no longer exist.
- A jump over a year costs only the entries that are due, not the seconds in between: only existing buckets are visited.
- Stale entries are swept when they outnumber the valid ones, so the wheel has at most about twice as many entries as
  there are keys.

Nothing is persistent: the wheel is rebuilt from the states when a partition is assigned.
"""

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processors.fold.stretches import sorted_in_stretches
from schemas.base import SECOND, Micros
from schemas.ticks import NEVER

# So much may be left behind in any wheel.
_LEFT_BEHIND = 1_000


class Wheel:
    """`is_there`: whether a thing still exists. It is asked when `due` is, and by then must speak of what is settled:
    an entry of a thing that it denies is gone for good."""

    def __init__(self, is_there: Callable[[str], bool]) -> None:
        self._is_there = is_there
        self.scheduled = 0  # entries in buckets, those among them that no longer count
        self._swept = 0  # and after the last sweep
        self._entries: dict[str, Micros] = {}
        self._buckets: dict[int, list[str]] = {}
        self._seconds: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, key: str, deadline: Micros) -> None:
        """Make sure that `key` comes due no later than at `deadline`."""
        entry = self._entries.get(key)
        if entry is not None and entry <= deadline:
            return
        self._entries[key] = deadline
        self.scheduled += 1
        self._schedule(key, deadline)

    def _schedule(self, key: str, deadline: Micros) -> None:
        second = deadline // SECOND
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [key]
            heapq.heappush(self._seconds, second)
        else:
            bucket.append(key)

    def earliest(self) -> Micros:
        """Nothing comes due before; early by less than a second, or by what was left behind, and never late."""
        return self._seconds[0] * SECOND if self._seconds else NEVER

    def due(self, now: Micros) -> list[str]:
        """Take out the things whose entry is at or before `now`, in the order of (deadline, id)."""
        if self.scheduled > 2 * self._swept + _LEFT_BEHIND:
            self._sweep()
        found: list[str] = []
        last = now // SECOND
        while self._seconds and self._seconds[0] <= last:
            second = heapq.heappop(self._seconds)
            bucket = self._buckets.pop(second)
            # A key may stand twice; and here, though its entry has gone to an earlier second or is taken.
            entries = {(self._entries[key], key) for key in bucket if self._entries.get(key, NEVER) // SECOND == second}
            later = [key for deadline, key in entries if deadline > now]
            if later:
                self._buckets[second] = later
                heapq.heappush(self._seconds, second)
            self.scheduled -= len(bucket) - len(later)
            for deadline, key in sorted_in_stretches(entries):
                if deadline <= now:
                    del self._entries[key]
                    found.append(key)
            if later:
                break
        return found

    @contextmanager
    def taking(self, now: Micros) -> Iterator[list[str]]:
        """`due`, for a piece of work that may fail and be undone: what it has taken is then put back."""
        taken = self.due(now)
        try:
            yield taken
        except BaseException:
            for key in taken:
                self.set(key, now)
            raise

    def _sweep(self) -> None:
        self._entries = {key: deadline for key, deadline in self._entries.items() if self._is_there(key)}
        self.scheduled = self._swept = len(self._entries)
        self._buckets, self._seconds = {}, []
        for key, deadline in self._entries.items():
            self._schedule(key, deadline)
