"""The folds of one worker process: a runner and an agent for each, bound to the events of one Faust app."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from faust.types import TP

from infra.clock import SYSTEM_CLOCK, Clock
from infra.log.cluster import prefix_of
from infra.process.lifecycle import keep_beating
from infra.process.liveness import LIVENESS, STALL_SECONDS
from infra.process.tasks import vital
from processors.fold.contract import Fold
from processors.fold.defects import Defects
from processors.runtime.end_offsets import watch_end_offsets
from processors.runtime.runner import Runner, StateListener
from processors.runtime.stream import FoldApp, SpanStream
from processors.runtime.watchdog import watch

log = structlog.get_logger(__name__)

# How often the group's offsets follow the committed ones; they only say where a restart begins to read.
_OFFSETS_SECONDS = 5.0
# A rebalance takes up to 30 s, while the others have not let go of what they had.
_JOIN_SECONDS = 2 * STALL_SECONDS
_ASK_SECONDS = 1.0
# A stop waits so long for batches in hand. What is not committed then, the next owner folds again.
_STOP_SECONDS = 5.0
_COMMITS_AT_ONCE = 16
_LOADS_AT_ONCE = 12

# Made when the loop runs: the followers of the folds that have one, by the fold's name.
StateListeners = Callable[[], Mapping[str, StateListener]]


class HostedFolds:
    """To be begun inside the event loop of the app, before the app is started. `failed` ends the process."""

    def __init__(
        self,
        app: FoldApp,
        bootstrap: str,
        slot: str,
        failed: Callable[[BaseException], None],
        accept_defects: bool,
        reconcile: bool,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._app, self._bootstrap, self._slot, self._failed = app, bootstrap, slot, failed
        self._accept_defects, self._reconcile = accept_defects, reconcile
        self._runners: dict[str, Runner] = {}  # by the name of the journal in the cluster, as Faust knows it
        self._following: list[StateListener] = []
        self._beating: list[asyncio.Task[None]] = []
        # From the beginning: a worker that never gets its partitions makes no progress.
        self._consumer = LIVENESS.activity("consumer", needs=("kafka",), limit=_JOIN_SECONDS)

    async def begin(self, folds: tuple[Fold, ...], followers: StateListeners) -> None:
        """Make the runners and what follows them, and let the app drive them."""
        made, loads = followers(), asyncio.Semaphore(_LOADS_AT_ONCE)
        self._following.extend(made.values())
        self._beating.append(vital(keep_beating(), "beating"))
        for name, follower in made.items():
            self._beating.append(vital(_keep_asking(name, follower), f"the look at what follows {name}"))
        pool = ThreadPoolExecutor(_COMMITS_AT_ONCE, thread_name_prefix="commit")
        for fold in folds:
            defects = None if self._accept_defects else Defects()
            journal = prefix_of(self._bootstrap) + fold.journal.name
            rewind = partial(self._app.rewind, journal)
            runner = Runner(
                self._bootstrap, fold, pool, self._app.room.set, self._failed, rewind, loads, defects,
                made.get(fold.name), self._reconcile, self._clock,
            )  # fmt: skip
            self._runners[journal] = runner
            self._add_agent(journal, runner)
        self._bind()

    def end(self) -> None:
        """The event loop is about to end."""
        LIVENESS.end(self._consumer)
        for beating in self._beating:
            beating.cancel()

    def _bind(self) -> None:
        app = self._app
        app.ready, app.finish, app.turned = self._ready, self._finish, self._consumer.beat
        app.timer(_OFFSETS_SECONDS)(self._commit_offsets)

        @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
        async def assigned(_app: Any, partitions: set[Any], **_: Any) -> None:
            for journal, runner in self._runners.items():
                await runner.assign({tp.partition for tp in partitions if tp.topic == journal})
            log.info("worker.assigned", partitions=sorted(f"{tp.topic}/{tp.partition}" for tp in partitions))

        @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
        async def revoked(_app: Any, partitions: set[Any], **_: Any) -> None:
            await asyncio.gather(*(runner.revoke() for runner in self._runners.values()))

        @app.task  # type: ignore[untyped-decorator]
        async def watchdog() -> None:
            await watch(self._bootstrap, list(self._runners.values()), self._failed)

        @app.task  # type: ignore[untyped-decorator]
        async def ends() -> None:
            await watch_end_offsets(self._bootstrap, list(self._runners.values()))

    def _add_agent(self, journal: str, runner: Runner) -> None:
        async def agent(stream: SpanStream) -> None:
            async for span in stream.spans():
                runner.offer(span)

        topic = self._app.topic(
            journal,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            acks=False,
        )
        self._app.agent(topic, name=f"fold-{runner.fold.name}")(agent)

    def _ready(self, partitions: Collection[TP]) -> set[TP]:
        return {tp for tp in partitions if not self._runners[tp.topic].full(tp.partition)}

    async def _commit_offsets(self) -> None:
        runners = self._runners.items()
        offsets = {TP(journal, n): at for journal, runner in runners for n, at in runner.committed().items()}
        if offsets:
            await self._app.consumer._commit(offsets)

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                # What they report at the end is in the journal before we go: nothing sent is sent again.
                await asyncio.gather(*(follower.close() for follower in self._following))
                await asyncio.gather(*(runner.revoke() for runner in self._runners.values()))
                await self._commit_offsets()
        except TimeoutError:
            log.warning("worker.not_finished", slot=self._slot)


async def _keep_asking(fold: str, follower: StateListener) -> None:
    """The activity of what follows a fold, such as the sender. Its reports go into Kafka."""
    activity = LIVENESS.activity(f"what follows {fold}", needs=("kafka",))
    while True:
        if follower.works():
            activity.beat()
        await asyncio.sleep(_ASK_SECONDS)
