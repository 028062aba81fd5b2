"""Monitors: list, create, read, change, delete, pause, resume, uptime and results."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from infra.secrets.secrets import of_monitor
from query_api.http.idempotency import IdempotencyKey
from query_api.http.openapi import body_of
from query_api.poppaping.auth import JsonObject, MonitorsReader, MonitorsWriter
from query_api.poppaping.history import answering_history
from query_api.poppaping.monitor_fields import CreateMonitorBody, UpdateMonitorBody, fields_of
from query_api.poppaping.monitor_filters import Filter
from query_api.poppaping.monitor_object import MonitorDetails, MonitorObject
from query_api.poppaping.objects import Deleted
from query_api.poppaping.openapi import ERRORS, errors, list_of, one_of
from query_api.poppaping.read_only import without_read_only
from query_api.poppaping.responses import (
    Conflict,
    Page,
    PerPage,
    PoppaPingApiError,
    listed,
    listed_page,
    made_or_found,
    one,
)
from query_api.poppaping.results import ResultObject, history_of, result_object
from query_api.poppaping.service import Service, ServiceDep
from query_api.poppaping.uptimes import Period, UptimeObject, uptime_object
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.monitors import Monitor, Sealed
from schemas.requests import MonitorCreate, MonitorDelete, MonitorFields, MonitorUpdate

_MOST_RESULTS = 500
# They change with the time alone.
_DRIFTING = ("uptime_percentage", "current_status", "last_error", "incident_id")
# How often a change is made anew when others change the monitor at the same time.
_TRIES = 5

router = APIRouter(tags=["monitors"], responses=ERRORS)

_MONITOR = one_of(MonitorObject, "The monitor.") | errors(404)
_CREATE = body_of(CreateMonitorBody, {"name": "Shop", "url": "https://shop.example.com/", "interval_seconds": 60})
_UPDATE = body_of(UpdateMonitorBody, {"interval_seconds": 300})


@router.get("/monitors", responses=list_of(MonitorObject, "The monitors that match, oldest first.") | errors(400))
async def list_monitors(
    service: ServiceDep, key: MonitorsReader, wanted: Filter, page: Page = 1, per_page: PerPage = 25
) -> Response:
    """List the monitors of the project that match, oldest first."""
    deps = service.deps
    monitors = await wanted.among(deps.directory.monitors_of(key.project), deps.monitor_states)
    return listed_page(monitors, page, per_page, service.presented)


@router.post(
    "/monitors",
    status_code=201,
    responses=one_of(MonitorObject, "The new monitor.", 201)
    | one_of(MonitorObject, "The monitor that was there (`Idempotency-Key`).")
    | errors(400, 403),
    openapi_extra=_CREATE,
)
async def create_monitor(
    service: ServiceDep, key: MonitorsWriter, body: JsonObject, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a monitor. Pingfold probes it at once."""
    id = service.id_for(key, "monitor", idempotency_key)
    deps, guard = service.deps, service.deps.guard.of(key.project)
    fields = fields_of(body, None, Sealed(), deps.settings.regions, service.plan, _encrypting(service, id), guard)
    request = MonitorCreate(
        request=new_id(), at=service.deps.clock.now(), id=id, fields=fields, most=service.plan.monitors
    )
    decision = await service.ask(key, request)
    return made_or_found(decision, service.presented(await service.result(decision)))


@router.get("/monitors/{id}", responses=one_of(MonitorDetails, "The monitor with its uptime.") | errors(404))
async def read_monitor(service: ServiceDep, key: MonitorsReader, id: str) -> Response:
    """Read one monitor, with its uptime of 30 days."""
    monitor = await service.monitor(key, id)
    try:
        uptime = await service.uptimes.of(monitor)
    except PoppaPingApiError:  # history is away: the monitor itself is not
        uptime = None
    return one(service.details(monitor, uptime))


@router.patch("/monitors/{id}", responses=_MONITOR | errors(400, 403, 409), openapi_extra=_UPDATE)
async def change_monitor(service: ServiceDep, key: MonitorsWriter, id: str, body: JsonObject) -> Response:
    """Change a monitor. Omitted fields stay."""
    for _ in range(_TRIES):
        monitor = await service.monitor(key, id)
        try:
            return await _changed(service, key, monitor, _fields(service, key, monitor, body), based_on=monitor.version)
        except Conflict as error:
            if service.version_asked is not None:  # whoever names a version wants to be told
                raise
            conflict = error
            await service.wait_for_newer(monitor)
    raise conflict


@router.delete("/monitors/{id}", responses=one_of(Deleted, "The id of what was deleted.") | errors(404))
async def delete_monitor(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """Delete a monitor permanently."""
    monitor = await service.monitor(key, id)
    request = MonitorDelete(request=new_id(), at=service.deps.clock.now(), id=monitor.id)
    return await service.delete(key, request, service.deps.directory.monitor)


@router.post("/monitors/{id}/pause", responses=_MONITOR)
async def pause_monitor(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """Stop probing a monitor."""
    return await _changed(service, key, await service.monitor(key, id), MonitorFields(paused=True))


@router.post("/monitors/{id}/resume", responses=_MONITOR)
async def resume_monitor(service: ServiceDep, key: MonitorsWriter, id: str) -> Response:
    """Resume a paused monitor, and probe it at once."""
    return await _changed(service, key, await service.monitor(key, id), MonitorFields(paused=False))


@router.get("/monitors/{id}/uptime", responses=one_of(UptimeObject, "The uptime over the period.") | errors(400, 404))
async def read_uptime(
    service: ServiceDep,
    key: MonitorsReader,
    id: str,
    period: Annotated[Period, Query(description="The time range, up to now.")] = "30d",
) -> Response:
    """Read the uptime of a monitor by count and by time, with response times."""
    return one(await uptime_object(service.deps, await service.monitor(key, id), period))


@router.get("/monitors/{id}/checks", responses=list_of(ResultObject, "Results, newest first.") | errors(400, 404))
async def list_results(
    service: ServiceDep, key: MonitorsReader, id: str, page: Page = 1, per_page: PerPage = 100
) -> Response:
    """List the results of a monitor, newest first."""
    monitor, per_page = await service.monitor(key, id), min(per_page, _MOST_RESULTS)
    history, skip = history_of(service.deps), (page - 1) * per_page
    with answering_history():
        total = await history.total(monitor.id)
        rows = await history.results(monitor.id, skip, per_page) if skip < total else []
    return listed([result_object(row) for row in rows], page, per_page, total)


def _encrypting(service: Service, id: str) -> Callable[[str], str]:
    return lambda secret: service.deps.encrypt(secret, of_monitor(id))


def _fields(service: Service, key: ApiKey, monitor: Monitor, body: JsonObject) -> MonitorFields:
    """What a body changes of a monitor as it is: what is probed is made of what is given and of what is there."""
    sealed, regions, guard = service.sealed(monitor), service.deps.settings.regions, service.deps.guard.of(key.project)
    body = without_read_only(body, service.presented(monitor), UpdateMonitorBody, _DRIFTING)
    return fields_of(body, monitor, sealed, regions, service.plan, _encrypting(service, monitor.id), guard)


async def _changed(
    service: Service, key: ApiKey, monitor: Monitor, fields: MonitorFields, based_on: int | None = None
) -> Response:
    request = MonitorUpdate(
        request=new_id(), at=service.deps.clock.now(), id=monitor.id, fields=fields, based_on=based_on
    )
    return service.answer(await service.result(await service.ask(key, request)))
