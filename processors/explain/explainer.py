"""Explains a thing at a time, from the log: where to begin, what to read, and the answer (`processors/explain/`).

It begins at the nearest place whose states are of before that time. When an event that belongs to the answer stands
before that, it begins at the place before, up to the beginning of the journal: an answer is never short of what led to
it. Reading is bounded in time (`TooLong`), and in memory: of a partition only what concerns the thing is kept.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.log.reading import NotRead, Stored
from processors.errors import ProcessorError
from processors.explain.answer import Named, explanation, has_changed, name_events
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
_BATCH = 1_000
# An incident that is open for so many events of its partition is told from its beginning to its end.
_MOST_BETWEEN = 200_000
_OPEN = ("down", "not_observed")
LEFT_OUT = "What people were told later without a change of the status is listed only of what was folded again."

Changes = tuple[ExplainedChange, ...]


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
        self._near = 0  # the first event that was folded from the nearest place
        self._gone = False  # from there nothing is known of the thing
        self._journal: Folded = folded(self._log, fold, partition, explainer.progress(fold, partition))
        self._first = self._journal.end  # the first event that any start has folded

    def answer(self) -> Explanation:
        """Begin ever earlier, until nothing is missing."""
        notes: list[str] = []
        for begin, story in self._stories(self._at, notes, self._at):
            self._near = max(self._near, begin.first)
            changes, whole = self._named(story)
            state: Any = None if story.moment is None else story.moment.records.get(self._thing)
            if begin.first and not changes and state is None:
                self._gone = True
                continue
            if begin.first and not whole:
                continue
            if begin.first and has_changed(story, self._thing) and all(each.notice for each in changes):
                changes = self._why(state, changes, notes)
            if state is None and not changes:
                break
            self._must_be_there()
            from_there = self._folded_from(begin, story)
            return explanation(story, self._thing, self._partition, changes, from_there, [*notes, *begin.doubts])
        raise Unknown(
            f"at {to_second(self._at)} UTC it was not there: nothing is known of it in "
            f"{self._fold.journal}/{self._partition} up to then; ask about a later time"
        )

    def _why(self, state: Any, notices: Changes, notes: list[str]) -> Changes:
        """The change that made the status what it has been for long, and those before it; and these notices after it.

        Of what is open people are told again and again: then all of it is folded, unless it is too much. Else what they
        were told between without a change of the status is left out.
        """
        changes, first = self._whole(state.since, state.since, state.changes)
        if changes and changes[-1].now in _OPEN and self._near - first <= _MOST_BETWEEN:
            return self._whole(state.since, self._at)[0]
        notes.append(LEFT_OUT)
        known = {each.id for each in changes}
        return (*changes, *(each for each in notices if each.id not in known))

    def _whole(self, of: Micros, until: Micros, through: int = 0) -> tuple[Changes, int]:
        """The changes up to a time, from the nearest place before `of` from which nothing of them is missing; and the
        offset of that place."""
        changes, first = Changes(), 0
        for begin, story in self._stories(of, [], until, through):
            (changes, whole), first = self._named(story), begin.first
            if (whole and any(not each.notice for each in changes)) or not first:
                break
        return changes, first

    def _named(self, story: Story) -> Named:
        return name_events(story.changes, self._fold, self._partition, self._thing, self._find, self._was_defined)

    def _was_defined(self, definition: msgspec.Struct, at: Micros) -> bool:
        """Whether the nearest place of before that time has it as well. Nothing is folded for that."""
        explainer, key = self._explainer, f"definition/{self._thing}"
        for begin in begins(self._journal, explainer.former, explainer.kept, self._thing, at, []):
            try:
                return begin.states().get(key) == definition
            except Damaged:
                continue
        return False

    def _stories(self, of: Micros, notes: list[str], until: Micros, through: int = 0) -> Iterator[tuple[Begin, Story]]:
        """The story up to a time, told from places before `of`, each before the last one, and at least twice as far:
        so all of them together fold no more than twice what the last one does."""
        explainer = self._explainer
        nearest, least = -1, 0
        for begin in begins(self._journal, explainer.former, explainer.kept, self._thing, of, notes):
            if not begin.stretches:
                return  # nothing was ever folded
            nearest = max(nearest, begin.first)
            try:
                states = begin.states()
            except Damaged as error:
                notes.append(f"{error}: not used")
                continue
            # What is gone is looked for where it was.
            if begin.first and (self._thing not in states if self._gone else nearest - begin.first < least):
                continue
            least = 2 * (nearest - begin.first)
            self._first = min(self._first, begin.first)
            refold = Refold(self._partition, begin.stretches, states, self._thing)
            yield begin, tell(refold, self._records(begin.first), until, through)

    def _must_be_there(self) -> None:
        """A reader of what retention has just deleted gets what is left, and is not told. Raises `NotRead`."""
        begin = self._log.begins(self._fold.journal)[self._partition]
        if begin > max(self._journal.begin, self._first):
            where = f"{self._fold.journal}/{self._partition}"
            raise NotRead(f"{where} was cut at {begin} by retention while it was read: ask again")

    def _folded_from(self, begin: Begin, story: Story) -> FoldedFrom:
        last = begin.first - 1 if story.moment is None else story.moment.last
        return FoldedFrom(self._fold.journal.name, self._partition, begin.first, last, begin.name)

    def _records(self, first: int) -> Iterator[Stored]:
        concerns, left = events_about(self._fold.name, self._thing), _BATCH

        def asked(key: bytes | None, value: bytes | None) -> bool:
            nonlocal left
            left -= 1
            if not left:
                left = _BATCH
                if time.monotonic() > self._deadline:
                    raise TooLong("it takes too long to fold again what came before that time")
                self._explainer.pause()
            return concerns(key, value)

        end = self._journal.progress.applied + 1
        return self._log.read(self._fold.journal, self._partition, first, end, asked)

    def _find(self, offset: int) -> Record | None:
        for stored in self._log.read(self._fold.journal, self._partition, offset, offset + 1):
            return record_of(stored) if stored.offset == offset else None
        return None
