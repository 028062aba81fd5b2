"""The time about which an explanation is asked for."""

import re

from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import SECOND, Micros
from schemas.times import read_iso

# `2026-02-21T03:12`, with an offset or without: it means the whole minute.
_WITHOUT_SECONDS = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)?\Z")
# A client's clock may be a little ahead of ours.
_AHEAD: Micros = 5 * SECOND


def read_at(text: str, now: Micros) -> Micros:
    """The time that a text names; the end of the minute when it has no seconds. Raises `PoppaPingApiError` 400."""
    try:
        at = read_iso(text)
    except (ValueError, OverflowError):
        raise PoppaPingApiError(
            400, "Field 'at' must be a time in ISO 8601, such as 2026-02-21T03:12:00+00:00."
        ) from None
    if at < 0:
        raise PoppaPingApiError(400, "Field 'at' must not be before 1970.")
    if at > now + _AHEAD:
        raise PoppaPingApiError(400, "Field 'at' must not be in the future.")
    return min(at + 60 * SECOND - 1, max(at, now)) if _WITHOUT_SECONDS.match(text) else at
