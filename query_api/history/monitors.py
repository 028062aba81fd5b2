"""Questions to history about monitors: results, counts and incidents, each fact counted once.

A result that two probers had is one; a transition that was inserted twice is one. Raises
`infra.clickhouse.client.ClickHouseUnavailable` when ClickHouse does not answer.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.clickhouse.client import ClickHouse
from infra.log.group_progress import GroupProgress
from query_api.history.behind import must_be_written
from query_api.history.deciding_results import DecidingResults
from query_api.history.monitor_view import MonitorViews
from query_api.history.response_times import Measured, ResponseTimes
from query_api.history.uptime import Span
from query_api.history.validity import ValidityHistory
from query_api.history.windows import ProbeWindows, Told
from schemas.base import Micros

_Row = tuple[Any, ...]


class ResultRow(NamedTuple):
    """A result. `confirm`: 0 for a regular one. `took` in microseconds; `status` None without an HTTP answer;
    `family_down`: the address family that failed alone."""

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
    maintenance: bool
    family_down: str = ""


class Counts(NamedTuple):
    """Regular results since a moment, but for those in maintenance. `mean_took`: of those that were well, microseconds;
    None without any."""

    total: int
    up: int
    mean_took: float | None


class Percentiles(NamedTuple):
    """Microseconds within which a share of the results came, estimated: at most a fiftieth of it off."""

    p50: float
    p95: float
    p99: float


class Observed(NamedTuple):
    """percentiles: None without any result that was well. spans: those that are closed, oldest first, uncut."""

    counts: Counts
    percentiles: Percentiles | None
    spans: list[Span]


class View(NamedTuple):
    """closed: spans that are over, oldest first, uncut."""

    observed: Observed
    measured: Measured
    closed: list[Span]


class IncidentRow(NamedTuple):
    """An incident, of a check or a monitor; `resolved` None while it is open. `partial`: only one address family
    failed."""

    id: str
    thing: str
    started: Micros
    resolved: Micros | None
    cause: str
    partial: bool = False


class DownTime(NamedTuple):
    """How long a thing was down in incidents that are over; the newest of them ended at `until`, 0 without any."""

    total: Micros = 0
    until: Micros = 0


# FINAL: of a result that stands twice the newer row counts, as it will when they have merged.
_RESULT = """
SELECT slot, confirm, CAST(region, 'String'), at, ok, CAST(failure, 'String'), detail, status, took, address,
       maintenance, CAST(family_down, 'String')
FROM probe_results FINAL
"""

_NEWEST = f"""{_RESULT}
WHERE monitor = {{monitor:String}} AND slot >= (
    SELECT min(slot) FROM (
        SELECT slot FROM probe_results WHERE monitor = {{monitor:String}} ORDER BY slot DESC LIMIT {{reach:UInt64}}
    )
)
ORDER BY slot DESC, confirm DESC, region LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}
"""

# A result within a span may be of a slot before it: a probe begins a little after its slot, a confirmation much later.
_LATEST = 3_600_000_000

_BETWEEN = f"""{_RESULT}
WHERE monitor = {{monitor:String}} AND slot >= fromUnixTimestamp64Micro({{start:Int64}} - {_LATEST}, 'UTC')
  AND at >= fromUnixTimestamp64Micro({{start:Int64}}, 'UTC') AND at <= fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')
