"""The history of checks and monitors, read back from the log in memory, as ClickHouse would answer."""

import msgspec

from infra.log.partitioner import partition_of
from query_api.history.checks import Flip, PingRow, Transition, flips_of
from query_api.history.monitors import Counts, DownTime, IncidentRow, Observed, Percentiles, ResultRow, View, Which
from query_api.history.uptime import Span
from schemas.base import Micros
from schemas.pings import Ping
from schemas.probes import ProbeCompleted
from schemas.topics import (
    PINGS,
    PROBE_RESULTS,
    TRANSITIONS,
)
from schemas.transitions import StatusChanged
from tests.measured_history import MemoryDecidingResults, MemoryResponseTimes, MemoryValidityHistory
from tests.memory import Memory


class MemoryHistory:
    """Pings and changes read back from the log; as `query_api.history.checks.History`.

    late: so many questions for changes are answered as if the newest change were not written yet.
    """

    def __init__(self, log: Memory) -> None:
        self._log = log
        self.late = 0

    async def pings(self, check_id: str, last: int, total: int, limit: int) -> list[PingRow]:
        rows = self.rows(check_id)
        assert len(rows) == total
        assert not rows or rows[0][0] == last
        return [row for _, row, _ in rows][:limit]

    async def body(self, check_id: str, n: int, last: int, total: int) -> bytes | None:
        return next((body for _, row, body in self.rows(check_id) if row.n == n), None)

    async def log(
        self, check_id: str, last: int, total: int, skip: int, limit: int, size: int
    ) -> tuple[list[PingRow], dict[int, bytes]]:
        rows = self.rows(check_id)[skip : skip + limit]
        return [row for _, row, _ in rows], {row.n: body[:size] for _, row, body in rows if body}

    async def transitions(self, thing: str, start: Micros = 0) -> list[Transition]:
        told = (msgspec.convert(value, StatusChanged) for key, value in self._log.of(TRANSITIONS) if key == thing
                and value["type"] == "status.changed")  # fmt: skip
        found = [
            Transition(
                one.n,
                one.at,
                one.since,
                one.was,
                one.now,
                one.reason,
                one.detected_at,
                one.id,
                one.incident,
                one.detail,
            )
            for one in told
            if one.at >= start
        ][::-1]
        if self.late:
            self.late -= 1
            return found[1:]
        return found

    async def flips(self, check_id: str, start: Micros, end: Micros) -> list[Flip]:
        return flips_of([one for one in await self.transitions(check_id, start) if one.at < end])

    def rows(self, check_id: str) -> list[tuple[int, PingRow, bytes]]:
        """Offset, row and body of each ping, newest first."""
        facts = {told["offset"]: told for _, told in self._log.of(TRANSITIONS) if told["type"] == "ping.folded"}
        number = partition_of(check_id.encode(), self._log.partitions)
        rows: list[tuple[int, PingRow, bytes]] = []
        for offset, (key, value) in enumerate(self._log.records[PINGS.name, number]):
            if key != check_id or b'"ping.received"' not in value:
                continue
            ping = msgspec.json.decode(value, type=Ping)
            fact = facts.get(offset, {})
            body = ping.body_base64 or (ping.body or "").encode()
            row = PingRow(
                len(rows) + 1, ping.at or 0, fact.get("kind", ping.kind), fact.get("duration"), ping.exitstatus,
                ping.rid, ping.scheme, ping.method, ping.remote_addr, ping.ua, len(body),
            )  # fmt: skip
            rows.append((offset, row, body))
        return rows[::-1]


