"""Reports of the project: Pingfold's own, in the style of the API. What was up and what was not, over a week, a month
or any span of time.
"""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from query_api.dependencies import Dependencies
from query_api.history.reports import Span3
from query_api.poppaping.auth import MonitorsReader
from query_api.poppaping.history import answering_history, known_history
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one
from query_api.poppaping.service import ServiceDep
from query_api.reports.compute import ReportOf, compute
from query_api.reports.objects import ReportObject
from schemas.base import SECOND, Micros
from schemas.report_periods import PeriodKind, newest_period, period_before
from schemas.schedules import BadTimezone, canonical_tz, zone
from schemas.times import LAST, micros_of, read_moment

router = APIRouter(tags=["reports"], responses=ERRORS)

_DAY: Micros = 86_400 * SECOND
LONGEST: Micros = 400 * _DAY
_AT_ONCE, _WITHIN_SECONDS = 2, 30.0
# Of an offset in a URL the sign is lost unless it is written as %2B.
_LOST_SIGN = re.compile(r"(T[0-9:.,]+) (\d\d:?\d\d)\Z")

_At = Annotated[
    str | None, Query(max_length=60, description="The newest `period` that had ended at this time; now if left out.")
]
_From = Annotated[str | None, Query(alias="from", max_length=60, description="Instead of `period`: from this time on.")]
_To = Annotated[str | None, Query(max_length=60, description="Up to this time; now if left out.")]
_Zone = Annotated[
    str | None,
    Query(max_length=100, description="The IANA time zone of days, and of times without an offset; UTC if left out."),
]


class Reports:
    """Computes reports, a few at a time: each asks much of history."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps, self._room = deps, asyncio.Semaphore(_AT_ONCE)

    async def of(self, wanted: ReportOf) -> ReportObject:
        """Raises `PoppaPingApiError` 503."""
        history = known_history(self._deps.report_history)
        try:
            async with asyncio.timeout(_WITHIN_SECONDS), self._room:
                with answering_history():
                    return await compute(self._deps, history, wanted)
        except TimeoutError:
            raise PoppaPingApiError(
                503, "The report could not be made in time.", headers={"Retry-After": "5"}
            ) from None


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
    start: _From = None,
    to: _To = None,
    timezone: _Zone = None,
) -> Response:
    """Read the report of a week (from Monday), of a month, or of a span of at most 400 days."""
    tz = timezone_of(timezone)
    now = service.deps.clock.now()
    if start is None and to is None:
        moment = now if at is None else _time("at", at, tz)
        if moment > now:
            raise PoppaPingApiError(400, "Field 'at' must be a time that has passed.")
        wanted = of_period(key.project, period or "week", tz, moment)
    elif period is not None or at is not None:
        raise PoppaPingApiError(400, "Give either 'period' and 'at', or 'from' and 'to'.")
    elif start is None:
        raise PoppaPingApiError(400, "Field 'from' is required with 'to'.")
    else:
        begin, end = _time("from", start, tz), now if to is None else _time("to", to, tz)
        wanted = ReportOf(key.project, "custom", _span(begin, end, now), tz)
    return one(await reports.of(wanted))


def of_period(project: str, kind: PeriodKind, tz: str, at: Micros) -> ReportOf:
    """The newest period that has ended at a time."""
    period = newest_period(kind, tz, at)
    return ReportOf(project, kind, Span3(period_before(period, tz).start, period.start, period.end), tz)


def _span(start: Micros, end: Micros, now: Micros) -> Span3:
    if end <= start:
        raise PoppaPingApiError(400, "Field 'to' must be later than 'from'.")
    if end - start > LONGEST:
        raise PoppaPingApiError(400, f"A report is of at most {LONGEST // _DAY} days; ask for a shorter span.")
    if start >= now:
        raise PoppaPingApiError(400, "Field 'from' must be a time that has passed.")
    # Whole seconds: that is what answers tell.
    start, end = start // SECOND * SECOND, -(-end // SECOND) * SECOND
    return Span3(max(0, start - (end - start)), start, end)


def _time(field: str, text: str, tz: str) -> Micros:
    try:
        moment = read_moment(_LOST_SIGN.sub(r"\1+\2", text.strip()))
        at = micros_of(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone(tz)))
    except (ValueError, OverflowError):
        raise PoppaPingApiError(400, f"Field '{field}' must be a date or a time in ISO 8601.") from None
    if not 0 <= at <= LAST - LONGEST:
        raise PoppaPingApiError(400, f"Field '{field}' must be a time since 1970.")
    return at


def timezone_of(given: str | None) -> str:
    """The name under which a time zone is kept; UTC without one. Raises `PoppaPingApiError` 400."""
    try:
        return canonical_tz("UTC" if given is None else given)
    except BadTimezone as error:
        raise PoppaPingApiError(400, f"Field 'timezone' {error}.") from None
