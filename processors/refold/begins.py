"""The places from which one thing of a partition can be folded again up to a time, the nearest first.

A place is never nearer than what is asked about: its states are of before that time. Where none is left, `Cut` says
from when on there is an answer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from heapq import merge
from pathlib import Path
from typing import NamedTuple

import msgspec

from processors.errors import ProcessorError
from processors.fold.contract import Fold
from processors.refold.checkpoints import checkpoints_in
from processors.refold.log import Log
from processors.refold.selection import states_about
from processors.refold.snapshots import Damaged, Snapshot, snapshots_in
from processors.refold.start import Folded, KeptStates, misfit, start_of
from processors.refold.stretches import Stretch
from schemas.base import Micros
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.times import iso


class Cut(ProcessorError):
    """That time cannot be folded again; the message says why, and from when on others can."""


class Begin(NamedTuple):
    """first: offset of the first event to fold upon `states`. name: of the place. stretches: none before `first`.

    doubts: which of them may come out otherwise than they did, and why. states: raises `Damaged`.
    """

    first: int
    name: str
    stretches: Sequence[Stretch]
    states: Callable[[], Mapping[str, msgspec.Struct]]
    doubts: Sequence[str]


class Kept(NamedTuple):
    """The folders of what was put aside."""

    snapshots: Path
    checkpoints: Path


class _Place(NamedTuple):
    """told_until: the clock time up to which events are in its states."""

    applied: int
    told_until: Micros
    name: str
    kept: KeptStates
    states_of: Callable[[Fold, str], dict[str, msgspec.Struct]]


def folded(log: Log, fold: Fold, partition: int, progress: Progress) -> Folded:
    """A partition as it stands."""
    begin, end = log.begins(fold.journal)[partition], log.ends(fold.journal)[partition]
    return Folded(fold, partition, progress, begin, end)


def begins(
    journal: Folded, former: Sequence[Fold], kept: Kept, thing: str, until: Micros, notes: list[str]
) -> Iterator[Begin]:
    """Checkpoints and snapshots of before `until`, the newest first, and at last the beginning of the journal.

    `notes` takes why one was not used. Raises `Cut` in place of a beginning that is gone.
    """
    later: list[Micros] = []
    for place in _places(journal, kept, notes):
        start = start_of(journal, former, place.kept)
        if why := misfit(place.kept, journal.fold, journal.partition, journal.progress) or start.blocked:
            notes.append(f"{place.name}: {why}")
        elif place.told_until > until:
            later.append(place.told_until)
        elif start.stretches:
            states = partial(place.states_of, start.stretches[0].fold, thing)
            yield Begin(start.first, place.name, start.stretches, states, start.doubts)
    start = start_of(journal, former)
    if start.blocked:
        since = f"; times from {iso(min(later))} on can be told" if later else ""
        raise Cut(f"{journal.fold.journal}/{journal.partition}: {start.blocked}{since}")
    yield Begin(start.first, "beginning", start.stretches, dict, start.doubts)


def _places(journal: Folded, kept: Kept, notes: list[str]) -> Iterable[_Place]:
    """What was put aside, the newest first; each is read when it is asked for."""
    fold, partition = journal.fold, journal.partition
    checkpoints = (
        _Place(each.progress.applied, each.told_until, f"checkpoint {each.name}", each, each.states_of)
        for each in checkpoints_in(kept.checkpoints, fold.name, partition, notes)
    )
    known = sorted(snapshots_in(kept.snapshots, notes), key=lambda one: one.applied(fold.name, partition), reverse=True)
    snapshots = (place for each in known if (place := _verified(each, journal, notes)) is not None)
    return merge(checkpoints, snapshots, key=lambda place: place.applied, reverse=True)


def _verified(snapshot: Snapshot, journal: Folded, notes: list[str]) -> _Place | None:
    fold, partition = journal.fold, journal.partition
    try:
        snapshot.check_states(fold.name, partition)
        own = snapshot.load(fold, partition, lambda key: key == PROGRESS_KEY).get(PROGRESS_KEY)
    except Damaged as error:
        notes.append(f"{error}: not used")
        return None
    if not isinstance(own, Progress):
        return None  # nothing was folded yet

    def states_of(reads: Fold, thing: str) -> dict[str, msgspec.Struct]:
        return snapshot.load(reads, partition, states_about(thing))

    return _Place(own.applied, own.newest + own.offset, f"snapshot {snapshot.name}", snapshot, states_of)