ORDER BY at, confirm LIMIT {{limit:UInt64}}
"""

_TOTAL = "SELECT uniqExact(slot, confirm, region) FROM probe_results WHERE monitor = {monitor:String}"

_COUNTED = """
SELECT uniqExact(monitor, slot, region) FROM probe_results
WHERE monitor IN {monitors:Array(String)} AND slot >= fromUnixTimestamp64Micro({start:Int64}, 'UTC') AND confirm = 0
"""

_INCIDENT = """
SELECT incident, any(thing), min(started) AS began, max(resolved) AS ended, max(cause), min(partial)
FROM incidents WHERE project = {project:String}
"""
_INCIDENTS = f"""{_INCIDENT}
AND thing IN {{things:Array(String)}} AND incident NOT IN {{without:Array(String)}}
GROUP BY incident HAVING NOT {{resolved:Bool}} OR toUnixTimestamp64Micro(ended) > 0
"""
_PAGE = f"{_INCIDENTS} ORDER BY began DESC, incident DESC LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}"
_HOW_MANY = f"SELECT count() FROM ({_INCIDENTS})"
_ONE = f"{_INCIDENT} AND incident = {{incident:String}} GROUP BY incident"
_LIKE = """
SELECT incident, any(thing), min(started), max(resolved), max(cause), min(partial)
FROM incidents WHERE startsWith(incident, {prefix:String}) GROUP BY incident ORDER BY incident LIMIT 1
"""
_DOWN = """
SELECT thing, sum(finish - greatest(began, {start:Int64})), max(finish) FROM (
    SELECT incident, any(incidents.thing) AS thing, toUnixTimestamp64Micro(min(started)) AS began,
           toUnixTimestamp64Micro(max(resolved)) AS finish
    FROM incidents WHERE project = {project:String} GROUP BY incident HAVING finish > {start:Int64}
)
GROUP BY thing
"""


class Which(NamedTuple):
    """Incidents of some things of a project: those that are resolved only, without some."""

    project: str
    things: Sequence[str]
    resolved: bool = False
    without: Sequence[str] = ()


class MonitorHistory:
    """`facts` tells whether all that the folds said before a moment has been written.

    response_times, deciding_results, validity: further questions about monitors.
    """

    def __init__(self, clickhouse: ClickHouse, facts: GroupProgress | None = None) -> None:
        self._rows, self._plain_rows, self._facts = clickhouse.rows, clickhouse.plain_rows, facts
        self._windows = ProbeWindows(clickhouse)
        self.response_times = ResponseTimes(clickhouse)
        self._views = MonitorViews(clickhouse, self._windows, self.response_times)
        self.deciding_results = DecidingResults(clickhouse)
        self.validity = ValidityHistory(clickhouse)

    async def caught_up(self) -> None:
        """Wait until all that the folds have said is written. Raises `query_api.history.behind.Behind`."""
        await must_be_written(self._facts)

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
        return (await self.observed(monitor, start)).counts

    async def observed(self, monitor: str, start: Micros) -> Observed:
        """What is known of a monitor since `start`."""
        return _observed(await self._windows.read(monitor, start))

    async def view(self, monitor: str, start: Micros, end: Micros, by_day: bool, since: Micros) -> View:
        """What is known of [start, end), its results of all that came since `start`, and the spans that ended after
        `since`. by_day: response times of whole days may stand as one."""
        told, measured, closed = await self._views.read(monitor, start, end, by_day, since)
        return View(_observed(told), measured, closed)

    async def down_times(self, project: str, start: Micros) -> dict[str, DownTime]:
        """How long each thing of a project was down since `start`, in incidents that are over; by id."""
        rows = await self._rows(_DOWN, {"project": project, "start": start})
        return {thing: DownTime(int(down), int(until)) for thing, down, until in rows}

    async def incidents(self, which: Which, skip: int, limit: int) -> list[IncidentRow]:
        """Incidents, newest first, after the first `skip`."""
        rows = await self._rows(_PAGE, _asked(which) | {"skip": skip, "limit": limit})
        return [_incident(row) for row in rows]

    async def incidents_total(self, which: Which) -> int:
        """How many such incidents there are."""
        [(total,)] = await self._rows(_HOW_MANY, _asked(which))
        return int(total)

    async def incident(self, project: str, id: str) -> IncidentRow | None:
        """One incident of a project."""
        rows = await self._rows(_ONE, {"project": project, "incident": id})
        return _incident(rows[0]) if rows else None

    async def incident_like(self, prefix: str) -> IncidentRow | None:
        """The incident of any project whose id begins so; reads the ids of all."""
        rows = await self._rows(_LIKE, {"prefix": prefix})
        return _incident(rows[0]) if rows else None


def _observed(told: Told) -> Observed:
    (total, up, took, spread), spans = told
    counts = Counts(total, up, took / up if up else None)
    return Observed(counts, Percentiles(*spread) if spread else None, spans)


def _asked(which: Which) -> dict[str, Any]:
    return which._asdict() | {"things": list(which.things), "without": list(which.without)}


def _incident(row: _Row) -> IncidentRow:
    id, thing, started, resolved, cause, partial = row
    return IncidentRow(id, thing, started, resolved or None, cause, bool(partial))


def _result(row: _Row) -> ResultRow:
    slot, confirm, region, at, ok, failure, detail, status, took, address, maintenance, family = row
    return ResultRow(
        slot,
        confirm,
        region,
        at,
        bool(ok),
        failure,
        detail,
        status if status >= 0 else None,
        took,
        address,
        bool(maintenance),
        family,
    )
