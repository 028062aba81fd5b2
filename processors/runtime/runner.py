"""Runs one fold on the partitions that this process owns: batch in, one transaction per partition out.

Taking a partition over: fence the former owner, load the states, skip what is applied. A batch is then stepped through
the pure fold and committed with its effects and the partition's own record; only after that may the consumer's offset
move. What goes wrong on a partition that is ours ends the process: the supervisor starts it again, and nothing that was
not committed has happened (DESIGN section 3).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import msgspec
import structlog

from infra.settings import Settings
from processors.fold import Effect, Fold, Record, Session, View
from processors.runtime import measures
from processors.runtime.loading import load_states
from processors.runtime.transactions import Fenced, PartitionProducer
from schemas.dead_letters import RETRIED_HEADER
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY

log = structlog.get_logger(__name__)

# A batch of ticks that changes nothing is not written more often than this.
IDLE_SECONDS = 5.0
_TICK = b'{"type":"tick"'


class Follower(Protocol):
    """Acts on committed states, e.g. the sender of webhooks."""

    def assigned(self, partition: int, records: Mapping[str, msgspec.Struct]) -> None:
        """A partition was taken over with these states."""

    def committed(self, partition: int, changes: Mapping[str, msgspec.Struct | None]) -> None:
        """These records were committed."""

    def revoked(self, partition: int) -> None:
        """The partition is no longer ours."""


class _Owned:
    """A partition that this process owns."""

    def __init__(self, session: Session, producer: PartitionProducer) -> None:
        self.session, self.producer = session, producer
        self.committed_at = 0.0


class Runner:
    """See the module's docstring. To be used inside one event loop."""

    def __init__(
        self, settings: Settings, bootstrap: str, fold: Fold, pool: ThreadPoolExecutor, follower: Follower | None = None
    ) -> None:
        self._settings, self._bootstrap, self._fold, self._pool = settings, bootstrap, fold, pool
        self._follower = follower
        self._owned: dict[int, _Owned] = {}
        self._mine: set[int] = set()
        self._busy = asyncio.Lock()
        self.applied: dict[int, int] = {}

    async def run(self, messages: Sequence[Any]) -> None:
        """Fold messages of any of our partitions; returns when all of it is committed."""
        by_partition: dict[int, list[Any]] = {}
        for message in messages:
            by_partition.setdefault(message.partition, []).append(message)
        async with self._busy:
            await asyncio.gather(*(self._run(number, found) for number, found in by_partition.items()))

    def assign(self, partitions: set[int]) -> None:
        """These partitions are ours from now on."""
        self._mine = partitions

    async def revoke(self) -> None:
        """Nothing is ours for now: wait for the batch in hand, forget the states."""
        self._mine = set()
        async with self._busy:
            for partition in list(self._owned):
                self._drop(partition)

    async def _run(self, partition: int, messages: Sequence[Any]) -> None:
        try:
            owned = self._owned.get(partition) or await self._take(partition)
            await self._fold_batch(owned, partition, messages)
        except Fenced as error:
            self._drop(partition)
            if partition in self._mine:
                raise
            log.info("fold.fenced", fold=self._fold.name, partition=partition, error=str(error))

    async def _take(self, partition: int) -> _Owned:
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        fold = self._fold
        # The fence comes first: after it nobody but us can change what is loaded.
        producer = await loop.run_in_executor(self._pool, PartitionProducer, self._bootstrap, fold, partition)
        records = await loop.run_in_executor(
            self._pool, load_states, self._bootstrap, fold.states, partition, fold.records
        )
        session = Session(fold, partition, View(records), TZDATA_VERSION)
        owned = self._owned[partition] = _Owned(session, producer)
        if self._follower is not None:
            self._follower.assigned(partition, records)
        log.info(
            "fold.taken",
            fold=fold.name,
            partition=partition,
            records=len(records),
            applied=session.progress.applied,
            seconds=round(time.monotonic() - began, 3),
        )
        return owned

    async def _fold_batch(self, owned: _Owned, partition: int, messages: Sequence[Any]) -> None:
        session, name = owned.session, self._fold.name
        began = time.perf_counter()
        records = [_record(message) for message in messages if message.offset > session.progress.applied]
        if not records:
            return
        effects = session.step(records)
        folded = time.perf_counter()
        only_ticks = not effects and all((record.value or b"").startswith(_TICK) for record in records)
        idle = only_ticks and session.view.changed <= {PROGRESS_KEY}
        if not idle or time.monotonic() - owned.committed_at >= IDLE_SECONDS:
            changes = session.view.take_changes()
            await self._commit(owned, partition, changes, effects)
        progress = session.progress
        measures.folded(name, partition, progress, len(records), folded - began, time.perf_counter() - folded)

    async def _commit(
        self,
        owned: _Owned,
        partition: int,
        changes: Mapping[str, msgspec.Struct | None],
        effects: Sequence[Effect],
    ) -> None:
        loop = asyncio.get_running_loop()
        # The session may not move on meanwhile; records are copied on write, so the thread reads settled values.
        await loop.run_in_executor(self._pool, owned.producer.commit, changes, effects)
        owned.committed_at = time.monotonic()
        self.applied[partition] = owned.session.progress.applied
        measures.committed(self._fold.name, effects)
        if self._follower is not None:
            self._follower.committed(partition, changes)

    def _drop(self, partition: int) -> None:
        if self._owned.pop(partition, None) is not None and self._follower is not None:
            self._follower.revoked(partition)
        self.applied.pop(partition, None)


def _record(message: Any) -> Record:
    retried = bool(message.headers) and RETRIED_HEADER in dict(message.headers)
    # Faust turns Kafka's whole milliseconds into seconds as a float.
    return Record(message.offset, round(message.timestamp * 1_000) * 1_000, message.key, message.value, retried)
