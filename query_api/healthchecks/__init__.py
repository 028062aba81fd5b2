"""The Healthchecks Management API, v1 to v3 (docs/compatibility/management.md)."""

from functools import partial

from query_api.dependencies import Dependencies
from query_api.healthchecks import (
    audit_routes,
    badge_routes,
    channel_routes,
    history_routes,
    project_routes,
    routes,
    status_routes,
)
from query_api.http.public_api import Layer, PublicApi, ReferencePage
from query_api.http.versions import VERSION_HEADER, Versions
from query_api.state.freshness import STALE_HEADER


def _layers(_: Dependencies) -> tuple[Layer, ...]:
    return (partial(Versions, speaks=API.speaks),)


API = PublicApi(
    name="management",
    prefixes=("/api/v1", "/api/v2", "/api/v3"),
    routers=(
        routes.router,
        channel_routes.router,
        project_routes.router,
        history_routes.router,
        audit_routes.router,
        badge_routes.router,
        status_routes.router,
    ),
    page=ReferencePage(
        title="Management API",
        scheme="ApiKey",
        base="/api/v3",
        key="X-Api-Key: $API_KEY",
        about="Checks, pings and channels, as Healthchecks.io has them. `/api/v1` and `/api/v2` are like it.",
    ),
    exposed_headers=(STALE_HEADER, VERSION_HEADER),
    layers=_layers,
)
