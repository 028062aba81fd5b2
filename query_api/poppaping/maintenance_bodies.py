"""What requests say of windows of maintenance, and what is wrong with it. Pure.

The times of a window are from `starts_at` to `ends_at`; or those of `schedule` (a cron or OnCalendar expression) in
`timezone`, each for `duration_minutes`; or from now for `duration`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from infra.settings.durations import parse_duration
from query_api.poppaping.maintenance_object import MaintenanceWindow
from query_api.poppaping.responses import PoppaPingApiError
from schemas.base import SECOND, Micros
from schemas.maintenance import LONGEST_KEY, LONGEST_SECONDS, MOST_NAMED, Once, Recurring, Tag, Window, fault_of
from schemas.managed import ManagedBy
from schemas.schedules import BadSchedule, BadTimezone, parse_schedule
from schemas.times import LAST, micros_of

# From its beginning to its end. What is to be silent for longer is muted, or paused.
LONGEST: Micros = 366 * 86_400 * SECOND
_TIMES = ("starts_at", "ends_at", "schedule", "timezone", "duration_minutes")
_ONE_KIND = (
    "Give 'starts_at' and 'ends_at', or 'schedule' and 'duration_minutes', or 'duration' for one that begins now."
)

_Schedule = Annotated[str, Meta(max_length=100, description="A cron or OnCalendar expression: the window recurs.")]
_Zone = Annotated[str, Meta(max_length=100, description="The IANA time zone of `schedule`; UTC if left out.")]
_Minutes = Annotated[int, Meta(ge=1, le=10_080, description="Duration of each occurrence of `schedule`.")]
_Monitors = Annotated[
    list[str],
    Meta(max_length=MOST_NAMED, description="Without monitors, checks and tags, the window covers the whole project."),
]
_Checks = Annotated[list[str], Meta(max_length=MOST_NAMED, description="Ids of heartbeat checks.")]
_Tags = Annotated[
    list[Tag],
    Meta(
        max_length=MOST_NAMED, description="Tags of heartbeat checks; checks that get such a tag later are covered too."
    ),
]
_Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_KEY,
        description="If a window with this key has not ended, the response contains that window instead.",
    ),
]
_Duration = Annotated[str, Meta(max_length=50, description="Such as `30m`, `1h 30m`; from 1 minute to 7 days.")]


class UpdateMaintenanceWindowBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a window to change. Its times are given together: `starts_at` and `ends_at`, or `schedule` and
    `duration_minutes`. Null means the default; of a time, that it is not given."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    ends_at: datetime | UnsetType | None = UNSET
    schedule: _Schedule | UnsetType | None = UNSET
    timezone: _Zone | UnsetType | None = UNSET
    duration_minutes: _Minutes | UnsetType | None = UNSET
    monitor_ids: _Monitors | UnsetType | None = UNSET
    check_ids: _Checks | UnsetType | None = UNSET
    tags: _Tags | UnsetType | None = UNSET
    managed_by: ManagedBy | UnsetType = UNSET


class CreateMaintenanceWindowBody(UpdateMaintenanceWindowBody, kw_only=True):
    """A new window: either `starts_at` and `ends_at`, or `schedule` and `duration_minutes`, or `duration`: from now."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    duration: _Duration | None = None
    key: _Key | None = None


class ExtendMaintenanceWindowBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """One of three: how much later what is open now ends, or until when it lasts."""

    minutes: Annotated[int, Meta(ge=1, le=10_080)] | None = None
    duration: _Duration | None = None
    until: datetime | None = None


