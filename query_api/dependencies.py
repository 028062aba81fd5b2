"""The dependencies of the APIs, injected by the process that serves them: `pingfold.roles.web`, or a test."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import ASGIApp

from infra.apprise_library.messages import Call, Verdict
from infra.clock import Clock
from infra.disk import Disk
from infra.egress.guard import Guard
from infra.http_server.forwarded import Forwarded
from infra.log.directory import Directory
from infra.log.ports import AcknowledgedPings, DecisionMaker, LogWriter, ReplicaProgress
from infra.secrets.badge_links import BadgeLinks
from infra.secrets.calendar_links import CalendarLinks
from infra.secrets.confirmation_links import ConfirmationLinks
from infra.secrets.incident_links import IncidentLinks
from infra.secrets.people_tokens import PeopleTokens
from infra.secrets.secrets import Decrypts
from infra.settings.settings import Settings
from query_api.explaining import Explaining
from query_api.history.ports import (
    AuditReader,
    CheckHistoryReader,
    DeliveryHistoryReader,
    MonitorHistoryReader,
    PageHistoryReader,
    PastThingsReader,
    ReportHistoryReader,
    UptimeHistoryReader,
)
from query_api.page_keys import PageKeys
from query_api.password_pool import PasswordPool
from query_api.state.delivery_states import DeliveryStates
from query_api.state.key_uses import KeyUses
from query_api.state.last_uses import LastUses
from query_api.state.states import MonitorStates, States
from query_api.test_sends import HourlySendLimiter
from query_api.trying import TriesTargets, TryLimiter
from query_api.what_if.port import AnswersQuestions
from query_api.wrong_keys import WrongKeyLimiter
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.message_templates import Forms, Sample


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What `create_app` is given.

    encrypt: makes a secret fit for storing at its place; decrypt: reads it again there. links: those of mails that ask
    for a confirmation; incident_links: those of notices, that acknowledge; calendar_links: those of on-call
    calendars; badge_links: those of badges. people_tokens: signs sessions, invitations and forms.
    admin_password: of the owner of the instance; None: he cannot sign in.
    disk: where changes are written; None: as the settings say. guard: what probes and webhooks may reach.
    library: judges URLs of Apprise (`infra.apprise_library.library`); None: the sender will.
    preview: what a message template makes of a sample, at a time; None: templates cannot be made here.
    source, ping_app: what takes pings in this process; None where none are received. history: None without ClickHouse.
    explaining: None: nothing is explained.
    what_if: answers what other settings would have told; None: that is not asked here.
    trying: probes a target once; None: nothing is tried here.
    """

    settings: Settings
    clock: Clock
    partitions: int
    sink: LogWriter
    decisions: DecisionMaker
    directory: Directory
    definitions_replica: ReplicaProgress
    states: States[CheckState]
    monitor_states: MonitorStates
    delivery_states: DeliveryStates
    states_replica: ReplicaProgress
    encrypt: Callable[[str, str], str]
    decrypt: Decrypts
    links: ConfirmationLinks
    subscription_links: ConfirmationLinks
    incident_links: IncidentLinks
    calendar_links: CalendarLinks
    badge_links: BadgeLinks
    people_tokens: PeopleTokens
    admin_password: str | None = None
    disk: Disk | None = None
    guard: Guard = field(default_factory=Guard)
    library: Callable[[Call], Awaitable[Verdict]] | None = None
    preview: Callable[[Sample, Micros], Forms] | None = None
    key_uses: KeyUses = field(init=False)
    last_uses: LastUses = field(default_factory=LastUses)
    page_keys: PageKeys = field(default_factory=PageKeys)
    password_pool: PasswordPool = field(default_factory=PasswordPool)
    source: AcknowledgedPings | None = None
    ping_app: ASGIApp | None = None
    what_if: AnswersQuestions | None = None
    trying: TriesTargets | None = None
    history: CheckHistoryReader | None = None
    monitor_history: MonitorHistoryReader | None = None
    delivery_history: DeliveryHistoryReader | None = None
    page_history: PageHistoryReader | None = None
    audit_history: AuditReader | None = None
    report_history: ReportHistoryReader | None = None
    past_things: PastThingsReader | None = None
    explaining: Explaining | None = None
    uptime_history: UptimeHistoryReader | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_uses", KeyUses(self.sink))

    @cached_property
    def wrong_keys(self) -> WrongKeyLimiter:
        """The brake on wrong API keys, for all APIs of this process."""
        return WrongKeyLimiter(Forwarded(self.settings.trusted_proxies))

    @cached_property
    def test_sends(self) -> HourlySendLimiter:
        """How many tests may still be sent, for all APIs of this process."""
        return HourlySendLimiter(self.settings.test_sends_per_hour)

    @cached_property
    def tries(self) -> TryLimiter:
        """How many monitors may be tried now, in this process."""
        return TryLimiter()


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
