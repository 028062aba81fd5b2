"""Folding one partition of a journal again, with several settings in one pass. Pure.

The contract:

- The first course is what was: no setting is changed. The others are the cases that are asked about. Each is the real
  fold upon states of its own, over the same records; so a course is what a Pingfold with those settings would have come
  to, had it heard the same.
- Only records that concern the chosen things are decoded (`selection`).
- Records are folded until the partition's time reaches the end of the span, or there are no more.
- Memory: the states of the chosen things and of what concerns many, for each course; `alerts` bounds the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.view import View
from processors.what_if.alerts import AlertLog, Room, Span
from processors.what_if.dependencies import Retold, Telling, words_of
from processors.what_if.overlay import CHANGED, Overlay
from processors.what_if.selection import TIME, Selection
from schemas import check_states, monitor_states
from schemas.base import Micros, encode
from schemas.check_states import CheckState
from schemas.monitor_states import MonitorState
from schemas.notices import Notice
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import PROGRESS_KEY, Progress

# Records are numbered anew, with room after each for events that only some courses have.
_ROOM = 2**20
# So many alerts are kept before it is looked which of those before the span can be forgotten.
MANY = 10_000


class Start(NamedTuple):
    """states: those to begin with, of the chosen things and of what concerns many. next: offset of the first record."""

    states: Mapping[str, msgspec.Struct]
    next: int = 0

    def of(self, selection: Selection) -> "Start":
        """The same without the states that nobody asks about."""
        return self._replace(states={key: value for key, value in self.states.items() if selection.wants_state(key)})


class Course:
    """One set of settings at work. words: what is told anew of monitors that others depend on."""

    def __init__(
        self, fold: Fold, partition: int, overlay: Overlay, start: Start, log: AlertLog, words: Sequence[Retold] = ()
    ) -> None:
        self._overlay, self.log = overlay, log
        self.telling = Telling(partition, words)
        states = overlay.states(start.states)
        own = states.get(PROGRESS_KEY, Progress())
        assert isinstance(own, Progress)
        states[PROGRESS_KEY] = replace(own, applied=start.next * _ROOM - 1, epochs=())
        self._session = Session(fold, partition, View(states), TZDATA_VERSION)
        for key, state in states.items():
            if isinstance(state, CheckState):
                log.begin(key, check_states.visible_status(state), state.since, told=not state.silenced)
            elif isinstance(state, MonitorState):
                told = not state.silenced and state.notice_at is None
                log.begin(key, monitor_states.visible_status(state), state.since, told=told)
        for key, event in overlay.ends(start.states, own.time):
            self._say(own.newest, key, event)

    @property
    def time(self) -> Micros:
        """The partition's."""
        return self._session.progress.time

    def fold(self, records: Sequence[Record]) -> list[Effect]:
        """Fold records that no setting changes."""
        effects = self._session.step(records)
        if effects:
            self.log.hear(effects, self.time)
        self._session.view.take_changes()
        return effects

    def fold_changed(self, record: Record) -> list[Effect]:
        """Fold an event that settings may change, or leave out."""
        changed = self._overlay.record(record)
        return [] if changed is None else self.fold([changed])

    def catch_up(self, timestamp: Micros, offset: int) -> None:
        """Hear what others have told by then; `offset`: of the next record of this partition."""
        for word in self.telling.until(timestamp, offset):
            self._say(word.timestamp, word.event.monitor, word.event)

    def finish(self) -> None:
        """There are no more records."""
        self.catch_up(self._session.progress.newest + 1, 2**62)
        self.log.end(self.time)

    def _say(self, timestamp: Micros, key: str, event: msgspec.Struct) -> None:
        self.fold([Record(self._session.progress.applied + 1, timestamp, key.encode(), encode(event))])