def window_of(wanted: UpdateMaintenanceWindowBody, now: Micros) -> Window | UnsetType:
    """What a body says of the times, all of it or nothing. Raises `PoppaPingApiError`."""
    once = (wanted.starts_at, wanted.ends_at)
    recurring = (wanted.schedule, wanted.duration_minutes)
    others = any(isinstance(field, str | int | datetime) for field in (*once, *recurring, wanted.timezone))
    if isinstance(wanted, CreateMaintenanceWindowBody) and wanted.duration is not None:
        if others:
            raise PoppaPingApiError(400, _ONE_KIND)
        start = now // SECOND * SECOND
        return Once(start, start + seconds_of(wanted.duration) * SECOND)
    if not others:
        return UNSET
    window: Window
    if isinstance(wanted.starts_at, datetime) and isinstance(wanted.ends_at, datetime):
        if any(isinstance(field, str | int) for field in (*recurring, wanted.timezone)):
            raise PoppaPingApiError(400, "A window is either from 'starts_at' to 'ends_at', or recurs by 'schedule'.")
        window = Once(_micros(wanted.starts_at, "starts_at"), _micros(wanted.ends_at, "ends_at"))
        if window.end - window.start > LONGEST:
            raise PoppaPingApiError(400, "A window lasts at most 366 days; what is to be silent for longer is muted.")
    elif (
        isinstance(wanted.schedule, str)
        and isinstance(wanted.duration_minutes, int)
        and not any(isinstance(field, datetime) for field in once)
    ):
        zone = wanted.timezone if isinstance(wanted.timezone, str) else "UTC"
        try:
            window = Recurring(parse_schedule(wanted.schedule, zone), wanted.duration_minutes * 60)
        except (BadSchedule, BadTimezone) as error:
            field = "timezone" if isinstance(error, BadTimezone) else "schedule"
            raise PoppaPingApiError(400, f"Field '{field}' {error}.") from None
    else:
        raise PoppaPingApiError(400, _ONE_KIND)
    if fault := fault_of(window):
        raise PoppaPingApiError(400, f"{fault.capitalize()}.")
    return window


def without_same_times(body: Mapping[str, object], shown: MaintenanceWindow) -> dict[str, object]:
    """A body without times that are those there are. So what is sent back as it was read neither takes an extension of
    a window that recurs away nor opens one again that somebody has ended."""
    told = {name: getattr(shown, name) for name in _TIMES}
    is_so = all(body[name] == value for name, value in told.items() if name in body)
    return {name: value for name, value in body.items() if not is_so or name not in told}


def must_be_a_window(window: Window | UnsetType) -> None:
    """A new window has times."""
    if window is UNSET:
        raise PoppaPingApiError(400, _ONE_KIND)


def end_of(wanted: ExtendMaintenanceWindowBody, end: Micros, now: Micros) -> Micros:
    """Until when a window is to last that ends at `end`. Raises `PoppaPingApiError`."""
    given = [field for field in (wanted.minutes, wanted.duration, wanted.until) if field is not None]
    if len(given) != 1:
        raise PoppaPingApiError(400, "Give one of 'minutes', 'duration' and 'until'.")
    if wanted.until is not None:
        until = _micros(wanted.until, "until")
        if until <= now:
            raise PoppaPingApiError(400, "Field 'until' must be a time that is to come; /end ends a window now.")
    else:
        seconds = wanted.minutes * 60 if wanted.minutes is not None else seconds_of(wanted.duration or "")
        until = end + seconds * SECOND
    if until - now > LONGEST:
        raise PoppaPingApiError(400, "A window is extended to at most 366 days from now.")
    return until


def seconds_of(duration: str) -> int:
    """A duration. Raises `PoppaPingApiError`."""
    try:
        seconds = parse_duration(duration)
    except ValueError:
        seconds = None
    if seconds is None or not 60 <= seconds <= LONGEST_SECONDS:
        raise PoppaPingApiError(400, "Field 'duration' must be one from 1 minute to 7 days, such as 30m or 1h 30m.")
    return seconds


def _micros(moment: datetime, field: str) -> Micros:
    if moment.tzinfo is None:
        raise PoppaPingApiError(400, f"Field '{field}' needs an offset from UTC, as in 2026-03-01T10:00:00+00:00.")
    at = micros_of(moment)
    if at > LAST:
        raise PoppaPingApiError(400, f"Field '{field}' is out of range.")
    return max(0, at) // SECOND * SECOND
