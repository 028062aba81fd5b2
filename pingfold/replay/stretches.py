"""Folding one partition again: each stretch of its journal by the version that folded it. Pure.

The partition's record tells the epochs. A stretch whose version of the fold is at hand, with the time zone data and the
schedule libraries of this process, is `sure`: it must come out as it did. Any other stretch is folded by the newest
version all the same: what comes out equal is proven to be, what does not cannot be compared.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from infra.log.reading import Stored
from pingfold.replay.derived import made_by
from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.view import View
from processors.refold.stretches import Stretch
from schemas.base import encode
from schemas.dead_letters import RETRIED_HEADER
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import Progress

# Events stepped at once: so precisely it is known from which events an effect came.
_STEP = 100

# Takes the effects of the events from one offset to another one.
TakeEffects = Callable[[Sequence[Effect], int, int], None]


class Folded(NamedTuple):
    """What came out. records: of the newest version."""

    view: View
    events: int


def fold_again(
    fold: Fold,
    partition: int,
    stretches: Sequence[Stretch],
    states: Mapping[str, msgspec.Struct],
    journal: Iterable[Stored],
    take: TakeEffects,
    heard: Callable[[int], None] = lambda _: None,
) -> Folded:
    """Fold `journal`, the records of these stretches, upon `states`. `heard` is called with the offset now and then."""
    records = dict(states)
    view, events = View(records), 0
    session: Session | None = None
    for stretch, batch in _batches(stretches, journal):
        if session is None or session.fold is not stretch.fold:
            if session is not None:
                view = View(_decoded_by(stretch.fold, view))
            session = Session(stretch.fold, partition, view, TZDATA_VERSION)
        if effects := made_by(fold.name, stretch.version, session.step(batch)):
            take(effects, batch[0].offset, batch[-1].offset)
        view.take_changes()
        events += len(batch)
        heard(batch[-1].offset)
    if session is not None and session.fold is not fold:
        view = View(_decoded_by(fold, view))
    return Folded(view, events)


def _decoded_by(fold: Fold, view: View) -> dict[str, msgspec.Struct]:
    """States as a version of the fold reads them that did not write them: as an upgrade does."""
    return {key: fold.records.decode(encode(record)) for key, record in view.items()}


def _batches(stretches: Sequence[Stretch], journal: Iterable[Stored]) -> Iterator[tuple[Stretch, list[Record]]]:
    remaining = iter(stretches)
    stretch = next(remaining, None)
    batch: list[Record] = []
    for stored in journal:
        while stretch is not None and stored.offset > stretch.last:
            if batch:
                yield stretch, batch
                batch = []
            stretch = next(remaining, None)
        if stretch is None:
            return
        retried = any(name == RETRIED_HEADER for name, _ in stored.headers or ())
        batch.append(Record(stored.offset, stored.timestamp, stored.key, stored.value, retried))
        if len(batch) == _STEP:
            yield stretch, batch
            batch = []
    if batch and stretch is not None:
        yield stretch, batch


def same_but_for_versions(one: Progress, other: Progress) -> bool:
    """Whether two records of a partition agree. Which versions folded it is told apart, and is no difference.

    Nor is a hint for those who tick."""
    return encode(_without_versions(one)) == encode(_without_versions(other))


def _without_versions(progress: Progress) -> Progress:
    return msgspec.structs.replace(progress, epochs=(), fold=0, tzdata="", due=None)