class Refold:
    """One partition. overlays: of the cases; what was comes before them."""

    def __init__(
        self,
        fold: Fold,
        partition: int,
        selection: Selection,
        overlays: Sequence[Overlay],
        span: Span,
        start: Start,
        *,
        takes: Mapping[str, tuple[Notice, ...]],
        words: Sequence[Sequence[Retold]] = (),
        many: int = MANY,
    ) -> None:
        """words: by case, what is told anew.

        many: so many alerts are kept before it is looked which of those before the span can be forgotten.
        """
        self._selection, self._until, self._room = selection, span.until, Room()
        self._least, self._many = many, many
        ids = frozenset(selection.ids)
        kept = start.of(selection)
        given = [(Overlay((), frozenset()), ())] + [
            (overlay, words[number] if words else ()) for number, overlay in enumerate(overlays)
        ]
        self.courses = [
            Course(fold, partition, overlay, kept, AlertLog(span, takes, self._room, ids), heard)
            for overlay, heard in given
        ]
        self._listening = [course for course in self.courses if course.telling.has_more]
        self._batch: list[Record] = []

    def feed(self, records: Iterable[Record]) -> bool:
        """Fold records; whether further ones are wanted. Raises `TooManyAlerts`."""
        wants, batch, was = self._selection.wants, self._batch, self.courses[0]
        for record in records:
            value = record.value
            if not wants(record.key, value):
                continue
            record = record._replace(offset=record.offset * _ROOM)
            if self._listening:
                self._flush()
                for course in self._listening:
                    course.catch_up(record.timestamp, record.offset // _ROOM)
            if value is not None and value.startswith(CHANGED):
                self._flush()
                for course in self.courses:
                    course.fold_changed(record)
            elif value is not None and value.startswith(TIME):
                self._flush()
                for course in self.courses:
                    course.fold((record,))
                if was.time >= self._until:
                    return False
                if self._room.used > self._many:
                    self._forget()
            else:
                batch.append(record)
        self._flush()
        return True

    def finish(self) -> None:
        """There are no more records."""
        self._flush()
        for course in self.courses:
            course.finish()

    def _forget(self) -> None:
        """Forget alerts of before the span that touch none which comes: those that ended before a moment at which their
        thing was well in all courses."""
        time, logs = self.courses[0].time, [course.log for course in self.courses]
        ended_before = {}
        for thing in set[str]().union(*(log.things_before() for log in logs)):
            troubles = [since for log in logs if (since := log.troubled_since(thing)) is not None]
            begun = min(troubles, default=time)
            if all(log.well_since(thing) < begun for log in logs):
                ended_before[thing] = begun
        for log in logs:
            log.forget(ended_before)
        self._many = max(self._least, 2 * self._room.used)

    def _flush(self) -> None:
        if self._batch:
            for course in self.courses:
                course.fold(self._batch)
            self._batch.clear()


class WordsRefold:
    """The same, for what monitors tell to every partition that others depend on; nothing else of them is looked at.

    Whether one is down does not depend on what others say, so it needs not hear them.
    """

    def __init__(
        self,
        fold: Fold,
        partition: int,
        selection: Selection,
        overlays: Sequence[Overlay],
        span: Span,
        start: Start,
        room: Room,
    ) -> None:
        """room: for what is told, of all cases. words: by case."""
        self._selection, self._partition, self._until, self._room = selection, partition, span.until, room
        kept = start.of(selection)
        log = AlertLog(span, {}, Room(0), frozenset())
        self._courses = [Course(fold, partition, overlay, kept, log) for overlay in overlays]
        self.words: list[list[Retold]] = [[] for _ in overlays]

    def feed(self, records: Iterable[Record]) -> bool:
        """Fold records; whether further ones are wanted."""
        for record in records:
            if not self._selection.wants(record.key, record.value):
                continue
            changes = record.value is not None and record.value.startswith(CHANGED)
            moved = record._replace(offset=record.offset * _ROOM)
            for course, words in zip(self._courses, self.words, strict=True):
                effects = course.fold_changed(moved) if changes else course.fold((moved,))
                for word in words_of(effects, record.timestamp, self._partition, record.offset):
                    self._room.take()
                    words.append(word)
            if self._courses[0].time >= self._until:
                return False
        return True
