"""The account: what the project is, and what it uses. Any valid key may ask."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from msgspec import Meta, Struct

from query_api.http.field_types import Count, Time, Uuid
from query_api.http.refusals import json_answer
from query_api.poppaping.alerts import ROTATE, RotateWebhookSecretBody
from query_api.poppaping.auth import AlertsWriter, Anyone, JsonObject
from query_api.poppaping.bodies import judged
from query_api.poppaping.history import answering_history
from query_api.poppaping.objects import RotatedWebhookSecret
from query_api.poppaping.openapi import ERRORS, bare, errors, one_of
from query_api.poppaping.responses import one, time
from query_api.poppaping.results import history_of
from query_api.poppaping.service import ServiceDep
from query_api.rotation import rotate_webhook_secret
from schemas.base import SECOND
from schemas.definitions import KeyScope

router = APIRouter(tags=["account"], responses=ERRORS)


class AccountLimits(Struct):
    """What the plan allows."""

    monitors: Annotated[Count | None, Meta(description="Null: no limit.")]
    min_interval_seconds: Count
    requests_per_minute: Annotated[Count | None, Meta(description="Of each key; null: no limit.")]


class AccountKey(Struct):
    """The API key of the request."""

    name: str
    prefix: Annotated[str, Meta(description="What the key begins with.")]
    scopes: Annotated[list[KeyScope], Meta(description="Empty: all scopes.")]
    expires_at: Annotated[Time | None, Meta(description="Null: never.")]


class AccountObject(Struct):
    """The project of the API key."""

    id: Uuid
    name: str
    plan: str
    limits: AccountLimits
    created_at: Time | None
    key: AccountKey


class UsageObject(Struct):
    """What the project uses of its plan."""

    monitors_used: Annotated[Count, Meta(description="Also those that are paused.")]
    monitors_active: Count
    monitors_limit: Annotated[Count | None, Meta(description="Null: no limit.")]
    checks_last_24h: Annotated[Count, Meta(description="How many results there were.")]
    plan: str


@router.get("/account", responses=one_of(AccountObject, "The project, its plan and the API key."))
async def read_account(service: ServiceDep, key: Anyone) -> Response:
    """Read the project of the key, and its plan."""
    project = service.deps.directory.projects.get(key.project)
    plan = service.plan
    return one(
        AccountObject(
            id=key.project,
            name="" if project is None else project.name,
            plan=service.deps.settings.plan,
            limits=AccountLimits(plan.monitors, plan.interval, plan.requests),
            created_at=None if project is None else time(project.created),
            key=AccountKey(key.name, key.prefix, list(key.scopes), time(key.expires)),
        )
    )


@router.post(
    "/account/rotate-webhook-secret",
    responses=one_of(RotatedWebhookSecret, "The new secret, which is shown only once.") | errors(400, 409),
    openapi_extra=ROTATE,
)
async def rotate_secret(service: ServiceDep, key: AlertsWriter, body: JsonObject) -> Response:
    """Replace the webhook secret of the project (Pingfold's own). The old secret also signs until the overlap ends."""
    wanted, ask = judged(body, RotateWebhookSecretBody), partial(service.ask, key)
    made = await rotate_webhook_secret(service.deps, ask, key.project, wanted.overlap_seconds, wanted.secret)
    return one(RotatedWebhookSecret(made.value, time(made.former_until)))


@router.get("/account/usage", responses=bare(UsageObject, "What is used of the plan, without an envelope."))
async def read_usage(service: ServiceDep, key: Anyone) -> Response:
    """Read how much of the plan is used: an object without an envelope, as with PoppaPing."""
    monitors = service.deps.directory.monitors_of(key.project)
    since = service.deps.clock.now() - 86_400 * SECOND
    with answering_history():
        checks = await history_of(service.deps).counted_since([monitor.id for monitor in monitors], since)
    return json_answer(
        UsageObject(
            monitors_used=len(monitors),
            monitors_active=sum(not monitor.paused for monitor in monitors),
            monitors_limit=service.plan.monitors,
            checks_last_24h=checks,
            plan=service.deps.settings.plan,
        )
    )
