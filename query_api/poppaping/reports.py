"""Reports of the project: Pingfold's own, in the style of the API. What was up and what was not, over a week, a month
or any span of time.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec.structs import replace

from query_api.dependencies import Dependencies
from query_api.history.reports import Span3
from query_api.poppaping.auth import MonitorsReader, has_scope
from query_api.poppaping.history import HistoryTurns, known_history
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.service import ServiceDep
from query_api.poppaping.time_ranges import From, To, Zone, moment_of, timezone_of, whole_seconds
from query_api.reports.compute import ReportOf, compute
from query_api.reports.objects import ReportObject
from schemas.base import Micros
from schemas.report_periods import PeriodKind, newest_period, period_before

router = APIRouter(tags=["reports"], responses=ERRORS)

_LONGEST_DAYS = 400
_AT_ONCE, _WITHIN_SECONDS = 2, 30.0

_At = Annotated[
    str | None, Query(max_length=60, description="The last complete `period` before this time. Default: now.")
]


class Reports:
    """Computes reports, a few at a time: each asks much of history."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._turns = HistoryTurns(_AT_ONCE, _WITHIN_SECONDS, "The report could not be made in time.")

    async def of(self, wanted: ReportOf) -> ReportObject:
        """Raises `PoppaPingApiError` 503."""
        history = known_history(self._deps.report_history)
        async with self._turns.turn():
            return await compute(self._deps, history, wanted)


async def _reports(request: Request) -> Reports:
    reports: Reports = request.app.state.reports
    return reports


ReportsDep = Annotated[Reports, Depends(_reports)]


@router.get(
    "/reports",
    summary="Read a report (Pingfold's own)",
    responses=one_of(ReportObject, "The report.") | errors(400),
)
async def read_report(
    service: ServiceDep,
    reports: ReportsDep,
    key: MonitorsReader,
    period: Annotated[PeriodKind | None, Query(description="`week` if no span is given.")] = None,
    at: _At = None,
    start: From = None,
    to: To = None,
    timezone: Zone = None,
) -> Response:
    """Read the report of a week (from Monday), of a month, or of a span of at most 400 days."""
    tz = timezone_of(timezone)
    now = service.deps.clock.now()
    if start is None and to is None:
        moment = now if at is None else moment_of("at", at, tz)
        if moment > now:
            raise PoppaPingApiError(400, "Field 'at' must be a time that has passed.")
        wanted = of_period(key.project, period or "week", tz, moment)
    elif period is not None or at is not None:
        raise PoppaPingApiError(400, "Give either 'period' and 'at', or 'from' and 'to'.")
    elif start is None:
        raise PoppaPingApiError(400, "Field 'from' is required with 'to'.")
    else:
        begin, end = moment_of("from", start, tz), now if to is None else moment_of("to", to, tz)
        wanted = ReportOf(key.project, "custom", _span(begin, end, now), tz)
    report = await reports.of(wanted)
    return one(report if has_scope(key, "incidents:read") else _without_causes(report))


def _without_causes(report: ReportObject) -> ReportObject:
    """Why something was down is told to those who may read incidents."""
    untold = [replace(each, cause="") for each in report.unacknowledged]
    return replace(report, unacknowledged=untold)


def of_period(project: str, kind: PeriodKind, tz: str, at: Micros) -> ReportOf:
    """The newest period that has ended at a time."""
    period = newest_period(kind, tz, at)
    return ReportOf(project, kind, Span3(period_before(period, tz).start, period.start, period.end), tz)


def _span(start: Micros, end: Micros, now: Micros) -> Span3:
    start, end = whole_seconds(start, end, now, _LONGEST_DAYS, "A report is")
    return Span3(max(0, start - (end - start)), start, end)
