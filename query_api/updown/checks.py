"""Checks: list, create, read, change, delete."""

import asyncio

from fastapi import APIRouter, Response
from msgspec import UNSET

from query_api.commands import gone
from query_api.updown import pulse
from query_api.updown.auth import Caller, Reader, Writer
from query_api.updown.check_bodies import CreateUpdownCheckBody, UpdateUpdownCheckBody
from query_api.updown.check_fields import fields_of
from query_api.updown.check_object import UpdownCheck
from query_api.updown.errors import UpdownConflict
from query_api.updown.metrics import recent_metrics
from query_api.updown.openapi import ERRORS, errors, one_of, parameters_in_body
from query_api.updown.query_parameters import is_set, query_parameter
from query_api.updown.responses import UpdownDeleted, answer
from query_api.updown.service import Service, ServiceDep
from query_api.updown.things import thing_of
from query_api.updown.unchanged import without_unchanged
from schemas.definitions import Check
from schemas.ids import new_id
from schemas.monitors import Monitor, Sealed
from schemas.requests import MonitorCreate, MonitorDelete, MonitorFields, MonitorUpdate
from schemas.targets import place_of

router = APIRouter(tags=["checks"], responses=ERRORS)

# So many objects are made in one go, before other requests get their turn.
_AT_ONCE = 256
# How often a change is made anew when others change the check at the same time.
_TRIES = 5

_METRICS = query_parameter("metrics", {"type": "boolean", "default": False}, "With metrics of the last hour.")
_CHECK = one_of(UpdownCheck, "The check.")
_CREATE = parameters_in_body(CreateUpdownCheckBody, {"url": "https://www.example.com/", "period": 60})
_UPDATE = parameters_in_body(UpdateUpdownCheckBody, {"period": 300}, required=False)


@router.get("/checks", responses=one_of(list[UpdownCheck], "The checks, oldest first."))
async def list_checks(service: ServiceDep, caller: Reader) -> Response:
    """List all checks of the account, oldest first."""
    uptimes = await service.uptimes.of(caller.project)
    presented, states = service.presenter(caller), service.deps.monitor_states
    pulses = pulse.Presenter(service, caller.project, uptimes)
    objects = []
    for number, thing in enumerate(await pulse.with_pulses(service, caller.project), 1):
        if isinstance(thing, Check):
            objects.append(pulses.object(thing))
        else:
            state = states.state(thing.id)
            objects.append(presented(thing, state, uptimes.of(thing, state)))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return answer(objects)


@router.post(
    "/checks",
    status_code=201,
    responses=one_of(UpdownCheck, "The new check.", 201) | errors(400, 403),
    openapi_extra=_CREATE,
)
async def create_check(service: ServiceDep, caller: Writer) -> Response:
    """Create a check. Pingfold tests it at once."""
    if pulse.is_pulse(caller.parameters):
        return await pulse.create(service, caller)
    id = new_id()
    account = service.account(caller, id)
    fields = fields_of(caller.parameters, None, Sealed(), account)
    request = MonitorCreate(
        request=new_id(),
        at=service.deps.clock.now(),
        id=id,
        fields=fields,
        most=account.plan.monitors,
        unique_target=True,
    )
    return await _shown(service, caller, await service.result(await service.ask(caller, request)), 201)


@router.get("/checks/{token}", responses=_CHECK | errors(400, 404), openapi_extra={"parameters": [_METRICS]})
async def read_check(service: ServiceDep, caller: Reader, token: str) -> Response:
    """Read one check."""
    with_metrics = is_set(caller.parameters, "metrics")
    found = await service.thing(caller, token)
    shown = pulse.shown(service, caller, found) if isinstance(found, Check) else _check(service, caller, found)
    check = await shown
    if with_metrics:
        check.metrics = await recent_metrics(service, await thing_of(service, caller, token))
    return answer(check)


@router.put("/checks/{token}", responses=_CHECK | errors(400, 403, 404, 409), openapi_extra=_UPDATE)
async def change_check(service: ServiceDep, caller: Writer, token: str) -> Response:
    """Change a check. Omitted parameters stay."""
    for _ in range(_TRIES):
        monitor = await service.thing(caller, token)
        if isinstance(monitor, Check):
            return await pulse.change(service, caller, monitor)
        pulse.must_not_become_one(caller.parameters)
        account = service.account(caller, monitor.id)
        now = service.presenter(caller)(monitor, service.deps.monitor_states.state(monitor.id), None)
        parameters = without_unchanged(caller.parameters, now)
        fields = fields_of(parameters, monitor, service.sealed(monitor), account)
        request = MonitorUpdate(
            request=new_id(),
            at=service.deps.clock.now(),
            id=monitor.id,
            fields=fields,
            based_on=monitor.version,
            unique_target=_moves(monitor, fields),
        )
        try:
            return await _shown(service, caller, await service.result(await service.ask(caller, request)))
        except UpdownConflict as error:
            conflict = error
            await service.wait_for_newer(monitor)
    raise conflict


@router.delete("/checks/{token}", responses=one_of(UpdownDeleted, "It is gone.") | errors(403, 404))
async def delete_check(service: ServiceDep, caller: Writer, token: str) -> Response:
    """Delete a check permanently."""
    monitor = await service.thing(caller, token)
    if isinstance(monitor, Check):
        return await pulse.delete(service, caller, monitor)
    await service.ask(caller, MonitorDelete(request=new_id(), at=service.deps.clock.now(), id=monitor.id))
    await gone(service.deps, service.deps.directory.monitor, monitor.id)
    return answer(UpdownDeleted(True))


def _moves(monitor: Monitor, fields: MonitorFields) -> bool:
    """Whether another target is probed from now on; the same one may be that of two monitors of the PoppaPing API."""
    kind = monitor.kind if fields.kind is UNSET else fields.kind
    target = monitor.target if fields.target is UNSET else fields.target
    return place_of(kind, target) != place_of(monitor.kind, monitor.target)


async def _shown(service: Service, caller: Caller, monitor: Monitor, status: int = 200) -> Response:
    return answer(await _check(service, caller, monitor), status)


async def _check(service: Service, caller: Caller, monitor: Monitor) -> UpdownCheck:
    uptimes = await service.uptimes.of(caller.project)
    state = service.deps.monitor_states.state(monitor.id)
    return service.presenter(caller)(monitor, state, uptimes.of(monitor, state))
