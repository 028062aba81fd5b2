"""A window of maintenance as the PoppaPing API shows it. Pure."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.http.field_types import Count, Time, Uuid
from query_api.poppaping.responses import time
from schemas.base import Micros
from schemas.maintenance import Maintenance, Once, Recurring, Window, concerns_checks, is_over, open_until, opens_after
from schemas.managed import ManagedBy


class MaintenanceWindow(Struct, kw_only=True, gc=False):
    """A window of maintenance."""

    id: Uuid
    name: str
    starts_at: Annotated[Time | None, Meta(description="Null: it recurs.")]
    ends_at: Time | None
    schedule: Annotated[
        str | None, Meta(description="A cron or OnCalendar expression; null: the window does not recur.")
    ]
    timezone: str | None
    duration_minutes: Count | None
    monitor_ids: Annotated[
        list[Uuid], Meta(description="Without monitors, checks and tags, the window covers the whole project.")
    ]
    check_ids: list[Uuid]
    tags: Annotated[list[str], Meta(description="Tags of covered heartbeat checks.")]
    covers_checks: Annotated[
        bool, Meta(description="False: an older version created the window, and it covers only monitors.")
    ]
    key: Annotated[str | None, Meta(description="Unique among windows that have not ended.")]
    active: Annotated[bool, Meta(description="Whether the window is open now.")]
    active_until: Time | None
    next_start_at: Annotated[Time | None, Meta(description="Null: there is no further occurrence.")]
    ended_at: Annotated[Time | None, Meta(description="End of the last occurrence, if known.")]
    created_at: Time
    updated_at: Time
    managed_by: ManagedBy | UnsetType = UNSET


def maintenance_object(maintenance: Maintenance, now: Micros) -> MaintenanceWindow:
    """The window as it is at `now`; the clock that decided on it may be a moment ahead of ours."""
    now, window = max(now, maintenance.revised), maintenance.window
    until = open_until(window, now)
    once = window if isinstance(window, Once) else None
    recurring = window if isinstance(window, Recurring) else None
    return MaintenanceWindow(
        id=maintenance.id,
        name=maintenance.name,
        starts_at=time(once.start if once else None),
        ends_at=time(once.end if once else None),
        schedule=recurring.schedule.expression if recurring else None,
        timezone=recurring.schedule.tz if recurring else None,
        duration_minutes=recurring.duration // 60 if recurring else None,
        monitor_ids=list(maintenance.monitors),
        check_ids=list(maintenance.checks),
        tags=list(maintenance.tags),
        covers_checks=concerns_checks(maintenance),
        key=maintenance.key or None,
        active=until is not None,
        active_until=time(until),
        next_start_at=time(opens_after(window, now)),
        ended_at=time(None if until is not None else _ended(window, now)),
        created_at=time(maintenance.created),
        updated_at=time(maintenance.revised),
        managed_by=maintenance.managed_by or UNSET,
    )


def _ended(window: Window, now: Micros) -> Micros | None:
    if isinstance(window, Once):
        return window.end if is_over(window, now) else None
    return window.changed.end if window.changed is not None and window.changed.end <= now else None
