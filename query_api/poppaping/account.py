"""The account: what the project is, and what it uses. Any valid key may ask."""

from fastapi import APIRouter, Response

from infra.clickhouse import Unavailable
from query_api.poppaping import openapi
from query_api.poppaping.answers import ERRORS, one, time
from query_api.poppaping.auth import Anyone
from query_api.poppaping.desk import TheDesk
from query_api.poppaping.results import history_of, unavailable
from query_api.refusals import json_answer
from schemas.base import SECOND

router = APIRouter(tags=["account"], responses=ERRORS)


@router.get("/account", responses=openapi.one_of(openapi.ACCOUNT))
async def read_account(desk: TheDesk, key: Anyone) -> Response:
    """The project of the key and its plan."""
    project = desk.parts.directory.projects.get(key.project)
    plan = desk.plan
    return one(
        {
            "id": key.project,
            "name": "" if project is None else project.name,
            "plan": desk.parts.settings.plan,
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


@router.get("/account/usage", responses=openapi.answers(openapi.USAGE))
async def read_usage(desk: TheDesk, key: Anyone) -> Response:
    """How much of the plan is used: a bare object, as on PoppaPing's page."""
    monitors = desk.parts.directory.monitors_of(key.project)
    since = desk.parts.clock.now() - 86_400 * SECOND
    try:
        checks = await history_of(desk.parts).counted_since([monitor.id for monitor in monitors], since)
    except Unavailable:
        raise unavailable() from None
    return json_answer(
        {
            "monitors_used": len(monitors),
            "monitors_active": sum(not monitor.paused for monitor in monitors),
            "monitors_limit": desk.plan.monitors,
            "checks_last_24h": checks,
            "plan": desk.parts.settings.plan,
        }
    )
