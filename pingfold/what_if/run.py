"""Answers a question: reads the journals partition by partition, folds them again, compares, and sums.

Memory: the states of the chosen things of one partition, for each case; 16 MiB of records fetched ahead; what
`processors.what_if.summary` keeps. Nothing grows with the number of events. Nothing is written anywhere.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from infra.log.reading import NotRead
from pingfold.what_if.parts import NotAnswerable, Part, parts_of
from processors.fold.contract import Fold, Record
from processors.refold.log import Log
from processors.what_if.alerts import Span
from processors.what_if.dependencies import Retold, words_room
from processors.what_if.overlay import Overlay
from processors.what_if.refold import Refold, WordsRefold
from processors.what_if.refold import Start as States
from processors.what_if.selection import Selection
from processors.what_if.summary import Tally, add_partition
from schemas.base import Micros
from schemas.dead_letters import RETRIED_HEADER
from schemas.times import to_second
from schemas.topics import PROBE_RESULTS
from schemas.what_if.answers import Answer
from schemas.what_if.questions import Chosen, Question
from schemas.what_if.settings import Changes

# So many records are folded before it is told how far it is.
_AT_ONCE = 5_000
# Settings that change when a monitor is down, and so what those hear that depend on it. What it depends on itself, its
# mutes and its channels change only who is told.
_DECIDE_DOWN = frozenset({"confirmations", "recoveries", "maintenance"})

# Is told how many events have been read, of how many.
Tell = Callable[[int, int], None]


class TooManyEvents(NotAnswerable):
    """More would have to be read than is allowed: ask on the command line, or about fewer things."""


def answer(
    question: Question, log: Log, folds: Sequence[Fold], snapshots: Path, tell: Tell, most: int | None = None
) -> Answer:
    """The answer. snapshots: their folder. most: so many events are read at most; those of monitors on which others may
    depend once more.

    Raises `NotAnswerable`, `TooManyEvents`, `TooManyAlerts`, `NotRead`, `NewerStates` and `Damaged`.
    """
    return _Run(question, log, folds, snapshots, tell, most).answer()


class _Run:
    def __init__(
        self, question: Question, log: Log, folds: Sequence[Fold], snapshots: Path, tell: Tell, most: int | None
    ) -> None:
        self._question, self._log, self._tell = question, log, tell
        self._notes: list[str] = []
        self._parts = parts_of(question.chosen, log, folds, snapshots, self._notes)
        self._ids = frozenset(one.id for one in question.chosen)
        changes = (*question.changes, *question.sweep)
        anew = told_anew(question.chosen, changes)
        # Those that are chosen have the settings of a case; others are only relied on.
        own, others = ([one for one in anew if (one.id in self._ids) is chosen] for chosen in (True, False))
        self._words_parts = [
            (parts, chosen)
            for chosen, things in ((True, own), (False, others))
            for parts in (parts_of(things, log, folds, snapshots, []) if things else [])
        ]
        self._retold = frozenset(one.id for one in anew)
        self._read, size = 0, sum(part.size for part in self._parts)
        self._total = size + sum(part.size for part, _ in self._words_parts)
        if most is not None and size > most:
            raise TooManyEvents(f"{size} events would have to be read, and at most {most} are")

    def answer(self) -> Answer:
        question, since = self._question, self._since()
        span = Span(since, question.until)
        tallies = [Tally(changes, question.short, shown=not question.sweep) for changes in question.cases]
        overlays = [Overlay(changes, self._ids, _relied_on(changes), self._retold) for changes in question.cases]
        words = self._words(span, overlays)
        for part in self._parts:
            heard = words if part.fold.journal == PROBE_RESULTS else []
            self._fold(part, overlays, span, heard, tallies)
        self._note_settings()
        return Answer(
            since=since,
            until=question.until,
            cases=[tally.case() for tally in tallies],
            notes=self._notes,
            events=self._read,
        )

    def _since(self) -> Micros:
        since, begun = self._question.since, max((part.from_time for part in self._parts), default=0)
        for part in self._parts:
            if part.start.snapshot is not None:
                name, taken = part.start.snapshot.name, to_second(part.from_time)
                self._notes.append(f"{part}: begins with snapshot {name}; the settings count from {taken} UTC on")
        if begun <= since:
            return since
        if begun >= self._question.until:
            raise NotAnswerable(f"it can be answered from {to_second(begun)} UTC on: what was before is gone")
        self._notes.append(f"answered from {to_second(begun)} UTC on: what was before is gone")
        return begun

    def _words(self, span: Span, overlays: Sequence[Overlay]) -> list[list[Retold]]:
        """By case, what monitors tell anew that others depend on."""
        question, room = self._question, words_room()
        relied_on = [Overlay((), frozenset(), _relied_on(changes), self._retold) for changes in question.cases]
        words: list[list[Retold]] = [[] for _ in overlays]
        for part, chosen in self._words_parts:
            selection, of_case = Selection(part.ids), overlays if chosen else relied_on
            states = self._states(part, selection)
            refold = WordsRefold(part.fold, part.partition, selection, of_case, span, states, room)
            self._feed(part, refold.feed, selection)
            for told, more in zip(words, refold.words, strict=True):
                told += more
        return words

    def _fold(
        self, part: Part, overlays: Sequence[Overlay], span: Span, words: list[list[Retold]], tallies: list[Tally]
    ) -> None:
        selection, takes = Selection(part.ids), self._question.takes
        states = self._states(part, selection)
        refold = Refold(part.fold, part.partition, selection, overlays, span, states, takes=takes, words=words)
        self._feed(part, refold.feed, selection)
        refold.finish()
        was, *imagined = (course.log for course in refold.courses)
        add_partition(tallies, was, imagined)

    def _states(self, part: Part, selection: Selection) -> States:
        snapshot = part.start.snapshot
        states = {} if snapshot is None else snapshot.load(part.fold, part.partition, selection.wants_state)
        return States(states, part.start.first)

    def _feed(self, part: Part, feed: Callable[[list[Record]], bool], selection: Selection) -> None:
        """Read a part, and hand over what concerns the chosen things."""
        begun, doubtful, doubtful_since = self._read, part.doubtful_until, 0
        stored = self._log.read(part.fold.journal, part.partition, part.start.first, part.last + 1)
        while chunk := list(islice(stored, _AT_ONCE)):
            records = [
                Record(one.offset, one.timestamp, one.key, one.value, _is_retried(one.headers))
                for one in chunk
                if selection.wants(one.key, one.value)
            ]
            if chunk[0].offset <= doubtful:
                doubtful_since = next(one.timestamp for one in reversed(chunk) if one.offset <= doubtful)
            self._read += len(chunk)
            wanted = feed(records)
            self._tell(self._read, self._total)
            if not wanted:
                break
        if self._log.begins(part.fold.journal)[part.partition] > max(part.begin, part.start.first):
            raise NotRead(f"{part}: some of its events have just been deleted by retention; ask again")
        if doubtful_since > self._question.since:
            why = "; ".join(dict.fromkeys(stretch.doubt for stretch in part.start.stretches if stretch.doubt))
            self._notes.append(
                f"{part}: until {to_second(doubtful_since)} UTC other versions decided ({why}); what was sent then may "
                "differ from what is shown as sent"
            )
        self._total -= part.size - (self._read - begun)  # offsets hold the ends of transactions, too

    def _note_settings(self) -> None:
        names = {change.name for change in (*self._question.changes, *self._question.sweep)}
        if "confirmations" in names or "recoveries" in names:
            self._notes.append(
                "a confirming probe that was never made is waited for in vain: with more of them people may be told "
                "as much as one interval earlier than shown"
            )


def told_anew(chosen: Sequence[Chosen], changes: Changes) -> list[Chosen]:
    """The monitors whose word of being down may be another one in some case, and is heard by one that is chosen.

    Whether others depend on a monitor, or did at some time, its definitions in the journal tell.
    """
    monitors = [one for one in chosen if one.kind == "monitor"]
    named = _relied_on(changes)
    if len(monitors) < 2 or not any(change.name in _DECIDE_DOWN for change in changes):
        monitors = [one for one in monitors if one.id in named]
    return [*monitors, *(Chosen(id, "monitor", "") for id in sorted(named - {one.id for one in monitors}))]


def _relied_on(changes: Changes) -> frozenset[str]:
    """The monitors that others are made to depend on."""
    values = [change.value for change in changes if change.name == "depends_on"]
    return frozenset(id for value in values if isinstance(value, tuple) for id in value)


def _is_retried(headers: Sequence[tuple[str, bytes]] | None) -> bool:
    return bool(headers) and any(name == RETRIED_HEADER for name, _ in headers or ())
