"""Marks by which the history writer checks that the log it has read up to an offset is still the same log.

With each offset it commits a mark: a checksum of the last record read, and the newest Kafka timestamp of all. After a
power cut, or in a restored copy, the log may contain other records before that offset, which would never be written. So
the process that takes a partition over compares the mark with the log, as folds do (`processors.runtime.truncation`),
and begins where they differ.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from confluent_kafka import Consumer, TopicPartition

from infra.clock import SYSTEM_CLOCK, Clock
from infra.log.reading import NotRead
from processors.fold.contract import Record, checksum
from processors.runtime.truncation import truncated_at
from schemas.base import SECOND
from schemas.ticks import Progress
from schemas.topics import Topic

log = structlog.get_logger(__name__)

Place = tuple[str, int]

_CALL_SECONDS = 10.0
_AT_ONCE = 8
# A record whose time is further ahead of the clock says nothing of when it was written.
_BELIEVED = 86_400 * SECOND


class ReadMarks:
    """What was read of each partition; `note` is called for every record, in order."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._last: dict[Place, tuple[int, int, bytes | None, bytes | None]] = {}
        self._newest: dict[Place, int] = {}

    def note(self, place: Place, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> None:
        """A record has been read."""
        self._last[place] = offset, timestamp_ms, key, value
        if timestamp_ms > self._newest.get(place, 0):
            self._newest[place] = timestamp_ms

    def of(self, place: Place) -> str:
        """The mark of what was read of a partition, to be committed with the offset; "" when nothing was."""
        if place not in self._last:
            return ""
        offset, timestamp_ms, key, value = self._last[place]
        newest = min(self._newest[place] * 1_000, self._clock.real() + _BELIEVED)
        return f"{offset}:{checksum(Record(offset, timestamp_ms * 1_000, key, value))}:{newest}"

    def forget(self, place: Place) -> None:
        """The partition is no longer ours."""
        self._last.pop(place, None)
        self._newest.pop(place, None)


def begin(
    consumer: Consumer, bootstrap: str, partitions: Iterable[TopicPartition], beat: Callable[[], None] = lambda: None
) -> None:
    """Assign these partitions, from where they were committed, or from where they hold something else by now.

    `beat` is called while the answers are waited for.
    """
    asked = list(partitions)
    committed = consumer.committed(asked, timeout=_CALL_SECONDS) if asked else []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="marks") as pool:
        found = list(pool.map(lambda tp: _differs_at(bootstrap, tp, beat), committed))
    consumer.assign(
        [
            TopicPartition(tp.topic, tp.partition, tp.offset if differs is None else differs)
            for tp, differs in zip(committed, found, strict=True)
        ]
    )


def _differs_at(bootstrap: str, committed: Any, beat: Callable[[], None]) -> int | None:
    progress = _progress(committed.metadata or "") if committed.offset >= 0 else None
    if progress is None:
        return None
    try:
        offset = truncated_at(bootstrap, Topic(committed.topic, key=""), committed.partition, progress, beat)
    except NotRead as error:
        log.warning("history.not_compared", topic=committed.topic, partition=committed.partition, error=str(error))
        return None
    if offset is not None:
        log.error(
            "history.log_truncated",
            topic=committed.topic,
            partition=committed.partition,
            written=progress.applied,
            end=offset,
            why="the log no longer holds what was written from it; what stands there now is written",
        )
    return offset


def _progress(mark: str) -> Progress | None:
    try:
        applied, last, newest = map(int, mark.split(":"))
    except ValueError:  # committed by an older version
        return None
    # Kept as folds keep it: the last offset, a checksum, and the newest time.
    return Progress(applied=applied, last=last, newest=newest)
