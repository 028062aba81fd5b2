"""Explanations in the web process: folded again in threads, a few at once, each within a bound.

A thread gives way to the event loop after each batch of records: pings that come meanwhile are answered.
"""

import asyncio
import time
from functools import partial

from infra.log.partitioner import partition_of
from infra.log.progress import FoldProgress
from infra.log.reading import NotRead
from infra.settings.settings import Settings
from pingfold.folds import FOLDS, FORMER_FOLDS
from processors.explain.explainer import Explainer, TooLong, Unknown
from processors.fold.contract import Fold
from processors.refold.begins import Cut, Kept
from processors.refold.log import KafkaLog
from query_api.explaining import NotExplained
from schemas.base import Micros
from schemas.explanations import Explanation, ThingKind
from schemas.ticks import Progress

# So many are folded at once, and so many wait: each has a consumer of its own with what it has fetched ahead.
_AT_ONCE, _WAITING = 2, 8
# So long one may take, waiting included; and so long Kafka may be silent meanwhile, which adds to it at the end.
PATIENCE = 30.0
SILENCE = 5.0
_PAUSE = 0.001
_FOLD_OF: dict[ThingKind, str] = {"check": "checks", "monitor": "monitors"}


class LogExplaining:
    """Implements `query_api.explaining.Explaining`. partitions: of each journal."""

    def __init__(self, settings: Settings, bootstrap: str, partitions: int, progress: FoldProgress) -> None:
        self._bootstrap, self._partitions, self._progress = bootstrap, partitions, progress
        self._kept = Kept(settings.data / "snapshots", settings.data / "checkpoints")
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._log: KafkaLog | None = None  # made for the first question, and kept: it has connections
        self._asked = 0

    async def explain(self, kind: ThingKind, thing: str, at: Micros) -> Explanation:
        """The explanation of a thing at a time. Raises `NotExplained`."""
        if self._asked >= _AT_ONCE + _WAITING:
            raise NotExplained("busy", "too many explanations are being made")
        self._asked += 1
        began = time.monotonic()
        try:
            async with self._room:
                patience = PATIENCE - (time.monotonic() - began)
                return await asyncio.to_thread(partial(self._explain, _FOLD_OF[kind], thing, at, patience))
        except Unknown as error:
            raise NotExplained("unknown", str(error)) from None
        except Cut as error:
            raise NotExplained("cut", str(error)) from None
        except TooLong as error:
            raise NotExplained("too long", str(error)) from None
        except NotRead as error:
            self._log = None
            raise NotExplained("unavailable", f"the log cannot be read now: {error}") from None
        finally:
            self._asked -= 1

    def _explain(self, fold: str, thing: str, at: Micros, patience: float) -> Explanation:
        if self._log is None:
            self._log = KafkaLog(self._bootstrap, sparing=True, patience=SILENCE)
        explainer = Explainer(
            self._log,
            FOLDS,
            self._progress_of,
            self._kept,
            FORMER_FOLDS,
            partial(time.sleep, _PAUSE),
        )
        partition = partition_of(thing.encode(), self._partitions)
        return explainer.explain(fold, thing, partition, at, patience)

    def _progress_of(self, fold: Fold, partition: int) -> Progress:
        return self._progress.of(fold.journal, partition) or Progress()
