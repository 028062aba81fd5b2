"""What updown.io's REST API and its Push API both say of a check: its type, its URL, its period. Pure."""

from schemas.base import SECOND
from schemas.definitions import Check
from schemas.probe_kinds import MonitorKind
from schemas.schedules import Simple, next_after
from schemas.targets import ProbeTarget

# In place of the secret part of the URL of a pulse check.
HIDDEN = "********"
# Of a schedule without two runs.
_NO_PERIOD = 1
_TYPES: dict[MonitorKind, str] = {"tls": "tcps"}


def type_of(kind: MonitorKind, target: ProbeTarget) -> str:
    """The type of a check."""
    if kind == "http":
        return "http" if target.url[:5].lower() == "http:" else "https"
    return _TYPES.get(kind, kind)


def url_of(kind: MonitorKind, target: ProbeTarget) -> str:
    """The URL of a check."""
    if kind == "http":
        return target.url
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{type_of(kind, target)}://{host}{f':{target.port}' if target.port else ''}"


def shown_period(check: Check) -> int:
    """The seconds after which a check is down without a ping: the period and how late a ping may be.

    Of cron and OnCalendar the time between the first two runs since the check was made stands for the period.
    """
    late = check.grace if check.late_limit is None else check.late_limit
    schedule = check.schedule
    if isinstance(schedule, Simple):
        return schedule.period + late
    first = next_after(schedule, check.created)
    second = None if first is None else next_after(schedule, first)
    return (_NO_PERIOD if first is None or second is None else (second - first) // SECOND) + late
