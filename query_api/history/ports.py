"""What the APIs need of history in ClickHouse, as protocols: a process injects the real readers, tests their own."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from query_api.history import audit as audit_history
from query_api.history.audit import AuditRow
from query_api.history.checks import Flip, PingRow, Transition
from query_api.history.deciding_results import Deciding
from query_api.history.deliveries import EndedRow, FinishedRow, NewestRow, SentRow
from query_api.history.monitors import Counts, DownTime, IncidentRow, Observed, ResultRow, View, Which
from query_api.history.past_things import GoneRow, ThenRow
from query_api.history.reports import Counted, Span3, StateTime, Took, Unacknowledged
from query_api.history.response_times import Figures, Measured
from query_api.history.run_times import CheckRunTimes
from query_api.history.status_pages import DayRow, EndedIncident
from query_api.history.uptime import Span
from query_api.history.uptimes import Uptimes
from query_api.history.validity import ToldRow
from schemas.base import Micros


class CheckHistoryReader(Protocol):
    """query_api.history.checks.History, as far as the API needs it."""

    async def pings(self, check_id: str, last: int, total: int, limit: int) -> list[PingRow]: ...

    async def body(self, check_id: str, n: int, last: int, total: int) -> bytes | None: ...

    async def log(
        self, check_id: str, last: int, total: int, skip: int, limit: int, size: int
    ) -> tuple[list[PingRow], dict[int, bytes]]: ...

    async def transitions(self, thing: str, start: Micros) -> list[Transition]: ...

    async def flips(self, check_id: str, start: Micros, end: Micros) -> list[Flip]: ...


class ResponseTimesReader(Protocol):
    """query_api.history.response_times.ResponseTimes."""

    async def read(self, monitor: str, start: Micros, end: Micros, by_day: bool) -> Measured: ...

    async def since(self, monitor: str, start: Micros) -> Figures: ...


class DecidingResultsReader(Protocol):
    """query_api.history.deciding_results.DecidingResults."""

    async def read(self, monitor: str, incidents: Sequence[str], reach: Micros, most: int) -> dict[str, Deciding]: ...


class ValidityReader(Protocol):
    """query_api.history.validity.ValidityHistory."""

    async def told(self, monitor: str, skip: int, limit: int) -> list[ToldRow]: ...

    async def total(self, monitor: str) -> int: ...


class MonitorHistoryReader(Protocol):
    """query_api.history.monitors.MonitorHistory."""

    @property
    def response_times(self) -> ResponseTimesReader: ...

    @property
    def deciding_results(self) -> DecidingResultsReader: ...

    @property
    def validity(self) -> ValidityReader: ...

    async def caught_up(self) -> None: ...

    async def results(self, monitor: str, skip: int, limit: int) -> list[ResultRow]: ...

    async def total(self, monitor: str) -> int: ...

    async def counted_since(self, monitors: list[str], start: Micros) -> int: ...

    async def between(self, monitor: str, start: Micros, end: Micros, limit: int) -> list[ResultRow]: ...

    async def counts(self, monitor: str, start: Micros) -> Counts: ...

    async def observed(self, monitor: str, start: Micros) -> Observed: ...

    async def view(self, monitor: str, start: Micros, end: Micros, by_day: bool, since: Micros) -> View: ...

    async def down_times(self, project: str, start: Micros) -> dict[str, DownTime]: ...

    async def incidents(self, which: Which, skip: int, limit: int) -> list[IncidentRow]: ...

    async def incidents_total(self, which: Which) -> int: ...

    async def incident(self, project: str, id: str) -> IncidentRow | None: ...

    async def incident_like(self, prefix: str) -> IncidentRow | None: ...


class PageHistoryReader(Protocol):
    """query_api.history.status_pages.PageHistory."""

    async def days(self, things: Sequence[str], start: Micros, end: Micros) -> list[DayRow]: ...

    async def ended_incidents(
        self, things: Sequence[str], start: Micros, end: Micros, limit: int
    ) -> list[EndedIncident]: ...


class DeliveryHistoryReader(Protocol):
    """query_api.history.deliveries.DeliveryHistory."""

    async def caught_up(self, channel: str) -> None: ...

    async def all_caught_up(self) -> None: ...

    async def log(self, channel: str, skip: int, limit: int) -> list[FinishedRow]: ...

    async def newest(self, channels: Sequence[str]) -> dict[str, NewestRow]: ...

    async def total(self, channel: str) -> int: ...

    async def ended(self, channel: str, start: Micros, end: Micros, limit: int) -> list[str]: ...

    async def failed(self, channel: str, start: Micros, limit: int) -> list[str]: ...

    async def sent(self, channel: str, deliveries: list[str]) -> dict[str, SentRow]: ...

    async def outcomes(self, channel: str, deliveries: list[str]) -> list[FinishedRow]: ...

    async def ended_one(self, channels: list[str], delivery: str) -> EndedRow | None: ...


class PastThingsReader(Protocol):
    """query_api.history.past_things.PastThings."""

    async def project_of(self, thing: str) -> str | None: ...

    async def then(self, things: Sequence[str], projects: Sequence[str], at: Micros) -> list[ThenRow]: ...

    async def gone(self, projects: Sequence[str], at: Micros, limit: int) -> list[GoneRow]: ...


class AuditReader(Protocol):
    """query_api.history.audit.AuditHistory."""

    async def caught_up(self) -> bool: ...

    async def entries(self, which: audit_history.Which) -> list[AuditRow]: ...


class ReportHistoryReader(Protocol):
    """query_api.history.reports.ReportHistory."""

    async def is_written(self) -> bool: ...

    async def rolled_to(self) -> Micros: ...

    async def times(self, things: Sequence[str], span: Span3) -> list[StateTime]: ...

    async def incidents(self, project: str, span: Span3, until: Micros) -> list[Counted]: ...

    async def unacknowledged(
        self, project: str, things: Sequence[str], without: Sequence[str], span: Span3, until: Micros, limit: int
    ) -> tuple[list[Unacknowledged], int]: ...

    async def responses(self, monitors: Sequence[str], span: Span3) -> dict[str, Took]: ...

    async def runs(self, checks: Sequence[str], span: Span3) -> dict[str, Took]: ...

    async def gaps(self, partitions: Sequence[int], span: Span3) -> list[tuple[Micros, Micros | None]]: ...


class RunTimesReader(Protocol):
    """query_api.history.run_times.RunTimesHistory."""

    async def read(self, checks: Sequence[str], borders: Sequence[Micros]) -> CheckRunTimes: ...


class UptimeHistoryReader(Protocol):
    """query_api.history.uptimes.UptimeHistory."""

    @property
    def run_times(self) -> RunTimesReader: ...

    async def is_written(self) -> bool: ...

    async def read(self, things: Sequence[str], borders: Sequence[Micros], current: Mapping[str, Span]) -> Uptimes: ...
