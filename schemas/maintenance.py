"""Maintenance windows: spans of time in which what they cover changes no status.

A definition stands under `maintenance/<id>` in `definitions`. Pure: when a window is open follows from the definition.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.base import SECOND, Fact, Micros
from schemas.managed import ManagedBy
from schemas.schedules import BadSchedule, BadTimezone, Cron, OnCalendar, next_after, parse_schedule

# Of each time that a window recurs, and of one that begins when it is asked for.
LONGEST_SECONDS = 604_800
Duration = Annotated[int, Meta(ge=60, le=LONGEST_SECONDS)]
# So many monitors, checks and tags a window may name, of each.
MOST_NAMED = 10_000
# So many windows of a project may be open or to come, and so much all of these may name together: each partition of two
# journals has a copy of each, and each tick looks at all of them.
MOST_WINDOWS = 500
# Of those that are over so many of a project are still shown.
MOST_OVER = 1_000
MOST_TOGETHER = 3 * MOST_NAMED
LONGEST_TAG = 100
LONGEST_KEY = 200
Tag = Annotated[str, Meta(min_length=1, max_length=LONGEST_TAG, pattern=r"^\S+\Z")]
WindowKey = Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY)]


class Once(Struct, tag_field="type", tag="once", frozen=True, gc=False):
    """A single window, from `start` to `end` (exclusive)."""

    start: Micros
    end: Micros


class Occurrence(Struct, frozen=True, gc=False):
    """The time of a recurring window that began at `start`; it ends at another time than by its duration."""

    start: Micros
    end: Micros


class Recurring(Struct, tag_field="type", tag="recurring", frozen=True, omit_defaults=True, gc=False):
    """Recurring windows: each begins at a time of the schedule and lasts `duration` seconds.

    changed: the newest of them that was extended or ended while it ran.
    """

    schedule: Cron | OnCalendar
    duration: Duration
    changed: Occurrence | None = None


Window = Once | Recurring


class Maintenance(Fact, tag="maintenance", frozen=True):
    """A maintenance window. `version` grows with each change.

    monitors, checks: ids of what it covers. tags: it covers checks with one of them, while they have it.
    everything: a window that names nothing covers the whole project; if false, all of its monitors.
    key: unique among the project's windows that have not ended; empty: none.
    managed_by: the set of declarations that made it, or has taken it over; empty: none.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    name: str
    window: Window
    monitors: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    everything: bool = False
    key: str = ""
    managed_by: ManagedBy = ""


class MaintenanceDefined(Fact, tag="maintenance.defined", frozen=True):
    """A maintenance window was created or changed. Sent to every partition."""

    at: Micros
    maintenance: Maintenance


class MaintenanceRemoved(Fact, tag="maintenance.removed", frozen=True):
    """A maintenance window was removed. Sent to every partition."""

    at: Micros
    id: str


class MaintenanceCopy(Fact, tag="maintenance-definition", frozen=True):
    """A fold's own copy of a maintenance window. until: its end, while it is open; for monitors only."""

    maintenance: Maintenance
    until: Micros | None = None


def maintenance_key(id: str) -> str:
    """The key of a window, and of the own copy of a fold."""
    return "maintenance/" + id


def fault_of(window: Window) -> str:
    """Why a window makes no sense; empty when it does."""
    match window:
        case Once(start=start, end=end) | Recurring(changed=Occurrence(start=start, end=end)) if start >= end:
            return "a window must end after it begins"
        case Once():
            return ""
        case Recurring(schedule=schedule):
            try:
                parse_schedule(schedule.expression, schedule.tz)
            except (BadSchedule, BadTimezone) as error:
                return f"the schedule {error}"
            return ""


def open_occurrence(window: Window, at: Micros) -> Occurrence | None:
    """The window that is open at `at`: from when to when; None when none is.

    Another that begins before it ends may follow it. Of several that are open the oldest is told.
    """
    match window:
        case Once(start=start, end=end):
            return Occurrence(start, end) if start <= at < end else None
        case Recurring(schedule=schedule, duration=seconds, changed=changed):
            if changed is not None and changed.start <= at < changed.end:
                return changed
            began = next_after(schedule, at - seconds * SECOND)
            # Those before it are over: the oldest that is open is the one that is ended.
            if changed is not None and began is not None and began <= changed.start <= at:
                began = next_after(schedule, changed.start)
            return Occurrence(began, began + seconds * SECOND) if began is not None and began <= at else None


def open_until(window: Window, at: Micros) -> Micros | None:
    """When the window ends that is open at `at`; None when none is. One that begins before it ends may follow it."""
    occurrence = open_occurrence(window, at)
    return None if occurrence is None else occurrence.end


def opens_after(window: Window, at: Micros) -> Micros | None:
    """When the next window after `at` begins; None when there is none."""
    match window:
        case Once(start=start):
            return start if start > at else None
        case Recurring(schedule=schedule):
            return next_after(schedule, at)


def changes_after(window: Window, at: Micros) -> Micros | None:
    """The first moment after `at` at which the window opens or closes; None when it never does."""
    ends, opens = open_until(window, at), opens_after(window, at)
    return opens if ends is None else ends if opens is None else min(ends, opens)


def is_over(window: Window, at: Micros) -> bool:
    """Whether the window is not open at `at` and never will be again."""
    return open_until(window, at) is None and opens_after(window, at) is None


def ending_at(window: Window, at: Micros, end: Micros) -> Window | None:
    """The window, when what is open of it at `at` ends at `end` instead; None when nothing is open then."""
    occurrence = open_occurrence(window, at)
    if occurrence is None:
        return None
    end = max(end, occurrence.start + 1)
    if isinstance(window, Once):
        return Once(window.start, end)
    return Recurring(window.schedule, window.duration, Occurrence(occurrence.start, end))


def number_named(maintenance: Maintenance) -> int:
    """How much it names."""
    return len(maintenance.monitors) + len(maintenance.checks) + len(maintenance.tags)


def names_nothing(maintenance: Maintenance) -> bool:
    """Whether it covers all that it can."""
    return not (maintenance.monitors or maintenance.checks or maintenance.tags)


def concerns_checks(maintenance: Maintenance) -> bool:
    """Whether it may cover a heartbeat check."""
    return maintenance.everything if names_nothing(maintenance) else bool(maintenance.checks or maintenance.tags)


def covers(maintenance: Maintenance, project: str, monitor: str) -> bool:
    """Whether it is about this monitor. Monitors have no tags."""
    return maintenance.project == project and (names_nothing(maintenance) or monitor in maintenance.monitors)


def covers_check(maintenance: Maintenance, project: str, check: str, tags: str) -> bool:
    """Whether it is about this heartbeat check. tags: separated by blanks."""
    if maintenance.project != project:
        return False
    if names_nothing(maintenance):
        return maintenance.everything
    return check in maintenance.checks or (
        bool(maintenance.tags) and not set(maintenance.tags).isdisjoint(tags.split())
    )
