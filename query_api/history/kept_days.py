"""What roll-ups say of days that are over, kept in the process beyond the marks of the roll-ups.

A day that is over changes only when a row comes late, or a span ends that began in it. `uptime_changes` tells of which
things that happened since (infra/clickhouse/tables/0029_uptime_changes.sql), and only of those is anything read again.
So whoever asks after the marks have moved has only the day that is not over read anew.

What is kept is a layer: the months, or one day, of some things, cut as the borders of the parts cut them. The time is
that of ClickHouse, which writes down the changes.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from query_api.history.time_parts import Slice
from query_api.history.uptime_sums import Sums

# Changes are forgotten after two days; what was read before may have changed without a trace.
_LONGEST = 86_400
# Figures and pieces of spans: about a hundred bytes each.
_MOST = 200_000

# ClickHouse's last second: no change is so late.
_NEVER = 2**32 - 1


class CutDays(NamedTuple):
    """Months, or a day, and how they are cut: each by the number of its first day. last_day: the last that is in it."""

    last_day: int
    of_months: bool
    slices: tuple[tuple[int, tuple[Slice, ...]], ...]


class _Layer(NamedTuple):
    since: int
    size: int
    sums: Mapping[str, Sums]


class KeptDays:
    """Of what was asked for last, as much as there is room for."""

    def __init__(self) -> None:
        self._layers: OrderedDict[tuple[tuple[str, ...], CutDays], _Layer] = OrderedDict()
        self._size = 0

    def known(self, things: Sequence[str], cuts: Iterable[CutDays], now: int) -> dict[CutDays, Mapping[str, Sums]]:
        """The layers of these things that are kept, as they were when they were read; nobody may change them."""
        found = {}
        for cut in cuts:
            layer = self._layers.get((tuple(things), cut))
            if layer is not None and now - layer.since < _LONGEST:
                self._layers.move_to_end((tuple(things), cut))
                found[cut] = layer.sums
        return found

    def changed_since(self, things: Sequence[str], cuts: Iterable[CutDays]) -> int:
        """Since when changes of those of these layers count that are kept, in seconds."""
        kept = (self._layers.get((tuple(things), cut)) for cut in cuts)
        return min((layer.since for layer in kept if layer is not None), default=_NEVER)

    def put(self, things: Sequence[str], cut: CutDays, since: int, sums: Mapping[str, Sums]) -> None:
        """Keep a layer, which has all changes that were written down before `since`."""
        key = tuple(things), cut
        if (before := self._layers.pop(key, None)) is not None:
            self._size -= before.size
        size = sum(sum(map(len, one.columns)) + len(one.pieces) for one in sums.values())
        self._layers[key] = _Layer(since, size, sums)
        self._size += size
        while self._size > _MOST:
            self._size -= self._layers.popitem(last=False)[1].size
