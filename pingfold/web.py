"""The web process: ping URLs and REST on one port, over one replica of definitions and states.

A dispatcher hands ping paths to the ping application and the rest to FastAPI: the hot path pays for no framework
(reference/http-ingest.md section 1). `pings` and `api` choose what a process serves; `pingfold web` serves both.
"""

import asyncio
import contextlib
import gc
import socket
from dataclasses import astuple
from functools import partial
from typing import Any

import structlog
from fastapi import FastAPI

from infra.clickhouse import Address, ClickHouse
from infra.clock_watch import ClockWatch
from infra.clocks import ClockReports, time_faults
from infra.decisions import Decisions
from infra.directory import Directory
from infra.disk import Disk
from infra.http_server.bounds import BOUNDS
from infra.http_server.room import Room
from infra.http_server.serve import BACKLOG
from infra.http_server.serve import serve as serve_http
from infra.log.admin import cluster_id, partition_count
from infra.log.group_progress import GroupProgress
from infra.log.replica import Replica
from infra.log.sink import Sink
from infra.metrics_key import metrics_key
from infra.own_servers import guard_of
from infra.process import Stop
from infra.progress import FoldProgress
from infra.secrets import Vault
from infra.settings import Settings
from infra.tasks import persistent, vital
from infra.time_watch import keep_telling
from ingest.clock import Clock
from ingest.ping.app import PingApp
from ingest.ping.measures import keep_measuring
from ingest.ping.peers import Peers
from ingest.ping.source import Source
from ingest.ping.urls import is_ping
from ingest.prober.assignment import group_of
from pingfold import credentials
from pingfold.addresses import clickhouse_of, kafka_of
from pingfold.open_files import connections
from processors.history import GROUP, Sources
from query_api import operations
from query_api.app import create_app
from query_api.delivery_history import DeliveryHistory
from query_api.delivery_states import DeliveryStates
from query_api.history import History
from query_api.monitor_history import MonitorHistory
from query_api.page_history import PageHistory
from query_api.parts import Parts
from query_api.readiness import Readiness
from query_api.states import States
from schemas.check_states import CheckState
from schemas.monitor_states import MonitorState
from schemas.topics import CHECK_STATES, DEFINITIONS, DELIVERY_STATES, HEARTBEATS, MONITOR_STATES, PINGS, TRANSITIONS

log = structlog.get_logger(__name__)


