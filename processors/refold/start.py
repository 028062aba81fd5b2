"""Where a partition of a journal can be folded again from: its beginning, or a snapshot; else the reason. Pure but for
the reading of snapshots.

The beginning is preferred where all that was folded is still there and can be folded as it was (`Start.sure`): it needs
nothing but the journal. Otherwise the newest snapshot that fits stands in for it. `Start.blocked` says why neither is
possible: whoever gets that must not fold, and tells the reason.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from processors.fold.contract import Fold
from processors.refold.snapshots import Damaged, Snapshot
from processors.refold.stretches import Stretch, begins_with, stretches_of
from schemas.ticks import Progress


class KeptStates(Protocol):
    """States of partitions that were put aside: a snapshot, or a checkpoint."""

    name: str

    def applied(self, fold: str, partition: int, /) -> int: ...

    def version(self, fold: str, partition: int, /) -> int: ...

    def truncated(self, fold: str, partition: int, /) -> int | None: ...


class Folded(NamedTuple):
    """A partition of a journal as it stands. progress: its own record in the state topic, which tells what was folded.

    begin: offset of the first record that the journal still holds. end: the offset after its last one.
    """

    fold: Fold
    partition: int
    progress: Progress
    begin: int
    end: int


class Start(NamedTuple):
    """From where a partition can be folded again.

    first: offset of the first event to fold. snapshot: whose states it is folded upon; None: upon none. blocked: why it
    cannot be, then `stretches` is empty.
    """

    first: int
    stretches: list[Stretch]
    snapshot: Snapshot | None = None
    blocked: str = ""

    @property
    def doubts(self) -> list[str]:
        """Which stretches may come out otherwise than they did, each with the reason."""
        return [f"{each.first} to {each.last}: {each.doubt}" for each in self.stretches if each.doubt]

    @property
    def sure(self) -> bool:
        return not self.blocked and not self.doubts


def start_of(journal: Folded, former: Iterable[Fold], snapshot: KeptStates | None = None) -> Start:
    """How a partition is folded again from this snapshot, or from its beginning. `former`: folds at hand that are of
    older versions."""
    fold, partition, progress, begin, end = journal
    start = 0 if snapshot is None else snapshot.applied(fold.name, partition) + 1
    blocked, first = "", max(start, begins_with(progress))
    if progress.truncated is not None and (snapshot is None or snapshot.truncated(fold.name, partition) is None):
        blocked = f"the journal had lost what was folded from {progress.truncated} on; the states hold it"
    elif first <= progress.applied and begin > first:
        blocked = f"the journal begins at {begin}; what was folded from {first} on is gone"
    elif start <= progress.applied and end <= progress.applied:
        blocked = f"the journal ends at {end}, before {progress.applied}, which the states have folded"
    known = snapshot if isinstance(snapshot, Snapshot) else None
    return Start(start, [] if blocked else stretches_of(progress, start, fold, former), known, blocked)


def misfit(snapshot: KeptStates, fold: Fold, partition: int, progress: Progress) -> str:
    """Why a partition cannot be folded again upon the states of a snapshot; "": it can."""
    if snapshot.applied(fold.name, partition) > progress.applied:
        return f"snapshot {snapshot.name} is newer than the states: not used"
    if snapshot.truncated(fold.name, partition) != progress.truncated:
        return f"snapshot {snapshot.name} is older than a loss of the journal: not used"
    if snapshot.version(fold.name, partition) > fold.version:
        return f"snapshot {snapshot.name} is of a newer version: not used"
    return ""


def best_start(
    journal: Folded, former: Sequence[Fold], snapshots: Iterable[Snapshot], notes: list[str], before: int | None = None
) -> Start:
    """The start of one partition by itself: from the beginning if that is sure, else from the newest of `snapshots`
    (the newest first) that fits.

    before: what is asked about is at or after this offset; a snapshot of a later one is not used. `notes` takes why a
    snapshot was not used, and what had not been verified when the one that is used was taken.
    """
    fold, partition, progress = journal.fold, journal.partition, journal.progress
    from_beginning = start_of(journal, former)
    if from_beginning.sure:
        return from_beginning
    for snapshot in snapshots:
        if why := misfit(snapshot, fold, partition, progress):
            notes.append(why)
            continue
        if before is not None and snapshot.applied(fold.name, partition) >= before:
            continue
        start = start_of(journal, former, snapshot)
        if start.blocked:
            notes.append(f"snapshot {snapshot.name}: {start.blocked}")
            continue
        try:
            snapshot.check_states(fold.name, partition)
        except Damaged as error:
            notes.append(f"{error}: not used")
            continue
        notes += [f"the snapshot {snapshot.name} was not verified: {line}" for line in snapshot.manifest.unverified]
        return start
    return from_beginning
