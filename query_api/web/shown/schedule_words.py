"""A schedule as people say it: `every day`, `At 03:00 every day`. Pure."""

from datetime import datetime
from functools import lru_cache

from cronsim import CronSim

from schemas.schedules import Cron, OnCalendar, Schedule, Simple

_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_SYMBOLS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
# The parser wants one; the words of an expression do not depend on it.
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001


@lru_cache(maxsize=4096)
def schedule_words(schedule: Schedule) -> str:
    """When runs are expected. Of cron and OnCalendar with the zone, whose clock counts."""
    if isinstance(schedule, Simple):
        return f"every {period_words(schedule.period)}"
    if isinstance(schedule, Cron):
        return f"{_cron_words(schedule.expression)} ({schedule.tz})"
    return f"OnCalendar {'; '.join(_lines(schedule))} ({schedule.tz})"


def period_words(seconds: int) -> str:
    """`day`, `5 minutes`; of no whole unit `1 h 30 min`. Nothing is rounded."""
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return span_words(seconds)


def span_text(seconds: int) -> str:
    """The same as a form shows it, and `query_api.updown.durations` reads it: `1 day`, `1 h 30 min`, `0 seconds`."""
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return span_words(seconds) if seconds else "0 seconds"


def span_words(seconds: int) -> str:
    """How long something may take, exactly: `5 min`, `1 h 30 min`, `none` for 0."""
    parts = []
    for symbol, size in _SYMBOLS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {symbol}")
    return " ".join(parts) or "none"


def _cron_words(expression: str) -> str:
    try:
        told: str = CronSim(expression, _ANY_TIME).explain()
    except Exception:  # a parser of others: what it cannot tell in words is shown as it stands
        return f"cron {expression}"
    return told


def _lines(schedule: OnCalendar) -> list[str]:
    return [line.strip() for line in schedule.expression.strip().split("\n")]
