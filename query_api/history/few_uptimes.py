"""What is rolled up of a few things, and what is new, by one plain question of one table, summed up here.

What ClickHouse needs for it is mostly its planning, so nothing is computed there. Of many things that would be more
than it saves (query_api/history/uptimes.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from query_api.history.time_parts import DAY, Parts, Slice
from query_api.history.uptime_sums import Day, Month, Piece
from schemas.base import SECOND, Micros
from schemas.transitions import VisibleStatus

_MONTH, _DAY, _SPAN = 0, 1, 2
_DAY_SECONDS = DAY // SECOND

# Numbers are written out: parameters cost planning, too. FINAL drops copies.
_QUESTION = """
SELECT kind, thing, at, totals, goods, ups, downs, not_observed, pieces FROM uptime_rows FINAL
PREWHERE thing IN {{things:Array(String)}} AND ((kind, at) IN ({rolled_up}) OR kind = {span} AND at >= {rolled_to})
"""


class FewRow(NamedTuple):
    """A month, a day, or a new span of a thing (infra/clickhouse/tables/0028_uptime_rows.sql). at: seconds."""

    kind: int
    thing: str
    at: int
    totals: list[int]
    goods: list[int]
    ups: list[int]
    downs: list[int]
    not_observed: list[int]
    pieces: list[tuple[int, Micros, Micros, VisibleStatus]]


def question(parts: Parts, rolled_to: int) -> str:
    """The question for all rows: of spans those inserted since `rolled_to`, in seconds. Parameter: `things`."""
    wanted = [(_MONTH, month) for month in parts.months] + [(_DAY, day) for day in parts.cut_days]
    rolled_up = ", ".join(f"({kind}, {day * _DAY_SECONDS})" for kind, day in wanted)
    return _QUESTION.format(rolled_up=rolled_up, span=_SPAN, rolled_to=rolled_to)


def sorted_out(rows: Sequence[FewRow], parts: Parts) -> tuple[dict[str, list[Piece]], list[Month], list[Day]]:
    """New pieces of each thing that has some, and its months and days."""
    new: dict[str, list[Piece]] = defaultdict(list)
    months, days = [], []
    places = {month: number for number, month in enumerate(parts.months, 1)}
    for row in rows:
        pieces, number = [Piece(*piece) for piece in row.pieces], row.at // _DAY_SECONDS
        if row.kind == _SPAN:
            if its := [one for one in pieces if one.until > max(one.since, parts.start) and one.since < parts.end]:
                new[row.thing] += its
        elif row.kind == _DAY:
            slices = parts.quarters(number)
            days.append(Day(row.thing, number, _sums(row.totals, slices), _sums(row.goods, slices), pieces))
        else:
            lists = (row.totals, row.goods, row.ups, row.downs, row.not_observed)
            sums = (_sums(one, parts.months[number]) for one in lists)
            months.append(Month(row.thing, places[number], *sums))
    return new, months, days


def _sums(numbers: list[int], slices: Sequence[Slice]) -> list[int]:
    return [sum(numbers[first - 1 : first - 1 + length]) for first, length, _ in slices]
