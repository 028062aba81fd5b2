"""The metrics page of a project for Prometheus: what it watches, behind a read-only key (docs/analytics.md).

It stands where Healthchecks has it: `/projects/<project>/metrics/<key>`, or without the key there, which then comes as
`Authorization: Bearer`. A key that may write is refused, as there: what a scraper has in its configuration need not
change anything. The page is made anew at most every few seconds, and in a thread, since a large project has many lines.
"""

import asyncio
from collections.abc import Iterable

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from infra.log.lookup import NotCaughtUp
from query_api.dependencies import Dependencies, dependencies_of
from query_api.healthchecks.status import present_check
from query_api.http.refusals import ApiError, Unavailable
from query_api.http.response_cache import ResponseCache
from query_api.http.route_index import include
from query_api.keys import NoSuchKey, find_key, key_text
from query_api.pages.watched_metrics import WatchedCheck, WatchedMonitor, families
from query_api.state.freshness import Freshness
from query_api.updown.uptimes import ProjectUptimes, Uptimes
from query_api.wrong_keys import TooManyWrongKeys
from schemas.base import SECOND, Micros
from schemas.ids import is_uuid

router = APIRouter(include_in_schema=False)

HOLD: Micros = 5 * SECOND
_AT_ONCE = 64
# Of history. Prometheus gives up a page after 10 s.
_PATIENCE_SECONDS = 3.0
# Bytes of all pages together.
_MOST_KEPT = 64 * 2**20
_KEY_LENGTH = 32


class _Collected(Collector):
    """Families that are there already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


class MetricsPages:
    """The pages of all projects."""

    def __init__(self, deps: Dependencies, freshness: Freshness, uptimes: Uptimes) -> None:
        self._deps, self._freshness, self._uptimes = deps, freshness, uptimes
        self._kept: ResponseCache[bytes] = ResponseCache(deps.clock.now, HOLD, _MOST_KEPT, len)

    async def of(self, project: str) -> bytes:
        """The page in Prometheus' text format."""
        return (await self._kept.get(project, lambda: self._make(project))).value

    async def _make(self, project: str) -> bytes:
        deps = self._deps
        uptimes, checks, monitors = await self._known_uptimes(project), list[WatchedCheck](), list[WatchedMonitor]()
        for number, check in enumerate(deps.directory.checks_of(project), 1):
            state, at = deps.states.state(check.id), self._freshness.speaks_of(check.id)
            uptime = uptimes.of(check, state)
            checks.append(WatchedCheck(check, state, present_check(check, state, at), uptime, at))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        for number, monitor in enumerate(deps.directory.monitors_of(project), 1):
            known = deps.monitor_states.state(monitor.id)
            monitors.append(WatchedMonitor(monitor, known, uptimes.of(monitor, known), deps.clock.now()))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        checks.sort(key=lambda watched: (watched.check.created, watched.check.id))
        monitors.sort(key=lambda watched: (watched.monitor.created, watched.monitor.id))
        return await asyncio.to_thread(_written, checks, monitors)

    async def _known_uptimes(self, project: str) -> ProjectUptimes:
        """Without them when history does not answer in time: a scraper does not wait, and would have nothing."""
        try:
            return await asyncio.wait_for(self._uptimes.of(project), _PATIENCE_SECONDS)
        except TimeoutError:
            return ProjectUptimes(None, self._deps.clock.now())


def _written(checks: list[WatchedCheck], monitors: list[WatchedMonitor]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families(checks, monitors)))
    return generate_latest(registry)


@router.get("/projects/{project}/metrics/{key}")
async def metrics_with_key(request: Request, project: str, key: str) -> Response:
    """The page, with the key in the path."""
    return await _answer(request, project, key)


@router.get("/projects/{project}/metrics/")
async def metrics(request: Request, project: str) -> Response:
    """The page, with the key in the header."""
    key = key_text(request.headers.get("authorization"), None)
    if key is None:
        raise ApiError(401, "missing api key", {"WWW-Authenticate": "Bearer"})
    return await _answer(request, project, key)


async def _answer(request: Request, project: str, key: str) -> Response:
    if len(key) != _KEY_LENGTH:
        raise ApiError(400, "this is no api key: one has 32 characters")
    try:
        found = await find_key(dependencies_of(request), request.scope, key, ("healthchecks-readonly",))
    except NoSuchKey:
        raise ApiError(403, "wrong api key: a read-only one of this project is expected") from None
    except NotCaughtUp:
        raise Unavailable("the key cannot be looked up now") from None
    except TooManyWrongKeys as brake:
        raise ApiError(429, str(brake), {"Retry-After": str(brake.seconds)}) from None
    if not is_uuid(project) or found.project != project.lower():
        raise ApiError(403, "wrong api key: a read-only one of this project is expected")
    pages: MetricsPages = request.app.state.metrics_pages
    return Response(
        await pages.of(found.project), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put the pages into the application."""
    app.state.metrics_pages = MetricsPages(deps, app.state.freshness, Uptimes(deps))
    include(app, router)
