"""The age of a consumer's lag: how long records have been waiting, measured by an observer who checks now and then.

It needs no cooperation of the consumer: each observation has the end offsets and the committed offsets of partitions.
Times are seconds of the observer's monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Partition = tuple[str, int]


@dataclass
class _Wait:
    """target: the end at some look that is not done yet; since: when it was seen. moved: when `done` last moved."""

    target: int
    since: float
    done: int
    moved: float


class LagAge:
    """To be told of each look."""

    def __init__(self) -> None:
        self._waits: dict[Partition, _Wait] = {}
        self.records = 0

    def note(self, now: float, ends: Mapping[Partition, int], done: Mapping[Partition, int]) -> None:
        """At `now` the partitions ended at `ends`, and everything before `done` was done."""
        self.records = 0
        for tp, end in ends.items():
            upto = done.get(tp, 0)
            self.records += max(0, end - upto)
            wait = self._waits.get(tp)
            if upto >= end:
                self._waits.pop(tp, None)
            elif wait is None:
                self._waits[tp] = _Wait(end, now, upto, now)
            else:
                if upto != wait.done:
                    wait.done, wait.moved = upto, now
                if upto >= wait.target:
                    wait.target, wait.since = end, now

    def age(self, now: float) -> float:
        """Seconds for which something has been waiting at least; 0: nothing waits."""
        return max((now - one.since for one in self._waits.values()), default=0.0)

    def standing(self, now: float, seconds: float) -> list[Partition]:
        """Partitions in which something waits, and nothing has been done for so long."""
        return sorted(tp for tp, one in self._waits.items() if now - max(one.since, one.moved) >= seconds)
