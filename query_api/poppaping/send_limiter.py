"""The rate limit of test sends: so many of a project in any hour (a sliding window), in each web process.

A test reaches people who have not asked for it, as often as whoever holds a key likes; so does a test that is sent
again. What has really happened is not counted. Projects without a recent test are forgotten.
"""

import math
from collections import deque

from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
_FORGET_BEYOND = 1_000


class HourlySendLimiter:
    """At most `most` test sends of each project in any 60 minutes; 0 is no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sent: dict[str, deque[Micros]] = {}

    def left(self, project: str, now: Micros) -> int | None:
        """How many tests may be sent now; None: there is no limit."""
        return None if not self._most else self._most - len(self._recent(project, now))

    def take(self, project: str, now: Micros, count: int = 1) -> None:
        """Count tests that are to be sent; raises `PoppaPingApiError` (429) when they are too many."""
        if not self._most or not count:
            return
        recent = self._recent(project, now)
        if len(recent) + count > self._most:
            seconds = max(1, math.ceil((recent[len(recent) + count - self._most - 1] + HOUR - now) / SECOND))
            raise PoppaPingApiError(
                429,
                f"At most {self._most} tests are sent in an hour for a project (PINGFOLD_TEST_SENDS_PER_HOUR). "
                f"Retry after {seconds} seconds.",
                headers={"Retry-After": str(seconds)},
            )
        recent.extend([now] * count)
        self._sent[project] = recent
        if len(self._sent) > _FORGET_BEYOND:
            for other in [other for other, sent in self._sent.items() if not 0 <= now - sent[-1] < HOUR]:
                del self._sent[other]

    def _recent(self, project: str, now: Micros) -> deque[Micros]:
        recent = self._sent.get(project) or deque()
        while recent and not 0 <= now - recent[0] < HOUR:
            recent.popleft()
        return recent
