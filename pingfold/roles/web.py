"""The web process: ping URLs and REST on one port, over one replica of definitions and states.

A dispatcher hands ping paths to the ping application and the rest to FastAPI: the hot path pays for no framework
(a FastAPI route costs four times as much). `pings` and `api` choose what a process serves; `pingfold web` serves both.
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from typing import Any

import structlog

from infra.apprise_library.library import AppriseLibrary
from infra.clickhouse.address import Address
from infra.clickhouse.client import ClickHouse
from infra.clock import clock_of
from infra.clock_skew.reports import time_faults
from infra.clock_skew.time_faults import log_time_faults
from infra.clock_skew.watch import ClockWatch
from infra.disk import Disk
from infra.egress.guard import Guard
from infra.egress.own_servers import guard_of
from infra.http_server.bounds import BOUNDS
from infra.http_server.connection_limiter import ConnectionLimiter
from infra.http_server.serve import BACKLOG
from infra.http_server.serve import serve as serve_http
from infra.log.group_progress import GroupProgress
from infra.log.sink import NotStored
from infra.process.lifecycle import Stop
from infra.process.tasks import persistent, vital
from infra.secrets.badge_links import badge_links
from infra.secrets.calendar_links import calendar_links
from infra.secrets.confirmation_links import confirmation_links, subscription_links
from infra.secrets.incident_links import incident_links
from infra.secrets.metrics_key import metrics_key
from infra.secrets.people_tokens import people_tokens
from infra.secrets.secrets import Vault
from infra.settings.settings import Settings
from ingest.ping.app import PingApp
from ingest.ping.metrics import keep_measuring
from ingest.ping.source import Source
from ingest.ping.urls import is_ping
from ingest.prober.assignment import group_of
from ingest.prober.trying import Trier
from pingfold import credentials
from pingfold.addresses import clickhouse_of
from pingfold.roles.explaining import LogExplaining
from pingfold.roles.listeners import Listeners
from pingfold.roles.open_files import connections
from pingfold.roles.path_prefix import PathPrefix
from pingfold.roles.replicas import Replicas, start_replicas
from pingfold.roles.startup_app import StartupApp
from pingfold.what_if.process import QuestionProcess
from processors.history.writer import GROUP, Sources
from processors.sender.preview import Previews
from query_api.app import create_app
from query_api.calendar_fetching import CalendarFetcher
from query_api.dependencies import Dependencies
from query_api.history.audit import AuditHistory
from query_api.history.checks import History
from query_api.history.deliveries import DeliveryHistory
from query_api.history.monitors import MonitorHistory
from query_api.history.past_things import PastThings
from query_api.history.reports import ReportHistory
from query_api.history.status_pages import PageHistory
from query_api.history.uptimes import UptimeHistory
from query_api.http.application import Application
from query_api.http.route_index import include
from query_api.ops import operations
from query_api.ops.readiness import Readiness
from query_api.reports.maker import ReportMaker
from schemas.topics import PINGS, TRANSITIONS

log = structlog.get_logger(__name__)


async def serve(settings: Settings, listeners: Listeners, slot: str, pings: bool, api: bool, stop: Stop) -> None:
    """Serve on `listeners` until `stop` is set. While Kafka is away at the start, everything is answered 503."""
    # Keys that cannot be read are told before Kafka is waited for.
    key, vault = metrics_key(settings), Vault.open(settings)
    async with contextlib.AsyncExitStack() as stack:
        startup_app = StartupApp(clock_of(settings), {"instance": settings.instance} if settings.instance else {}, key)
        limiter = connection_limiter(settings, startup_app.refuse)
        serving: list[asyncio.Task[None]] = []

        def start_serving(why: str = "") -> None:
            startup_app.why = why
            if not serving:
                served = PathPrefix(startup_app, prefixes) if (prefixes := settings.path_prefixes) else startup_app
                http = serve_http(served, listeners.plain, limiter, stop, listeners.tls)
                serving.append(vital(http, name="http"))
                stack.callback(serving[0].cancel)

        replicas = await start_replicas(stack, settings, slot, start_serving)
        app, source = await _application(stack, settings, replicas, slot, pings, api, key, vault, startup_app)
        if source is not None:
            await _begin(source, start_serving)
            stack.push_async_callback(source.close)
        # What is loaded stays: walking through it again and again would hold up every request for a tenth of a second.
        gc.collect()
        gc.freeze()
        log.info("web.listening", url=settings.base_url, connections=limiter.bounds.most)
        startup_app.hand_over_to(app)
        stop.started()
        start_serving()
        await serving[0]


async def _begin(source: Source, waits: Callable[[str], None]) -> None:
    """Begin the source, however long Kafka takes."""
    while True:
        try:
            return await source.begin()
        except NotStored as error:  # it has gone away again
            log.warning("kafka.awaited", why=str(error))
            waits(str(error))


async def _application(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    replicas: Replicas,
    slot: str,
    pings: bool,
    api: bool,
    key: str,
    vault: Vault,
    startup_app: StartupApp,
) -> tuple[Any, Source | None]:
    """What answers, and the source of pings, which has still to begin."""
    _watch_clocks(stack, replicas, "web" if pings else "api", slot)
    source = _source(settings, replicas, slot) if pings else None
    if source is not None:
        startup_app.tell(partial(source.refuse, None))
    clickhouse = ClickHouse(Address.parse(clickhouse_of(settings)))
    stack.push_async_callback(clickhouse.close)
    disk, ping_app = Disk(settings), None if source is None else _ping_app(settings, replicas, source)
    readiness = _readiness(settings, replicas, clickhouse, vault, disk, source)
    looking = vital(readiness.keep_looking(), name="readiness")
    stack.callback(looking.cancel)
    rest = Application(settings.site_name)
    if api:
        guard = await asyncio.to_thread(guard_of, settings)  # names of settings are resolved
        trier = Trier(guard, replicas.clock, settings.resolvers, settings.probe_user_agent)
        stack.push_async_callback(trier.close)
        deps = await asyncio.to_thread(
            _dependencies, settings, replicas, clickhouse, vault, source, ping_app, guard, trier
        )
        rest = create_app(deps)
        making = persistent(ReportMaker(deps, partial(replicas.progress.behind, limit=0), slot).run, name="reports")
        stack.callback(making.cancel)
        fetching = persistent(CalendarFetcher(deps, slot).run, name="calendars")
        stack.callback(fetching.cancel)
    clock, clocks = replicas.clock, replicas.clocks
    include(
        rest,
        operations.router(
            readiness, replicas.progress, clocks, replicas.bootstrap, clock, disk, settings.instance, key
        ),
    )
    if source is None or ping_app is None:
        return rest, None
    measuring = vital(keep_measuring(ping_app, source), name="ping-measures")
    stack.callback(measuring.cancel)
    return _dispatch(ping_app, rest), source


def _ping_app(settings: Settings, replicas: Replicas, source: Source) -> PingApp:
    clock, definitions = replicas.clock, replicas.definitions
    return PingApp(settings, clock, replicas.sink, replicas.directory, definitions, replicas.decisions, source)


def _watch_clocks(stack: contextlib.AsyncExitStack, replicas: Replicas, role: str, slot: str) -> None:
    """Measure our own clock, and tell what is wrong with anybody's."""
    clock, progress, clocks = replicas.clock, replicas.progress, replicas.clocks
    telling = vital(log_time_faults(lambda: time_faults(progress, clocks, clock.now())), name="time-watch")
    stack.callback(telling.cancel)
    watch = ClockWatch(replicas.sink, clock, role, slot)
    watching = persistent(watch.keep_looking, name="clock-watch")
    stack.callback(watching.cancel)


