"""Explains a thing at a time, from the log: where to begin, what to read, and the answer (`processors/explain/`).

It begins at the nearest place whose states are of before that time. When an event that belongs to the answer stands
before that, it begins at the place before, up to the beginning of the journal: an answer is never short of what led to
it. Reading is bounded in time (`TooLong`), and in memory: of a partition only what concerns the thing is kept.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.log.reading import Stored
from processors.errors import ProcessorError
from processors.explain.answer import Named, explanation, name_events
from processors.explain.story import Story, tell
from processors.fold.contract import Fold, Record
from processors.refold.begins import Begin, Kept, begins, folded
from processors.refold.log import Log
from processors.refold.selection import events_about
from processors.refold.snapshots import Damaged
from processors.refold.start import Folded
from processors.refold.steps import Refold, record_of
from schemas.base import Micros
from schemas.explanations import ExplainedChange, Explanation, FoldedFrom
from schemas.ticks import Progress
from schemas.times import to_second

# So many records are read before the clock is looked at, and others get their turn.
_BATCH = 500
_OPEN = ("down", "not_observed")
LEFT_OUT = "What people were told later without a change of the status is listed only of what was folded again."


class TooLong(ProcessorError):
    """The time for an answer is up: nothing is told. A nearer snapshot makes it shorter."""


class Unknown(ProcessorError):
    """There is no such thing in what was folded up to that time."""


@dataclass(frozen=True)
class Explainer:
    """progress: the newest record of a partition of this fold. kept: states that were put aside.

    former: older folds at hand. pause: called between batches of records, so that a process that does other work as
    well gets on with it.
    """

    log: Log
    folds: Sequence[Fold]
    progress: Callable[[Fold, int], Progress]
    kept: Kept
    former: Sequence[Fold] = ()
    pause: Callable[[], None] = lambda: None

    def explain(self, fold: str, thing: str, partition: int, at: Micros, patience: float) -> Explanation:
        """The explanation; blocks for at most `patience` seconds, and what one fetch takes.

        Raises `Unknown`, `TooLong`, `processors.refold.begins.Cut`, `infra.log.reading.NotRead`.
        """
        named = next(each for each in self.folds if each.name == fold)
        return _Question(self, named, thing, partition, at, patience).answer()


class _Question:
    def __init__(
        self, explainer: Explainer, fold: Fold, thing: str, partition: int, at: Micros, patience: float
    ) -> None:
        self._explainer, self._log = explainer, explainer.log
        self._fold, self._thing, self._partition, self._at = fold, thing, partition, at
        self._deadline = time.monotonic() + patience
        self._journal: Folded = folded(self._log, fold, partition, explainer.progress(fold, partition))

    def answer(self) -> Explanation:
        """Begin ever earlier, until nothing is missing."""
        notes: list[str] = []
        for begin, story in self._stories(self._at, notes, self._at):
            changes, whole = self._named(story)
            state: Any = None if story.moment is None else story.moment.records.get(self._thing)
            if begin.first and (not whole or (not changes and state is None)):
                continue
            if begin.first and not changes and state is not None and state.changes:
                changes = self._why(state, notes)
            if state is None and not changes:
                break
            from_there = self._folded_from(begin, story)
            return explanation(story, self._thing, self._partition, changes, from_there, [*notes, *begin.doubts])
        raise Unknown(
            f"at {to_second(self._at)} UTC it was not there: nothing is known of it in "
            f"{self._fold.journal}/{self._partition} up to then; ask about a later time"
        )

    def _why(self, state: Any, notes: list[str]) -> tuple[ExplainedChange, ...]:
        """The change that made the status what it has been for long, and those before it.

        Of what is open people are told again and again: then all of it is folded. Else what they were told since then
        without a change of the status is left out.
        """
        changes = self._whole(state.since, state.since, state.changes)
        if changes and changes[-1].now in _OPEN:
            return self._whole(state.since, self._at)
        notes.append(LEFT_OUT)
        return changes

    def _whole(self, of: Micros, until: Micros, through: int = 0) -> tuple[ExplainedChange, ...]:
        """The changes up to a time, from the nearest place before `of` from which nothing of them is missing."""
        changes: tuple[ExplainedChange, ...] = ()
        for begin, story in self._stories(of, [], until, through):
            changes, whole = self._named(story)
            if (changes and whole) or not begin.first:
                break
        return changes

    def _named(self, story: Story) -> Named:
        return name_events(story.changes, self._fold, self._partition, self._thing, self._find)

    def _stories(self, of: Micros, notes: list[str], until: Micros, through: int = 0) -> Iterator[tuple[Begin, Story]]:
        """The story up to a time, told from places before `of`, each before the last one."""
        explainer = self._explainer
        for begin in begins(self._journal, explainer.former, explainer.kept, self._thing, of, notes):
            if not begin.stretches:
                return  # nothing was ever folded
            try:
                states = begin.states()
            except Damaged as error:
                notes.append(f"{error}: not used")
                continue
            refold = Refold(self._partition, begin.stretches, states, self._thing)
            yield begin, tell(refold, self._records(begin.first), until, through)

    def _folded_from(self, begin: Begin, story: Story) -> FoldedFrom:
        last = begin.first - 1 if story.moment is None else story.moment.last
        return FoldedFrom(self._fold.journal.name, self._partition, begin.first, last, begin.name)

    def _records(self, first: int) -> Iterator[Stored]:
        concerns = events_about(self._fold.name, self._thing)
        end = self._journal.progress.applied + 1
        journal = self._log.read(self._fold.journal, self._partition, first, end)
        for number, stored in enumerate(journal):
            if number % _BATCH == _BATCH - 1:
                if time.monotonic() > self._deadline:
                    raise TooLong("it takes too long to fold again what came before that time")
                self._explainer.pause()
            if concerns(stored):
                yield stored

    def _find(self, offset: int) -> Record | None:
        for stored in self._log.read(self._fold.journal, self._partition, offset, offset + 1):
            return record_of(stored) if stored.offset == offset else None
        return None
