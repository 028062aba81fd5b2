"""The PoppaPing REST API v1 (docs/compatibility/poppaping.md)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from query_api.dependencies import Dependencies
from query_api.http.public_api import Layer, PublicApi, ReferencePage
from query_api.http.versions import VERSION_HEADER, Versions
from query_api.plans import PLANS
from query_api.poppaping import (
    account,
    alerts,
    deliveries,
    escalations,
    explain,
    incident_actions,
    incidents,
    maintenance,
    message_templates,
    monitors,
    on_call,
    on_call_calendars,
    on_call_overrides,
    page_subscribers,
    report_schedule,
    reports,
    status_pages,
    status_posts,
    tag_mutes,
    trying,
    uptime_ranges,
    validity_events,
    what_if,
)
from query_api.poppaping.limits import RateLimits
from query_api.poppaping.responses import PoppaPingApiError, fault_answer, on_fault
from query_api.poppaping.uptimes import RecentUptimes


def _state(deps: Dependencies) -> Mapping[str, Any]:
    """uptimes: what was asked of history a moment ago. reports: what computes them. history_turns: of requests that ask
    much of history."""
    return {
        "uptimes": RecentUptimes(deps),
        "reports": reports.Reports(deps),
        "history_turns": uptime_ranges.history_turns(),
    }


def _layers(deps: Dependencies) -> tuple[Layer, ...]:
    most = PLANS[deps.settings.plan].requests
    return (
        partial(Versions, speaks=API.speaks),
        partial(RateLimits, deps=deps, most=most, speaks=API.speaks),
    )


API = PublicApi(
    name="poppaping",
    prefixes=("/api/v1",),
    routers=(
        account.router,
        monitors.router,
        trying.router,
        validity_events.router,
        incidents.router,
        incident_actions.router,
        escalations.router,
        message_templates.router,
        on_call.router,
        on_call_overrides.router,
        on_call_calendars.router,
        tag_mutes.router,
        alerts.router,
        deliveries.router,
        status_pages.router,
        status_posts.router,
        page_subscribers.router,
        maintenance.router,
        uptime_ranges.router,
        reports.router,
        explain.router,
        report_schedule.router,
        what_if.router,
    ),
    page=ReferencePage(
        title="PoppaPing API",
        scheme="PoppaPingKey",
        base="/api/v1",
        key="Authorization: Bearer $API_KEY",
        about="Monitors, incidents, alert channels, status pages and windows of maintenance, as PoppaPing has them.",
    ),
    error_form=fault_answer,
    key_headers=("Authorization", "X-API-Key"),
    exposed_headers=("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", VERSION_HEADER),
    handlers={PoppaPingApiError: on_fault},
    state=_state,
    layers=_layers,
)
