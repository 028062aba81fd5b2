"""Trying a monitor: Pingfold's own, in the style of the API. One probe is made at once, and nothing of it is kept.

It is judged like a body that makes or changes a monitor, and sends the same; so it needs a key that may do that. It is
probed from this process, and not from the regions. When the client goes away, the probe ends.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Meta, Struct
from msgspec.structs import replace

from infra.egress.guard import public_or_empty
from infra.secrets.secrets import of_monitor
from query_api.http.departures import while_connected
from query_api.http.field_types import Count, Time
from query_api.http.openapi import body_of
from query_api.poppaping.auth import JsonObject, MonitorsWriter
from query_api.poppaping.monitor_fields import UpdateMonitorBody, fields_of
from query_api.poppaping.openapi import ERRORS, errors, one_of
from query_api.poppaping.responses import PoppaPingApiError, one, time
from query_api.poppaping.results import error_of
from query_api.poppaping.service import Service, ServiceDep
from query_api.trying import LONGEST_SECONDS, TooManyTries
from schemas.definitions import ApiKey
from schemas.ids import new_id
from schemas.monitors import Monitor, Sealed
from schemas.probe_kinds import PROBER_ERRORS
from schemas.probes import FamilyResult, Phases, ProbeCompleted

router = APIRouter(tags=["monitors"], responses=ERRORS)

_Milliseconds = Annotated[float | None, Meta(description="Null: it was not reached, or there is none.")]
_Status = Literal["up", "down", "unknown"]
_DECIDES = ("kind", "target", "interval", "timeout", "probed_from")


class PhasesObject(Struct, kw_only=True, gc=False):
    """How long each phase of a probe took, in milliseconds."""

    redirects_ms: _Milliseconds
    lookup_ms: _Milliseconds
    connect_ms: _Milliseconds
    tls_ms: _Milliseconds
    first_byte_ms: _Milliseconds


class FamilyTry(Struct, kw_only=True, gc=False):
    """What a probe came to over one address family, where both were probed."""

    family: str
    status: _Status
    response_time_ms: float
    status_code: Count | None
    error: str | None
    address: str | None


class TryObject(Struct, kw_only=True, gc=False):
    """What one probe came to."""

    tried_at: Time
    status: Annotated[
        _Status, Meta(description="`unknown`: the probe says nothing about the target; `error` says why.")
    ]
    response_time_ms: float
    status_code: Count | None
    error: str | None
    address: Annotated[str | None, Meta(description="The address that was connected; null: none, or a private one.")]
    redirected_to: Annotated[str | None, Meta(description="Where redirects led.")]
    http_version: Annotated[str | None, Meta(description="Of the answer; null: there was none.")]
    tls_expires_at: Annotated[Time | None, Meta(description="When the certificate expires that was shown.")]
    phases: PhasesObject
    families: list[FamilyTry]


_TRIED = one_of(TryObject, "What one probe came to.")


@router.post(
    "/monitors/try",
    summary="Try a monitor before it is made (Pingfold's own)",
    responses=_TRIED | errors(400, 403),
    openapi_extra=body_of(UpdateMonitorBody, {"url": "https://shop.example.com/"}),
)
async def try_monitor(request: Request, service: ServiceDep, key: MonitorsWriter, body: JsonObject) -> Response:
    """Probe at once, from here, what a monitor of these fields would probe. Nothing is made or kept."""
    id, now = new_id(), service.deps.clock.now()
    name = "tried"  # nobody needs to have named it yet
    blank = Monitor(id=id, project=key.project, version=1, created=now, revised=now, name=name)
    return await _tried(request, service, key, _wanted(service, key, blank, None, {"name": name} | body, Sealed()))


@router.post(
    "/monitors/{id}/try",
    summary="Try a monitor with other fields (Pingfold's own)",
    responses=_TRIED | errors(400, 403, 404),
    openapi_extra=body_of(UpdateMonitorBody, {"keyword": "Welcome"}),
)
async def try_change(request: Request, service: ServiceDep, key: MonitorsWriter, id: str, body: JsonObject) -> Response:
    """Probe a monitor at once, from here, as it would be with these fields; with none as it is. Nothing is changed."""
    monitor = await service.monitor(key, id)
    return await _tried(request, service, key, _wanted(service, key, monitor, monitor, body, service.sealed(monitor)))


def _wanted(
    service: Service, key: ApiKey, base: Monitor, current: Monitor | None, body: JsonObject, sealed: Sealed
) -> Monitor:
    """The monitor that a body asks for, as far as a probe of it goes. base: what it does not say."""
    deps = service.deps

    def encrypt(secret: str) -> str:
        return deps.encrypt(secret, of_monitor(base.id))

    known, guard = deps.settings.regions, deps.guard.of(key.project)
    fields = fields_of(body, current, sealed, known, service.plan, encrypt, guard)
    said = {name: value for name in _DECIDES if (value := getattr(fields, name)) not in (None, UNSET)}
    wanted = replace(base, **said)
    return replace(wanted, timeout=min(wanted.timeout, LONGEST_SECONDS))


async def _tried(request: Request, service: Service, key: ApiKey, monitor: Monitor) -> Response:
    deps = service.deps
    if deps.trying is None:
        raise PoppaPingApiError(503, "Nothing is tried by this process.", headers={"Retry-After": "60"})
    try:
        with deps.tries.one(key.project, deps.clock.now()):
            result = await while_connected(request, deps.trying(monitor, service.sealed(monitor)))
    except TooManyTries as many:
        raise PoppaPingApiError(429, str(many), headers={"Retry-After": str(many.seconds)}) from None
    return one(_object(monitor, result))


def _object(monitor: Monitor, result: ProbeCompleted) -> TryObject:
    answered = monitor.kind == "http" and result.status is not None
    return TryObject(
        tried_at=time(result.at),
        status=_status(result),
        response_time_ms=_ms(result.took) or 0.0,
        status_code=result.status,
        error=error_of(result.ok, result.failure, result.detail),
        # Those of private networks are for the operator.
        address=public_or_empty(result.address) or None,
        redirected_to=result.url or None,
        http_version=result.http_version if answered else None,
        tls_expires_at=time(result.expires),
        phases=_phases(result.phases),
        families=[_family(one) for one in result.families],
    )


def _family(result: FamilyResult) -> FamilyTry:
    return FamilyTry(
        family=result.family,
        status=_status(result),
        response_time_ms=_ms(result.took) or 0.0,
        status_code=result.status,
        error=error_of(result.ok, result.failure, result.detail),
        address=public_or_empty(result.address) or None,
    )


def _status(result: ProbeCompleted | FamilyResult) -> _Status:
    if result.ok:
        return "up"
    # What may not be probed is no fault of the target, as long as it did not lead there itself.
    is_ours = result.failure in PROBER_ERRORS or (result.failure == "refused target" and result.status is None)
    return "unknown" if is_ours else "down"


def _phases(phases: Phases) -> PhasesObject:
    return PhasesObject(
        redirects_ms=_ms(phases.redirect),
        lookup_ms=_ms(phases.lookup),
        connect_ms=_ms(phases.connect),
        tls_ms=_ms(phases.tls),
        first_byte_ms=_ms(phases.first_byte),
    )


def _ms(micros: int | None) -> float | None:
    return None if micros is None else round(micros / 1_000, 1)
