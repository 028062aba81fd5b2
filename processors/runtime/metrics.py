"""Metrics of the folds. The web process serves the metrics of all processes (`query_api/ops/operations.py`)."""

import time
from collections import Counter as Counted
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import Counter, Gauge, Histogram

from processors.fold.contract import Effect, Record
from schemas.base import SECOND, Micros
from schemas.dead_letters import DeadLetter
from schemas.ticks import Progress
from schemas.transitions import ChannelTroubled, DeliveryFinished, GapSeen

_EVENTS = Counter("pingfold_fold_events_total", "Journal records folded", ["fold"])
_FOLD_SECONDS = Counter("pingfold_fold_seconds_total", "Time spent in pure fold code", ["fold"])
_GONE = Counter("pingfold_fold_events_gone_total", "Journal records that were deleted unread", ["journal"])
_COMMIT_SECONDS = Histogram(
    "pingfold_fold_commit_seconds",
    "How long a transaction takes",
    ["fold"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
_APPLIED = Gauge(
    "pingfold_fold_applied_offset", "Last journal offset folded", ["fold", "partition"], multiprocess_mode="mostrecent"
)
_TIME = Gauge(
    "pingfold_partition_time_seconds", "The partition's time", ["fold", "partition"], multiprocess_mode="mostrecent"
)
_OPEN_GAPS = Gauge("pingfold_open_gaps", "Gaps open now", ["fold", "partition"], multiprocess_mode="mostrecent")
_PROGRESS_AT = Gauge(
    "pingfold_fold_progress_at_seconds",
    "When a fold last went on",
    ["fold", "partition"],
    multiprocess_mode="mostrecent",
)
_LOADING = Gauge(
    "pingfold_fold_loading_left_records",
    "Offsets of the state topic that are still to be loaded before a fold goes on",
    ["fold", "partition"],
    multiprocess_mode="mostrecent",
)
_GAPS = Counter("pingfold_gaps_total", "Gaps that have closed", ["cause"])
_ENDED = Counter("pingfold_deliveries_ended_total", "Deliveries that have ended", ["outcome"])
_DISABLED = Counter("pingfold_channels_disabled_total", "Channels disabled because nothing could be delivered")
_DEAD_LETTERS = Counter("pingfold_dead_letters_total", "Records put into dead-letters", ["topic"])
_STOPS = Counter("pingfold_fold_defective_total", "Times that a fold stopped because it refused too much", ["fold"])
_EFFECTS = Counter("pingfold_fold_effects_total", "Effects committed", ["fold", "topic"])


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
