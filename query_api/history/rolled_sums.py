"""What roll-ups say of things in parts of time, kept for as long as the marks of the roll-ups stay where they are.

What came before a mark does not change: spans that came since are read beside it each time, and counts go as far as
the mark. So what was summed up under the same marks is as right, and whoever looks again within a minute, such as a
dashboard, costs ClickHouse little. Borders move with the time: as long as each stays in its quarter of an hour, all
that depends on where it lies is added when it is asked for (query_api/history/uptime_sums.py).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from query_api.history.time_parts import Parts
from query_api.history.uptime_sums import Rolled
from schemas.base import Micros

_Key = tuple[tuple[str, ...], tuple[tuple[Micros, Micros], ...]]

# Figures and pieces of spans: about a hundred bytes each.
_MOST = 200_000


class RolledSums:
    """Of what was asked for last, as much as there is room for."""

    def __init__(self) -> None:
        self._marks: tuple[int, ...] = ()
        self._kept: OrderedDict[_Key, tuple[int, Mapping[str, Rolled]]] = OrderedDict()
        self._size = 0

    def get(self, things: Sequence[str], parts: Parts, marks: tuple[int, ...]) -> Mapping[str, Rolled] | None:
        """What was summed up under these marks, which nobody may change; None: it is not known."""
        key = _key(things, parts)
        if marks != self._marks or key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def put(self, things: Sequence[str], parts: Parts, marks: tuple[int, ...], rolled: Mapping[str, Rolled]) -> None:
        """Keep what was read after these marks. Marks only move on: what was read under older ones is not kept."""
        if any(mark < newer for mark, newer in zip(marks, self._marks, strict=False)):
            return
        if marks != self._marks:
            self._marks, self._size = marks, 0
            self._kept.clear()
        key = _key(things, parts)
        if key not in self._kept:
            size = sum(len(parts.borders) + len(one.pieces) for one in rolled.values())
            self._kept[key] = size, rolled
            self._size += size
            while self._size > _MOST:
                self._size -= self._kept.popitem(last=False)[1][0]


def _key(things: Sequence[str], parts: Parts) -> _Key:
    return tuple(things), parts.in_quarters