def _source(settings: Settings, replicas: Replicas, slot: str) -> Source:
    after = max(replicas.peers.newest_epoch, replicas.progress.newest_epoch(slot))
    return Source(
        settings,
        replicas.clock,
        replicas.sink,
        slot,
        replicas.partitions,
        replicas.installation,
        dues=replicas.progress,
        peers=replicas.peers,
        after=after,
    )


def _dependencies(
    settings: Settings,
    replicas: Replicas,
    clickhouse: ClickHouse,
    vault: Vault,
    source: Source | None,
    ping_app: PingApp | None,
    guard: Guard,
    trier: Trier,
) -> Dependencies:
    """Blocks while files are read: for a thread."""
    bootstrap, numbers = replicas.bootstrap, range(replicas.partitions)
    written = GroupProgress(bootstrap, GROUP, [(TRANSITIONS.name, number) for number in numbers])
    pings_written = None
    if settings.history_pings is not None:
        pings_written = GroupProgress(bootstrap, GROUP, [(PINGS.name, number) for number in numbers])
    return Dependencies(
        settings=settings,
        clock=replicas.clock,
        partitions=replicas.partitions,
        sink=replicas.sink,
        decisions=replicas.decisions,
        directory=replicas.directory,
        definitions_replica=replicas.definitions,
        states=replicas.states,
        monitor_states=replicas.monitor_states,
        delivery_states=replicas.delivery_states,
        states_replica=replicas.running,
        encrypt=vault.encrypt,
        decrypt=vault.decrypt,
        links=confirmation_links(vault),
        subscription_links=subscription_links(vault),
        incident_links=incident_links(vault),
        calendar_links=calendar_links(vault),
        badge_links=badge_links(vault),
        people_tokens=people_tokens(vault),
        admin_password=_admin_password(settings),
        guard=guard,
        library=AppriseLibrary().ask,
        preview=Previews(settings.base_url, settings.site_name, settings.smtp_from or "nobody@localhost").forms,
        source=source,
        ping_app=ping_app,
        what_if=QuestionProcess(),
        trying=trier,
        history=History(clickhouse, written, pings_written),
        monitor_history=MonitorHistory(clickhouse, written),
        delivery_history=DeliveryHistory(clickhouse, replicas.partitions, written),
        page_history=PageHistory(clickhouse),
        audit_history=AuditHistory(clickhouse, written),
        report_history=ReportHistory(clickhouse, written),
        past_things=PastThings(clickhouse),
        explaining=LogExplaining(settings, bootstrap, replicas.partitions, replicas.progress),
        uptime_history=UptimeHistory(clickhouse, written),
        last_uses=replicas.last_uses,
    )


