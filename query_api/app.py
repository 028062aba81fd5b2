"""The APIs: one FastAPI application on injected dependencies (`Dependencies`). `APIS` lists the public ones.

Every error is small JSON or empty, never HTML or in the framework's own format. No input causes a 5xx; the only one is
503 with Retry-After, when a dependency does not answer in time.
"""

from collections.abc import Callable, Sequence
from functools import partial

from fastapi import FastAPI

from infra.disk import Disk
from infra.http_server.forwarded import Forwarded
from query_api import healthchecks, poppaping, updown
from query_api.dependencies import Dependencies
from query_api.http import described
from query_api.http.application import Application
from query_api.http.bodies import BodiesInBounds
from query_api.http.disk_space import RejectWritesWhenFull
from query_api.http.public_api import PublicApi
from query_api.http.refusals import ErrorForm
from query_api.pages import (
    api_reference,
    badges,
    declarations_schema,
    incident,
    incident_list,
    on_call,
    project_metrics,
    recipients,
    status,
    subscriptions,
    tag_badges,
)
from query_api.pages.own_domains import OwnDomains
from query_api.state.freshness import Freshness
from query_api.web import site
from query_api.web.people.sessions import RenewSessions

# Of two that share a prefix, the one whose routes spell a path out takes it.
APIS: tuple[PublicApi, ...] = (healthchecks.API, poppaping.API, updown.API)
# What puts pages and their routes into the application.
PAGES: tuple[Callable[[FastAPI, Dependencies], None], ...] = (
    site.install,
    badges.install,
    project_metrics.install,
    tag_badges.install,
    status.install,
    recipients.install,
    subscriptions.install,
    incident.install,
    incident_list.install,
    on_call.install,
    described.install,
    declarations_schema.install,
)


def create_app(deps: Dependencies, apis: Sequence[PublicApi] = APIS) -> Application:
    """The application. `app.state.deps` holds what it stands on, `app.state.freshness` what its reads wait for,
    `app.state.forwarded` finds clients behind proxies; the APIs put there what they keep."""
    forms: dict[Callable[[str], bool], ErrorForm] = {api.speaks: api.error_form for api in apis}
    app = Application(
        deps.settings.site_name,
        forms,
        [api.scripts for api in apis],
        summary="Uptime and cron monitor in which every status is a pure function of a Kafka log",
        version="1",
        servers=[{"url": public_url}] if (public_url := deps.settings.public_url) else None,
    )
    app.state.deps = deps
    app.state.forwarded = Forwarded(deps.settings.trusted_proxies)
    app.state.freshness = Freshness(deps.states, deps.states_replica, deps.partitions, deps.clock, deps.source)
    for api in apis:
        _serve(app, api, deps)
    for install in PAGES:
        install(app, deps)
    api_reference.install(app, apis, deps.settings.base_url)
    _add_middleware(app, apis, deps, forms)
    return app


def _add_middleware(
    app: FastAPI, apis: Sequence[PublicApi], deps: Dependencies, forms: dict[Callable[[str], bool], ErrorForm]
) -> None:
    """What is added last sees a request first."""
    app.add_middleware(RenewSessions)
    app.add_middleware(OwnDomains, deps=deps)
    app.add_middleware(partial(BodiesInBounds, deps=deps, forms=forms))
    disk = deps.disk or Disk(deps.settings, "changes are answered 503")
    app.add_middleware(partial(RejectWritesWhenFull, disk=disk, forms=forms))
    for api in apis:
        for layer in api.layers(deps):
            app.add_middleware(layer)


def _serve(app: FastAPI, api: PublicApi, deps: Dependencies) -> None:
    """The routes of an API, its errors, and what it keeps."""
    for name, kept in api.state(deps).items():
        setattr(app.state, name, kept)
    for error, handler in api.handlers.items():
        app.add_exception_handler(error, handler)
    app.router.routes.extend(api.mounted)
