"""Explanations over a journal in memory: the log that an explainer reads."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from infra.log.partitioner import partition_of
from infra.log.reading import Stored
from processors.checks.fold import Checks
from processors.explain.explainer import Explainer, Unknown
from processors.fold.contract import Fold, Record
from processors.monitors.fold import Monitors
from processors.refold.begins import Kept
from query_api.explaining import NotExplained
from schemas.base import Micros
from schemas.dead_letters import RETRIED_HEADER
from schemas.explanations import Explanation, ThingKind
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import Topic
from tests.folding import Folding
from tests.replay_world import MemoryLog

PATIENCE = 60.0
NOTHING = Kept(Path("/nonexistent"), Path("/nonexistent"))


def log_of(fold: Fold, records: Sequence[Record], partition: int) -> MemoryLog:
    """A log whose partition of the fold's journal holds these records, and no other anything."""
    log = MemoryLog(partition + 1)
    headers = [(RETRIED_HEADER, b"1")]
    log.records[fold.journal.name, partition] = [
        Stored(partition, one.offset, one.timestamp, one.key, one.value, headers if one.retried else None)
        for one in records
    ]
    return log


def explainer_of(folding: Folding, records: Sequence[Record], kept: Kept = NOTHING) -> Explainer:
    """An explainer of what a fold has folded."""
    progress = folding.fold.records.decode(folding.committed[PROGRESS_KEY])
    assert isinstance(progress, Progress)
    log = log_of(folding.fold, records, Folding.PARTITION)
    return Explainer(log, (folding.fold,), lambda fold, partition: progress, kept)


def explain(explainer: Explainer, fold: str, thing: str, at: Micros) -> Explanation:
    return explainer.explain(fold, thing, Folding.PARTITION, at, PATIENCE)


class Folds(Protocol):
    """What stands in the journals of a memory (`tests.memory.Memory`), and how far it is folded."""

    partitions: int
    records: dict[tuple[str, int], list[tuple[str, bytes]]]
    appended: dict[tuple[str, int], list[Micros]]

    def progress_of(self, journal: Topic, partition: int) -> Progress: ...


class MemoryExplaining:
    """Explains what stands in a memory, as `pingfold.roles.explaining` does of Kafka. fault: is raised instead."""

    def __init__(self, memory: Folds) -> None:
        self._memory = memory
        self.fault: NotExplained | None = None

    async def explain(self, kind: ThingKind, thing: str, at: Micros) -> Explanation:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        memory, fold = self._memory, Checks() if kind == "check" else Monitors()
        log = MemoryLog(memory.partitions)
        for (topic, partition), records in memory.records.items():
            times = memory.appended[topic, partition]
            log.records[topic, partition] = [
                Stored(partition, offset, times[offset], key.encode(), value, None)
                for offset, (key, value) in enumerate(records)
            ]
        explainer = Explainer(log, (fold,), lambda fold, part: memory.progress_of(fold.journal, part), NOTHING)
        try:
            return explainer.explain(fold.name, thing, partition_of(thing.encode(), memory.partitions), at, PATIENCE)
        except Unknown as error:
            raise NotExplained("unknown", str(error)) from None
