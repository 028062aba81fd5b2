"""A thing of one partition folded again, event by event, by the real fold: what each event did to it. Pure.

The session is the one of the runtime, so what comes out is what came out then, as far as the versions that folded each
stretch are at hand (`processors.refold.stretches`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from infra.log.reading import Stored
from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.view import View
from processors.refold.stretches import Stretch
from schemas.base import Micros, encode
from schemas.dead_letters import RETRIED_HEADER
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import Progress


class Step(NamedTuple):
    """One event, and what it did. before, after: the state of the thing. effects: all of them, of whatever thing.

    time: of the partition, after it.
    """

    record: Record
    before: Any
    after: Any
    effects: Sequence[Effect]
    time: Micros


class Refold:
    """One thing of a partition, folded again upon `states`, which are decoded for the fold of the first stretch."""

    def __init__(
        self, partition: int, stretches: Sequence[Stretch], states: Mapping[str, msgspec.Struct], thing: str
    ) -> None:
        self._partition, self._stretches, self.thing = partition, list(stretches), thing
        self.fold: Fold = self._stretches[0].fold
        self.session = Session(self.fold, partition, View(dict(states)), TZDATA_VERSION)

    @property
    def progress(self) -> Progress:
        return self.session.progress

    @property
    def state(self) -> Any:
        """The state of the thing as it is now; None: it does not exist."""
        return self.session.view.get(self.thing)

    def records(self) -> dict[str, msgspec.Struct]:
        """All states as they are now. They are not changed by what is folded after."""
        return dict(self.session.view.items())

    def step(self, stored: Stored) -> Step:
        """Fold one record, which is none before the last one."""
        while len(self._stretches) > 1 and stored.offset > self._stretches[0].last:
            del self._stretches[0]
        if (fold := self._stretches[0].fold) is not self.fold:
            records = {key: fold.records.decode(encode(each)) for key, each in self.session.view.items()}
            self.fold, self.session = fold, Session(fold, self._partition, View(records), TZDATA_VERSION)
        view, record = self.session.view, record_of(stored)
        before = view.get(self.thing)
        effects = self.session.step((record,))
        return Step(record, before, view.get(self.thing), effects, self.session.progress.time)

    def steps(self, journal: Iterable[Stored]) -> Iterator[Step]:
        """Fold records, each when it is asked for."""
        return map(self.step, journal)


def record_of(stored: Stored) -> Record:
    """A record as the runtime hands it to a fold."""
    retried = any(name == RETRIED_HEADER for name, _ in stored.headers or ())
    return Record(stored.offset, stored.timestamp, stored.key, stored.value, retried)
