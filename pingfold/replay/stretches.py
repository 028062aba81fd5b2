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
from processors.fold.epochs import MOST_EPOCHS, Versions, epochs_of, versions_of
from processors.fold.view import View
from schemas.base import encode
from schemas.dead_letters import RETRIED_HEADER
from schemas.schedules import SCHEDULES_VERSION, TZDATA_VERSION
from schemas.ticks import Progress

# Events stepped at once: so precisely it is known from which events an effect came.
_STEP = 100

# Takes the effects of the events from one offset to another one.
TakeEffects = Callable[[Sequence[Effect], int, int], None]


class Stretch(NamedTuple):
    """Events `first` to `last` of a journal, and the fold that folds them again.

    doubt: why it may not be the same. version: of the fold that folded them first, 0 when it is not known.
    """

    first: int
    last: int
    fold: Fold
    doubt: str = ""
    version: int = 0


def stretches_of(progress: Progress, start: int, fold: Fold, former: Iterable[Fold]) -> list[Stretch]:
    """The stretches of a partition from the offset `start` to the last event applied.

    `fold`: as this program has it. `former`: folds of older versions that are at hand.
    """
    at_hand = {each.version: each for each in former if each.name == fold.name} | {fold.version: fold}
    if not (epochs := epochs_of(progress)):
        return []
    stretches: list[Stretch] = []
    if len(epochs) == MOST_EPOCHS and epochs[0].offset > start:
        stretches.append(Stretch(start, epochs[0].offset - 1, fold, "by which versions it was folded is forgotten"))
    ends = [epoch.offset - 1 for epoch in epochs[1:]] + [progress.applied]
    for epoch, last in zip(epochs, ends, strict=True):
        first = max(start, stretches[-1].last + 1 if stretches else start)
        if first > last:
            continue
        used = at_hand.get(epoch.fold, fold)
        now, then = Versions(used.version, TZDATA_VERSION, SCHEDULES_VERSION), versions_of(epoch)
        doubt = "" if now.explains(then) else _doubt(now, then)
        stretches.append(Stretch(first, last, used, doubt, epoch.fold))
    return stretches


def _doubt(now: Versions, then: Versions) -> str:
    differing = [
        f"{what} {old or 'unknown'} (here {new})"
        for what, old, new in (
            ("version of the fold", then.fold, now.fold),
            ("time zone data", then.tzdata, now.tzdata),
            ("schedule libraries", then.schedules, now.schedules),
        )
        if old != new
    ]
    return f"folded with {', '.join(differing)}"


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


def begins_with(progress: Progress) -> int:
    """The offset of the first event that was ever folded into a partition, as far as is known."""
    return progress.epochs[0].offset if progress.epochs and len(progress.epochs) < MOST_EPOCHS else 0
