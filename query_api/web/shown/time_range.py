"""The time that a page shows, as `range` of its URL names it: `24h`, `7d`, `90d`, `2026-02-01..2026-02-28`. Pure."""

from datetime import tzinfo
from typing import NamedTuple

from schemas.base import SECOND, Micros
from schemas.times import read_local

HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
SPANS: dict[str, Micros] = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
DEFAULT = "24h"
LONGEST: Micros = 400 * DAY
# Longer ones are shown by day, not by hour.
_BY_HOUR: Micros = 8 * DAY


class TimeRange(NamedTuple):
    """[start, end). name: as the URL has it. fault: what is wrong with what was asked for; then it is the default."""

    start: Micros
    end: Micros
    name: str
    fault: str = ""

    @property
    def by_day(self) -> bool:
        """Whether it is shown by day."""
        return self.end - self.start > _BY_HOUR

    @property
    def is_until_now(self) -> bool:
        """Whether it ends now."""
        return self.name in SPANS


def read_range(text: str, now: Micros, zone: tzinfo) -> TimeRange:
    """The range that a text names, dates by the clock of a zone; the last day of one counts whole."""
    if text in SPANS or not text:
        name = text or DEFAULT
        return TimeRange(max(0, now - SPANS[name]), now, name)
    default = TimeRange(now - SPANS[DEFAULT], now, DEFAULT)
    first, dots, last = text.partition("..")
    try:
        start, end = read_local(first.strip(), zone), read_local(last.strip(), zone)
    except (ValueError, OverflowError):
        return default._replace(fault="The range must be 24h, 7d, 30d, 90d, or like 2026-02-01..2026-02-28.")
    if dots and len(last.strip()) == len("2026-02-28"):
        end += DAY
    end = min(end, now)
    if start < 0 or end <= start:
        return default._replace(fault="The range must begin before it ends, and not lie ahead.")
    if end - start > LONGEST:
        return default._replace(fault=f"The range may have at most {LONGEST // DAY} days.")
    return TimeRange(start, end, f"{first.strip()}..{last.strip()}")
