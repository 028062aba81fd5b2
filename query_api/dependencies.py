"""The parts that the API stands on, as it sees them. `pingfold` puts the real ones together, tests put in their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Protocol

from fastapi import Depends, Request

from infra.disk import Disk
from infra.egress.guard import Guard
from infra.http_server.forwarded import Forwarded
from infra.log.directory import Directory
from infra.secrets.confirmation_links import ConfirmationLinks
from infra.secrets.secrets import Decrypts
from infra.settings.settings import Settings
from query_api.history import audit as audit_history
from query_api.history.audit import AuditRow
from query_api.history.checks import Flip, PingRow, Transition
from query_api.history.deliveries import FinishedRow, SentRow
from query_api.history.monitors import Counts, IncidentRow, Observed, ResultRow, Which
from query_api.history.status_pages import DayRow, EndedIncident
from query_api.password_pool import PasswordPool
from query_api.state.delivery_states import DeliveryStates
from query_api.state.key_uses import KeyUses, Puts
from query_api.state.states import States
from query_api.wrong_keys import WrongKeyLimiter
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.monitor_states import MonitorState
from schemas.requests import Decision, ProjectsRequest


class Clock(Protocol):
    """The time of this process, the test clock's offset included."""

    def now(self) -> Micros: ...


class Asks(Protocol):
    """infra.log.decisions.Decisions, as far as the API needs it."""

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision: ...


class Follows(Protocol):
    """infra.log.replica.Replica, as far as the API needs it."""

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool: ...

    async def caught_up(self, timeout: float) -> bool: ...


class Acknowledges(Protocol):
    """ingest.ping.source.Source: the newest acknowledged ping of this process in each partition, -1 before."""

    @property
    def acked(self) -> Sequence[int]: ...


class HistoryReads(Protocol):
    """query_api.history.checks.History, as far as the API needs it."""

    async def pings(self, check_id: str, last: int, total: int, limit: int) -> list[PingRow]: ...

    async def body(self, check_id: str, n: int, last: int, total: int) -> bytes | None: ...

    async def transitions(self, thing: str, start: Micros) -> list[Transition]: ...

    async def flips(self, check_id: str, start: Micros, end: Micros) -> list[Flip]: ...


class MonitorHistoryReads(Protocol):
    """query_api.history.monitors.MonitorHistory."""

    async def caught_up(self) -> None: ...

    async def results(self, monitor: str, skip: int, limit: int) -> list[ResultRow]: ...

    async def total(self, monitor: str) -> int: ...

    async def counted_since(self, monitors: list[str], start: Micros) -> int: ...

    async def between(self, monitor: str, start: Micros, end: Micros, limit: int) -> list[ResultRow]: ...

    async def counts(self, monitor: str, start: Micros) -> Counts: ...

    async def observed(self, monitor: str, start: Micros) -> Observed: ...

    async def incidents(self, which: Which, skip: int, limit: int) -> list[IncidentRow]: ...

    async def incidents_total(self, which: Which) -> int: ...

    async def incident(self, project: str, id: str) -> IncidentRow | None: ...


class PageHistoryReads(Protocol):
    """query_api.history.status_pages.PageHistory."""

    async def days(self, things: Sequence[str], start: Micros, end: Micros) -> list[DayRow]: ...

    async def ended_incidents(self, things: Sequence[str], start: Micros, limit: int) -> list[EndedIncident]: ...


class DeliveryHistoryReads(Protocol):
    """query_api.history.deliveries.DeliveryHistory."""

    async def caught_up(self, channel: str) -> None: ...

    async def log(self, channel: str, skip: int, limit: int) -> list[FinishedRow]: ...

    async def total(self, channel: str) -> int: ...

    async def ended(self, channel: str, start: Micros, end: Micros, limit: int) -> list[str]: ...

    async def failed(self, channel: str, start: Micros, limit: int) -> list[str]: ...

    async def sent(self, channel: str, deliveries: list[str]) -> dict[str, SentRow]: ...


class AuditReads(Protocol):
    """query_api.history.audit.AuditHistory."""

    async def caught_up(self) -> bool: ...

    async def entries(self, which: audit_history.Which) -> list[AuditRow]: ...


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What `create_app` is given.

    encrypt: makes a secret fit for storing at its place; decrypt: reads it again there. links: those of mails that ask
    for a confirmation.
    admin_password: opens the pages; None: there are no pages.
    disk: where changes are written; None: as the settings say. guard: what probes and webhooks may reach.
    source: None where no pings are received. history: None without ClickHouse.
    """

    settings: Settings
    clock: Clock
    partitions: int
    sink: Puts
    decisions: Asks
    directory: Directory
    definitions_replica: Follows
    states: States[CheckState]
    monitor_states: States[MonitorState]
    delivery_states: DeliveryStates
    states_replica: Follows
    encrypt: Callable[[str, str], str]
    decrypt: Decrypts
    links: ConfirmationLinks
    admin_password: str | None = None
    disk: Disk | None = None
    guard: Guard = field(default_factory=Guard)
    key_uses: KeyUses = field(init=False)
    password_pool: PasswordPool = field(default_factory=PasswordPool)
    source: Acknowledges | None = None
    history: HistoryReads | None = None
    monitor_history: MonitorHistoryReads | None = None
    delivery_history: DeliveryHistoryReads | None = None
    page_history: PageHistoryReads | None = None
    audit_history: AuditReads | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_uses", KeyUses(self.sink))

    @cached_property
    def wrong_keys(self) -> WrongKeyLimiter:
        """The brake on wrong API keys, for all APIs of this process."""
        return WrongKeyLimiter(Forwarded(self.settings.trusted_proxies))


def dependencies_of(request: Request) -> Dependencies:
    """The dependencies of the application that serves a request.

    Dependencies ask for them here instead of depending on them: FastAPI takes longer to resolve a dependency than most
    answers take to make. For the same reason each is a coroutine: plain functions and classes would run in threads.
    """
    deps: Dependencies = request.app.state.deps
    return deps


async def _dependencies(request: Request) -> Dependencies:
    return dependencies_of(request)


DependenciesDep = Annotated[Dependencies, Depends(_dependencies)]
