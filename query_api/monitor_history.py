"""Questions to history about monitors: results, counts and incidents, each fact counted once (DESIGN section 5).

A result that two probers had is one; a transition that was inserted twice is one. Raises
`infra.clickhouse.Unavailable` when ClickHouse does not answer.
"""

from typing import Any, NamedTuple

from infra.clickhouse import ClickHouse
from schemas.base import Micros

_Row = tuple[Any, ...]


class ResultRow(NamedTuple):
    """A result. `confirm`: 0 for a regular one. `took` in microseconds; `status` None without an HTTP answer."""

    slot: Micros
    confirm: int
    region: str
    at: Micros
    ok: bool
    failure: str
    detail: str
    status: int | None
    took: int
    address: str


class Counts(NamedTuple):
    """Regular results since a moment. `mean_took`: of those that were well, microseconds; None without any."""

    total: int
    up: int
    mean_took: float | None


class IncidentRow(NamedTuple):
    """An incident, of a check or a monitor; `resolved` None while it is open."""

    id: str
    thing: str
    started: Micros
    resolved: Micros | None
    cause: str


_RESULT = """
SELECT slot, confirm, CAST(region, 'String'), min(at) AS began, argMin(ok, at), argMin(CAST(failure, 'String'), at),
       argMin(detail, at), argMin(status, at), argMin(took, at), argMin(address, at)
FROM probe_results
"""
_ONCE = "GROUP BY slot, confirm, region"

_NEWEST = f"""{_RESULT}
WHERE monitor = {{monitor:String}} AND slot >= (
    SELECT min(slot) FROM (
        SELECT slot FROM probe_results WHERE monitor = {{monitor:String}} ORDER BY slot DESC LIMIT {{reach:UInt64}}
    )
)
{_ONCE} ORDER BY slot DESC, confirm DESC, region LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}
"""

# A result within a span may be of a slot before it: a probe begins a little after its slot, a confirmation much later.
_LATEST = 3_600_000_000

_BETWEEN = f"""{_RESULT}
WHERE monitor = {{monitor:String}} AND slot >= fromUnixTimestamp64Micro({{start:Int64}} - {_LATEST}, 'UTC')
  AND at >= fromUnixTimestamp64Micro({{start:Int64}}, 'UTC') AND at <= fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')
{_ONCE} ORDER BY began, confirm LIMIT {{limit:UInt64}}
"""

_COUNTS = """
SELECT count(), countIf(ok), avgIf(took, ok) FROM (
    SELECT argMin(ok, at) AS ok, argMin(took, at) AS took FROM probe_results
    WHERE monitor = {monitor:String} AND slot >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND confirm = 0
    GROUP BY slot, region
)
"""

_TOTAL = "SELECT uniqExact(slot, confirm, region) FROM probe_results WHERE monitor = {monitor:String}"

_COUNTED = """
SELECT uniqExact(monitor, slot, region) FROM probe_results
WHERE monitor IN {monitors:Array(String)} AND slot >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND confirm = 0
"""

# The transition that opens an incident holds its cause, the one that ends it its end.
_INCIDENTS = """
SELECT incident, any(thing), minIf(at, became = 'down'), maxIf(at, state = 'down'), countIf(state = 'down'),
       anyIf(detail, became = 'down')
FROM spans
WHERE project = {project:String} AND incident != ''
GROUP BY incident
"""


class MonitorHistory:
    def __init__(self, clickhouse: ClickHouse) -> None:
        self._rows = clickhouse.rows

    async def results(self, monitor: str, skip: int, limit: int) -> list[ResultRow]:
        """Results, newest first, after the first `skip`."""
        # Copies are few: twice what is wanted holds enough of them.
        reach = 2 * (skip + limit) + 100
        asked = {"monitor": monitor, "skip": skip, "limit": limit, "reach": reach}
        return [_result(row) for row in await self._rows(_NEWEST, asked)]

    async def total(self, monitor: str) -> int:
        """How many results there are."""
        [(total,)] = await self._rows(_TOTAL, {"monitor": monitor})
        return int(total)

    async def counted_since(self, monitors: list[str], start: Micros) -> int:
        """Regular results of all these monitors since `start`."""
        [(total,)] = await self._rows(_COUNTED, {"monitors": monitors, "start": start})
        return int(total)

    async def between(self, monitor: str, start: Micros, end: Micros, limit: int) -> list[ResultRow]:
        """Results within [start, end], oldest first."""
        asked = {"monitor": monitor, "start": start, "end": end, "limit": limit}
        return [_result(row) for row in await self._rows(_BETWEEN, asked)]

    async def counts(self, monitor: str, start: Micros) -> Counts:
        """Regular results since `start`."""
        [(total, up, took)] = await self._rows(_COUNTS, {"monitor": monitor, "start": start})
        return Counts(total, up, took if up else None)

    async def incidents(self, project: str) -> list[IncidentRow]:
        """Every incident of a project, of checks too, newest first."""
        rows = await self._rows(_INCIDENTS, {"project": project})
        found = [
            IncidentRow(id, thing, started, resolved if ended else None, cause)
            for id, thing, started, resolved, ended, cause in rows
        ]
        return sorted(found, key=lambda one: (one.started, one.id), reverse=True)


def _result(row: _Row) -> ResultRow:
    slot, confirm, region, at, ok, failure, detail, status, took, address = row
    return ResultRow(
        slot, confirm, region, at, bool(ok), failure, detail, status if status >= 0 else None, took, address
    )
