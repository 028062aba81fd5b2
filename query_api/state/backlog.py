"""The events that folds have not folded yet, and the estimated time for them: for `/readyz` and waiting readers."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from infra.log.admin import admin_client, end_offsets
from infra.log.progress import FoldProgress

# The pace is that of the looks of so many seconds.
_PACE_SECONDS = 30.0
# Fewer events than this are no backlog: a second's ticks, the markers of transactions.
_WORTH_TELLING = 500
_TIMEOUT_SECONDS = 3.0


class Backlog:
    """`clock` is monotonic. Looked at by one at a time."""

    def __init__(self, progress: FoldProgress, bootstrap: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._clock = progress, clock
        self._admin = admin_client(bootstrap)
        self._looks: dict[str, deque[tuple[float, int]]] = {}

    def look(self) -> list[dict[str, Any]]:
        """Each journal with a backlog: `journal`, `events`, `about_seconds` (None while no pace is known). Blocks."""
        known = list(self._progress)
        ends = end_offsets(self._admin, [(journal, partition) for journal, partition, _ in known], _TIMEOUT_SECONDS)
        left: dict[str, int] = {}
        applied: dict[str, int] = {}
        for journal, partition, progress in known:
            at = progress.applied + 1 if progress else 0
            left[journal] = left.get(journal, 0) + max(0, ends[journal, partition] - at)
            applied[journal] = applied.get(journal, 0) + at
        return [
            {"journal": journal, "events": events, "about_seconds": self._seconds(journal, applied[journal], events)}
            for journal, events in left.items()
            if events >= _WORTH_TELLING
        ]

    def _seconds(self, journal: str, applied: int, left: int) -> int | None:
        now, looks = self._clock(), self._looks.setdefault(journal, deque())
        looks.append((now, applied))
        while now - looks[0][0] > _PACE_SECONDS:
            looks.popleft()
        (since, before) = looks[0]
        return round(left * (now - since) / (applied - before)) if applied > before else None
