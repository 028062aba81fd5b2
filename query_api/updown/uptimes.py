"""The uptime of checks over the last 30 days, by time: 1 - down / window, whatever the age of a check.

Of all checks of a project at once, asked of history at most every `HOLD`: a list of ten thousand checks costs one
question. The outage that is open now is in no row of history; it is told by the state. So are those that have just
ended, for which history is late: of a thing that is no older than the window all of them, of an older one the newest.
"""

from collections.abc import Mapping
from fractions import Fraction

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.dependencies import Dependencies
from query_api.history.monitors import DownTime
from query_api.history.uptime import format_percent
from query_api.http.response_cache import ResponseCache
from schemas.base import SECOND, Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor

WINDOW: Micros = 30 * 86_400 * SECOND
HOLD: Micros = 30 * SECOND
_MOST_KEPT = 1_000
_NEVER = DownTime()


class Uptimes:
    """What is kept for all requests of a process."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._kept: ResponseCache[Mapping[str, DownTime]] = ResponseCache(deps.clock.now, HOLD, _MOST_KEPT)

    async def of(self, project: str) -> "ProjectUptimes":
        """The uptimes of a project's things; without history they know nothing."""
        try:
            kept = await self._kept.get(project, lambda: self._ask(project))
        except ClickHouseUnavailable:
            return ProjectUptimes(None, self._deps.clock.now())
        return ProjectUptimes(kept.value, self._deps.clock.now())

    async def _ask(self, project: str) -> Mapping[str, DownTime]:
        history = self._deps.monitor_history
        if history is None:
            raise ClickHouseUnavailable("this process has no history")
        return await history.down_times(project, self._deps.clock.now() - WINDOW)


class ProjectUptimes:
    """down: how long things were down in the window, by id; None: nobody knows."""

    def __init__(self, down: Mapping[str, DownTime] | None, now: Micros) -> None:
        self._down, self._now = down, now

    def of(self, thing: Monitor | Check, state: MonitorState | CheckState | None) -> float | None:
        """The uptime in per cent."""
        if self._down is None:
            return None
        known, start = self._down.get(thing.id, _NEVER), self._now - WINDOW
        down = known.total
        if state is not None and thing.created >= start:
            down = max(down, state.down_time)
        elif state is not None and state.last_down is not None and state.last_down.end > known.until:
            down += max(0, state.last_down.end - max(state.last_down.start, start))
        if state is not None and state.down_since is not None:
            down += min(WINDOW, max(0, self._now - state.down_since))
        return float(format_percent(1 - Fraction(min(down, WINDOW), WINDOW), 3)) if down else 100.0
