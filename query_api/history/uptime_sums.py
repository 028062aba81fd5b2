"""Puts together what roll-ups of months and days, and spans since then, say of things in parts of time. Pure.

Of the pieces of spans, the one with the greater number counts from where it begins; the open span last of all.

What roll-ups say is summed up once (`rolled_up`) and is the same wherever the borders of the parts lie within their
quarters of an hour: whoever asks again some seconds later has only the spans added that a border cuts, and the open
ones (`put_together`).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from query_api.history.time_parts import QUARTER, Parts, Slice
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


class Rolled(NamedTuple):
    """What roll-ups say of a thing, in lists by part in the order of the fields of `Part`.

    days: counts, and the times of whole days. settled: these and the times of all pieces of cut days that no border
    cuts. loose: the other pieces, apart from each other. pieces: all of them. until: where the last of them ends.
    """

    days: list[list[int]]
    settled: list[list[int]]
    loose: list[Span]
    pieces: list[Piece]
    until: Micros


class Sums(NamedTuple):
    """What some months and days say of a thing. columns: lists by part, in the order of the fields of `Part`; of days
    that are cut only counts stand in them, and the spans as `pieces`."""

    columns: list[list[int]]
    pieces: list[Piece]


def rolled_up(parts: Parts, things: Iterable[str], months: Iterable[Month], days: Iterable[Day]) -> dict[str, Rolled]:
    """What months and days say of each of these things; others are left out."""
    things = list(things)
    return settled(parts, things, [summed_up(parts, things, months, days)])


def summed_up(parts: Parts, things: Iterable[str], months: Iterable[Month], days: Iterable[Day]) -> dict[str, Sums]:
    """The same before it is settled, of those things of which they say anything."""
    wanted, sums = set(things), dict[str, Sums]()
    of_month = list(parts.months.values())

    def of(thing: str) -> Sums | None:
        if thing not in wanted:
            return None
        if (its := sums.get(thing)) is None:
            its = sums[thing] = Sums([[0] * (len(parts.borders) - 1) for _ in Part._fields], [])
        return its

    for thing, place, *lists in months:
        if (its := of(thing)) is None:
            continue
        for (_, _, part), total, good, *times in zip(of_month[place - 1], *lists, strict=True):
            for column, number in zip(its.columns, (*times, total, good), strict=True):
                column[part] += number
    quarters: dict[int, list[Slice]] = {}
    for thing, day, totals, goods, some in days:
        if (its := of(thing)) is None:
            continue
        if day not in quarters:
            quarters[day] = parts.quarters(day)
        for (_, _, part), total, good in zip(quarters[day], totals, goods, strict=True):
            its.columns[3][part] += total
            its.columns[4][part] += good
        its.pieces.extend(some)
    return sums


def settled(parts: Parts, things: Iterable[str], layers: Sequence[Mapping[str, Sums]]) -> dict[str, Rolled]:
    """What all layers together say of each of these things: of no day may two of them."""
    first = [-(-border // QUARTER) * QUARTER for border in parts.borders]
    last = [border // QUARTER * QUARTER for border in parts.borders]
    none = [[0] * (len(parts.borders) - 1) for _ in Part._fields]
    found = {}
    for thing in things:
        some = [its for layer in layers if (its := layer.get(thing)) is not None]
        columns = none if not some else [list(map(sum, zip(*column, strict=True))) for column in _by_field(some)]
        pieces = sorted({piece for its in some for piece in its.pieces})
        found[thing] = _settled(columns, pieces, first, last)
    return found


def _by_field(some: Sequence[Sums]) -> Iterable[tuple[list[int], ...]]:
    return zip(*(its.columns for its in some), strict=True)


def _settled(days: list[list[int]], pieces: list[Piece], first: Sequence[Micros], last: Sequence[Micros]) -> Rolled:
    """first, last: the end of the quarter in which each border lies, and its beginning."""
    settled, loose = [list(column) for column in days], list[Span]()
    for span in apart(Span(one.since, one.until, one.state) for one in pieces):
        if (which := _WHICH.get(span.state)) is None or span.end <= last[0] or span.start >= first[-1]:
            continue
        part = bisect_right(first, span.start) - 1
        if part < 0 or part + 1 == len(last) or span.end > last[part + 1]:
            loose.append(span)
        else:
            settled[which][part] += span.end - span.start
    return Rolled(days, settled, loose, pieces, max((one.until for one in pieces), default=0))


def put_together(
    parts: Parts,
    rolled: Mapping[str, Rolled],
    anew: Iterable[AllDays],
    new: Mapping[str, list[Piece]],
    current: Mapping[str, Span],
) -> dict[str, list[Part]]:
    """new: spans that may not be rolled up, of things whose times are made `anew` from the pieces of all days."""
    known = {thing: {piece.n for piece in its} for thing, its in new.items()}
    made = {thing: list(its) for thing, its in new.items()}
    for thing, its in anew:
        made[thing] += (piece for piece in its if piece.n not in known[thing])
    found, none = {}, [0] * (len(parts.borders) - 1)
    for thing, it in rolled.items():
        now = current.get(thing)
        if thing in new:
            sums = [list(none), list(none), list(none), *it.days[3:]]
            spans = _apart(made[thing], now)
        elif now is None or now.start >= it.until:
            sums = [list(column) for column in it.settled]
            spans = it.loose if now is None else [*it.loose, now]
        else:
            sums = [list(column) for column in it.days]
            spans = _apart(it.pieces, now)
        _add(sums, parts.borders, spans)
        found[thing] = list(map(Part, *sums))
    return found


def _apart(pieces: Iterable[Piece], now: Span | None) -> list[Span]:
    spans = [Span(one.since, one.until, one.state) for one in sorted(set(pieces))]
    return apart(spans if now is None else [*spans, now])


def _add(sums: Sequence[list[int]], borders: Sequence[Micros], spans: Iterable[Span]) -> None:
    """Spans that do not overlap; of each its share in every part."""
    for start, end, state in spans:
        if (which := _WHICH.get(state)) is None or end <= borders[0] or start >= borders[-1]:
            continue
        its, part = sums[which], max(0, bisect_right(borders, start) - 1)
        while part < len(its) and borders[part] < end:
            its[part] += min(end, borders[part + 1]) - max(start, borders[part])
            part += 1


_WHICH = dict.fromkeys(UP, 0) | {"down": 1, "not_observed": 2}
