"""A worker process: one Faust app in which every fold has an agent; the consumer group divides the partitions."""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust
import structlog
import uvloop

from infra.settings import Settings
from processors.fold import Fold
from processors.runtime.runner import Follower, Runner
from processors.runtime.stream import BatchStream, FoldApp, QuietMonitor

log = structlog.get_logger(__name__)

GROUP = "pingfold-fold"
# A worker that says nothing for so long loses its partitions; a frozen one wakes up fenced.
SESSION_SECONDS = 10.0
# How often the group's offsets follow the applied ones; they only say where a restart begins to read.
_OFFSETS_SECONDS = 5.0
# Exit status after a fault on a partition that is ours: the supervisor starts us again, nothing uncommitted happened.
EXIT_FAULT = 70

# Made when the loop runs: the followers of the folds that have one, by the fold's name.
Followers = Callable[[], Mapping[str, Follower]]


def build_app(settings: Settings, bootstrap: str, slot: str, group: str = GROUP) -> FoldApp:
    """The Faust app of one worker slot; settings of reference/faust-on-kafka.md section 6."""
    folder = settings.data / "run" / f"faust-{slot}"
    folder.mkdir(parents=True, exist_ok=True)
    return FoldApp(
        group,
        broker=";".join(f"kafka://{address}" for address in bootstrap.split(",")),
        datadir=folder,
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{group}-{slot}",
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=40.0,
        consumer_max_fetch_size=2**20,
        stream_buffer_maxsize=131_072,
        stream_wait_empty=False,
        Stream=BatchStream,
        Monitor=QuietMonitor,
        agent_supervisor="mode.CrashingSupervisor",
        worker_redirect_stdouts=False,
        web_enabled=False,
    )


def run_worker(
    settings: Settings,
    bootstrap: str,
    slot: str,
    folds: tuple[Fold, ...],
    followers: Followers = dict,
    group: str = GROUP,
) -> None:
    """Run until SIGTERM or SIGINT; ends the process with `EXIT_FAULT` when a fold cannot go on."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = build_app(settings, bootstrap, slot, group)
    pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="commit")
    runners: dict[str, Runner] = {}

    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
    async def assigned(_app: Any, partitions: set[Any], **_: Any) -> None:
        for fold in folds:
            runners[fold.name].assign({tp.partition for tp in partitions if tp.topic == fold.journal.name})
        log.info("worker.assigned", partitions=sorted(f"{tp.topic}/{tp.partition}" for tp in partitions))

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
    async def revoked(_app: Any, partitions: set[Any], **_: Any) -> None:
        for runner in runners.values():
            await runner.revoke()

    @app.timer(_OFFSETS_SECONDS)  # type: ignore[untyped-decorator]
    async def commit_offsets() -> None:
        offsets = {
            faust.types.TP(fold.journal.name, partition): offset + 1
            for fold in folds
            for partition, offset in runners[fold.name].applied.items()
        }
        if offsets:
            await app.consumer._commit(offsets)

    def add_agent(fold: Fold) -> None:
        topic = app.topic(
            fold.journal.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            acks=False,
        )

        async def agent(stream: BatchStream) -> None:
            async for batch in stream.batches():
                try:
                    await runners[fold.name].run(batch)
                except Exception:
                    log.critical("fold.fault", fold=fold.name, slot=slot, exc_info=True)
                    os._exit(EXIT_FAULT)

        app.agent(topic, name=f"fold-{fold.name}")(agent)

    async def begin() -> None:
        made = followers()
        for fold in folds:
            runners[fold.name] = Runner(settings, bootstrap, fold, pool, made.get(fold.name))

    loop.run_until_complete(begin())
    for fold in folds:
        add_agent(fold)
    faust.Worker(app, loop=loop, loglevel="WARN", quiet=True, override_logging=False).execute_from_commandline()
