"""Folds by hand: a journal of one partition written event by event, and a fold stepped over it.

Everything goes through the JSON that stands in Kafka, the events and the states alike, so that nothing passes which the
real log would not carry. `Journal` numbers the records; `Folding` steps a fold over them as the runtime would, and can
be stopped and started again from what was committed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.view import View
from schemas.base import SECOND, Micros, encode
from schemas.ticks import Progress, Tick

S = TypeVar("S", bound=msgspec.Struct)


class Journal:
    """The records of one partition of a journal, in order."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._offset: Micros = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, part: slice) -> list[Record]:
        return self.records[part]

    def add(self, key: str, event: msgspec.Struct | bytes, at: Micros, *, retried: bool = False) -> Record:
        """Append an event; `at` is the Kafka time of its record, as the newest tick's test clock would show it."""
        if isinstance(event, Tick):
            self._offset, at = event.offset, event.now
        at -= self._offset
        value = event if isinstance(event, bytes) else encode(event)
        record = Record(len(self.records), at, key.encode(), value, retried)
        self.records.append(record)
        return record


class Source:
    """Writes the ticks of a source whose time moves by the test clock: any step of time, and never a silence.

    Its real clock moves by `beat` from tick to tick; all else that `at` asks for is offset.
    """

    def __init__(self, slot: str = "web-0", epoch: int = 1, real: Micros = 0, beat: Micros = SECOND) -> None:
        self.slot, self.epoch, self.real, self.beat = slot, epoch, real, beat

    def tick(self, at: Micros, *, after: Micros | None = None, **fields: Any) -> Tick:
        """The next tick; `after`: so much real time has passed since the last one, instead of a beat."""
        self.real += self.beat if after is None else after
        return Tick(slot=self.slot, epoch=self.epoch, at=at, now=at, offset=at - self.real, **fields)


class Folding:
    """A fold at work on partition 3, from the records that stand in its state topic."""

    PARTITION = 3

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.committed: dict[str, bytes] = {}
        self.effects: list[Effect] = []
        self.restart()

    def restart(self) -> None:
        """Go on from what was committed, as the next owner of the partition would."""
        view = View({key: self.fold.records.decode(value) for key, value in self.committed.items()})
        self.session = Session(self.fold, self.PARTITION, view, tzdata="test")

    def feed(self, records: Iterable[Record]) -> list[Effect]:
        """Fold records as one batch and commit it; its effects."""
        effects = self.session.step(records)
        self._commit(effects)
        return effects

    def truncated(self, end: int) -> list[Effect]:
        """Be taken over, and find that the journal holds only what is before `end`; its effects."""
        self.restart()
        effects = self.session.truncate(end)
        self._commit(effects)
        return effects

    def _commit(self, effects: list[Effect]) -> None:
        for key, record in self.session.view.take_changes().items():
            if record is None:
                self.committed.pop(key, None)
            else:
                self.committed[key] = encode(record)
        self.effects.extend(effects)

    @property
    def progress(self) -> Progress:
        return self.session.progress

    def state(self, record_type: type[S], key: str) -> S:
        """The record that stands in the state topic."""
        record = self.fold.records.decode(self.committed[key])
        assert isinstance(record, record_type)
        return record

    def outcome(self) -> tuple[dict[str, bytes], list[tuple[Any, ...]]]:
        """All that the fold has said: its states and effects, comparable."""
        return dict(self.committed), [told(effect) for effect in self.effects]


def told(effect: Effect) -> tuple[Any, ...]:
    """An effect as it would stand in Kafka."""
    return effect.topic.name, effect.key, effect.partition, encode(effect.value)


def of_type(effects: Iterable[Effect], effect_type: type[S]) -> list[S]:
    """The effects' values that are of one type."""
    return [effect.value for effect in effects if isinstance(effect.value, effect_type)]