async def serve(settings: Settings, listener: socket.socket, slot: str, pings: bool, api: bool, stop: Stop) -> None:
    """Serve on `listener` until `stop` is set."""
    bootstrap = kafka_of(settings)
    partitions = await asyncio.to_thread(partition_count, bootstrap)
    clock = Clock(settings)
    directory, progress = Directory(), FoldProgress(partitions)
    states, monitor_states, delivery_states = States(CheckState), States(MonitorState), DeliveryStates()
    async with contextlib.AsyncExitStack() as stack:
        sink = Sink(bootstrap)
        stack.push_async_callback(sink.close)
        definitions = Replica(bootstrap, partitions, {DEFINITIONS: progress.listen(DEFINITIONS, directory.apply)})
        stack.push_async_callback(definitions.close)
        running = Replica(
            bootstrap,
            partitions,
            {
                CHECK_STATES: progress.listen(CHECK_STATES, states.apply),
                MONITOR_STATES: progress.listen(MONITOR_STATES, monitor_states.apply),
                DELIVERY_STATES: progress.listen(DELIVERY_STATES, delivery_states.apply),
            },
        )
        stack.push_async_callback(running.close)
        decisions = Decisions(bootstrap, partitions, sink)
        stack.push_async_callback(decisions.close)
        await asyncio.gather(definitions.start(), decisions.start(), running.start())
        progress.loaded()
        peers, clocks = Peers(slot), ClockReports()
        beats = Replica(bootstrap, partitions, {HEARTBEATS: clocks.listen(peers.apply)}, wait_ms=500)
        stack.push_async_callback(beats.close)
        await beats.start()
        clocks.begin(clock.now() - clock.offset)
        telling = vital(keep_telling(lambda: time_faults(progress, clocks, clock.now())), name="time-watch")
        stack.callback(telling.cancel)
        watch = ClockWatch(sink, clock, "web" if pings else "api", slot)
        watching = persistent(watch.keep_looking, name="clock-watch")
        stack.callback(watching.cancel)
        installation = await asyncio.to_thread(cluster_id, bootstrap)
        source = None
        if pings:
            peers.begin(clock.now() - clock.offset)
            after = max(peers.newest_epoch, progress.newest_epoch(slot))
            source = Source(settings, clock, sink, slot, partitions, installation, None, progress, peers, after)
        clickhouse = ClickHouse(Address.parse(clickhouse_of(settings)))
        stack.push_async_callback(clickhouse.close)
        written = GroupProgress(bootstrap, GROUP, [(TRANSITIONS.name, number) for number in range(partitions)])
        pings_written = None
        if settings.history_pings is not None:
            pings_written = GroupProgress(bootstrap, GROUP, [(PINGS.name, number) for number in range(partitions)])
        vault = Vault.open(settings)
        parts = Parts(
            settings=settings,
            clock=clock,
            partitions=partitions,
            sink=sink,
            decisions=decisions,
            directory=directory,
            definitions_replica=definitions,
            states=states,
            monitor_states=monitor_states,
            delivery_states=delivery_states,
            states_replica=running,
            encrypt=vault.encrypt,
            decrypt=vault.decrypt,
            admin_password=_admin_password(settings),
            guard=await asyncio.to_thread(guard_of, settings),
            source=source,
            history=History(clickhouse, written, pings_written),
            monitor_history=MonitorHistory(clickhouse),
            delivery_history=DeliveryHistory(clickhouse, partitions, written),
            page_history=PageHistory(clickhouse),
        )
        disk = Disk(settings)
        readiness = Readiness(
            settings,
            bootstrap,
            partitions,
            clock,
            progress,
            clickhouse,
            delivery_states,
            disk,
            history=(GROUP, astuple(Sources())),
            prober_groups={region: group_of(region) for region in settings.regions},
            has_monitors=lambda: directory.has_monitors,
            clocks=clocks,
            secrets_fault=lambda: vault.strangers(directory.secrets()),
            public_fault=lambda: "" if source is None else source.public_fault,
        )
        looking = vital(readiness.keep_looking(), name="readiness")
        stack.callback(looking.cancel)
        rest = create_app(parts) if api else FastAPI(openapi_url=None)
        key = metrics_key(settings)
        rest.include_router(
            operations.router(readiness, progress, clocks, bootstrap, clock, disk, settings.instance, key)
        )
        ping_app = None
        if source is not None:
            ping_app = PingApp(settings, clock, sink, directory, definitions, decisions, source)
            await source.begin()
            stack.push_async_callback(source.close)
            measuring = vital(keep_measuring(ping_app, source), name="ping-measures")
            stack.callback(measuring.cancel)
        # What is loaded stays: walking through it again and again would hold up every request for a tenth of a second.
        gc.collect()
        gc.freeze()
        room = _room(settings, source)
        log.info("web.listening", url=settings.base_url, connections=room.bounds.most)
        await serve_http(_dispatch(ping_app, rest), listener, room, stop)


def _room(settings: Settings, source: Source | None) -> Room:
    """Room for as many connections as settings and the limit of open files allow."""
    allowed = connections(settings.connections + BACKLOG)
    most = min(settings.connections, max(allowed - BACKLOG, allowed // 2))
    of_peer = settings.connections_per_peer
    most_per_peer = max(1, most // 4) if of_peer is None else of_peer or most
    refuse = None if source is None else partial(source.refuse, None)
    return Room(BOUNDS._replace(most=most, most_per_peer=most_per_peer), settings.trusted_proxies, refuse)


def _admin_password(settings: Settings) -> str | None:
    if settings.admin_password is not None:
        return settings.admin_password
    try:
        return credentials.load(credentials.path_of(settings)).admin_password
    except credentials.NoCredentials:
        return None


def _dispatch(ping_app: PingApp | None, rest: Any) -> Any:
    if ping_app is None:
        return rest

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and is_ping(scope["path"]):
            await ping_app(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return dispatch
