"""Windows of maintenance: Pingfold's own, in the style of the API. While one is open, what it covers is not judged.

A window is either from `starts_at` to `ends_at`, or recurs: `schedule` (a cron or OnCalendar expression) in `timezone`
for `duration_minutes`. `monitor_ids` empty: every monitor of the project.
"""

from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from msgspec import UNSET, Meta, Struct, UnsetType

from query_api.commands import gone
from query_api.http.field_types import Count, Time, Uuid
from query_api.http.openapi import body_of
from query_api.poppaping.auth import JsonObject, MonitorsReader, MonitorsWriter
from query_api.poppaping.bodies import judged
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import MOST_PER_PAGE, Page, PerPage, PoppaPingApiError, cut, listed, one, time
from query_api.poppaping.service import Service, ServiceDep
from schemas.base import SECOND, Micros
from schemas.definitions import ApiKey
from schemas.ids import is_uuid, new_id
from schemas.maintenance import Maintenance, Once, Recurring, Window, fault_of, open_until, opens_after
from schemas.requests import (
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceFields,
    MaintenanceUpdate,
)
from schemas.schedules import BadSchedule, BadTimezone, parse_schedule
from schemas.times import LAST, micros_of

router = APIRouter(tags=["maintenance"], responses=ERRORS)


_Schedule = Annotated[str, Meta(max_length=100, description="A cron or OnCalendar expression: the window recurs.")]
_Zone = Annotated[str, Meta(max_length=100, description="The IANA time zone of `schedule`; UTC if left out.")]
_Minutes = Annotated[int, Meta(ge=1, le=10_080, description="How long each window of `schedule` is.")]
_Monitors = Annotated[list[str], Meta(max_length=10_000, description="Empty: all monitors of the project.")]


class UpdateMaintenanceWindowBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a window to change. Its times are given together: `starts_at` and `ends_at`, or `schedule` and
    `duration_minutes`. Null means the default; of a time, that it is not given."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    ends_at: datetime | UnsetType | None = UNSET
    schedule: _Schedule | UnsetType | None = UNSET
    timezone: _Zone | UnsetType | None = UNSET
    duration_minutes: _Minutes | UnsetType | None = UNSET
    monitor_ids: _Monitors | UnsetType | None = UNSET


class CreateMaintenanceWindowBody(UpdateMaintenanceWindowBody, kw_only=True):
    """A new window: either `starts_at` and `ends_at`, or `schedule` and `duration_minutes`."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class MaintenanceWindow(Struct, kw_only=True, gc=False):
    """A window of maintenance."""

    id: Uuid
    name: str
    starts_at: Annotated[Time | None, Meta(description="Null: it recurs.")]
    ends_at: Time | None
    schedule: Annotated[str | None, Meta(description="A cron or OnCalendar expression; null: it comes once.")]
    timezone: str | None
    duration_minutes: Count | None
    monitor_ids: Annotated[list[Uuid], Meta(description="Empty: all monitors of the project.")]
    active: Annotated[bool, Meta(description="It is open now.")]
    active_until: Time | None
    next_start_at: Annotated[Time | None, Meta(description="Null: it does not come again.")]
    created_at: Time
    updated_at: Time


_WINDOW = one_of(MaintenanceWindow, "The window.") | errors(404)
_ONCE = {"name": "Database upgrade", "starts_at": "2030-01-01T00:00:00+00:00", "ends_at": "2030-01-01T01:00:00+00:00"}


@router.get(
    "/maintenance-windows",
    summary="List windows of maintenance (Pingfold's own)",
    responses=list_of(MaintenanceWindow, "The windows, oldest first.") | errors(400),
)
async def list_windows(service: ServiceDep, key: MonitorsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the windows of the project, oldest first, also those that are over."""
    per_page = min(per_page, MOST_PER_PAGE)
    windows = service.deps.directory.windows_of(key.project)
    objects = [_object(service, window) for window in cut(windows, page, per_page)]
    return listed(objects, page, per_page, len(windows))


@router.post(
    "/maintenance-windows",
    status_code=201,
    summary="Announce maintenance (Pingfold's own)",
    responses=one_of(MaintenanceWindow, "The new window.", 201) | errors(400),
    openapi_extra=body_of(CreateMaintenanceWindowBody, _ONCE),
)
async def create_window(service: ServiceDep, key: MonitorsWriter, body: JsonObject) -> Response:
    """Announce a window of maintenance."""
    wanted = judged(body, CreateMaintenanceWindowBody)
    window = _window(wanted)
    if window is UNSET:
        raise PoppaPingApiError(400, "Give 'starts_at' and 'ends_at', or 'schedule' and 'duration_minutes'.")
    request = MaintenanceCreate(
        request=new_id(),
        at=service.deps.clock.now(),
        id=new_id(),
        partitions=service.deps.partitions,
        fields=await _fields(service, key, wanted, window),
    )
    return one(
        _object(service, await service.read_back(await service.ask(key, request), service.deps.directory.window)), 201
    )


