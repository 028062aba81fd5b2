"""The API: one FastAPI application over the parts it is given (`Dependencies`).

Every error is small JSON or empty, never HTML and never a framework's own form; nothing a client sends gives a 5xx,
only parts that do not answer in time do (503 with Retry-After). Other routers are added with `include_router`.
"""

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI
from starlette.routing import Route

from infra.disk import Disk
from infra.http_server.forwarded import Forwarded
from query_api import healthchecks, poppaping
from query_api.dependencies import Dependencies
from query_api.http import described, refusals
from query_api.http.bodies import BodiesInBounds
from query_api.http.cors import Cors
from query_api.http.room import WritesNeedRoom
from query_api.http.route_index import RouteIndex, include
from query_api.http.safe_headers import SafeHeaders
from query_api.pages import badges, dashboard, recipients, status
from query_api.state.freshness import STALE_HEADER, Freshness


def create_app(deps: Dependencies) -> FastAPI:
    """The application. `app.state.deps` holds what it stands on, `app.state.freshness` what its reads wait for,
    `app.state.forwarded` finds clients behind proxies,
    `app.state.uptimes` what was asked of history a moment ago, `app.state.tests` how many tests may still be sent."""
    app = FastAPI(
        title=deps.settings.site_name,
        summary="Uptime and cron monitor in which every status is a pure function of a Kafka log",
        version="1",
        redirect_slashes=False,
        openapi_url=None,  # `described` serves it
        docs_url=None,
        redoc_url=None,
    )
    app.state.deps = deps
    app.state.forwarded = Forwarded(deps.settings.trusted_proxies)
    app.state.freshness = Freshness(deps.states, deps.states_replica, deps.partitions, deps.clock, deps.source)
    app.state.uptimes = poppaping.RecentUptimes(deps)
    app.state.tests = poppaping.HourlySendLimiter(deps.settings.test_sends_per_hour)
    forms: dict[Callable[[str], bool], refusals.ErrorForm] = {poppaping.speaks: poppaping.fault_answer}
    refusals.install(app, forms)
    app.add_exception_handler(poppaping.Fault, poppaping.on_fault)
    for prefix in healthchecks.PREFIXES:
        for router in healthchecks.ROUTERS:
            include(app, router, prefix)
    for router in poppaping.ROUTERS:
        include(app, router, poppaping.PREFIX)
    dashboard.install(app, deps)
    badges.install(app, deps)
    status.install(app, deps)
    recipients.install(app, deps)
    described.install(app)
    app.router.routes.insert(0, RouteIndex(app.routes))
    routes = [route for router in healthchecks.ROUTERS for route in router.routes if isinstance(route, Route)]
    app.add_middleware(partial(BodiesInBounds, deps=deps, forms=forms))
    disk = deps.disk or Disk(deps.settings, "changes are answered 503")
    app.add_middleware(partial(WritesNeedRoom, disk=disk, forms=forms))
    app.add_middleware(partial(Cors, routes=routes, prefixes=healthchecks.PREFIXES, exposed=STALE_HEADER))
    plan = poppaping.PLANS[deps.settings.plan]
    app.add_middleware(partial(poppaping.RateLimits, deps=deps, most=plan.requests, speaks=poppaping.speaks))
    app.add_middleware(SafeHeaders)
    return app
