"""The closed gaps of a partition: kept as records in the view, looked up by time.

Kept under `gap/<start>/<cause>`. Bounded: beyond `KEPT` the two oldest become one that spans both, which can only make
fewer runs judgeable, never accuse; those that no deadline can reach any more are dropped.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from processors.fold.view import View
from schemas.base import SECOND, Micros
from schemas.ticks import PROGRESS_KEY, Gap, Progress

PREFIX = "gap/"
KEPT = 1_000
# Twice the longest period, and a margin: the longest span from an expected moment to its deadline is a year.
REACH: Micros = 800 * 86_400 * SECOND


def gap_key(gap: Gap) -> str:
    return f"{PREFIX}{gap.start}/{gap.cause}"


class GapRecords:
    """An index over the gap records of a view. It listens to the view, so it stands the undoing of an event."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._gaps: list[Gap] = []
        self._starts: list[Micros] = []
        self._latest_ends: list[Micros] = []
        self._stale = False
        self._records = {key: record for key, record in view.items() if isinstance(record, Gap)}
        self._index()
        view.listeners.append(self._changed)

    def touching(self, start: Micros, end: Micros) -> list[Gap]:
        """The gaps, closed and open, that have a moment in common with the span, both ends included; by their start."""
        if self._stale:
            self._index()
        found = []
        at = bisect_right(self._starts, end) - 1
        while at >= 0 and self._latest_ends[at] >= start:
            if _end(self._gaps[at]) >= start:
                found.append(self._gaps[at])
            at -= 1
        found.reverse()
        progress: Progress = self._view.get(PROGRESS_KEY)
        found.extend(gap for gap in progress.gaps if gap.start <= end)
        return found

    def over(self, gaps: Sequence[Gap]) -> Micros | None:
        """When `gaps`, and those that follow them without a pause, are over; None while one of them is open.

        A web process that starts again ends one gap and begins another: until its public URL answers.
        """
        end = 0
        while all(gap.end is not None for gap in gaps):
            latest = max(map(_end, gaps), default=end)
            if latest <= end:
                return end
            end = latest
            gaps = self.touching(end, end)
        return None

    def began(self, end: Micros) -> Micros:
        """When the span began that gaps without a pause make, of which the last ends at `end`."""
        start = end
        while (earliest := min((gap.start for gap in self.touching(start, start)), default=start)) < start:
            start = earliest
        return start

    def record(self, gap: Gap, now: Micros) -> None:
        """Keep a closed gap."""
        self._put(gap)
        oldest = sorted(self._records.values(), key=_age)
        while oldest and _end(oldest[0]) < now - REACH:
            self._view.delete(gap_key(oldest.pop(0)))
        if len(oldest) > KEPT:
            first, second = oldest[:2]
            self._view.delete(gap_key(first))
            self._view.delete(gap_key(second))
            self._put(Gap(start=first.start, cause=first.cause, end=max(_end(first), _end(second))))

    def _put(self, gap: Gap) -> None:
        """Two sources may fall silent at the same moment: then one record spans both."""
        same = self._records.get(gap_key(gap))
        if same is not None and _end(same) >= _end(gap):
            return
        self._view.put(gap_key(gap), gap)

    def _changed(self, key: str, _old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if not key.startswith(PREFIX):
            return
        if isinstance(new, Gap):
            self._records[key] = new
        else:
            self._records.pop(key, None)
        self._stale = True

    def _index(self) -> None:
        self._gaps = sorted(self._records.values(), key=_age)
        self._starts = [gap.start for gap in self._gaps]
        self._latest_ends = list(accumulate((_end(gap) for gap in self._gaps), max))
        self._stale = False


def _end(gap: Gap) -> Micros:
    assert gap.end is not None
    return gap.end


def _age(gap: Gap) -> tuple[Micros, str]:
    return gap.start, gap.cause
