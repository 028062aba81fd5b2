"""A worker process: one Faust app in which every fold has an agent; the consumer group divides the partitions.

It ends in one of two ways. SIGTERM or SIGINT: the batches in hand are committed, the group's offsets too, exit 0. A
fault on a partition that is ours: at once, with `EXIT_FAULT`; the supervisor starts it again, and what was not
committed has not happened.
"""

import asyncio
import gc
from functools import partial
from typing import Any, NoReturn

import faust
import uvloop

from infra.availability import kafka_answers
from infra.clock import clock_of
from infra.log.cluster import prefix_of
from infra.log.startup_wait import StartupWait
from infra.process.lifecycle import leave, progress_file, stop_in_loop
from infra.process.liveness import LIVENESS
from infra.settings.settings import Settings
from processors.fold.contract import Fold
from processors.runtime.access import faust_credentials
from processors.runtime.faults import end_worker
from processors.runtime.hosted import HostedFolds, StateListeners
from processors.runtime.stream import FoldApp, QuietMonitor, SpanStream

GROUP = "pingfold-fold"
# A worker that says nothing for so long loses its partitions; a frozen one wakes up fenced.
SESSION_SECONDS = 10.0


def build_app(settings: Settings, bootstrap: str, slot: str, group: str, session: float) -> FoldApp:
    """The Faust app of one worker slot.

    An agent that fails ends the process (`CrashingSupervisor`): Faust's usual supervisor would go on with the next
    event and lose the one in hand. A stop does not wait for streams to be empty, since nothing is acknowledged to
    Faust: an agent that died would hold it up for ever. Faust makes no topics, has no leader, no tables and no web
    server. A worker that comes back within the session timeout keeps its partitions, by its instance id.
    """
    folder = settings.data / "run" / f"faust-{slot}"
    folder.mkdir(parents=True, exist_ok=True)
    return FoldApp(
        prefix_of(bootstrap) + group,
        broker=";".join(f"kafka://{address}" for address in bootstrap.split(",")),
        broker_credentials=faust_credentials(bootstrap),
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
        # A topic that was removed and made anew is looked for this often.
        consumer_metadata_max_age_ms=10_000,
        consumer_max_fetch_size=2**20,
        stream_wait_empty=False,
        Stream=SpanStream,
        Monitor=QuietMonitor,
        agent_supervisor="mode.CrashingSupervisor",
        worker_redirect_stdouts=False,
        web_enabled=False,
    )


class _Worker(faust.Worker):  # type: ignore[misc]
    """Leaves signals to `infra.process.lifecycle`, which heeds them whatever the event loop does."""

    def __init__(self, app: FoldApp, hosted: HostedFolds, **options: Any) -> None:
        self._hosted = hosted
        super().__init__(app, **options)

    def install_signal_handlers(self) -> None: ...

    def _gather_all(self) -> None:
        self._hosted.end()  # or it would be waited for
        super()._gather_all()


def run_worker(
    settings: Settings,
    bootstrap: str,
    slot: str,
    folds: tuple[Fold, ...],
    followers: StateListeners = dict,
    group: str = GROUP,
    session: float = SESSION_SECONDS,
) -> NoReturn:
    """Run until SIGTERM or SIGINT, or until a fold cannot go on; ends the process. Kafka is waited for at the start.

    Raises `WrongPartitionCount` when there are no topics.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    begun: list[_Worker] = []
    name = f"worker-{slot}"
    file = progress_file(settings.data, name)
    stop_in_loop(loop, lambda: begun[0]._on_sigterm(), file, lambda: bool(begun))
    LIVENESS.watch(file, name, {"kafka": partial(kafka_answers, bootstrap)})
    loop.run_until_complete(StartupWait(bootstrap).partitions())
    app = build_app(settings, bootstrap, slot, group, session)
    failed = partial(end_worker, slot)
    hosted = HostedFolds(app, bootstrap, slot, failed, settings.accept_defects, settings.reconcile, clock_of(settings))

    loop.run_until_complete(hosted.begin(folds, followers))
    # Beating begins here: tasks of the app itself are begun only when it has its partitions.
    worker = _Worker(app, hosted, loop=loop, loglevel="WARN", quiet=True, override_logging=False)
    begun.append(worker)
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
