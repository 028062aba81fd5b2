"""The partitions that a question is about, and from where each of them is folded again.

A partition is begun at its beginning if all of its journal is there and was folded by these versions; otherwise at the
newest verified snapshot that fits. Then the settings count from the snapshot on, and nothing is told of before.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from infra.log.partitioner import partition_of
from infra.log.reading import NotRead
from pingfold.errors import PingfoldError
from processors.fold.contract import Fold
from processors.fold.epochs import must_not_be_newer
from processors.refold.log import Log
from processors.refold.snapshots import Snapshot, snapshots_in
from processors.refold.start import Folded, Start, best_start
from schemas.base import Micros
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import PINGS, PROBE_RESULTS, Topic
from schemas.what_if.questions import Chosen

_JOURNALS: dict[str, Topic] = {"check": PINGS, "monitor": PROBE_RESULTS}
_TAIL = 500


class NotAnswerable(PingfoldError):
    """The journals do not hold what is asked about; the message says what is missing, and what to do."""


class Part(NamedTuple):
    """A partition. ids: of the chosen things in it. last: the last offset to fold. begin: the first one that the
    journal held. from_time: of the snapshot that it begins with; 0: it begins at the beginning."""

    fold: Fold
    partition: int
    ids: frozenset[str]
    start: Start
    last: int
    begin: int
    from_time: Micros = 0

    @property
    def size(self) -> int:
        """How many offsets are read."""
        return max(0, self.last + 1 - self.start.first)

    @property
    def doubtful_until(self) -> int:
        """The last offset that other versions folded, -1 if there is none."""
        return max((stretch.last for stretch in self.start.stretches if stretch.doubt), default=-1)

    def __str__(self) -> str:
        return f"{self.fold.journal}/{self.partition}"


def parts_of(chosen: Sequence[Chosen], log: Log, folds: Sequence[Fold], folder: Path, notes: list[str]) -> list[Part]:
    """By partition, in order. Raises `NotAnswerable`, `NotRead` and `NewerStates`."""
    by_journal = {fold.journal: fold for fold in folds}
    ids: dict[tuple[Topic, int], set[str]] = {}
    counts: dict[Topic, int] = {}
    for one in chosen:
        journal = _JOURNALS[one.kind]
        if journal not in counts:
            counts[journal] = len(log.ends(journal))
        ids.setdefault((journal, partition_of(one.id.encode(), counts[journal])), set()).add(one.id)
    snapshots = list(snapshots_in(folder, notes))
    parts = []
    for journal in dict.fromkeys(journal for journal, _ in ids):
        begins, ends = log.begins(journal), log.ends(journal)
        for number in sorted(number for topic, number in ids if topic is journal):
            fold = by_journal[journal]
            folded = Folded(fold, number, _progress(log, fold, number), begins[number], ends[number])
            parts.append(_part(folded, frozenset(ids[journal, number]), snapshots, notes))
    return parts


def _part(folded: Folded, ids: frozenset[str], snapshots: Sequence[Snapshot], notes: list[str]) -> Part:
    told: list[str] = []
    start = best_start(folded, (), snapshots, told)
    place = f"{folded.fold.journal}/{folded.partition}"
    notes += [f"{place}: {line}" for line in told]
    if start.blocked:
        raise NotAnswerable(
            f"{place} cannot be folded again: {start.blocked}. It can be from the next snapshot on: "
            "`pingfold replay --snapshot` takes one"
        )
    part = Part(folded.fold, folded.partition, ids, start, folded.progress.applied, folded.begin)
    if start.snapshot is None:
        return part
    own = start.snapshot.load(folded.fold, folded.partition, lambda key: key == PROGRESS_KEY).get(PROGRESS_KEY)
    return part._replace(from_time=own.time if isinstance(own, Progress) else 0)


def _progress(log: Log, fold: Fold, partition: int) -> Progress:
    """The partition's own record, which is written last of each batch: it stands near the end of the state topic."""
    end = log.ends(fold.states)[partition]
    for start in _ever_earlier(end):
        newest = None
        for stored in log.read(fold.states, partition, start, end):
            if stored.key == PROGRESS_KEY.encode() and stored.value is not None:
                newest = stored.value
        if newest is not None:
            progress = fold.records.decode(newest)
            if not isinstance(progress, Progress):
                raise NotRead(f"{fold.states}/{partition}: the record of the partition is a {type(progress).__name__}")
            must_not_be_newer(f"{fold.states}/{partition}", progress, fold.version)
            return progress
    return Progress()


def _ever_earlier(end: int) -> Iterator[int]:
    back = _TAIL
    while back < end:
        yield end - back
        back *= 8
    yield 0
