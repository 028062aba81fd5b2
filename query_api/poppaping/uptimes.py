"""The uptime of a monitor over a period, by count as PoppaPing has it, and by time; the two are never mixed.

By count: results that were well among all regular ones. By time: how long it was up of the time in which it was
watched. What was in maintenance is in neither. Without any, null.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from query_api.dependencies import Dependencies
from query_api.history.monitors import Counts
from query_api.history.uptime import Span, format_percent, of_counts, of_observed
from query_api.http.field_types import Count, Uuid
from query_api.http.response_cache import ResponseCache
from query_api.poppaping.history import answering_history
from query_api.poppaping.results import history_of
from schemas import monitor_states
from schemas.base import SECOND, Micros
from schemas.monitors import Monitor

HOLD: Micros = 10 * SECOND
_MOST_KEPT = 50_000

Period = Literal["24h", "7d", "30d", "90d"]

_DAY: Micros = 86_400 * SECOND
_PERIODS: dict[Period, Micros] = {"24h": _DAY, "7d": 7 * _DAY, "30d": 30 * _DAY, "90d": 90 * _DAY}


class RecentUptimes:
    """The uptime of 30 days, by count, that a monitor is shown with: none older than `HOLD`."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._kept: ResponseCache[float | None] = ResponseCache(deps.clock.now, HOLD, _MOST_KEPT)

    async def of(self, monitor: Monitor) -> float | None:
        """Raises `PoppaPingApiError` 503."""
        return (await self._kept.get(monitor.id, lambda: self._ask(monitor))).value

    async def _ask(self, monitor: Monitor) -> float | None:
        start = self._deps.clock.now() - _PERIODS["30d"]
        with answering_history():
            return _percentage(await history_of(self._deps).counts(monitor.id, start))


class UptimeObject(Struct, kw_only=True, gc=False):
    """The uptime of a monitor. What was in maintenance is not in it. Null: there is no result."""

    monitor_id: Uuid
    period: Period
    uptime_percentage: Annotated[float | None, Meta(description="By count: the share of results that were up.")]
    total_checks: Count
    up_checks: Count
    down_checks: Count
    avg_response_time_ms: float | None
    p50_response_time_ms: Annotated[float | None, Meta(description="Pingfold's own.")]
    p95_response_time_ms: Annotated[float | None, Meta(description="Pingfold's own.")]
    p99_response_time_ms: Annotated[float | None, Meta(description="Pingfold's own.")]
    uptime_time_weighted: Annotated[
        float | None, Meta(description="By time: the share of the observed time. Pingfold's own.")
    ]


async def uptime_object(deps: Dependencies, monitor: Monitor, period: Period) -> UptimeObject:
    """The uptime over the period before now. Raises `PoppaPingApiError` 503."""
    now = deps.clock.now()
    start, history = now - _PERIODS[period], history_of(deps)
    with answering_history():
        counts, spread, spans = await history.observed(monitor.id, start)
    return UptimeObject(
        monitor_id=monitor.id,
        period=period,
        uptime_percentage=_percentage(counts),
        total_checks=counts.total,
        up_checks=counts.up,
        down_checks=counts.total - counts.up,
        avg_response_time_ms=_ms(counts.mean_took),
        p50_response_time_ms=_ms(spread and spread.p50),
        p95_response_time_ms=_ms(spread and spread.p95),
        p99_response_time_ms=_ms(spread and spread.p99),
        uptime_time_weighted=_by_time(deps, monitor, spans, start, now),
    )


def _by_time(deps: Dependencies, monitor: Monitor, closed: list[Span], start: Micros, end: Micros) -> float | None:
    state = deps.monitor_states.state(monitor.id)
    if state is None:
        return None
    spans = [*closed, Span(state.since, end, monitor_states.visible_status(state))]
    share = of_observed(spans, start, end)
    return None if share is None else float(format_percent(share, 2))


def _percentage(counts: Counts) -> float | None:
    share = of_counts(counts.up, counts.total)
    return None if share is None else float(format_percent(share, 2))


def _ms(took: float | None) -> float | None:
    return None if took is None else round(took / 1_000, 1)
