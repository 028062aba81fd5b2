"""The uptime of a monitor over a period, by count as PoppaPing has it, and by time; the two are never mixed.

By count: results that were well among all regular ones. By time: how long it was up of the time in which it was
watched. What was in maintenance is in neither. Without any, null.
"""

import asyncio
from typing import Annotated, Literal

from msgspec import Meta, Struct

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.dependencies import Dependencies
from query_api.history.behind import Behind
from query_api.history.monitors import Counts
from query_api.history.ports import MonitorHistoryReader
from query_api.history.uptime import Span, format_percent, of_counts, of_observed
from query_api.http.field_types import Count, Uuid
from query_api.http.response_cache import ResponseCache
from query_api.poppaping.history import answering_history
from query_api.poppaping.results import history_of
from schemas import monitor_states
from schemas.base import SECOND, Micros
from schemas.monitor_states import MonitorState
from schemas.monitors import Monitor

HOLD: Micros = 10 * SECOND
_MOST_KEPT = 50_000

Period = Literal["24h", "7d", "30d", "90d"]

_DAY: Micros = 86_400 * SECOND
PERIODS: dict[Period, Micros] = {"24h": _DAY, "7d": 7 * _DAY, "30d": 30 * _DAY, "90d": 90 * _DAY}


# A monitor is shown without its uptime rather than later.
_PATIENCE = 2.0


class RecentUptimes:
    """The uptime of 30 days, by count, that a monitor is shown with: none older than `HOLD`."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._kept: ResponseCache[float | None] = ResponseCache(deps.clock.now, HOLD, _MOST_KEPT)

    async def of(self, monitor: Monitor) -> float | None:
        """Raises `PoppaPingApiError` 503."""
        return (await self._kept.get(monitor.id, lambda: self._ask(monitor))).value

    async def _ask(self, monitor: Monitor) -> float | None:
        start = self._deps.clock.now() - PERIODS["30d"]
        with answering_history():
            try:
                async with asyncio.timeout(_PATIENCE):
                    return _percentage(await history_of(self._deps).counts(monitor.id, start))
            except TimeoutError:
                raise ClickHouseUnavailable("no answer in time") from None


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
        float | None,
        Meta(
            description="By time: the share of the observed time. Null also while the status before the current one is "
            "not known. Pingfold's own."
        ),
    ]


async def uptime_object(deps: Dependencies, monitor: Monitor, period: Period) -> UptimeObject:
    """The uptime over the period before now. Raises `PoppaPingApiError` 503."""
    now = deps.clock.now()
    start, history = now - PERIODS[period], history_of(deps)
    # Before history is asked: what it has later than this state is not counted twice.
    state = deps.monitor_states.state(monitor.id)
    with answering_history():
        counts, spread, spans = await history.observed(monitor.id, start)
        if state is not None and _misses_the_last(spans, state, start):
            known = await _is_written(history)
            counts, spread, spans = await history.observed(monitor.id, start)
            if not known and _misses_the_last(spans, state, start):
                state = None
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
        uptime_time_weighted=None if state is None else _by_time(state, spans, start, now),
    )


def _misses_the_last(closed: list[Span], state: MonitorState, start: Micros) -> bool:
    """Whether history has not the span before the one that is open, which ended where that begins: it is written a
    moment later."""
    return bool(state.changes) and state.since > start and (not closed or closed[-1].end < state.since)


async def _is_written(history: MonitorHistoryReader) -> bool:
    """Wait for a moment until history has all that was said; whether it has: a span that is missing has expired."""
    try:
        await history.caught_up()
    except Behind:
        return False
    return True


def _by_time(state: MonitorState, closed: list[Span], start: Micros, end: Micros) -> float | None:
    spans = [*closed, Span(state.since, end, monitor_states.visible_status(state))]
    share = of_observed(spans, start, end)
    return None if share is None else float(format_percent(share, 2))


def _percentage(counts: Counts) -> float | None:
    share = of_counts(counts.up, counts.total)
    return None if share is None else float(format_percent(share, 2))


def _ms(took: float | None) -> float | None:
    return None if took is None else round(took / 1_000, 1)
