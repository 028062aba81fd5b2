"""The updown.io REST API (docs/compatibility/updown.md)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from query_api.dependencies import Dependencies
from query_api.http.public_api import Layer, PublicApi, ReferencePage
from query_api.updown import checks, downtimes, metrics, nodes, recipient_tests, recipients, status_pages, webhooks
from query_api.updown.errors import error_form
from query_api.updown.uptimes import Uptimes
from query_api.updown.wire import Wire


def _state(deps: Dependencies) -> Mapping[str, Any]:
    """updown_uptimes: what was asked of history a moment ago."""
    return {"updown_uptimes": Uptimes(deps)}


def _layers(_: Dependencies) -> tuple[Layer, ...]:
    return (partial(Wire, speaks=API.speaks),)


API = PublicApi(
    name="updown",
    prefixes=("/api",),
    routers=(
        checks.router,
        metrics.router,
        downtimes.router,
        recipients.router,
        recipient_tests.router,
        webhooks.router,
        nodes.router,
        status_pages.router,
    ),
    page=ReferencePage(
        title="updown API",
        scheme="UpdownKey",
        base="/api",
        key="X-API-KEY: $API_KEY",
        about="Checks as updown.io has them; they are the monitors of the PoppaPing API.",
    ),
    error_form=error_form,
    key_headers=("X-API-KEY",),
    exposed_headers=("X-Request-Id", "X-Runtime"),
    state=_state,
    layers=_layers,
)
