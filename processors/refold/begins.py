"""The places from which one thing of a partition can be folded again up to a time, the nearest first.

A place is never nearer than what it is to explain: its states are of before that time. Where none is left, `Cut` says
from when on there is an answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from processors.errors import ProcessorError
from processors.fold.contract import Fold
from processors.refold.log import Log
from processors.refold.selection import states_about
from processors.refold.snapshots import Damaged, Snapshot, snapshots_in
from processors.refold.start import Folded, Start, misfit, start_of
from processors.refold.stretches import Stretch
from schemas.base import Micros
from schemas.ticks import PROGRESS_KEY, Progress


class Cut(ProcessorError):
    """That time cannot be folded again; the message says why, and from when on others can."""


class Begin(NamedTuple):
    """first: offset of the first event to fold upon `states`. name: of the place. stretches: none before `first`."""

    first: int
    name: str
    stretches: Sequence[Stretch]
    states: Callable[[], Mapping[str, msgspec.Struct]]
    doubts: Sequence[str]


def told_until(progress: Progress) -> Micros:
    """The clock time up to which events are in the states of a partition."""
    return progress.newest + progress.offset


def folded(log: Log, fold: Fold, partition: int, progress: Progress) -> Folded:
    """A partition as it stands."""
    begin, end = log.begins(fold.journal)[partition], log.ends(fold.journal)[partition]
    return Folded(fold, partition, progress, begin, end)


def begins(
    journal: Folded, former: Sequence[Fold], snapshots: Path, thing: str, until: Micros, notes: list[str]
) -> Iterator[Begin]:
    """The snapshots of before `until`, the newest first, and at last the beginning of the journal.

    `notes` takes why a snapshot was not used. Raises `Cut` in place of a beginning that is gone.
    """
    later: Micros | None = None
    for snapshot in snapshots_in(snapshots, notes):
        if (begin := _of_snapshot(snapshot, journal, former, thing, notes)) is None:
            continue
        told = told_until(_progress(snapshot, journal))
        if told > until:
            later = told
            continue
        yield begin
    start = start_of(journal, former)
    if start.blocked:
        since = "" if later is None else f"; times from {later} on can be told"
        raise Cut(f"{journal.fold.journal}/{journal.partition}: {start.blocked}{since}")
    yield Begin(start.first, "beginning", start.stretches, dict, start.doubts)


def _of_snapshot(
    snapshot: Snapshot, journal: Folded, former: Sequence[Fold], thing: str, notes: list[str]
) -> Begin | None:
    fold, partition = journal.fold, journal.partition
    start: Start = start_of(journal, former, snapshot)
    why = misfit(snapshot, fold, partition, journal.progress) or start.blocked
    if not why:
        try:
            snapshot.check_states(fold.name, partition)
        except Damaged as error:
            why = str(error)
    if why or not start.stretches:
        if why:
            notes.append(f"snapshot {snapshot.name}: {why}")
        return None
    reads = start.stretches[0].fold
    return Begin(
        start.first,
        f"snapshot {snapshot.name}",
        start.stretches,
        lambda: snapshot.load(reads, partition, states_about(thing)),
        start.doubts,
    )


def _progress(snapshot: Snapshot, journal: Folded) -> Progress:
    known = snapshot.load(journal.fold, journal.partition, lambda key: key == PROGRESS_KEY).get(PROGRESS_KEY)
    return known if isinstance(known, Progress) else Progress()
