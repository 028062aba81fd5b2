"""Explanations over a journal in memory: the log that an explainer reads."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from infra.log.reading import Stored
from processors.explain.explainer import Explainer
from processors.fold.contract import Fold, Record
from processors.refold.begins import Kept
from schemas.base import Micros
from schemas.dead_letters import RETRIED_HEADER
from schemas.explanations import Explanation
from schemas.ticks import PROGRESS_KEY, Progress
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


def shown(explanation: Explanation) -> str:
    return msgspec.json.format(msgspec.json.encode(explanation), indent=1).decode()