class MemoryMonitorHistory:
    """Results and incidents read back from the log; as `query_api.history.monitors.MonitorHistory`."""

    def __init__(self, log: Memory) -> None:
        self._log = log
        self.response_times = MemoryResponseTimes(log)
        self.deciding_results = MemoryDecidingResults(log)
        self.validity = MemoryValidityHistory(log)

    async def caught_up(self) -> None:
        return None

    async def results(self, monitor: str, skip: int, limit: int) -> list[ResultRow]:
        return self._results(monitor)[::-1][skip : skip + limit]

    async def between(self, monitor: str, start: Micros, end: Micros, limit: int) -> list[ResultRow]:
        return [row for row in self._results(monitor) if start <= row.at <= end][:limit]

    async def total(self, monitor: str) -> int:
        return len(self._results(monitor))

    async def counted_since(self, monitors: list[str], start: Micros) -> int:
        return sum(row.slot >= start and not row.confirm for one in monitors for row in self._results(one))

    async def counts(self, monitor: str, start: Micros) -> Counts:
        rows = [row for row in self._results(monitor, counted=True) if row.slot >= start and not row.confirm]
        up = [row.took for row in rows if row.ok]
        return Counts(len(rows), len(up), sum(up) / len(up) if up else None)

    async def observed(self, monitor: str, start: Micros) -> Observed:
        rows = [row for row in self._results(monitor, counted=True) if row.slot >= start and not row.confirm]
        up = sorted(row.took for row in rows if row.ok)
        spread = Percentiles(*(up[int(share * (len(up) - 1))] for share in (0.5, 0.95, 0.99))) if up else None
        told = (value for key, value in self._log.of(TRANSITIONS) if key == monitor)
        told = (one for one in told if one["type"] == "status.changed" and one["at"] > start)
        spans = [Span(one["since"], one["at"], one["was"]) for one in told]
        return Observed(await self.counts(monitor, start), spread, spans)

    async def view(self, monitor: str, start: Micros, end: Micros, by_day: bool, since: Micros) -> View:
        measured = await self.response_times.read(monitor, start, end, by_day)
        return View(await self.observed(monitor, start), measured, (await self.observed(monitor, since)).spans)

    async def down_times(self, project: str, start: Micros) -> dict[str, DownTime]:
        found: dict[str, DownTime] = {}
        for row in self._told(project).values():
            if row.resolved is not None and row.resolved > start:
                total, until = found.get(row.thing, DownTime())
                down = row.resolved - max(row.started, start)
                found[row.thing] = DownTime(total + down, max(until, row.resolved))
        return found

    async def incidents(self, which: Which, skip: int, limit: int) -> list[IncidentRow]:
        return self._incidents(which)[skip : skip + limit]

    async def incidents_total(self, which: Which) -> int:
        return len(self._incidents(which))

    async def incident(self, project: str, id: str) -> IncidentRow | None:
        return self._told(project).get(id)

    async def incident_like(self, prefix: str) -> IncidentRow | None:
        projects = {told["project"] for _, told in self._log.of(TRANSITIONS) if told["type"] == "status.changed"}
        return next((row for one in projects for id, row in self._told(one).items() if id.startswith(prefix)), None)

    def _incidents(self, which: Which) -> list[IncidentRow]:
        found = [
            row
            for row in self._told(which.project).values()
            if row.thing in which.things
            and row.id not in which.without
            and not (which.resolved and row.resolved is None)
        ]
        return sorted(found, key=lambda row: (row.started, row.id), reverse=True)

    def _told(self, project: str) -> dict[str, IncidentRow]:
        """The incidents of a project, of checks too."""
        found: dict[str, IncidentRow] = {}
        for _, told in self._log.of(TRANSITIONS):
            if told["type"] != "status.changed" or told["project"] != project or "incident" not in told:
                continue
            id, at = told["incident"], told["at"]
            if told["now"] == "down":
                found[id] = IncidentRow(id, told["thing"], at, None, told["detail"], told.get("partial", False))
            else:
                found[id] = found[id]._replace(resolved=at, partial=told.get("partial", False))
        return found

    def _results(self, monitor: str, counted: bool = False) -> list[ResultRow]:
        """counted: only what counts in an uptime."""
        rows: dict[tuple[Micros, int, str], ResultRow] = {}
        for key, told in self._log.of(PROBE_RESULTS):
            if key == monitor and told["type"] == "probe.completed" and told.get("failure") != "prober_error":
                one = msgspec.convert(told, ProbeCompleted)
                if counted and one.maintenance:
                    continue
                row = ResultRow(
                    one.slot, one.confirm, one.region, one.at, one.ok, one.failure, one.detail, one.status, one.took,
                    one.address, one.maintenance, one.family_down,
                )  # fmt: skip
                rows.setdefault((one.slot, one.confirm, one.region), row)
        return sorted(rows.values(), key=lambda row: (row.slot, row.confirm))
