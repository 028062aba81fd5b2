"""The contract of a fold, and the stepping of one partition: pure, no I/O, no clock, no randomness.

A `Fold` names its journal and its state topic, and opens a `Partition` on a `View`. `Session` applies the records of
one partition in order and collects the changes. The runtime commits them in one transaction, `pingfold replay` compares
them with what was committed, and tests inspect them. All three run the same code.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import msgspec

from processors.errors import ProcessorError
from processors.fold.defects import Heard, is_made_here, made_here
from processors.fold.epochs import Versions, begun, must_not_be_newer
from processors.fold.packed import Packer
from processors.fold.view import View
from schemas.base import SECOND, Micros, encode
from schemas.dead_letters import DeadLetter
from schemas.ticks import PROGRESS_KEY, Progress, Tick, is_tick
from schemas.topics import DEAD_LETTERS, TRANSITIONS, Topic
from schemas.transitions import JournalTruncated

# The partition of the record being folded, for streams that follow their journal's partition number.
SAME = -1
# Every partition of the topic: for facts that concern many keys at once.
EVERY = -2

# Sizes in bytes. What an event of this size leads to, its dead letter in base64 among it, fits into a record of Kafka
# (`infra.log.admin.MAX_MESSAGE_BYTES`); the largest of our own is a third smaller. Of larger ones only so much is kept.
LARGEST_EVENT = 3_000_000
LONGEST_KEY = 1_000
_KEPT = 1_000
# More than a batch of the runtime has.
_MOST_HEARD = 20_000

# A record whose time in Kafka is further ahead of the partition's says nothing of when it was written.
_BELIEVED: Micros = 86_400 * SECOND


class Effect(NamedTuple):
    """A record for another topic. `partition`: None lets the key decide, `SAME` the journal's, `EVERY` is each."""

    topic: Topic
    key: str
    value: msgspec.Struct
    partition: int | None = None


class Record(NamedTuple):
    """A record of a journal as the runtime hands it over. `timestamp`: the record's own time in Kafka, in Micros."""

    offset: int
    timestamp: Micros
    key: bytes | None
    value: bytes | None
    retried: bool = False


class Context(msgspec.Struct, frozen=True, gc=False):
    """Where the event being folded stands. `at`: the Kafka time of its record. `retried`: a dead letter put back."""

    partition: int
    offset: int
    key: str
    at: Micros
    retried: bool


class InvalidEvent(ProcessorError):
    """The event cannot be folded, for a reason that its producer can mend: it goes to dead-letters with this text.

    effects: what goes out beside the dead letter.
    """

    def __init__(self, reason: str, effects: Sequence[Effect] = ()) -> None:
        super().__init__(reason)
        self.effects = effects


class Partition(Protocol):
    """A fold at work on one partition."""

    def apply(self, event: Any, context: Context) -> Iterable[Effect]:
        """Fold one event: read and write the view, return effects. Raises `InvalidEvent` for an event that makes no
        sense.

        Whatever it raises, the session undoes what the event changed in the view, and goes on with the next event.
        Indexes and wheels beside the view must stand that (listen to the view, or check against it when used).
        """

    def due(self) -> Micros:
        """No tick before then does anything but move the time (`schemas.ticks.NEVER`: none does). May be too early."""

    def truncated(self, event: JournalTruncated) -> Iterable[Effect]:
        """Journal records that were folded, and perhaps others after them, are lost: accuse nobody for want of them."""


class Fold(Protocol):
    """A kind of fold. `version` grows when the same events give other states."""

    name: str
    version: int
    journal: Topic
    states: Topic

    @property
    def packer(self) -> Packer:
        """How its view keeps records of which there are very many (`processors.fold.packed.PLAIN`: as they are)."""

    @property
    def events(self) -> msgspec.json.Decoder[Any]:
        """Decoder of the journal's events."""

    @property
    def records(self) -> msgspec.json.Decoder[Any]:
        """Decoder of the state topic's records."""

    def owner(self, view: View, key: str) -> str:
        """The project of the thing that events of this key are about; "" when it is not known."""

    def open(self, view: View, partition: int) -> Partition:
        """Begin work on a partition whose states were loaded into `view`; the view holds a `Progress` record."""


