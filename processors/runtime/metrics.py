"""Metrics of the folds. The web process serves the metrics of all processes (`query_api/ops/operations.py`)."""

import time
from collections import Counter as Counted
from collections.abc import Callable, Iterable, Mapping, Sequence

from infra import metrics as metrics_table
from processors.fold.contract import Effect, Record
from schemas.base import SECOND, Micros
from schemas.dead_letters import DeadLetter
from schemas.ticks import Progress
from schemas.transitions import ChannelTroubled, DeliveryFinished, GapSeen

_EVENTS = metrics_table.FOLD_EVENTS.create()
_FOLD_SECONDS = metrics_table.FOLD_SECONDS.create()
_GONE = metrics_table.FOLD_EVENTS_GONE.create()
_COMMIT_SECONDS = metrics_table.FOLD_COMMIT_SECONDS.create()
_APPLIED = metrics_table.FOLD_APPLIED_OFFSET.create()
_TIME = metrics_table.PARTITION_TIME.create()
_OPEN_GAPS = metrics_table.OPEN_GAPS.create()
_PROGRESS_AT = metrics_table.FOLD_PROGRESS_AT.create()
_LOADING = metrics_table.FOLD_LOADING_LEFT.create()
_GAPS = metrics_table.GAPS.create()
_ENDED = metrics_table.DELIVERIES_ENDED.create()
_DISABLED = metrics_table.CHANNELS_DISABLED.create()
_DEAD_LETTERS = metrics_table.DEAD_LETTERS.create()
_STOPS = metrics_table.FOLD_DEFECTIVE.create()
_EFFECTS = metrics_table.FOLD_EFFECTS.create()


_loading: set[tuple[str, int]] = set()


def events_gone(journal: str, count: int) -> None:
    """Records of a partition (`topic/number`) were deleted before they were folded."""
    _GONE.labels(journal.partition("/")[0]).inc(count)


def loading(left: Mapping[tuple[str, int], int]) -> None:
    """So many offsets are still to be loaded for these partitions of folds, and nothing for any other."""
    for fold, partition in _loading - left.keys():
        _LOADING.labels(fold, str(partition)).set(0)
    _loading.clear()
    _loading.update(left)
    for (fold, partition), count in left.items():
        _LOADING.labels(fold, str(partition)).set(count)


def folded(fold: str, partition: int, progress: Progress, records: int, seconds: float, now: Micros) -> None:
    """Records of a partition were stepped, in so many seconds, and committed (ticks that change nothing aside)."""
    label = str(partition)
    _EVENTS.labels(fold).inc(records)
    _FOLD_SECONDS.labels(fold).inc(seconds)
    _APPLIED.labels(fold, label).set(progress.applied)
    _TIME.labels(fold, label).set(progress.time / 1e6)
    _OPEN_GAPS.labels(fold, label).set(len(progress.gaps))
    _PROGRESS_AT.labels(fold, label).set(now / SECOND)


def defective(fold: str) -> None:
    """The fold stops, because it refuses too much."""
    _STOPS.labels(fold).inc()


def committed(fold: str, effects: Sequence[Effect], seconds: float) -> None:
    """A transaction of these effects was committed, which took so long."""
    _COMMIT_SECONDS.labels(fold).observe(seconds)
    for topic, count in Counted(effect.topic.name for effect in effects).items():
        _EFFECTS.labels(fold, topic).inc(count)
    for effect in effects:
        match effect.value:
            case DeadLetter(topic=topic):
                _DEAD_LETTERS.labels(topic).inc()
            case DeliveryFinished(outcome=outcome):
                _ENDED.labels(outcome).inc()
            case ChannelTroubled(disabled=True):
                _DISABLED.inc()
            case GapSeen(cause=cause, end=int()):
                _GAPS.labels(cause).inc()
            case _:
                pass


def timed(step: Callable[[Iterable[Record]], list[Effect]], records: Iterable[Record]) -> tuple[list[Effect], float]:
    """The effects of a step, and the seconds that it took."""
    began = time.perf_counter()
    effects = step(records)
    return effects, time.perf_counter() - began