def _readiness(
    settings: Settings, replicas: Replicas, clickhouse: ClickHouse, vault: Vault, disk: Disk, source: Source | None
) -> Readiness:
    directory = replicas.directory
    return Readiness(
        settings,
        replicas.bootstrap,
        replicas.partitions,
        replicas.clock,
        replicas.progress,
        clickhouse,
        replicas.delivery_states,
        disk,
        history=(GROUP, astuple(Sources())),
        prober_groups={region: group_of(region) for region in settings.regions},
        has_monitors=lambda: directory.has_monitors,
        clocks=replicas.clocks,
        secrets_fault=lambda: vault.strangers(directory.secrets()),
        public_fault=lambda: "" if source is None else source.public_fault,
    )


def connection_limiter(settings: Settings, refuse: Callable[[], None] | None) -> ConnectionLimiter:
    """Room for as many connections as settings and the limit of open files allow."""
    allowed = connections(settings.connections + BACKLOG)
    most = min(settings.connections, max(allowed - BACKLOG, allowed // 2))
    of_peer = settings.connections_per_peer
    most_per_peer = max(1, most // 4) if of_peer is None else of_peer or most
    return ConnectionLimiter(BOUNDS._replace(most=most, most_per_peer=most_per_peer), settings.trusted_proxies, refuse)


def _admin_password(settings: Settings) -> str | None:
    if settings.admin_password is not None:
        return settings.admin_password
    try:
        return credentials.load(credentials.path_of(settings)).admin_password
    except credentials.NoCredentials:
        return None


def _dispatch(ping_app: PingApp, rest: Any) -> Any:
    # Not a coroutine itself: each one around a ping costs a microsecond.
    def dispatch(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http" and is_ping(scope["path"]):
            return ping_app(scope, receive, send)
        return rest(scope, receive, send)

    return dispatch
