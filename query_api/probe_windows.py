"""All regular results of a monitor since a moment, counted exactly: from days, hours and rows, in one question.

Whole days and hours come from the roll-ups; the piece of an hour at the beginning and the newest hours from the rows.
A row may come late, to an hour before those, and not be rolled up yet: it is noticed, and the question is asked again
with the rows of its hour. For that it is enough to know a moment before which all that was inserted is rolled up.
"""

import time
from typing import Any

from infra.clickhouse import ClickHouse
from schemas.base import SECOND, Micros

HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR

# A result is in within this time after its slot, nearly always.
_USUALLY: Micros = 600 * SECOND
_LOOK_SECONDS = 10.0

_ROLLED_TO = "SELECT max(toUnixTimestamp(done_to)) FROM rolled_up WHERE source = 'probe_results'"

_IN_ROLL_UPS = """
length = 86400 AND begin >= {first_day:DateTime('UTC')} AND begin < {last_day:DateTime('UTC')}
OR length = 3600 AND begin >= {first_hour:DateTime('UTC')} AND begin < {recent:DateTime('UTC')}
   AND (begin < {first_day:DateTime('UTC')} OR begin >= {last_day:DateTime('UTC')})
"""
_IN_ROWS = "slot < {first_hour:DateTime('UTC')} OR slot >= {recent:DateTime('UTC')}"

# The same without some hours, and without the days they are of, whose other hours take their place.
_IN_ROLL_UPS_BUT = """
length = 86400 AND begin >= {first_day:DateTime('UTC')} AND begin < {last_day:DateTime('UTC')}
   AND NOT has({late_days:Array(UInt32)}, toUnixTimestamp(begin))
OR length = 3600 AND begin >= {first_hour:DateTime('UTC')} AND begin < {recent:DateTime('UTC')}
   AND (begin < {first_day:DateTime('UTC')} OR begin >= {last_day:DateTime('UTC')}
        OR has({late_days:Array(UInt32)}, toUnixTimestamp(toStartOfDay(begin))))
   AND NOT has({late:Array(UInt32)}, toUnixTimestamp(begin))
"""
_IN_ROWS_AND = f"{_IN_ROWS} OR has({{late:Array(UInt32)}}, toUnixTimestamp(toStartOfHour(slot)))"


def _question(in_roll_ups: str, in_rows: str, spread: bool) -> str:
    merged, state, rows = (
        ("quantilesTDigestMerge(0.5, 0.95, 0.99)(one)", "quantilesTDigestMergeState(0.5, 0.95, 0.99)(spread)",
         "quantilesTDigestStateIf(0.5, 0.95, 0.99)(took, inside AND ok)")
        if spread else ("[]", "0", "0")
    )  # fmt: skip
    # The index on `slot` cannot part copies of a row, which have the same one, so FINAL needs no second look.
    return f"""
SELECT sum(results), sum(well), sum(spent), {merged}, groupUniqArrayArray(elsewhere) FROM (
    SELECT sum(total) AS results, sum(up) AS well, sum(took) AS spent, {state} AS one, emptyArrayUInt32() AS elsewhere
    FROM probe_roll_ups FINAL
    WHERE monitor = {{monitor:String}} AND ({in_roll_ups})
    UNION ALL
    SELECT countIf(inside), countIf(inside AND ok), sumIf(took, inside AND ok), {rows},
           groupUniqArrayIf(toUnixTimestamp(toStartOfHour(slot)), NOT inside)
    FROM (
        SELECT slot, ok, took, {in_rows} AS inside FROM probe_results FINAL
        WHERE monitor = {{monitor:String}} AND confirm = 0 AND slot >= {{start:DateTime64(6, 'UTC')}}
          AND ({in_rows} OR inserted_at >= {{rolled_to:DateTime('UTC')}})
    )
)
SETTINGS use_skip_indexes_if_final_exact_mode = 0"""


_USUAL = {spread: _question(_IN_ROLL_UPS, _IN_ROWS, spread) for spread in (False, True)}
_WITH_LATE = {spread: _question(_IN_ROLL_UPS_BUT, _IN_ROWS_AND, spread) for spread in (False, True)}

# Of some hours those of which there are not fewer rows than were rolled up once: of the others, rows have expired.
_WHOLE = """
SELECT hour FROM (
    SELECT toUnixTimestamp(toStartOfHour(slot)) AS hour, count() AS rows, 0 AS rolled FROM probe_results FINAL
    WHERE monitor = {monitor:String} AND confirm = 0
      AND has({hours:Array(UInt32)}, toUnixTimestamp(toStartOfHour(slot)))
    GROUP BY hour
    UNION ALL
    SELECT toUnixTimestamp(begin), 0, total FROM probe_roll_ups FINAL
    WHERE monitor = {monitor:String} AND length = 3600 AND has({hours:Array(UInt32)}, toUnixTimestamp(begin))
)
GROUP BY hour HAVING sum(rows) >= sum(rolled)
"""


class ProbeWindows:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows
        self._rolled_to, self._looked_at = 0, -_LOOK_SECONDS

    async def figures(self, monitor: str, start: Micros, spread: bool) -> tuple[int, int, int, list[float]]:
        """How many results there are since `start`, how many were well, how long these took in all, microseconds, and
        with `spread` the median, the 95th and the 99th percentile of it."""
        asked = _window(monitor, start, await self._known_to())
        late: set[int] = set()
        seen: set[int] = set()
        while True:
            if late:
                days = {hour * SECOND // DAY * DAY // SECOND for hour in late}
                asked |= {"late": sorted(late), "late_days": sorted(days)}
            [(total, up, took, percentiles, elsewhere)] = await self._rows(
                (_WITH_LATE if late else _USUAL)[spread], asked
            )
            new = set(elsewhere) - seen
            whole = await self._rows(_WHOLE, {"monitor": monitor, "hours": sorted(new)}) if new else []
            if not whole:
                return total, up, took, percentiles
            seen |= new
            late.update(hour for (hour,) in whole)

    async def _known_to(self) -> int:
        """A moment before which all that was inserted is rolled up. An older one is as right, and only slower."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_SECONDS:
            [(self._rolled_to,)] = await self._rows(_ROLLED_TO)
            self._looked_at = now
        return self._rolled_to


def _window(monitor: str, start: Micros, rolled_to: int) -> dict[str, Any]:
    # ClickHouse takes a small number for no time at all; of the first day of 1970 there are no results.
    start = max(start, DAY)
    recent = max(DAY, (rolled_to * SECOND - _USUALLY) // HOUR * HOUR)
    return {
        "monitor": monitor,
        "start": f"{start // SECOND}.{start % SECOND:06}",
        "first_hour": -(-start // HOUR) * HOUR // SECOND,
        "first_day": -(-start // DAY) * DAY // SECOND,
        "recent": recent // SECOND,
        "last_day": recent // DAY * DAY // SECOND,
        "rolled_to": max(rolled_to, DAY // SECOND),
    }
