"""What roll-ups of months and days say of many things in parts of time, with what is kept of days that are over.

Of those only the things are read again whose days have changed since (query_api/history/kept_days.py); the day that is
not over is read each time. Raises `infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from infra.clickhouse.client import ClickHouse
from query_api.history.kept_days import CutDays, KeptDays
from query_api.history.time_parts import DAY, Parts
from query_api.history.uptime_sums import Day, Month, Rolled, Sums, settled, summed_up
from schemas.times import to_day

# Of more days some are asked for at a time: a question has a greatest length, and an answer a greatest size.
_DAYS_AT_ONCE = 100
_DAY_SECONDS = 86_400

OF_ALL, OF_THINGS = "1", "thing IN {things:Array(String)}"
_LISTS = ("totals", "goods", "ups", "downs", "not_observed")


def _sums(lists: Iterable[str]) -> str:
    """The sums of the slices of lists, by place."""
    return ", ".join(
        f"sumForEach(arrayMap(slice -> arraySum(arraySlice({name}, slice.1, slice.2)), slices))" for name in lists
    )


# FINAL drops copies.
_MONTHS = f"""
WITH indexOf({{months}}, toUInt32(month)) AS number, {{slices}}[number] AS slices
SELECT thing, {{place}} AS place, {_sums(_LISTS)}
FROM uptime_months FINAL PREWHERE month IN {{dates}} AND {{which}}
GROUP BY thing, place
"""

_DAYS = f"""
SELECT thing, number, {_sums(("totals", "goods"))}, groupArrayArray(pieces)
FROM (
    SELECT thing, totals, goods, pieces, indexOf({{days}}, toUInt32(day)) AS number, {{slices}}[number] AS slices
    FROM ({{source}})
)
GROUP BY thing, number
SETTINGS output_format_json_named_tuples_as_objects = 0
"""
ROLLED_UP = """
SELECT day, thing, totals, goods, pieces FROM uptime_days FINAL
PREWHERE day IN {dates} AND {which}
"""

# To name a thousand ids costs ClickHouse as much as to sum their months. So where there are at most so many rows of
# months for each thing that is asked for, those of others are read, too.
ROWS_EACH = 20

# When more of the things have changed, or more of all, all are read again.
_MOST_CHANGED, _MOST_OF_ALL = 50, 1_000
# The time, how many rows of months there are, and what has changed.
_LOOK = f"""
SELECT toUnixTimestamp(now('UTC')), (SELECT count() FROM uptime_months),
       (SELECT groupUniqArray({_MOST_OF_ALL})(thing) FROM uptime_changes
        WHERE made >= toDateTime({{since:UInt32}}, 'UTC'))
"""


class RolledDays:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._plain_rows, self._kept = clickhouse.plain_rows, KeptDays()

    async def rolled_up(self, things: Sequence[str], parts: Parts, mark: int) -> Mapping[str, Rolled]:
        """What is rolled up of each of these things. mark: of the roll-ups, before this call, in seconds: one that
        ended later began later, too, and wrote down its changes from then on."""
        cuts = _cuts(parts)
        since = self._kept.changed_since(things, cuts)
        [(now, many, told)] = await self._plain_rows(_LOOK, tuple[int, int, list[str]], {"since": since})
        over = [cut for cut in cuts if cut.last_day < now // _DAY_SECONDS]
        changed = sorted(set(things) & set(told))
        is_known = len(told) < _MOST_OF_ALL and len(changed) <= _MOST_CHANGED
        kept = self._kept.known(things, over, now) if is_known else {}
        which = OF_ALL if many <= ROWS_EACH * len(things) else OF_THINGS
        read, again = await asyncio.gather(
            self._layers(things, parts, [cut for cut in cuts if cut not in kept], which),
            self._layers(changed, parts, list(kept) if changed else [], OF_THINGS),
        )
        for cut, sums in again.items():
            kept[cut] = {thing: its for thing, its in kept[cut].items() if thing not in told} | sums
        layers = kept | read
        for cut in over:
            self._kept.put(things, cut, min(mark, now - 1), layers[cut])
        return await asyncio.to_thread(settled, parts, things, list(layers.values()))

    async def days(
        self, things: Sequence[str], parts: Parts, days: Sequence[int], source: str, which: str
    ) -> list[Day]:
        """These days of things, cut as the parts cut them. source: SQL of the days."""
        found: list[Day] = []
        for begin in range(0, len(days), _DAYS_AT_ONCE):
            some = list(days[begin : begin + _DAYS_AT_ONCE])
            slices = [[at[:2] for at in parts.quarters(day)] for day in some]
            question = _DAYS.format(days=some, slices=slices, source=source.format(dates=_dates(some), which=which))
            rows = await self._plain_rows(question, Day, _named(things, which))
            found += [row._replace(place=some[row.place - 1]) for row in rows]
        return found

    async def _layers(
        self, things: Sequence[str], parts: Parts, cuts: Sequence[CutDays], which: str
    ) -> dict[CutDays, dict[str, Sums]]:
        """The layers of these cuts, as they are now."""
        has_months = any(cut.of_months for cut in cuts)
        wanted = [cut.last_day for cut in cuts if not cut.of_months]
        months, days = await asyncio.gather(
            self._months(things, parts, which) if has_months else _nothing(),
            self.days(things, parts, wanted, ROLLED_UP, which),
        )
        by_day: dict[int, list[Day]] = defaultdict(list)
        for one in days:
            by_day[one.place].append(one)

        def summed(cut: CutDays) -> dict[str, Sums]:
            if cut.of_months:
                return summed_up(parts, things, months, ())
            return summed_up(parts, things, (), by_day[cut.last_day])

        return await asyncio.to_thread(lambda: {cut: summed(cut) for cut in cuts})

    async def _months(self, things: Sequence[str], parts: Parts, which: str) -> list[Month]:
        months = parts.months
        question = _MONTHS.format(
            months=list(months), slices=[[at[:2] for at in some] for some in months.values()],
            dates=_dates(months), place="1" if parts.is_one else "number", which=which,
        )  # fmt: skip
        return await self._plain_rows(question, Month, _named(things, which))


async def _nothing() -> list[Month]:
    return []


def _cuts(parts: Parts) -> list[CutDays]:
    """The whole days, if there are any, and each day that is cut."""
    cuts = [CutDays(day, False, ((day, tuple(parts.quarters(day))),)) for day in parts.cut_days]
    if months := tuple((month, tuple(slices)) for month, slices in parts.months.items()):
        month, slices = months[-1]
        last = slices[-1]
        cuts.append(CutDays(month + last.first + last.length - 2, True, months))
    return cuts


def _named(things: Sequence[str], which: str) -> dict[str, list[str]]:
    """The parameters of a question for all things, or for these."""
    return {} if which == OF_ALL else {"things": list(things)}


def _dates(days: Iterable[int]) -> str:
    """Days as ClickHouse reads them."""
    return "(" + ", ".join(f"'{to_day(day * DAY)}'" for day in days) + ")"
