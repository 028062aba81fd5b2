"""How far every fold has come, heard from the partition records of the state topics: for readiness, lags, metrics."""

from collections.abc import Callable, Iterator

import msgspec

from schemas import topics
from schemas.base import SECOND, Micros
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import Topic

_decode = msgspec.json.Decoder(Progress).decode

# Every journal and the state topic that its fold writes.
JOURNALS: dict[Topic, Topic] = {
    topics.DEFINITIONS: topics.PROJECTS,
    topics.CHECK_STATES: topics.PINGS,
    topics.MONITOR_STATES: topics.PROBE_RESULTS,
    topics.DELIVERY_STATES: topics.DELIVERIES,
}


class FoldProgress:
    """The newest `Progress` of each (journal, partition). Fed by replicas' threads, read by the event loop."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._known: dict[tuple[str, int], Progress] = {}
        self._loaded: dict[tuple[str, int], Progress] = {}

    def listen(
        self, states: Topic, then: Callable[[int, str, bytes | None], None] | None = None
    ) -> Callable[[int, str, bytes | None], None]:
        """What a replica of `states` is to call; everything is handed on to `then`."""
        journal = JOURNALS[states].name

        def apply(partition: int, key: str, value: bytes | None) -> None:
            if key == PROGRESS_KEY and value is not None:
                self._known[journal, partition] = _decode(value)
            if then is not None:
                then(partition, key, value)

        return apply

    def loaded(self) -> None:
        """What is known now was there before: it does not tell that anything is being folded."""
        self._loaded = dict(self._known)

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
        """The partitions whose time is more than `limit` before `now` or was only loaded, as `journal/partition`."""
        return [
            f"{journal}/{partition}"
            for journal, partition, progress in self
            if progress is None or progress is self._loaded.get((journal, partition)) or progress.time < now - limit
        ]
