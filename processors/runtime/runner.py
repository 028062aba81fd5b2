"""The partitions of one fold that this process owns, as the consumer group assigns them; each is run by a task.

A fault on an owned partition ends the process: the supervisor restarts it, and what was not committed has not happened.
A partition that stays with this process over a rebalance keeps its states and its producer; if another process owned it
in between, the fence of its producer shows this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import structlog

from infra.clock import SYSTEM_CLOCK, Clock
from infra.process.tasks import begun
from processors.fold.contract import Fold
from processors.fold.defects import Defects
from processors.runtime.context import RuntimeContext, StateListener, TruncatedLog
from processors.runtime.loading import Loading
from processors.runtime.partition import OwnedPartition
from processors.runtime.stream import Span

__all__ = ["Runner", "StateListener"]

log = structlog.get_logger(__name__)


class Runner:
    """To be used inside one event loop. failed: called with what a partition raised; others as in `RuntimeContext`."""

    def __init__(
        self,
        bootstrap: str,
        fold: Fold,
        pool: Executor,
        moved: Callable[[], None],
        failed: Callable[[BaseException], None],
        rewind: Callable[[int, int], Awaitable[None]],
        loads: asyncio.Semaphore,
        defects: Defects | None,
        follower: StateListener | None = None,
        doubtful: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.fold = fold
        self._place = RuntimeContext(bootstrap, fold, pool, follower, moved, rewind, loads, defects, doubtful, clock)
        self._failed = failed
        self._owned: dict[int, OwnedPartition] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def assign(self, partitions: set[int]) -> None:
        """These partitions are ours from now on, and no others."""
        for number in list(self._owned):
            if number not in partitions or self._owned[number].lost:
                await self._drop(number)
        for number in sorted(partitions):
            if number in self._owned:
                self._owned[number].resume()
            else:
                owned = self._owned[number] = OwnedPartition(self._place, number)
                name = f"{self.fold.name}/{number}"
                self._tasks[number] = begun(owned.run(), name)
                self._tasks[number].add_done_callback(self._ended)

    async def revoke(self) -> None:
        """Nothing is ours until the next assignment: returns when no batch is in hand."""
        await asyncio.gather(*(owned.pause() for owned in self._owned.values()))

    def offer(self, span: Span) -> None:
        """Records have come."""
        if (owned := self._owned.get(span.partition)) is not None:
            owned.offer(span)

    def take_anew(self, partition: int, shorter: TruncatedLog) -> None:
        """A log of a partition has lost its end."""
        if (owned := self._owned.get(partition)) is not None:
            owned.take_anew(shorter)

    def full(self, partition: int) -> bool:
        """Whether so much of a partition waits that no more should be fetched."""
        owned = self._owned.get(partition)
        return owned is not None and owned.full

    def committed(self) -> dict[int, int]:
        """By partition, the offset after all that is committed."""
        return {number: owned.committed for number, owned in self._owned.items() if owned.committed is not None}

    def stepped(self) -> dict[int, int | None]:
        """By partition, the offset after all that was folded, None while its states are loaded."""
        return {number: owned.stepped for number, owned in self._owned.items()}

    def written(self) -> dict[int, int]:
        """By partition, the offset after the last record written to its states."""
        return {number: owned.written for number, owned in self._owned.items()}

    def loading(self) -> dict[int, Loading]:
        """By partition, how far the states are that are not loaded yet."""
        return {number: owned.loading for number, owned in self._owned.items() if owned.stepped is None}

    async def _drop(self, number: int) -> None:
        del self._owned[number]
        task = self._tasks.pop(number)
        task.cancel()
        await asyncio.wait([task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
