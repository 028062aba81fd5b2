"""The account: what the project is, and what it uses. Any valid key may ask."""

from functools import partial

from fastapi import APIRouter, Response

from query_api.http.refusals import json_answer
from query_api.poppaping import openapi
from query_api.poppaping.alerts import Rotation
from query_api.poppaping.auth import AlertsWriter, Anyone, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.history import answering_history
from query_api.poppaping.responses import ERRORS, one, time
from query_api.poppaping.results import history_of
from query_api.poppaping.service import ServiceDep
from query_api.rotation import rotate_webhook_secret
from schemas.base import SECOND

router = APIRouter(tags=["account"], responses=ERRORS)


@router.get("/account", responses=openapi.one_of(openapi.ACCOUNT))
async def read_account(service: ServiceDep, key: Anyone) -> Response:
    """The project of the key and its plan."""
    project = service.deps.directory.projects.get(key.project)
    plan = service.plan
    return one(
        {
            "id": key.project,
            "name": "" if project is None else project.name,
            "plan": service.deps.settings.plan,
            "limits": {
                "monitors": plan.monitors,
                "min_interval_seconds": plan.interval,
                "requests_per_minute": plan.requests,
            },
            "created_at": None if project is None else time(project.created),
            "key": {
                "name": key.name,
                "prefix": key.prefix,
                "scopes": list(key.scopes),
                "expires_at": time(key.expires),
            },
        }
    )


@router.post(
    "/account/rotate-webhook-secret",
    responses=openapi.one_of(openapi.SECRET),
    openapi_extra=openapi.body_of(Rotation),
)
async def rotate_secret(service: ServiceDep, key: AlertsWriter, body: JsonObject) -> Response:
    """Give the project another webhook secret (Pingfold's own). The former one signs, too, until the overlap ends."""
    wanted, ask = judged(body, Rotation), partial(service.ask, key)
    made = await rotate_webhook_secret(service.deps, ask, key.project, wanted.overlap_seconds, wanted.secret)
    return one({"secret": made.value, "former_until": time(made.former_until)})


@router.get("/account/usage", responses=openapi.answers(openapi.USAGE))
async def read_usage(service: ServiceDep, key: Anyone) -> Response:
    """How much of the plan is used: a bare object, as on PoppaPing's page."""
    monitors = service.deps.directory.monitors_of(key.project)
    since = service.deps.clock.now() - 86_400 * SECOND
    with answering_history():
        checks = await history_of(service.deps).counted_since([monitor.id for monitor in monitors], since)
    return json_answer(
        {
            "monitors_used": len(monitors),
            "monitors_active": sum(not monitor.paused for monitor in monitors),
            "monitors_limit": service.plan.monitors,
            "checks_last_24h": checks,
            "plan": service.deps.settings.plan,
        }
    )
