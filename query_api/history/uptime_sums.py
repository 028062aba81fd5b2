"""Puts together what roll-ups of months and days, and spans since then, say of things in parts of time. Pure.

Of the pieces of spans, the one with the greater number counts from where it begins; the open span last of all.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from query_api.history.time_parts import Parts
from query_api.history.uptime import UP, Span, apart
from schemas.base import Micros
from schemas.transitions import VisibleStatus


class Part(NamedTuple):
    """A thing in a part of the time. up, down, not_observed: microseconds. total: results or signals that count; good:
    those that were well."""

    up: Micros = 0
    down: Micros = 0
    not_observed: Micros = 0
    total: int = 0
    good: int = 0


class Piece(NamedTuple):
    """The part of the `n`-th span of a thing that lies in a day."""

    n: int
    since: Micros
    until: Micros
    state: VisibleStatus


class Month(NamedTuple):
    """Sums of whole days of a thing, by slice: of the `place`-th month, from 1 on, or of all when the time has one
    part."""

    thing: str
    place: int
    totals: list[int]
    goods: list[int]
    ups: list[int]
    downs: list[int]
    not_observed: list[int]


class Day(NamedTuple):
    """Counts of a thing in a day that is cut, by slice of its quarters, and the pieces of its spans. place: the day."""

    thing: str
    place: int
    totals: list[int]
    goods: list[int]
    pieces: list[Piece]


class AllDays(NamedTuple):
    """The pieces of a thing in a day."""

    thing: str
    pieces: list[Piece]


class Sums:
    """What is summed for each thing, part by part."""

    def __init__(self, parts: Parts, things: Iterable[str]) -> None:
        self.parts = parts
        many = len(parts.borders) - 1
        self._sums = {thing: [[0] * many for _ in Part._fields] for thing in things}

    def add_times(self, thing: str, part: int, *more: Micros) -> None:
        """Up, down and not observed."""
        for its, number in zip(self._sums[thing], more, strict=False):
            its[part] += number

    def add_counts(self, thing: str, part: int, total: int, good: int) -> None:
        """Results or signals."""
        sums = self._sums[thing]
        sums[3][part] += total
        sums[4][part] += good

    def add_spans(self, thing: str, spans: Iterable[Span]) -> None:
        """Spans that do not overlap; of each its share in every part."""
        borders, sums = self.parts.borders, self._sums[thing]
        for start, end, state in spans:
            if (which := _WHICH.get(state)) is None or end <= borders[0] or start >= borders[-1]:
                continue
            its, part = sums[which], max(0, bisect_right(borders, start) - 1)
            while part < len(its) and borders[part] < end:
                its[part] += min(end, borders[part + 1]) - max(start, borders[part])
                part += 1

    def result(self) -> dict[str, list[Part]]:
        """The parts of each thing."""
        return {thing: [Part(*one) for one in zip(*sums, strict=True)] for thing, sums in self._sums.items()}


_WHICH = dict.fromkeys(UP, 0) | {"down": 1, "not_observed": 2}


def put_together(
    sums: Sums,
    months: Iterable[Month],
    days: Iterable[Day],
    anew: Iterable[AllDays],
    new: Mapping[str, list[Piece]],
    current: Mapping[str, Span],
) -> dict[str, list[Part]]:
    """new: spans that may not be rolled up, of things whose times are made `anew` from the pieces of all days."""
    parts = sums.parts
    of_month = list(parts.months.values())
    for thing, place, *lists in months:
        for (_, _, part), total, good, *times in zip(of_month[place - 1], *lists, strict=True):
            sums.add_counts(thing, part, total, good)
            if thing not in new:
                sums.add_times(thing, part, *times)
    pieces: dict[str, list[Piece]] = defaultdict(list)
    for thing, day, totals, goods, its in days:
        for (_, _, part), total, good in zip(parts.quarters(day), totals, goods, strict=True):
            sums.add_counts(thing, part, total, good)
        if thing not in new:
            pieces[thing] += its
    for thing, its in anew:
        known = {piece.n for piece in new[thing]}
        pieces[thing] += (piece for piece in its if piece.n not in known)
    for thing, its in new.items():
        pieces[thing] += its
    for thing in {*pieces, *current}:
        spans = [Span(one.since, one.until, one.state) for one in sorted(set(pieces[thing]))]
        if (now := current.get(thing)) is not None:
            spans.append(now)
        sums.add_spans(thing, apart(spans))
    return sums.result()
