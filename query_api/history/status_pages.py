"""Questions to history about the things of a status page: their days, and their incidents that are over.

One question for all things of a page each, answered in bounded memory however many changes there were: spans are read
in the order of their key (FINAL drops copies on the way) and summed by day, incidents are cut to the newest. Raises
`infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infra.clickhouse.client import ClickHouse
from query_api.history.uptime import UP
from schemas.base import SECOND, Micros

DAY: Micros = 86_400 * SECOND


class DayRow(NamedTuple):
    """How long a thing was up and how long down on a day, in microseconds. `day`: days since 1970, UTC."""

    thing: str
    day: int
    up: Micros
    down: Micros


class EndedIncident(NamedTuple):
    """An incident of a thing that is over."""

    id: str
    thing: str
    started: Micros
    resolved: Micros


# Spans of a thing never overlap, so their parts of a day add up.
_DAYS = f"""
SELECT thing, day, sumIf(spent, state != 'down'), sumIf(spent, state = 'down')
FROM (
    SELECT thing, state, day, least(ends, (day + 1) * {DAY}) - greatest(begins, day * {DAY}) AS spent
    FROM (
        SELECT thing, state,
               greatest(toUnixTimestamp64Micro(since), {{start:Int64}}) AS begins,
               least(toUnixTimestamp64Micro(at), {{end:Int64}}) AS ends
        FROM spans FINAL
        WHERE thing IN {{things:Array(String)}} AND state IN {(*sorted(UP), "down")} AND at > since
          AND at > fromUnixTimestamp64Micro({{start:Int64}}, 'UTC')
          AND since < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')
    )
    ARRAY JOIN range(toUInt64(intDiv(begins, {DAY})), toUInt64(intDiv(ends - 1, {DAY}) + 1)) AS day
)
GROUP BY thing, day
"""

# The transition that ends an incident closes its span.
_ENDED = """
SELECT incident, thing, since, at
FROM spans FINAL
WHERE thing IN {things:Array(String)} AND state = 'down' AND incident != ''
  AND at >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')
ORDER BY at DESC, thing, n DESC
LIMIT {limit:UInt32}
"""


class PageHistory:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows

    async def days(self, things: Sequence[str], start: Micros, end: Micros) -> list[DayRow]:
        """The days in [start, end) on which a thing was up or down, by spans that are closed."""
        rows = await self._rows(_DAYS, {"things": list(things), "start": start, "end": end})
        return [DayRow(*row) for row in rows]

    async def ended_incidents(
        self, things: Sequence[str], start: Micros, end: Micros, limit: int
    ) -> list[EndedIncident]:
        """Incidents that ended in [start, end), the last one first, at most `limit`."""
        rows = await self._rows(_ENDED, {"things": list(things), "start": start, "end": end, "limit": limit})
        return [EndedIncident(*row) for row in rows]
