"""How far every fold has come, heard from the partition records of the state topics: for readiness, lags, metrics."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from schemas import topics
from schemas.base import SECOND, Micros
from schemas.ticks import PROGRESS_KEY, Progress, speaks_until
from schemas.topics import Topic

# A fold that is heard of no more for so long, though ticks come every 80 s, may have more due than is known.
FORGOTTEN_SECONDS = 200.0

_decode = msgspec.json.Decoder(Progress).decode

# Every journal and the state topic that its fold writes.
JOURNALS: dict[Topic, Topic] = {
    topics.DEFINITIONS: topics.PROJECTS,
    topics.CHECK_STATES: topics.PINGS,
    topics.MONITOR_STATES: topics.PROBE_RESULTS,
    topics.DELIVERY_STATES: topics.DELIVERIES,
}


class Dues(Protocol):
    """What those who tick ask."""

    def due(self, journal: Topic, partition: int) -> Micros | None: ...


class FoldProgress:
    """The newest `Progress` of each (journal, partition). Fed by replicas' threads, read by the event loop."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[tuple[str, int], Progress] = {}
        self._loaded: dict[tuple[str, int], Progress] = {}
        self._heard: dict[tuple[str, int], float] = {}  # when, by the monotonic clock

    def listen(
        self, states: Topic, then: Callable[[int, str, bytes | None], None] | None = None
    ) -> Callable[[int, str, bytes | None], None]:
        """What a replica of `states` is to call; everything is handed on to `then`."""
        journal = JOURNALS[states].name

        def apply(partition: int, key: str, value: bytes | None) -> None:
            if key == PROGRESS_KEY and value is not None:
                self._known[journal, partition] = _decode(value)
                self._heard[journal, partition] = time.monotonic()
            if then is not None:
                then(partition, key, value)

        return apply

    def due(self, journal: Topic, partition: int) -> Micros | None:
        """When a tick may have something to do in a partition; None when that is not known, or no more."""
        place = journal.name, partition
        progress, heard = self._known.get(place), self._heard.get(place, 0.0)
        return progress.due if progress is not None and time.monotonic() - heard < FORGOTTEN_SECONDS else None

    def loaded(self) -> None:
        """What is known now was there before: it does not tell that anything is being folded."""
        self._loaded = dict(self._known)

    def only_loaded(self) -> set[tuple[str, int]]:
        """The partitions of which nothing has been heard since `loaded`: whether anybody folds them is not known."""
        return {place for place, progress in self._loaded.items() if self._known.get(place) is progress}

    def __iter__(self) -> Iterator[tuple[str, int, Progress | None]]:
        """Every (journal, partition) with its progress, None for one that has never been folded."""
        for journal in JOURNALS.values():
            for partition in range(self._partitions):
                yield journal.name, partition, self._known.get((journal.name, partition))

    def wrong(self, now: Micros, limit: Micros) -> list[str]:
        """What is wrong with the time of partitions: one that has run ahead of `now`, ticks that are refused."""
        told = []
        for journal, partition, progress in self:
            if progress is None:
                continue
            if progress.time > now + limit:
                told.append(f"{journal}/{partition}: its time is {(progress.time - now) // SECOND} s ahead")
            for slot, ahead in sorted(progress.refused.items()):
                where = f"{abs(ahead) // SECOND} s {'ahead of' if ahead > 0 else 'behind'}"
                told.append(f"{journal}/{partition}: ticks of {slot} do not count, which are {where} Kafka's clock")
        return told

    def behind(self, now: Micros, limit: Micros) -> list[str]:
        """The partitions whose states speak of no time later than `limit` before `now`, as `journal/partition`.

        Where nothing is due ticks come seldom, and the time is as old as that: what was there when this process began
        counts, too, or a process that starts would not be ready until the next tick.
        """
        return [
            f"{journal}/{partition}"
            for journal, partition, progress in self
            if progress is None or speaks_until(progress) < now - limit
        ]
