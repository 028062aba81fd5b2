"""Explains a thing at a time, from the log: where to begin, what to read, and the answer (`processors/explain/`).

It begins at the nearest place whose states are of before that time. When an event that belongs to the answer stands
before that, it begins at the place before, up to the beginning of the journal: an answer is never short of what led to
it. Reading is bounded in time (`TooLong`), and in memory: of a partition only what concerns the thing is kept.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from infra.log.reading import Stored
from processors.errors import ProcessorError
from processors.explain.answer import explanation, name_events
from processors.explain.story import Story, tell
from processors.fold.contract import Fold, Record
from processors.refold.begins import Begin, begins, folded
from processors.refold.log import Log
from processors.refold.selection import events_about
from processors.refold.start import Folded
from processors.refold.steps import Refold, record_of
from schemas.base import Micros
from schemas.explanations import Explanation, FoldedFrom
from schemas.ticks import Progress

# So many records are read before the clock is looked at, and others get their turn.
_BATCH = 500


class TooLong(ProcessorError):
    """The time for an answer is up: nothing is told. A nearer snapshot makes it shorter."""


class Unknown(ProcessorError):
    """There is no such thing in what was folded up to that time."""


class Explainer:
    """progress: the newest record of a partition of this fold. snapshots: their folder. former: older folds at hand.

    pause: called between batches of records, so that a process that does other work as well gets on with it.
    """

    def __init__(
        self,
        log: Log,
        folds: Sequence[Fold],
        progress: Callable[[Fold, int], Progress],
        snapshots: Path,
        former: Sequence[Fold] = (),
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._log, self._progress, self._snapshots, self._former = log, progress, snapshots, former
        self._folds = {fold.name: fold for fold in folds}
        self._pause = pause

    def explain(self, fold: str, thing: str, partition: int, at: Micros, patience: float) -> Explanation:
        """The explanation; blocks for at most `patience` seconds, and what one fetch takes.

        Raises `Unknown`, `TooLong`, `processors.refold.begins.Cut`, `infra.log.reading.NotRead`.
        """
        return _Question(self, self._folds[fold], thing, partition, at, patience).answer()

    def parts(self) -> tuple[Log, Callable[[Fold, int], Progress], Path, Sequence[Fold], Callable[[], None]]:
        """What questions use."""
        return self._log, self._progress, self._snapshots, self._former, self._pause


class _Question:
    def __init__(
        self, explainer: Explainer, fold: Fold, thing: str, partition: int, at: Micros, patience: float
    ) -> None:
        self._log, progress, self._snapshots, self._former, self._pause = explainer.parts()
        self._fold, self._thing, self._partition, self._at = fold, thing, partition, at
        self._deadline = time.monotonic() + patience
        self._journal: Folded = folded(self._log, fold, partition, progress(fold, partition))
        self._notes: list[str] = []

    def answer(self) -> Explanation:
        """Begin ever earlier, until nothing is missing."""
        for begin in self._begins(self._at):
            story = self._tell(begin, self._at)
            changes, whole = name_events(story.changes, self._fold, self._partition, self._thing, self._find)
            state = None if story.moment is None else story.moment.records.get(self._thing)
            if begin.first and (not whole or (not changes and state is None)):
                continue
            if not changes and begin.first and state is not None:
                why = self._why(getattr(state, "since", self._at))
                changes, whole = name_events(why.changes, self._fold, self._partition, self._thing, self._find)
            if state is None and not changes:
                raise Unknown(f"nothing is known of it up to then in {self._fold.journal}/{self._partition}")
            return explanation(
                story,
                self._thing,
                self._partition,
                changes,
                self._folded_from(begin, story),
                self._notes + list(begin.doubts),
            )
        raise Unknown(f"{self._fold.journal}/{self._partition} has never been folded")

    def _why(self, since: Micros) -> Story:
        """The story up to the change that made the status what it is."""
        for begin in self._begins(since):
            story = self._tell(begin, since)
            if not begin.first or (
                story.changes and name_events(story.changes, self._fold, self._partition, self._thing, self._find).whole
            ):
                return story
        return Story(since)

    def _begins(self, until: Micros) -> Iterator[Begin]:
        notes: list[str] = []
        yield from begins(self._journal, self._former, self._snapshots, self._thing, until, notes)

    def _folded_from(self, begin: Begin, story: Story) -> FoldedFrom:
        last = begin.first - 1 if story.moment is None else story.moment.last
        return FoldedFrom(self._fold.journal.name, self._partition, begin.first, last, begin.name)

    def _tell(self, begin: Begin, until: Micros) -> Story:
        if not begin.stretches:
            raise Unknown(f"{self._fold.journal}/{self._partition} has never been folded")
        refold = Refold(self._partition, begin.stretches, begin.states(), self._thing)
        return tell(refold, self._records(begin.first), until)

    def _records(self, first: int) -> Iterator[Stored]:
        concerns = events_about(self._fold.name, self._thing)
        end = self._journal.progress.applied + 1
        for number, stored in enumerate(self._log.read(self._fold.journal, self._partition, first, end)):
            if number % _BATCH == _BATCH - 1:
                if time.monotonic() > self._deadline:
                    raise TooLong("it takes too long to fold again what came before that time")
                self._pause()
            if concerns(stored):
                yield stored

    def _find(self, offset: int) -> Record | None:
        for stored in self._log.read(self._fold.journal, self._partition, offset, offset + 1):
            return record_of(stored) if stored.offset == offset else None
        return None
