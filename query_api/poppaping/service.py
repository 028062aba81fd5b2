"""What the routes of the PoppaPing API share: finding a monitor, asking for a change, answering with a monitor.

A monitor is called unknown only when the directory has seen everything committed before the request came. A change is
answered when what it made can be read back through this process, its running state among it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from fastapi import Depends, Request, Response
from msgspec.structs import replace

from infra.log.lookup import NotCaughtUp, look_again, look_up
from infra.log.ports import CatchesUp
from infra.secrets.secrets import SecretError, of_monitor
from query_api import commands
from query_api.actors import with_key
from query_api.commands import Late, wait_until
from query_api.dependencies import Dependencies, dependencies_of
from query_api.http.host_asked import host_asked
from query_api.http.idempotency import InvalidIdempotencyKey, id_for
from query_api.http.versions import InvalidVersion, show_version, version_asked
from query_api.plans import PLANS, Plan
from query_api.poppaping.monitor_object import MonitorDetails, MonitorObject, monitor_details, monitor_object
from query_api.poppaping.objects import Deleted
from query_api.poppaping.rejections import fault_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.uptimes import RecentUptimes
from schemas.actors import Actor
from schemas.decisions import Decision
from schemas.definitions import ApiKey, Channel
from schemas.escalations import EscalationPolicy
from schemas.ids import is_uuid
from schemas.incident_requests import EscalationDelete
from schemas.maintenance import Maintenance
from schemas.message_templates import MessageTemplate, TemplateDelete
from schemas.monitors import Monitor, Sealed
from schemas.on_call import OnCallRotation
from schemas.on_call_requests import OnCallDelete
from schemas.page_subscribers import PageSubscriber, PageSubscriptionEnd
from schemas.reports import ReportSettings
from schemas.requests import (
    ChannelDelete,
    MaintenanceDelete,
    MonitorDelete,
    PostDelete,
    ProjectsRequest,
    StatusPageDelete,
)
from schemas.status_pages import StatusPage
from schemas.status_posts import StatusPost
from schemas.tag_mutes import TagMute

D = TypeVar(
    "D",
    Monitor,
    StatusPage,
    StatusPost,
    Maintenance,
    EscalationPolicy,
    MessageTemplate,
    ReportSettings,
    OnCallRotation,
    TagMute,
)
T = TypeVar(
    "T",
    Monitor,
    StatusPage,
    StatusPost,
    PageSubscriber,
    Maintenance,
    Channel,
    EscalationPolicy,
    MessageTemplate,
    OnCallRotation,
)
F = TypeVar("F")

Deletion: TypeAlias = (
    ChannelDelete
    | EscalationDelete
    | MaintenanceDelete
    | MonitorDelete
    | OnCallDelete
    | PageSubscriptionEnd
    | PostDelete
    | StatusPageDelete
    | TemplateDelete
)

_sealed = msgspec.json.Decoder(Sealed).decode


class Service:
    """One request: the dependencies, and the uptimes that monitors are shown with."""

    def __init__(self, request: Request, deps: Dependencies, uptimes: RecentUptimes) -> None:
        self._request = request
        self.deps, self.uptimes = deps, uptimes

    @property
    def host_asked(self) -> str:
        """The host name that the request was sent to; empty: it is not known."""
        return host_asked(self._request.headers.raw)

    @property
    def plan(self) -> Plan:
        return PLANS[self.deps.settings.plan]

    async def owned(self, key: ApiKey, id: str, find: Callable[[str], T | None], what: str) -> T:
        """The caller's definition with this id; `what` it is called in errors."""
        found = await self.look_up(what, lambda: find(id)) if is_uuid(id) else find(id)
        if found is None or found.project != key.project:
            raise PoppaPingApiError(404, f"{what.capitalize()} not found.")
        show_version(self._request, found)
        return found

    async def look_up(self, what: str, find: Callable[[], F | None], replica: CatchesUp | None = None) -> F | None:
        """What `find` finds, None when it is not there; see `infra.log.lookup`. replica: None: that of definitions."""
        try:
            return await look_up(replica or self.deps.definitions_replica, find)
        except NotCaughtUp:
            raise _not_now(what) from None

    async def look_again(self, what: str, find: Callable[[], Awaitable[F | None]]) -> F | None:
        """The same for what `find` did not find so far."""
        try:
            return await look_again(self.deps.definitions_replica, find)
        except NotCaughtUp:
            raise _not_now(what) from None

    async def change(self, key: ApiKey, request: ProjectsRequest, find: Callable[[str], D | None]) -> D:
        """Ask for a change of a definition; the definition as it is then."""
        return await self.read_back(await self.ask(key, request), find)

    async def delete(self, key: ApiKey, request: Deletion, find: Callable[[str], object | None]) -> Response:
        """Ask for a deletion, and answer with the id when this process no longer shows what had it."""
        await self.ask(key, request)
        await commands.gone(self.deps, find, request.id)
        return one(Deleted(request.id))

    async def read_back(self, decision: Decision, find: Callable[[str], D | None]) -> D:
        """The definition that a decision names."""
        with late_is_answered():
            found = await commands.read_back(self.deps, decision, find)
        show_version(self._request, found)
        return found

    @property
    def version_asked(self) -> int | None:
        """The version that the caller changes (`Pingfold-If-Version`); None: any. Raises `PoppaPingApiError`."""
        try:
            return version_asked(self._request)
        except InvalidVersion as invalid:
            raise PoppaPingApiError(400, f"{invalid}.") from None

    async def monitor(self, key: ApiKey, id: str) -> Monitor:
        """The caller's monitor with this id."""
        return await self.owned(key, id, self.deps.directory.monitor, "monitor")

    async def wait_for_newer(self, monitor: Monitor) -> None:
        """Wait, for a bounded time, until this process knows of a newer version, or that the monitor is gone."""

        def is_newer() -> bool:
            now = self.deps.directory.monitor(monitor.id)
            return now is None or now.version > monitor.version

        await wait_until(self.deps.definitions_replica, is_newer)

    def actor(self, key: ApiKey) -> Actor:
        """Who asks, as the audit trail tells of them."""
        return with_key(self._request, key.id)

    async def ask(self, key: ApiKey, request: ProjectsRequest) -> Decision:
        """What the `projects` fold decides. A rejection ends the request in the form of the API."""
        if (version := self.version_asked) is not None:
            request = replace(request, based_on=version)
        with late_is_answered():
            decision = await commands.ask(self.deps, key.project, request, self.actor(key))
        must_not_be_rejected(decision)
        return decision

    def id_for(self, key: ApiKey, kind: str, idempotency_key: str | None) -> str:
        """The id of what the caller makes. idempotency_key: the header `Idempotency-Key`."""
        try:
            return id_for(self.deps, key.project, kind, idempotency_key)
        except InvalidIdempotencyKey as invalid:
            words = str(invalid)
            raise PoppaPingApiError(400, f"{words[0].upper()}{words[1:]}.") from None

    async def result(self, decision: Decision) -> Monitor:
        """The monitor that a decision names, read back with its running state."""
        deps, monitor = self.deps, await self.read_back(decision, self.deps.directory.monitor)
        await wait_until(deps.states_replica, lambda: deps.monitor_states.version(monitor.id) >= monitor.version)
        return monitor

    def sealed(self, monitor: Monitor) -> Sealed:
        """What a monitor's probes send. Raises `PoppaPingApiError` 503 when that was encrypted with another key."""
        secret = monitor.target.sealed
        try:
            return _sealed(self.deps.decrypt(secret, of_monitor(monitor.id))) if secret else Sealed()
        except SecretError:
            raise PoppaPingApiError(
                503, "The headers and body that are stored cannot be read; /readyz tells why."
            ) from None

    def presented(self, monitor: Monitor) -> MonitorObject:
        """The monitor as this process can show it now; without its headers when they cannot be read."""
        states = self.deps.monitor_states
        return monitor_object(monitor, states.state(monitor.id), states.validity(monitor.id), self._readable(monitor))

    def details(self, monitor: Monitor, uptime: float | None) -> MonitorDetails:
        """The same with its uptime."""
        state, validity = self.deps.monitor_states.state(monitor.id), self.deps.monitor_states.validity(monitor.id)
        return monitor_details(monitor, state, validity, self._readable(monitor), uptime)

    def answer(self, monitor: Monitor, status: int = 200) -> Response:
        """The answer with one monitor."""
        return one(self.presented(monitor), status)

    def _readable(self, monitor: Monitor) -> Sealed:
        try:
            return self.sealed(monitor)
        except PoppaPingApiError:
            return Sealed()


async def _service(request: Request) -> Service:
    return Service(request, dependencies_of(request), request.app.state.uptimes)


ServiceDep = Annotated[Service, Depends(_service)]


def _not_now(what: str) -> PoppaPingApiError:
    return PoppaPingApiError(503, f"The {what} cannot be looked up now.", headers={"Retry-After": "1"})


@contextmanager
def late_is_answered() -> Iterator[None]:
    """Ends the request with 503 when nothing certain can be told of a command in time."""
    try:
        yield
    except Late as late:
        raise PoppaPingApiError(503, f"{str(late).capitalize()}.", headers={"Retry-After": "1"}) from None


def must_not_be_rejected(decision: Decision) -> None:
    """Ends the request in the form of the API when the `projects` fold rejected it."""
    if (rejection := decision.rejection) is not None:
        raise fault_of(rejection)
