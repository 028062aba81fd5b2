"""A replay from beginning to end: picture, plan, fold partition after partition, compare, perhaps write a snapshot.

Memory: the states of one partition of one fold (as a worker has them), the caches of the store, 16 MiB of records
fetched ahead; nothing grows with the number of events or effects. On disk the store takes the size of the states and
about 70 bytes for each effect.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from infra.log.reading import Stored
from pingfold.replay.consistent_cut import ConsistentCut, StoredStates, take_consistent_cut
from pingfold.replay.derived import IsMade
from pingfold.replay.effects import Expected, Judge, Place, Source, Window
from pingfold.replay.outcome import NotComparable, Outcome, Tell
from pingfold.replay.snapshots import write_snapshot
from pingfold.replay.states import differences
from pingfold.replay.store import Store
from pingfold.replay.stretches import fold_again
from processors.fold.contract import Effect, Fold
from processors.refold.log import Log
from processors.refold.snapshots import Damaged, Snapshot, snapshots_in
from processors.refold.start import Folded, Start, misfit, start_of
from processors.refold.stretches import begins_with
from schemas.topics import Topic

_TELL_SECONDS = 5.0


@dataclass(frozen=True)
class Scope:
    """What is replayed.

    topics: every topic to which the folds send effects. former: folds of older versions that are at hand. snapshots:
    the folder of snapshots.
    """

    log: Log
    folds: Sequence[Fold]
    topics: Mapping[Topic, IsMade]
    snapshots: Path
    former: Sequence[Fold] = field(default=())


class Plan(NamedTuple):
    """How one partition is folded again."""

    kept: StoredStates
    start: Start


def run(scope: Scope, verify: bool, snapshot: bool, unverified: bool, tell: Tell) -> Outcome:
    """Fold everything again; `verify`: compare; `snapshot`: then write one, if all is equal.

    `unverified`: write it also when something cannot be compared. Raises `NotRead`, `NewerStates`.
    """
    store = Store()
    try:
        return _Run(scope, store, tell).run(verify or snapshot, snapshot, unverified)
    finally:
        store.close()


class _Run:
    def __init__(self, scope: Scope, store: Store, tell: Tell) -> None:
        self._scope, self._store, self._tell = scope, store, _now_and_then(tell)
        self._outcome = Outcome()

    def run(self, verify: bool, snapshot: bool, unverified: bool) -> Outcome:
        scope, outcome = self._scope, self._outcome
        picture = take_consistent_cut(scope.log, self._store, scope.folds, scope.topics, self._tell)
        plans, begin = self._plan(picture)
        counts: dict[str, int] = {}
        for name, partition in picture.lower:
            counts[name] = max(counts.get(name, 0), partition + 1)
        expected = Expected(self._store, counts)
        for plan in plans:
            fold, partition, progress, _ = plan.kept
            source = Source(fold.journal.name, partition, plan.start.first, progress.applied, plan.start.sure)
            expected.sources.append(source)
            if not self._fold(plan, begin, expected, verify):
                expected.sources[-1] = source._replace(sure=False)
        if not verify:
            return outcome
        judge = Judge(scope.log, self._store, expected, outcome)
        by_place = _windows(picture, begin)
        for topic, is_made in scope.topics.items():
            for partition in range(counts[topic.name]):
                self._tell(f"{topic}/{partition}: comparing effects")
                judge.judge(topic, partition, is_made, by_place[topic.name, partition])
        if snapshot and (outcome.verdict == "equal" or (outcome.verdict == "not comparable" and unverified)):
            reasons = list(map(str, outcome.not_comparable))
            outcome.written = write_snapshot(scope.snapshots, self._store, picture, judge.accounted, reasons)
        return outcome

    def _plan(self, picture: ConsistentCut) -> tuple[list[Plan], Snapshot | None]:
        """From the beginning of the journals if all of it is comparable, else from the newest snapshot that fits."""
        log, former = self._scope.log, self._scope.former
        begins = {fold.name: log.begins(fold.journal) for fold in self._scope.folds}
        ends = {fold.name: log.ends(fold.journal) for fold in self._scope.folds}

        def plan(kept: StoredStates, snapshot: Snapshot | None) -> Plan:
            fold, partition, progress, _ = kept
            begin, end = begins[fold.name][partition], ends[fold.name][partition]
            return Plan(kept, start_of(Folded(fold, partition, progress, begin, end), former, snapshot))

        plans = [plan(kept, None) for kept in picture.kept]
        if all(each.start.sure for each in plans):
            return plans, None
        if (snapshot := self._usable_snapshot(picture)) is None:
            return plans, None
        outcome, manifest = self._outcome, snapshot.manifest
        outcome.snapshot = snapshot.name
        outcome.notes.append(f"begins with snapshot {snapshot.name}: from the beginning not all of it is comparable")
        outcome.notes += [f"the snapshot was not verified: {line}" for line in manifest.unverified]
        return [plan(kept, snapshot) for kept in picture.kept], snapshot

    def _usable_snapshot(self, picture: ConsistentCut) -> Snapshot | None:
        for snapshot in snapshots_in(self._scope.snapshots, self._outcome.notes):
            for fold, partition, progress, _ in picture.kept:
                if why := misfit(snapshot, fold, partition, progress):
                    self._outcome.notes.append(why)
                    break
            else:
                try:
                    snapshot.check()
                except Damaged as error:
                    self._outcome.notes.append(f"{error}: not used")
                else:
                    return snapshot
        return None

    def _fold(self, plan: Plan, begin: Snapshot | None, expected: Expected, verify: bool) -> bool:
        """Fold a partition, the last source of `expected`, and compare its states. Whether its effects are sure."""
        outcome, (fold, partition, progress, _), start = self._outcome, *plan
        if start.blocked:
            outcome.not_comparable.append(NotComparable(fold.journal.name, partition, start.blocked))
            return False
        source = len(expected.sources) - 1

        def take(effects: Sequence[Effect], first: int, last: int) -> None:
            outcome.effects += len(effects)
            if verify:
                expected.add(effects, source, first, last)

        states = {} if begin is None else begin.load(fold, partition)
        place = f"{fold.journal}/{partition}"
        journal: Iterator[Stored] = self._scope.log.read(fold.journal, partition, start.first, progress.applied + 1)
        view, events = fold_again(
            fold, partition, start.stretches, states, journal, take,
            lambda offset: self._tell(f"{place}: folded up to {offset} of {progress.applied}"),
        )  # fmt: skip
        outcome.events += events
        outcome.states += len(view)
        if (first := max(start.first, begins_with(progress))) <= progress.applied:
            cut = self._scope.log.begins(fold.journal)[partition]
            if cut > first:
                why = f"retention deleted what stood before {cut} while it was read"
                outcome.not_comparable.append(NotComparable(fold.journal.name, partition, why))
                return False
        if verify:
            found = differences(self._store, plan.kept, view)
            if start.sure:
                for difference in found:
                    outcome.differs(difference)
            elif one := next(found, None):
                why = f"{'; '.join(start.doubts)}; {1 + sum(1 for _ in found)} states differ, such as {one}"
                outcome.not_comparable.append(NotComparable(fold.journal.name, partition, why))
            else:
                outcome.notes.append(f"{place}: {'; '.join(start.doubts)}; the states are equal all the same")
        return start.sure


def _windows(picture: ConsistentCut, begin: Snapshot | None) -> dict[Place, Window]:
    windows = {place: Window(lower, picture.upper[place]) for place, lower in picture.lower.items()}
    for place, since in (begin.effects() if begin is not None else {}).items():
        if place in windows:
            window = windows[place]
            window.start, window.doubtful, window.accounted = since.start, since.doubtful, frozenset(since.accounted)
    return windows


def _now_and_then(tell: Tell) -> Tell:
    """At most one line in so many seconds."""
    told_at = time.monotonic()

    def now_and_then(line: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_SECONDS:
            told_at = time.monotonic()
            tell(line)

    return now_and_then
