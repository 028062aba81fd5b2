"""A worker process: one Faust app in which every fold has an agent; the consumer group divides the partitions.

It ends in one of two ways. SIGTERM or SIGINT: the batches in hand are committed, the group's offsets too, exit 0. A
fault on a partition that is ours: at once, with `EXIT_FAULT`; the supervisor starts it again, and what was not
committed has not happened.
"""

import asyncio
import gc
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NoReturn

import faust
import structlog
import uvloop
from faust.types import TP

from infra.availability import kafka_answers
from infra.liveness import EXIT_FAULT, LIVENESS
from infra.process import EXIT_DEFECTIVE, keep_beating, leave, on_stop_signal, progress_file
from infra.settings import Settings
from processors.defects import Defects
from processors.epochs import NewerStates
from processors.fold import Fold
from processors.runtime import measures
from processors.runtime.partition import DefectiveFold
from processors.runtime.runner import Follower, Runner
from processors.runtime.stream import FoldApp, QuietMonitor, SpanStream
from processors.runtime.watchdog import watch

log = structlog.get_logger(__name__)

GROUP = "pingfold-fold"
# A worker that says nothing for so long loses its partitions; a frozen one wakes up fenced.
SESSION_SECONDS = 10.0
# How often the group's offsets follow the committed ones; they only say where a restart begins to read.
_OFFSETS_SECONDS = 5.0
# A stop waits so long for batches in hand. What is not committed then, the next owner folds again.
_STOP_SECONDS = 5.0
_COMMITS_AT_ONCE = 16
_LOADS_AT_ONCE = 12
# Exit status when a newer version has written the states: until that is started again, nothing can be folded.
EXIT_NEWER_STATES = 78

# Made when the loop runs: the followers of the folds that have one, by the fold's name.
Followers = Callable[[], Mapping[str, Follower]]


def build_app(settings: Settings, bootstrap: str, slot: str, group: str, session: float) -> FoldApp:
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
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 5,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=40.0,
        consumer_max_fetch_size=2**20,
        stream_wait_empty=False,
        Stream=SpanStream,
        Monitor=QuietMonitor,
        agent_supervisor="mode.CrashingSupervisor",
        worker_redirect_stdouts=False,
        web_enabled=False,
    )


class _Worker(faust.Worker):  # type: ignore[misc]
    """Leaves signals to `infra.process`, which heeds them whatever the event loop does."""

    def install_signal_handlers(self) -> None: ...


def run_worker(
    settings: Settings,
    bootstrap: str,
    slot: str,
    folds: tuple[Fold, ...],
    followers: Followers = dict,
    group: str = GROUP,
    session: float = SESSION_SECONDS,
) -> NoReturn:
    """Run until SIGTERM or SIGINT, or until a fold cannot go on; ends the process."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    stopping: list[_Worker] = []

    def stop() -> None:
        if not stopping:  # nothing has been begun
            leave(0, file)
        loop.call_soon_threadsafe(stopping[0]._on_sigterm)

    name = f"worker-{slot}"
    file = progress_file(settings.data, name)
    on_stop_signal(stop)
    LIVENESS.watch(file, name, {"kafka": partial(kafka_answers, bootstrap)})
    app = build_app(settings, bootstrap, slot, group, session)
    pool = ThreadPoolExecutor(_COMMITS_AT_ONCE, thread_name_prefix="commit")
    runners: dict[str, Runner] = {}  # by journal

    def failed(error: BaseException) -> NoReturn:
        if isinstance(error, NewerStates):
            log.critical("fold.newer_states", slot=slot, error=str(error))
            os._exit(EXIT_NEWER_STATES)
        if isinstance(error, DefectiveFold):
            measures.defective(error.fold)
            log.critical(
                "fold.defective",
                slot=slot,
                error=str(error),
                what="nothing of it was committed; start another version, or set PINGFOLD_ACCEPT_DEFECTS=1 to go on: "
                "what cannot be folded then becomes dead letters",
            )
            os._exit(EXIT_DEFECTIVE)
        log.critical("fold.fault", slot=slot, error=str(error), exc_info=error)
        os._exit(EXIT_FAULT)

    following: list[Follower] = []

    async def begin() -> None:
        made, loads = followers(), asyncio.Semaphore(_LOADS_AT_ONCE)
        following.extend(made.values())
        for fold in folds:
            follower = made.get(fold.name)
            rewind = partial(app.rewind, fold.journal.name)
            defects = None if settings.accept_defects else Defects()
            runners[fold.journal.name] = Runner(
                bootstrap, fold, pool, app.room.set, failed, rewind, loads, defects, follower
            )

    def ready(partitions: Collection[TP]) -> set[TP]:
        return {tp for tp in partitions if not runners[tp.topic].full(tp.partition)}

    async def commit_offsets() -> None:
        offsets = {TP(journal, n): at for journal, runner in runners.items() for n, at in runner.committed().items()}
        if offsets:
            await app.consumer._commit(offsets)

    async def finish() -> None:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                # What they report at the end is in the journal before we go: nothing sent is sent again.
                await asyncio.gather(*(follower.close() for follower in following))
                await asyncio.gather(*(runner.revoke() for runner in runners.values()))
                await commit_offsets()
        except TimeoutError:
            log.warning("worker.not_finished", slot=slot)

    app.ready, app.finish = ready, finish
    app.timer(_OFFSETS_SECONDS)(commit_offsets)

    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
    async def assigned(_app: Any, partitions: set[Any], **_: Any) -> None:
        for journal, runner in runners.items():
            await runner.assign({tp.partition for tp in partitions if tp.topic == journal})
        log.info("worker.assigned", partitions=sorted(f"{tp.topic}/{tp.partition}" for tp in partitions))

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
    async def revoked(_app: Any, partitions: set[Any], **_: Any) -> None:
        await asyncio.gather(*(runner.revoke() for runner in runners.values()))

    @app.task  # type: ignore[untyped-decorator]
    async def watchdog() -> None:
        await watch(bootstrap, list(runners.values()), failed)

    def add_agent(runner: Runner) -> None:
        async def agent(stream: SpanStream) -> None:
            async for span in stream.spans():
                runner.offer(span)

        topic = app.topic(
            runner.fold.journal.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            acks=False,
        )
        app.agent(topic, name=f"fold-{runner.fold.name}")(agent)

    @app.task  # type: ignore[untyped-decorator]
    async def liveness() -> None:
        await keep_beating()

    loop.run_until_complete(begin())
    for runner in runners.values():
        add_agent(runner)
    worker = _Worker(app, loop=loop, loglevel="WARN", quiet=True, override_logging=False)
    stopping.append(worker)
    worker.spinner = None  # it writes escape sequences for terminals
    # What is loaded stays: walking through it again and again would hold up every fold for a tenth of a second.
    gc.collect()
    gc.freeze()
    status = 1
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except Exception as error:  # Faust itself has crashed
        failed(error)
    # At once: threads and Kafka clients would wait for brokers that may be gone.
    leave(status, file)