@router.get(
    "/maintenance-windows/{id}",
    summary="Read a window of maintenance (Pingfold's own)",
    responses=_WINDOW,
)
async def read_window(service: ServiceDep, key: MonitorsReader, id: str) -> Response:
    """Read one window of maintenance."""
    return one(_object(service, await _find(service, key, id)))


@router.patch(
    "/maintenance-windows/{id}",
    summary="Change a window of maintenance (Pingfold's own)",
    responses=_WINDOW | errors(400),
    openapi_extra=body_of(UpdateMaintenanceWindowBody, {"name": "Database upgrade, second part"}),
)
async def change_window(service: ServiceDep, key: MonitorsWriter, id: str, body: JsonObject) -> Response:
    """Change the fields of a window that are given."""
    known = await _find(service, key, id)
    body = without_read_only(body, _object(service, known), UpdateMaintenanceWindowBody, ("active",))
    wanted = judged(body, UpdateMaintenanceWindowBody)
    request = MaintenanceUpdate(
        request=new_id(),
        at=service.deps.clock.now(),
        id=known.id,
        partitions=service.deps.partitions,
        fields=await _fields(service, key, wanted, _window(wanted)),
    )
    return one(
        _object(service, await service.read_back(await service.ask(key, request), service.deps.directory.window))
    )


@router.delete(
    "/maintenance-windows/{id}",
    summary="Delete a window of maintenance (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_window(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """Delete a window of maintenance; one that is open ends now."""
    deps = service.deps
    known = await _find(service, key, id)
    await service.ask(
        key,
        MaintenanceDelete(request=new_id(), at=deps.clock.now(), id=known.id, partitions=deps.partitions),
    )
    await gone(deps, deps.directory.window, known.id)
    return one(Deleted(known.id))


async def _find(service: Service, key: ApiKey, id: str) -> Maintenance:
    return await service.owned(key, id, service.deps.directory.window, "maintenance window")


async def _fields(
    service: Service, key: ApiKey, wanted: UpdateMaintenanceWindowBody, window: Window | UnsetType
) -> MaintenanceFields:
    monitors: tuple[str, ...] | UnsetType = UNSET
    if wanted.monitor_ids is not UNSET:
        monitors = tuple(sorted(set(wanted.monitor_ids or ())))
        for id in monitors:
            find = partial(service.deps.directory.monitor, id)
            monitor = await service.look_up("monitor", find) if is_uuid(id) else find()
            if monitor is None or monitor.project != key.project:
                raise PoppaPingApiError(400, f"Field 'monitor_ids': there is no monitor '{id}'.")
    return MaintenanceFields(name=wanted.name, window=window, monitors=monitors)


def _window(wanted: UpdateMaintenanceWindowBody) -> Window | UnsetType:
    """What a body says of the window, all of it or nothing."""
    once = (wanted.starts_at, wanted.ends_at)
    recurring = (wanted.schedule, wanted.duration_minutes)
    if all(field is UNSET or field is None for field in (*once, *recurring, wanted.timezone)):
        return UNSET
    window: Window
    if isinstance(wanted.starts_at, datetime) and isinstance(wanted.ends_at, datetime):
        if any(isinstance(field, str | int) for field in (*recurring, wanted.timezone)):
            raise PoppaPingApiError(400, "A window is either from 'starts_at' to 'ends_at', or recurs by 'schedule'.")
        window = Once(_micros(wanted.starts_at, "starts_at"), _micros(wanted.ends_at, "ends_at"))
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
        raise PoppaPingApiError(400, "Give 'starts_at' and 'ends_at', or 'schedule' and 'duration_minutes'.")
    if fault := fault_of(window):
        raise PoppaPingApiError(400, f"{fault.capitalize()}.")
    return window


def _micros(moment: datetime, field: str) -> Micros:
    if moment.tzinfo is None:
        raise PoppaPingApiError(400, f"Field '{field}' needs an offset from UTC, as in 2026-03-01T10:00:00+00:00.")
    at = micros_of(moment)
    if at > LAST:
        raise PoppaPingApiError(400, f"Field '{field}' is out of range.")
    return max(0, at) // SECOND * SECOND


def _object(service: Service, maintenance: Maintenance) -> MaintenanceWindow:
    now, window = service.deps.clock.now(), maintenance.window
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
        active=until is not None,
        active_until=time(until),
        next_start_at=time(opens_after(window, now)),
        created_at=time(maintenance.created),
        updated_at=time(maintenance.revised),
    )
