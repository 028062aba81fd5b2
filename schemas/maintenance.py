"""Maintenance windows: announced spans of time in which monitors change no status.

A definition stands under `maintenance/<id>` in `definitions`. Pure: when a window is open follows from the definition.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.base import SECOND, Fact, Micros
from schemas.schedules import BadSchedule, BadTimezone, Cron, OnCalendar, next_after, parse_schedule

Duration = Annotated[int, Meta(ge=60, le=604_800)]


class Once(Struct, tag_field="type", tag="once", frozen=True, gc=False):
    """A single window, from `start` to `end` (exclusive)."""

    start: Micros
    end: Micros


class Recurring(Struct, tag_field="type", tag="recurring", frozen=True, gc=False):
    """Recurring windows: each begins at a time of the schedule and lasts `duration` seconds."""

    schedule: Cron | OnCalendar
    duration: Duration


Window = Once | Recurring


class Maintenance(Fact, tag="maintenance", frozen=True):
    """A maintenance window. monitors: ids; empty: all monitors of the project. `version` grows with each change."""

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    name: str
    window: Window
    monitors: tuple[str, ...] = ()


def fault_of(window: Window) -> str:
    """Why a window makes no sense; empty when it does."""
    match window:
        case Once(start=start, end=end):
            return "" if start < end else "a window must end after it begins"
        case Recurring(schedule=schedule):
            try:
                parse_schedule(schedule.expression, schedule.tz)
            except (BadSchedule, BadTimezone) as error:
                return f"the schedule {error}"
            return ""


def open_until(window: Window, at: Micros) -> Micros | None:
    """When the window ends that is open at `at`; None when none is. One that begins before it ends may follow it."""
    match window:
        case Once(start=start, end=end):
            return end if start <= at < end else None
        case Recurring(schedule=schedule, duration=seconds):
            began = next_after(schedule, at - seconds * SECOND)
            return began + seconds * SECOND if began is not None and began <= at else None


def opens_after(window: Window, at: Micros) -> Micros | None:
    """When the next window after `at` begins; None when there is none."""
    match window:
        case Once(start=start):
            return start if start > at else None
        case Recurring(schedule=schedule):
            return next_after(schedule, at)


def is_over(window: Window, at: Micros) -> bool:
    """Whether the window is not open at `at` and never will be again."""
    return open_until(window, at) is None and opens_after(window, at) is None


def covers(maintenance: Maintenance, project: str, monitor: str) -> bool:
    """Whether it is about this monitor."""
    return maintenance.project == project and (not maintenance.monitors or monitor in maintenance.monitors)
