"""The checks and monitors that a viewer may see, each as it is now, and how old that is."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Literal, NamedTuple

from query_api.dependencies import Dependencies
from query_api.web.shown.reasons import check_reason, monitor_reason
from query_api.web.shown.schedule_words import schedule_words
from query_api.web.shown.shown_times import ShownTimes
from query_api.web.viewer import Viewer
from schemas import check_states, monitor_states
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor
from schemas.probe_kinds import PROBE_KINDS
from schemas.ticks import speaks_until
from schemas.transitions import VisibleStatus

# So many are read in one go, before other requests get their turn.
_AT_ONCE = 256
# A fold that is so far behind speaks of the past, and pages say so.
_BEHIND: Micros = 60 * SECOND


class Thing(NamedTuple):
    """A check or a monitor as it is now. name: its own, or whatever else it is known by."""

    kind: Literal["check", "monitor"]
    definition: Check | Monitor
    state: CheckState | MonitorState | None
    status: VisibleStatus
    name: str

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def project(self) -> str:
        return self.definition.project

    @property
    def since(self) -> Micros:
        """When its status began; 0: not known."""
        return 0 if self.state is None else self.state.since

    @property
    def tags(self) -> tuple[str, ...]:
        """Those of a check; a monitor has none."""
        return tuple(self.definition.tags.split()) if isinstance(self.definition, Check) else ()

    @property
    def what(self) -> str:
        """What is probed; of a check when it is expected."""
        if isinstance(self.definition, Check):
            return schedule_words(self.definition.schedule)
        return PROBE_KINDS[self.definition.kind].label(self.definition.target)

    @property
    def path(self) -> str:
        """The path of its page, below the site's root."""
        return f"/{self.kind}s/{self.id}"

    def reason(self, times: ShownTimes) -> str:
        """Why it has its status, in a sentence."""
        if isinstance(self.definition, Check):
            assert self.state is None or isinstance(self.state, CheckState)
            return check_reason(self.definition, self.state, times)
        assert self.state is None or isinstance(self.state, MonitorState)
        return monitor_reason(self.definition, self.state, times)


def check_thing(deps: Dependencies, check: Check) -> Thing:
    """A check as it is now."""
    state = deps.states.state(check.id)
    status: VisibleStatus = "new" if state is None else check_states.visible_status(state)
    return Thing("check", check, state, status, check.name or check.slug or check.id)


def monitor_thing(deps: Dependencies, monitor: Monitor) -> Thing:
    """A monitor as it is now."""
    state = deps.monitor_states.state(monitor.id)
    status: VisibleStatus = "new" if state is None else monitor_states.visible_status(state)
    return Thing("monitor", monitor, state, status, monitor.name or monitor.id)


async def things_of(deps: Dependencies, viewer: Viewer, projects: Iterable[str]) -> AsyncIterator[Thing]:
    """All things of some projects, of those that the viewer may see."""
    seen, number = {project for project in projects if viewer.may_see(project)}, 0
    for monitor in deps.directory.monitors():
        if monitor.project in seen:
            number += 1
            yield monitor_thing(deps, monitor)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
    for project in seen:
        for check in deps.directory.checks_of(project):
            number += 1
            yield check_thing(deps, check)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)


def behind(deps: Dependencies) -> Micros | None:
    """The time that statuses are of, when that is long ago: while Kafka is away, or a fold is behind. None: now."""
    oldest = min(
        (
            speaks_until(progress)
            for states in (deps.states, deps.monitor_states)
            for number in range(deps.partitions)
            if (progress := states.progress(number)) is not None
        ),
        default=None,
    )
    return oldest if oldest is not None and deps.clock.now() - oldest > _BEHIND else None