class Batch(NamedTuple):
    """What some records of one partition came to. `changes` include the partition's own record."""

    applied: int
    changes: dict[str, msgspec.Struct | None]
    effects: list[Effect]


class Session:
    """One partition of a fold, stepped record by record. Skips what its progress says is applied already.

    Raises `processors.fold.epochs.NewerStates` for states that a newer version of the fold wrote.
    """

    def __init__(self, fold: Fold, partition: int, view: View, tzdata: str = "") -> None:
        self.fold, self.number, self.view = fold, partition, view
        if view.get(PROGRESS_KEY) is None:
            view.put(PROGRESS_KEY, Progress())
            view.keep()
            view.take_changes()
        view.pack_with(fold.packer)
        must_not_be_newer(f"{fold.states}/{partition}", self.progress, fold.version)
        self._versions = Versions(fold.version, tzdata)
        self._decode = fold.events.decode
        self._made_here = made_here(fold.events.type)
        self._partition = fold.open(view, partition)
        view.keep()
        # For whoever looks out for a bad release (`processors.fold.defects`): what was heard since the first defect,
        # ticks aside, and how many ticks in a row could not be folded. `watching`: there was a defect before.
        self.watching = False
        self.heard: deque[Heard] = deque(maxlen=_MOST_HEARD)
        self.failed_ticks = 0

    @property
    def progress(self) -> Progress:
        """The partition's own record, as of the last record stepped."""
        progress: Progress = self.view.get(PROGRESS_KEY)
        return progress

    def step(self, records: Iterable[Record]) -> list[Effect]:
        """Fold records in order; the view holds the outcome, the effects are returned."""
        effects: list[Effect] = []
        view, number, apply, decode = self.view, self.number, self._partition.apply, self._decode
        get, keep = view.get, view.keep
        progress = self.progress
        applied, newest, first, last = progress.applied, progress.newest, None, None
        believed = _believed_until(progress.time)
        for record in records:
            offset, timestamp, raw_key, value, retried = record
            if offset <= applied:
                continue
            applied, last = offset, record
            if first is None:
                first = offset
            if timestamp > newest:
                # The partition's record, and what follows from it, until an event replaces it.
                if (current := get(PROGRESS_KEY)) is not progress:
                    progress, believed = current, _believed_until(current.time)
                if timestamp <= believed:
                    newest = timestamp
            try:
                if raw_key is None or value is None or len(value) > LARGEST_EVENT or len(raw_key) > LONGEST_KEY:
                    raw_key, value = _taken(record)
                key = raw_key.decode()
                event = decode(value)
                effects += apply(event, Context(number, offset, key, timestamp, retried))
            except MemoryError:  # not the event's doing: another time it can be folded
                raise
            except Exception as error:
                view.undo()
                effects.append(self._dead_letter(record, error))
                if isinstance(error, InvalidEvent):
                    effects += error.effects
                else:
                    self._defect(record, error)
            else:
                keep()
                if self.watching:
                    self._well(key, event)
        own = view.edit(Progress, PROGRESS_KEY)
        if first is not None and last is not None:
            own.epochs = begun(own, first, self._versions)
            own.last, own.newest = checksum(last), newest
        own.applied, own.fold, own.tzdata = applied, 0, ""
        view.keep()
        return effects

    def truncate(self, end: int, missed: Iterable[tuple[str, msgspec.Struct]] = ()) -> list[Effect]:
        """The journal holds what was applied only before `end`: keep the states, and go on from there.

        `missed`: events, each with its key, that others had sent to the journal and that were lost before they were
        folded. They are folded now, ahead of what the journal holds from `end` on.
        """
        progress = self.progress
        event = JournalTruncated(
            partition=self.number,
            journal=self.fold.journal.name,
            applied=progress.applied,
            end=end,
            since=progress.time,
        )
        effects = [Effect(TRANSITIONS, event.journal, event, SAME), *self._partition.truncated(event)]
        progress = self.view.edit(Progress, PROGRESS_KEY)
        progress.applied, progress.last, progress.truncated = end - 1, 0, end
        progress.epochs = tuple(epoch for epoch in progress.epochs if epoch.offset < end)
        self.view.keep()
        for key, missing in missed:
            effects += self._make_good(Record(end - 1, progress.newest, key.encode(), encode(missing)), missing)
        return effects

    def _make_good(self, record: Record, event: msgspec.Struct) -> list[Effect]:
        """Fold an event that the journal has lost; `record` is how it would stand there."""
        context = Context(self.number, record.offset, (record.key or b"").decode(), record.timestamp, False)
        try:
            effects = list(self._partition.apply(event, context))
        except MemoryError:
            raise
        except Exception as error:
            self.view.undo()
            return [self._dead_letter(record, error), *(error.effects if isinstance(error, InvalidEvent) else ())]
        self.view.keep()
        return effects

    def is_only(self, owner: str) -> bool:
        """Whether all that the partition knows of is of this project."""
        of = self.fold.owner
        return all(of(self.view, key.rpartition("/")[2]) in ("", owner) for key, _ in self.view.items())

    def _defect(self, record: Record, error: Exception) -> None:
        value = record.value or b""
        if isinstance(error, msgspec.MsgspecError | UnicodeDecodeError) and not is_made_here(value, self._made_here):
            return
        self.watching = True
        if is_tick(value):
            self.failed_ticks += 1
            return
        key = (record.key or b"")[:LONGEST_KEY].decode(errors="replace")
        self.heard.append(Heard(self.fold.owner(self.view, key), key, defect=True))

    def _well(self, key: str, event: object) -> None:
        if isinstance(event, Tick):
            self.failed_ticks = 0
        else:
            self.heard.append(Heard(self.fold.owner(self.view, key), key, defect=False))

    def due(self) -> Micros:
        """When the next tick may have something to do; see `Partition.due`."""
        return self._partition.due()

    def run(self, records: Iterable[Record]) -> Batch:
        """`step`, and take what changed: the content of one transaction."""
        effects = self.step(records)
        return Batch(self.progress.applied, self.view.take_changes(), effects)

    def _dead_letter(self, record: Record, error: Exception) -> Effect:
        reason = (
            str(error) if isinstance(error, InvalidEvent | msgspec.MsgspecError) else f"{type(error).__name__}: {error}"
        )
        value = record.value or b""
        key = (record.key or b"")[:LONGEST_KEY].decode(errors="replace")
        letter = DeadLetter(
            topic=self.fold.journal.name,
            partition=self.number,
            offset=record.offset,
            key=key,
            value=value if len(value) <= LARGEST_EVENT else value[:_KEPT],
            reason=reason[:_KEPT] or "not valid",
            at=record.timestamp,
        )
        return Effect(DEAD_LETTERS, key, letter)


def _believed_until(time: Micros) -> float:
    """The latest time of a record that says when it was written, at this time of its partition."""
    return time + _BELIEVED if time else inf


def checksum(record: Record) -> int:
    """Tells a record from others at its offset; never 0."""
    return crc32(record.value or b"", crc32(record.key or b"", record.timestamp & 0xFFFFFFFF)) or 1


def _taken(record: Record) -> tuple[bytes, bytes]:
    """The key and the value, if they are something that an event can be; raises `InvalidEvent`."""
    key, value = record.key or b"", record.value
    if value is None:
        raise InvalidEvent("the record has no value")
    if len(value) > LARGEST_EVENT:
        raise InvalidEvent(
            f"larger than {LARGEST_EVENT} bytes; the first {_KEPT} are kept here, all of it stands in the journal"
        )
    if len(key) > LONGEST_KEY:
        raise InvalidEvent(f"its key is longer than {LONGEST_KEY} bytes")
    return key, value
