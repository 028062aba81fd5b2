"""What the routes of the updown API share: finding a check, asking for a change, answering with a check.

A check is called unknown only when the directory has seen everything committed before the request came. A change is
answered when what it made can be read back through this process, its running state among it.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from fastapi import Depends, Request

from infra.log.lookup import NotCaughtUp, look_up
from infra.secrets.secrets import SecretError, of_monitor
from query_api import commands
from query_api.actors import with_key
from query_api.commands import Late, wait_until
from query_api.dependencies import Dependencies, dependencies_of
from query_api.plans import PLANS
from query_api.state.freshness import Freshness
from query_api.updown.auth import Caller
from query_api.updown.check_fields import Account
from query_api.updown.check_object import UpdownCheck, check_object
from query_api.updown.errors import UpdownError, sentence
from query_api.updown.rejections import error_of
from query_api.updown.uptimes import Uptimes
from schemas.actors import Actor
from schemas.decisions import Decision
from schemas.definitions import Check
from schemas.maintenance import Maintenance
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor, Sealed
from schemas.requests import ProjectsRequest
from schemas.status_pages import StatusPage

D = TypeVar("D", Check, Monitor, StatusPage, Maintenance)
F = TypeVar("F")

_sealed = msgspec.json.Decoder(Sealed).decode


class Service:
    """One request."""

    def __init__(self, request: Request, deps: Dependencies, uptimes: Uptimes) -> None:
        self._request = request
        self.deps, self.uptimes = deps, uptimes
        self.freshness: Freshness = request.app.state.freshness

    async def thing(self, caller: Caller, token: str) -> Monitor | Check:
        """The caller's check with this token: a monitor or a heartbeat check."""
        found: Monitor | Check | None = await self.look_up("check", lambda: self.deps.directory.by_token(token))
        if found is None or found.project != caller.project:
            raise UpdownError(404, "Check not found")
        return found

    async def monitor(self, caller: Caller, token: str) -> Monitor:
        """The caller's monitor with this token."""
        found = await self.thing(caller, token)
        if not isinstance(found, Monitor):
            raise UpdownError(404, "Check not found")
        return found

    async def look_up(self, what: str, find: Callable[[], F | None]) -> F | None:
        """What `find` finds, None when it is not there; see `infra.log.lookup`."""
        try:
            return await look_up(self.deps.definitions_replica, find)
        except NotCaughtUp:
            raise UpdownError(503, f"The {what} cannot be looked up now", {"Retry-After": "1"}) from None

    def actor(self, caller: Caller) -> Actor:
        """Who asks, as the audit trail tells of them."""
        return with_key(self._request, caller.key.id)

    async def ask(self, caller: Caller, request: ProjectsRequest) -> Decision:
        """The verdict of the `projects` fold; a refusal ends the request in the form of the API."""
        try:
            decision = await commands.ask(self.deps, caller.project, request, self.actor(caller))
        except Late as late:
            raise late_error(late) from None
        if (rejection := decision.rejection) is not None:
            raise error_of(rejection)
        return decision

    async def read_back(self, decision: Decision, find: Callable[[str], D | None]) -> D:
        """The definition that a verdict names."""
        try:
            return await commands.read_back(self.deps, decision, find)
        except Late as late:
            raise late_error(late) from None

    async def result(self, decision: Decision) -> Monitor:
        """The monitor that a verdict names, read back with its running state."""
        deps, monitor = self.deps, await self.read_back(decision, self.deps.directory.monitor)
        await wait_until(deps.states_replica, lambda: deps.monitor_states.version(monitor.id) >= monitor.version)
        return monitor

    async def wait_for_newer(self, monitor: Monitor) -> None:
        """Wait, for a bounded time, until this process knows of a newer version, or that the monitor is gone."""

        def is_newer() -> bool:
            now = self.deps.directory.monitor(monitor.id)
            return now is None or now.version > monitor.version

        await wait_until(self.deps.definitions_replica, is_newer)

    def account(self, caller: Caller, id: str) -> Account:
        """What the parameters of the check `id` are judged by."""
        deps = self.deps
        return Account(
            deps.settings.regions,
            deps.directory.channels_of(caller.project),
            PLANS[deps.settings.plan],
            deps.guard.of(caller.project),
            deps.clock.now(),
            lambda secret: deps.encrypt(secret, of_monitor(id)),
        )

    def sealed(self, monitor: Monitor) -> Sealed:
        """What a monitor's probes send. Raises `UpdownError` 503 when that was encrypted with another key."""
        secret = monitor.target.sealed
        try:
            return _sealed(self.deps.decrypt(secret, of_monitor(monitor.id))) if secret else Sealed()
        except SecretError:
            words = "The headers and the body that are stored cannot be read; /readyz tells why"
            raise UpdownError(503, words) from None

    def presenter(self, caller: Caller) -> Callable[[Monitor, MonitorState | None, float | None], UpdownCheck]:
        """How checks of the caller are shown now: a function of a monitor, its state and its uptime."""
        deps, now = self.deps, self.deps.clock.now()
        channels = {channel.id: channel for channel in deps.directory.channels_of(caller.project)}
        regions, validity_of = deps.settings.regions, deps.monitor_states.validity

        def presented(monitor: Monitor, state: MonitorState | None, uptime: float | None) -> UpdownCheck:
            sealed = self._readable(monitor) if monitor.target.sealed else _NOTHING
            return check_object(monitor, state, validity_of(monitor.id), sealed, channels, regions, uptime, now)

        return presented

    def _readable(self, monitor: Monitor) -> Sealed:
        try:
            return self.sealed(monitor)
        except UpdownError:
            return _NOTHING


_NOTHING = Sealed()


async def _service(request: Request) -> Service:
    return Service(request, dependencies_of(request), request.app.state.updown_uptimes)


ServiceDep = Annotated[Service, Depends(_service)]


def late_error(late: Late) -> UpdownError:
    """What a command does cannot be told in time."""
    return UpdownError(503, sentence(str(late)), {"Retry-After": "1"})
