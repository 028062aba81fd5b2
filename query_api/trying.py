"""Tries of monitors: one probe of a target that somebody asks for, before he saves it. Nothing of it is kept.

A try connects to whatever is named, as often as whoever may change monitors likes. So it is bounded: so many a minute
for a project, so many at once, and a wait of `LONGEST_SECONDS` at most. What may be reached is judged by the same guard
as for probes.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from query_api.errors import QueryApiError
from query_api.sliding_limit import SlidingLimit
from schemas.base import SECOND, Micros
from schemas.monitors import Monitor, Sealed
from schemas.probes import ProbeCompleted

A_MINUTE = 20
AT_ONCE, OF_PROJECT = 16, 4
LONGEST_SECONDS = 30


class TriesTargets(Protocol):
    """The probers' own code, in this process (`ingest.prober.trying`)."""

    async def __call__(self, monitor: Monitor, sealed: Sealed) -> ProbeCompleted:
        """What one probe comes to, within the monitor's time limit; nothing is raised for what a target does.

        sealed: what the probe sends, in clear.
        """


class TooManyTries(QueryApiError):
    """No try now; in `seconds` there may be one. The text is a sentence."""

    def __init__(self, words: str, seconds: int) -> None:
        super().__init__(words)
        self.seconds = seconds


class TryLimiter:
    """How many tries there may be, in this process."""

    def __init__(self) -> None:
        self._rate = SlidingLimit(A_MINUTE, 60 * SECOND)
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one(self, project: str, now: Micros) -> Iterator[None]:
        """Room for one try of a project, as long as it lasts. Raises `TooManyTries`."""
        if self._under_way[project] >= OF_PROJECT or self._under_way.total() >= AT_ONCE:
            raise TooManyTries("Other tries are under way. Retry after 5 seconds.", 5)
        if seconds := self._rate.take(project, now):
            raise TooManyTries(
                f"At most {A_MINUTE} tries are made in a minute. Retry after {seconds} seconds.", seconds
            )
        self._under_way[project] += 1
        try:
            yield
        finally:
            self._under_way[project] -= 1
            if not self._under_way[project]:
                del self._under_way[project]
