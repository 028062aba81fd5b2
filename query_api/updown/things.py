"""A check of the updown API, whether it is probed or waits for pulses: what its history is asked by."""

from typing import NamedTuple

from query_api.history.monitors import IncidentRow
from query_api.updown.auth import Caller
from query_api.updown.service import Service
from schemas.base import SECOND, Micros
from schemas.definitions import Check
from schemas.monitors import Monitor
from schemas.outages import Outage
from schemas.response_times import DEFAULT_THRESHOLD


class Thing(NamedTuple):
    """threshold: of Apdex, in milliseconds. since: when the status that it has now began. opened: the outage that is
    open. last_down: the newest one that is over. monitor: None of a check that waits for pulses."""

    id: str
    project: str
    threshold: int = DEFAULT_THRESHOLD
    since: Micros = 0
    opened: IncidentRow | None = None
    monitor: Monitor | None = None
    last_down: Outage | None = None

    @property
    def down_since(self) -> Micros | None:
        return None if self.opened is None else self.opened.started

    @property
    def interval(self) -> Micros:
        """How far its probes are apart."""
        return 0 if self.monitor is None else self.monitor.interval * SECOND


async def thing_of(service: Service, caller: Caller, token: str) -> Thing:
    """The caller's check with this token. Raises `UpdownError` 404."""
    found = await service.thing(caller, token)
    if isinstance(found, Check):
        return await _pulse_of(service, found)
    monitor = found
    state, opened = service.deps.monitor_states.state(monitor.id), None
    if state is not None and state.incident is not None and state.down_since is not None:
        opened = IncidentRow(state.incident, monitor.id, state.down_since, None, state.cause, state.partial)
    return Thing(
        monitor.id,
        monitor.project,
        monitor.apdex_threshold,
        state.since if state else 0,
        opened,
        monitor,
        state.last_down if state else None,
    )


async def _pulse_of(service: Service, check: Check) -> Thing:
    await service.freshness.of_check(check)
    state, opened = service.deps.states.state(check.id), None
    if state is not None and state.incident is not None and state.down_since is not None:
        opened = IncidentRow(state.incident, check.id, state.down_since, None, state.cause)
    since, last_down = (state.since, state.last_down) if state else (0, None)
    return Thing(check.id, check.project, since=since, opened=opened, last_down=last_down)
