"""How many of something a project may have in a span of time, that slides with the time; in each process by itself.

Projects without a recent one are forgotten, so what is kept is bounded.
"""

import math
from collections import deque

from schemas.base import SECOND, Micros

_FORGET_BEYOND = 1_000


class SlidingLimit:
    """At most `most` of each project in any `span`; 0 is no limit."""

    def __init__(self, most: int, span: Micros) -> None:
        self._most, self._span = most, span
        self._taken: dict[str, deque[Micros]] = {}

    @property
    def known(self) -> frozenset[str]:
        """The projects that are not forgotten."""
        return frozenset(self._taken)

    def left(self, project: str, now: Micros) -> int | None:
        """How many there may be now; None: there is no limit."""
        return None if not self._most else self._most - len(self._recent(project, now))

    def take(self, project: str, now: Micros, count: int = 1) -> int:
        """Count so many. Returns 0; where they are too many, counts none and returns the seconds until they are not; of
        more than there may ever be, those of a whole span."""
        if not self._most or not count:
            return 0
        recent = self._recent(project, now)
        if len(recent) + count > self._most:
            ends = len(recent) + count - self._most - 1
            first = recent[ends] if ends < len(recent) else now
            return max(1, math.ceil((first + self._span - now) / SECOND))
        recent.extend([now] * count)
        self._taken[project] = recent
        if len(self._taken) > _FORGET_BEYOND:
            for other in [other for other, taken in self._taken.items() if not 0 <= now - taken[-1] < self._span]:
                del self._taken[other]
        return 0

    def _recent(self, project: str, now: Micros) -> deque[Micros]:
        recent = self._taken.get(project) or deque()
        while recent and not 0 <= now - recent[0] < self._span:
            recent.popleft()
        return recent
