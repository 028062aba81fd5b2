"""Spans of time that a request asks about: `from` and `to` in ISO 8601, `timezone` by its IANA name."""

import re
from typing import Annotated

from fastapi import Query

from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import SECOND, Micros
from schemas.schedules import BadTimezone, canonical_tz, zone
from schemas.times import LAST, micros_of, read_moment

_YEAR: Micros = 366 * 86_400 * SECOND
# Of an offset in a URL the sign is lost unless it is written as %2B.
_LOST_SIGN = re.compile(r"(T[0-9:.,]+) (\d\d:?\d\d)\Z")

From = Annotated[
    str | None, Query(alias="from", max_length=60, description="Start of the time range, instead of `period`.")
]
To = Annotated[str | None, Query(max_length=60, description="End of the time range. Default: now.")]
Zone = Annotated[
    str | None,
    Query(max_length=100, description="The IANA time zone of days, and of times without an offset. Default: UTC."),
]


def moment_of(field: str, text: str, tz: str) -> Micros:
    """The time that a parameter names. Raises `PoppaPingApiError` 400."""
    try:
        moment = read_moment(_LOST_SIGN.sub(r"\1+\2", text.strip()))
        at = micros_of(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone(tz)))
    except (ValueError, OverflowError):
        raise PoppaPingApiError(400, f"Field '{field}' must be a date or a time in ISO 8601.") from None
    if not 0 <= at <= LAST - 2 * _YEAR:
        raise PoppaPingApiError(400, f"Field '{field}' must be a time since 1970.")
    return at


def timezone_of(given: str | None) -> str:
    """The name under which a time zone is kept; UTC without one. Raises `PoppaPingApiError` 400."""
    try:
        return canonical_tz("UTC" if given is None else given)
    except BadTimezone as error:
        raise PoppaPingApiError(400, f"Field 'timezone' {error}.") from None


def whole_seconds(start: Micros, end: Micros, now: Micros, longest: int, what: str) -> tuple[Micros, Micros]:
    """The span in whole seconds, which is what answers tell. longest: in days. Raises `PoppaPingApiError` 400."""
    if end <= start:
        raise PoppaPingApiError(400, "Field 'to' must be later than 'from'.")
    if end - start > longest * 86_400 * SECOND:
        raise PoppaPingApiError(400, f"{what} of at most {longest} days; ask for a shorter span.")
    if start >= now:
        raise PoppaPingApiError(400, "Field 'from' must be a time that has passed.")
    return start // SECOND * SECOND, -(-end // SECOND) * SECOND
