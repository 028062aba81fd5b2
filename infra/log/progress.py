"""The progress of every fold, read from the partition records of the state topics: for readiness, lags and metrics."""

import time
from collections.abc import Callable, Iterator

import msgspec

from schemas.base import Micros
from schemas.ticks import PROGRESS_KEY, Progress, speaks_until
from schemas.topics import JOURNAL_OF, JOURNALS, Topic

# A fold that is heard of no more for so long, though ticks come every 80 s, may have more due than is known.
FORGOTTEN_SECONDS = 200.0

_decode = msgspec.json.Decoder(Progress).decode


class FoldProgress:
    """The newest `Progress` of each (journal, partition). Fed by replicas' threads, read by the event loop."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[tuple[str, int], Progress] = {}
        self._loaded: dict[tuple[str, int], Progress] = {}
        self._heard: dict[tuple[str, int], float] = {}  # when, by the monotonic clock
        self._refused_at: dict[tuple[str, int, str], float] = {}

    def listen(
        self, states: Topic, then: Callable[[int, str, bytes | None], None] | None = None
    ) -> Callable[[int, str, bytes | None], None]:
        """What a replica of `states` is to call; everything is handed on to `then`."""
        journal = JOURNAL_OF[states].name

        def apply(partition: int, key: str, value: bytes | None) -> None:
            if key == PROGRESS_KEY and value is not None:
                self._hear(journal, partition, _decode(value))
            if then is not None:
                then(partition, key, value)

        return apply

    def _hear(self, journal: str, partition: int, progress: Progress) -> None:
        place, now = (journal, partition), time.monotonic()
        known = self._known.get(place)
        for slot, by in progress.refused.items():
            if known is None or known.refused.get(slot) != by:
                self._refused_at[journal, partition, slot] = now
        self._known[place], self._heard[place] = progress, now

    def due(self, journal: Topic, partition: int) -> Micros | None:
        """When a tick may have something to do in a partition; None when that is not known, or no more."""
        place = journal.name, partition
        progress, heard = self._known.get(place), self._heard.get(place, 0.0)
        return progress.due if progress is not None and time.monotonic() - heard < FORGOTTEN_SECONDS else None

    def of(self, journal: Topic, partition: int) -> Progress | None:
        """The progress of a partition; None: it has never been folded."""
        return self._known.get((journal.name, partition))

    def applied(self, journal: Topic) -> Iterator[tuple[int, int]]:
        """Every partition of a journal with the offset of the last event folded, -1 while there is none."""
        for number in range(self._partitions):
            progress = self._known.get((journal.name, number))
            yield number, -1 if progress is None else progress.applied

    def newest_epoch(self, slot: str) -> int:
        """The newest epoch of a source of pings in a slot that a partition knows of, 0 when none does."""
        sources = [progress.sources.get(slot) for progress in self._known.copy().values()]
        return max((source.epoch for source in sources if source is not None), default=0)

    def loaded(self) -> None:
        """What is known now was there before: it does not tell that anything is being folded."""
        self._loaded = dict(self._known)
        self._refused_at.clear()

    def only_loaded(self) -> set[tuple[str, int]]:
        """The partitions of which nothing has been heard since `loaded`: whether anybody folds them is not known."""
        return {place for place, progress in self._loaded.items() if self._known.get(place) is progress}

    def __iter__(self) -> Iterator[tuple[str, int, Progress | None]]:
        """Every (journal, partition) with its progress, None for one that has never been folded."""
        for journal in JOURNALS:
            for partition in range(self._partitions):
                yield journal.name, partition, self._known.get((journal.name, partition))

    def ahead(self, now: Micros, limit: Micros) -> list[tuple[str, int, Micros]]:
        """The partitions whose time has run ahead of `now` by more than `limit`, and by how much."""
        return [
            (journal, partition, progress.time - now)
            for journal, partition, progress in self
            if progress is not None and progress.time > now + limit
        ]

    def refused(self) -> list[tuple[str, int, str, Micros]]:
        """Whose ticks are refused in which partition, and how far they are ahead of Kafka's clock (negative: behind).

        A process that has gone away with a wrong clock is remembered by the partition; it is not told of any more when
        nothing more has been refused for a while, nor when that was before this process began to listen.
        """
        since = time.monotonic() - FORGOTTEN_SECONDS
        return [
            (journal, partition, slot, by)
            for journal, partition, progress in self
            for slot, by in sorted(progress.refused.items() if progress is not None else ())
            if self._refused_at.get((journal, partition, slot), since) > since
        ]

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
