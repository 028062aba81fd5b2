"""Metrics of a check: uptime, Apdex, the timings of its answers, over any time; in all, by hour, or by node.

Apdex is read from histograms with the threshold that the check has now, so a new threshold applies to all that was
recorded. What counts where: docs/compatibility/updown.md, "Metrics".
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from fastapi import APIRouter, Response

from infra.settings.nodes import Node
from query_api.history.response_times import DAY, HOUR, Figures, Measured
from query_api.history.uptime import Span, apart, format_percent, of_counts, of_window
from query_api.updown.auth import Reader
from query_api.updown.history import answering_history, history_of
from query_api.updown.metrics_object import (
    UpdownHost,
    UpdownMetrics,
    UpdownRecentMetrics,
    metrics_object,
    recent_metrics_object,
)
from query_api.updown.openapi import ERRORS, errors, one_of
from query_api.updown.responses import answer, time
from query_api.updown.service import Service, ServiceDep
from query_api.updown.things import Thing, thing_of
from query_api.updown.time_range import PARAMETERS, TimeRange, group_of, range_of
from schemas.base import SECOND, Micros

router = APIRouter(tags=["checks"], responses=ERRORS)

# Of a longer time there is an entry for each day.
_BY_HOUR: Micros = 41 * DAY * SECOND
_RECENT: Micros = HOUR * SECOND
_ALWAYS_SHOWN = 4_000

_ANSWER = one_of((UpdownMetrics, dict[str, UpdownMetrics]), "The metrics; with `group`, by hour or by node.")


@router.get("/checks/{token}/metrics", responses=_ANSWER | errors(400, 404), openapi_extra=PARAMETERS)
async def read_metrics(service: ServiceDep, caller: Reader, token: str) -> Response:
    """Read the metrics of a check."""
    thing = await thing_of(service, caller, token)
    now = service.deps.clock.now()
    wanted, group = range_of(caller.parameters, now), group_of(caller.parameters)
    by_hour = group == "time" and wanted.length <= _BY_HOUR
    with answering_history():
        found = await history_of(service.deps).response_times.read(
            thing.id, wanted.start, wanted.end, by_day=not by_hour
        )
    downs = _downs(thing, found, wanted)
    if group == "time":
        return answer(by_time(found, downs, wanted, thing.threshold, HOUR if by_hour else DAY))
    if group == "host":
        return answer(_by_host(service, found, thing.threshold))
    return answer(
        metrics_object(_sum(found.figures.values()), thing.threshold, _uptime(downs, wanted.start, wanted.end))
    )


async def recent_metrics(service: Service, thing: Thing) -> UpdownRecentMetrics:
    """Those of the hour before now. Raises `UpdownError` 503."""
    with answering_history():
        figures = await history_of(service.deps).response_times.since(thing.id, service.deps.clock.now() - _RECENT)
    return recent_metrics_object(figures, thing.threshold)


def _downs(thing: Thing, found: Measured, wanted: TimeRange) -> list[Span]:
    """When the thing was down. The outage that is open is in no row of history, and one that has just ended may not be
    yet: a span that stands twice counts once."""
    since, over = thing.down_since, thing.last_down
    downs = found.downs if over is None else [*found.downs, Span(over.start, over.end, "down")]
    return downs if since is None else [*downs, Span(since, max(since, wanted.end), "down")]


def by_time(
    found: Measured, downs: list[Span], wanted: TimeRange, threshold: int, step: int
) -> dict[str, UpdownMetrics]:
    """The metrics of each hour or day of so many seconds that has samples."""
    sums: dict[int, Figures] = {}
    for place, figures in found.figures.items():
        sums.setdefault(place.at // step * step, Figures()).add(figures)
    made: dict[str, UpdownMetrics] = {}
    downs = apart(downs)
    starts, ends = [span.start for span in downs], [span.end for span in downs]
    for at in sorted(sums):
        start = at * SECOND
        end = min(start + step * SECOND, wanted.end)
        near = downs[bisect_right(ends, start) : bisect_left(starts, end)]
        made[str(time(start))] = metrics_object(sums[at], threshold, _uptime(near, start, end))
    return made


def _by_host(service: Service, found: Measured, threshold: int) -> dict[str, UpdownMetrics]:
    sums: dict[str, Figures] = {}
    for place, figures in found.figures.items():
        sums.setdefault(place.region, Figures()).add(figures)
    made: dict[str, UpdownMetrics] = {}
    for code in sorted(sums):
        figures = sums[code]
        share = of_counts(figures.well, figures.samples)
        made[code] = metrics_object(figures, threshold, 100.0 if share is None else float(format_percent(share, 3)))
        made[code].host = _host(service, code)
    return made


def _host(service: Service, code: str) -> UpdownHost:
    node = service.deps.settings.every_node.get(code) or Node(code)
    return UpdownHost(ip=node.ip or node.ip6, city=node.city, country=node.country, country_code=node.country_code)


def _uptime(downs: Iterable[Span], start: Micros, end: Micros) -> float:
    return float(format_percent(of_window(downs, start, end), 3))


def _sum(each: Iterable[Figures]) -> Figures:
    whole = Figures()
    for figures in each:
        whole.add(figures)
    return whole
