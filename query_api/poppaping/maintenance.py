"""Windows of maintenance: Pingfold's own, in the style of the API. While one is open, what it covers is not judged.

A deployment begins one with `duration`, extends it while it runs and ends it. A request that is made twice begins none
twice when it has a `key`, be it by the header `Idempotency-Key`.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Header, Response
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from query_api.http.openapi import body_of
from query_api.poppaping.auth import JsonObject, MonitorsReader, MonitorsWriter
from query_api.poppaping.bodies import judged
from query_api.poppaping.maintenance_bodies import (
    CreateMaintenanceWindowBody,
    ExtendMaintenanceWindowBody,
    UpdateMaintenanceWindowBody,
    end_of,
    must_be_a_window,
    window_of,
    without_same_times,
)
from query_api.poppaping.maintenance_object import MaintenanceWindow, maintenance_object
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import Page, PerPage, PoppaPingApiError, listed_page, one
from query_api.poppaping.service import Service, ServiceDep
from schemas.decisions import Decision
from schemas.definitions import ApiKey, Check
from schemas.ids import is_uuid, new_id
from schemas.maintenance import LONGEST_KEY, Maintenance, Once, Window, open_until
from schemas.monitors import Monitor
from schemas.requests import (
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceEnd,
    MaintenanceExtend,
    MaintenanceFields,
    MaintenanceUpdate,
)

N = TypeVar("N", Monitor, Check)

router = APIRouter(tags=["maintenance"], responses=ERRORS)

_WINDOW = one_of(MaintenanceWindow, "The window.") | errors(404)
_NOW = {"name": "Deployment", "duration": "30m", "tags": ["web"], "key": "pipeline-4711"}
_IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", description="The same as the field `key`.")]


@router.get(
    "/maintenance-windows",
    summary="List maintenance windows (Pingfold's own)",
    responses=list_of(MaintenanceWindow, "The windows, oldest first.") | errors(400),
)
async def list_windows(service: ServiceDep, key: MonitorsReader, page: Page = 1, per_page: PerPage = 25) -> Response:
    """List the maintenance windows of the project, oldest first, including past ones."""
    windows = service.deps.directory.windows_of(key.project)
    return listed_page(windows, page, per_page, partial(_object, service))


@router.post(
    "/maintenance-windows",
    status_code=201,
    summary="Schedule or start a maintenance window (Pingfold's own)",
    responses=one_of(MaintenanceWindow, "The new window.", 201)
    | one_of(MaintenanceWindow, "The window with this key, which is not over.")
    | errors(400),
    openapi_extra=body_of(CreateMaintenanceWindowBody, _NOW),
)
async def create_window(
    service: ServiceDep, key: MonitorsWriter, body: JsonObject, idempotency_key: _IdempotencyKey = None
) -> Response:
    """Schedule a maintenance window, or start one now."""
    wanted = judged(body, CreateMaintenanceWindowBody)
    now = service.deps.clock.now()
    window = window_of(wanted, now)
    must_be_a_window(window)
    request = MaintenanceCreate(
        request=new_id(),
        at=now,
        id=new_id(),
        partitions=service.deps.partitions,
        fields=await _fields(service, key, wanted, window),
        key=_key(wanted.key, idempotency_key),
    )
    decision = await service.ask(key, request)
    return await _answer(service, decision, 200 if decision.id != request.id else 201)


@router.get(
    "/maintenance-windows/{id}",
    summary="Read a maintenance window (Pingfold's own)",
    responses=_WINDOW,
)
async def read_window(service: ServiceDep, key: MonitorsReader, id: str) -> Response:
    """Read one maintenance window."""
    return one(_object(service, await _find(service, key, id)))


@router.patch(
    "/maintenance-windows/{id}",
    summary="Change a maintenance window (Pingfold's own)",
    responses=_WINDOW | errors(400),
    openapi_extra=body_of(UpdateMaintenanceWindowBody, {"name": "Database upgrade, second part"}),
)
async def change_window(service: ServiceDep, key: MonitorsWriter, id: str, body: JsonObject) -> Response:
    """Change a maintenance window. Omitted fields stay."""
    known = await _find(service, key, id)
    shown = _object(service, known)
    body = without_read_only(body, shown, UpdateMaintenanceWindowBody, ("active",))
    wanted = judged(without_same_times(body, shown), UpdateMaintenanceWindowBody)
    now = service.deps.clock.now()
    request = MaintenanceUpdate(
        request=new_id(),
        at=now,
        id=known.id,
        partitions=service.deps.partitions,
        fields=await _fields(service, key, wanted, window_of(wanted, now), known),
    )
    return await _answer(service, await service.ask(key, request))


@router.post(
    "/maintenance-windows/{id}/extend",
    summary="Extend an open maintenance window (Pingfold's own)",
    responses=_WINDOW | errors(400, 409),
    openapi_extra=body_of(ExtendMaintenanceWindowBody, {"minutes": 15}),
)
async def extend_window(service: ServiceDep, key: MonitorsWriter, id: str, body: JsonObject) -> Response:
    """Extend an open maintenance window. Of two concurrent requests the later end counts; an end before the current one
    changes nothing. For a recurring window, only the current occurrence is extended."""
    known, now = await _find(service, key, id), service.deps.clock.now()
    wanted = judged(body, ExtendMaintenanceWindowBody)
    end = open_until(known.window, now)
    until = end_of(wanted, now if end is None else end, now)
    if end is None:
        raise _not_open(service, known)
    request = MaintenanceExtend(request=new_id(), at=now, id=known.id, partitions=service.deps.partitions, until=until)
    return await _answer(service, await service.ask(key, request))


@router.post(
    "/maintenance-windows/{id}/end",
    summary="End an open maintenance window (Pingfold's own)",
    responses=_WINDOW | errors(409),
)
async def end_window(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """End an open maintenance window now. If it has ended already, nothing changes; see `ended_at`."""
    known, now = await _find(service, key, id), service.deps.clock.now()
    if isinstance(known.window, Once) and now < known.window.start:
        raise _not_open(service, known)
    request = MaintenanceEnd(request=new_id(), at=now, id=known.id, partitions=service.deps.partitions)
    return await _answer(service, await service.ask(key, request))


@router.delete(
    "/maintenance-windows/{id}",
    summary="Delete a maintenance window (Pingfold's own)",
    responses=one_of(Deleted, "The id of what was deleted.") | errors(404),
)
async def delete_window(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """Delete a maintenance window. An open window ends now."""
    deps = service.deps
    known = await _find(service, key, id)
    request = MaintenanceDelete(request=new_id(), at=deps.clock.now(), id=known.id, partitions=deps.partitions)
    return await service.delete(key, request, deps.directory.window)


async def _find(service: Service, key: ApiKey, id: str) -> Maintenance:
    return await service.owned(key, id, service.deps.directory.window, "maintenance window")


async def _answer(service: Service, decision: Decision, status: int = 200) -> Response:
    return one(_object(service, await service.read_back(decision, service.deps.directory.window)), status)


def _object(service: Service, maintenance: Maintenance) -> MaintenanceWindow:
    return maintenance_object(maintenance, service.deps.clock.now())


def _not_open(service: Service, maintenance: Maintenance) -> PoppaPingApiError:
    shown = _object(service, maintenance)
    if shown.next_start_at is not None:
        words = f"The window is not open: it begins at {shown.next_start_at}."
    else:
        words = f"The window ended at {shown.ended_at}; begin another one."
    return PoppaPingApiError(409, words, "window_not_open")


async def _fields(
    service: Service,
    key: ApiKey,
    wanted: UpdateMaintenanceWindowBody,
    window: Window | UnsetType,
    known: Maintenance | None = None,
) -> MaintenanceFields:
    directory = service.deps.directory
    monitors = await _named(service, key, wanted.monitor_ids, directory.monitor, "monitor")
    checks = await _named(service, key, wanted.check_ids, directory.check, "check")
    tags = wanted.tags if wanted.tags is UNSET else tuple(sorted(set(wanted.tags or ())))
    fields = MaintenanceFields(
        name=wanted.name, window=window, monitors=monitors, checks=checks, tags=tags, managed_by=wanted.managed_by
    )
    if known is not None and all(
        given is UNSET or given == there
        for given, there in ((monitors, known.monitors), (checks, known.checks), (tags, known.tags))
    ):
        return fields
    # What names nothing covers all; one of an older version only monitors, until somebody changes what it names.
    return replace(fields, everything=True)


async def _named(
    service: Service,
    key: ApiKey,
    ids: list[str] | UnsetType | None,
    find: Callable[[str], N | None],
    what: str,
) -> tuple[str, ...] | UnsetType:
    if ids is UNSET:
        return UNSET
    named = tuple(sorted(set(ids or ())))
    for id in named:
        there = partial(find, id)
        thing = await service.look_up(what, there) if is_uuid(id) else there()
        if thing is None or thing.project != key.project:
            raise PoppaPingApiError(400, f"Field '{what}_ids': there is no {what} '{id}'.")
    return named


def _key(given: str | None, header: str | None) -> str:
    if given is not None:
        return given
    if header is not None and not 1 <= len(header) <= LONGEST_KEY:
        raise PoppaPingApiError(400, f"Header 'Idempotency-Key' must have 1 to {LONGEST_KEY} characters.")
    return header or ""
