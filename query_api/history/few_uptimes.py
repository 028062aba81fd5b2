"""What is rolled up of a few things, and what is new, by one plain question, summed up here.

What ClickHouse needs for it is mostly its planning, so nothing is computed there. Of many things that would be more
than it saves (query_api/history/uptimes.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from query_api.history.time_parts import DAY, Parts, Slice
from query_api.history.uptime_sums import Day, Month, Piece
from schemas.base import Micros
from schemas.times import to_day
from schemas.transitions import VisibleStatus

_MONTH, _DAY, _SPAN = 0, 1, 2

_QUESTION = """
SELECT 0 AS kind, thing, toUInt64(toUInt32(month)) AS at, totals, goods, ups, downs, not_observed,
       CAST([], 'Array(Tuple(UInt64, Int64, Int64, String))') AS pieces
FROM uptime_months FINAL PREWHERE thing IN {{things:Array(String)}} AND month IN {months}
UNION ALL
SELECT 1, thing, toUInt64(toUInt32(day)), totals, goods, [], [], [],
       arrayMap(piece -> (piece.1, piece.2, piece.3, CAST(piece.4, 'String')), pieces)
FROM uptime_days FINAL PREWHERE day IN {days} AND thing IN {{things:Array(String)}}
UNION ALL
SELECT 2, thing, toUInt64(0), [], [], [], [], [],
       [(n, toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(spans.at), CAST(state, 'String'))]
FROM spans
WHERE inserted_at >= toDateTime({{rolled_to:UInt32}}, 'UTC') AND thing IN {{things:Array(String)}} AND spans.at > since
  AND spans.at > fromUnixTimestamp64Micro({{start:Int64}}, 'UTC')
  AND since < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')
"""


class FewRow(NamedTuple):
    """A month, a day, or a new span of a thing. at: number of the first day, or of the day."""

    kind: int
    thing: str
    at: int
    totals: list[int]
    goods: list[int]
    ups: list[int]
    downs: list[int]
    not_observed: list[int]
    pieces: list[tuple[int, Micros, Micros, VisibleStatus]]


def question(parts: Parts) -> str:
    """The question for all rows. Parameters: `things`, `rolled_to` in seconds, `start` and `end` in microseconds."""
    return _QUESTION.format(months=dates(parts.months), days=dates(parts.cut_days))


def dates(days: Sequence[int] | dict[int, list[Slice]]) -> str:
    """Days as ClickHouse reads them; of none a day that has nothing."""
    return "(" + ", ".join(f"'{to_day(day * DAY)}'" for day in days or [0]) + ")"


def sorted_out(rows: Sequence[FewRow], parts: Parts) -> tuple[dict[str, list[Piece]], list[Month], list[Day]]:
    """New pieces of each thing that has some, and its months and days."""
    new: dict[str, list[Piece]] = defaultdict(list)
    months, days = [], []
    places = {month: number for number, month in enumerate(parts.months, 1)}
    for row in rows:
        pieces = [Piece(*piece) for piece in row.pieces]
        if row.kind == _SPAN:
            new[row.thing] += pieces
        elif row.kind == _DAY:
            slices = parts.quarters(row.at)
            days.append(Day(row.thing, row.at, _sums(row.totals, slices), _sums(row.goods, slices), pieces))
        else:
            lists = (row.totals, row.goods, row.ups, row.downs, row.not_observed)
            sums = (_sums(one, parts.months[row.at]) for one in lists)
            months.append(Month(row.thing, places[row.at], *sums))
    return new, months, days


def _sums(numbers: list[int], slices: Sequence[Slice]) -> list[int]:
    return [sum(numbers[first - 1 : first - 1 + length]) for first, length, _ in slices]
