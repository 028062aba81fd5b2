"""Ticks, by which folds learn the time (docs/design.md, "Time"), and the record in which a partition keeps its time.

In `pings` a tick is the low watermark of one source: every ping that the source acknowledged and that is dated before
`at` precedes the tick in the log. In the other journals ticks carry the current time (`at` = `now`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from schemas.actors import Actor
from schemas.base import SECOND, Fact, Micros, Value


class Relayed(Struct, omit_defaults=True, kw_only=True, frozen=True, gc=False):
    """The newest heartbeat of another source, or of the previous source in the same slot, passed on in a tick.

    slot, epoch, at, now, offset: as in the heartbeat. age: time since it was received.
    """

    slot: str
    epoch: int
    at: Micros
    now: Micros
    offset: Micros = 0
    age: Micros = 0


_TICK = b'{"type":"tick"'

# How many partitions the deployment has; 0: not told.
PartitionCount = Annotated[int, Meta(ge=0, le=1_024)]


class Tick(Fact, tag="tick", frozen=True):
    """The time at a source. `slot` and `epoch` identify the source; a higher epoch in a slot ends the previous one.

    at: receipt time of the source's oldest unanswered ping, or `now` if there is none.
    now: the source's clock, `offset` included.
    offset: what the test clock adds (PINGFOLD_TEST_CLOCK). A change of it is a step of the clock, not a gap.
    closing: true in the source's last tick, after its last ping.
    refused_since: a ping of this partition was answered 503 since this time (sent once, in the next tick).
    unreachable_since: synthetic pings through the public URL have failed since this time (sent until one succeeds).
    beats: the source also appends to `heartbeats`; the time between two ticks is then no silence.
    silent_since: the source was silent from this time until now (sent once, in the next tick).
    heard: the other sources. What they acknowledged before their `at` precedes this tick in the log too.
    partition_count: how many the deployment has, told by the ticker; the fold of projects needs it (`schemas.tokens`).
    """

    slot: str
    epoch: int
    at: Micros
    now: Micros
    offset: Micros = 0
    closing: bool = False
    refused_since: Micros | None = None
    unreachable_since: Micros | None = None
    beats: bool = False
    silent_since: Micros | None = None
    heard: tuple[Relayed, ...] = ()
    partition_count: PartitionCount = 0


def is_tick(event: bytes | None) -> bool:
    """Whether the JSON of an event is that of a tick: its type stands first, as we write it."""
    return (event or b"").startswith(_TICK)


class TimeCorrected(Fact, tag="time.corrected", frozen=True):
    """An operator sets the partition's time, which is ahead, back to Kafka's clock: the timestamp of this record.

    Later times in the states are set back as well. A partition whose time is not later does not change. `reason` and
    `actor` are for information only.
    """

    reason: str = ""
    actor: Actor | None = None


class Heartbeat(Fact, tag="heartbeat", frozen=True):
    """A process that appends events is alive. The timestamp of the record is Kafka's.

    role, slot, epoch: identify the process; a higher epoch is a later process in the same slot.
    at: for a source, the time before which everything it acknowledged or had to report is in the log.
    now: the process's clock, `offset` included. closing: its last heartbeat.
    skew: minimum by which its clock is ahead of Kafka's, measured with its own records; negative: behind; 0: it may be
    right; None: unknown.
    """

    role: str
    slot: str
    epoch: int
    at: Micros
    now: Micros
    offset: Micros = 0
    closing: bool = False
    skew: Micros | None = None


# What a clock told that was further than this from Kafka's when it was appended does not count.
CLOCK_BOUND: Micros = 10 * SECOND


def ahead_of_kafka(told: Tick | Heartbeat, appended: Micros) -> Micros:
    """How far the clock that made it was ahead of Kafka's when the record was appended; 0 when `appended` is not known.

    Negative: that clock is behind, or the record was on its way for so long.
    """
    return told.now - told.offset - appended if appended else 0


class Source(Value, tag="source"):
    """The newest tick of a source in a partition, and whether the source still counts for the partition's time.

    heard: the partition's `clock` at that tick. Silence is measured from it, so that hosts whose clocks differ do not
    make each other look silent.
    silent: the source has been silent for so long that it no longer holds the partition's time back.
    closed: the source has closed or was retired. Only its epoch is kept, against late ticks of older epochs.
    """

    epoch: int
    at: Micros
    now: Micros
    offset: Micros = 0
    heard: Micros = 0
    silent: bool = False
    closed: bool = False


GapCause = Literal["no source", "silent source", "lost source", "unreachable", "refused", "journal truncated"]


class Gap(Value, tag="gap"):
    """A span of time in which a ping may have been refused or lost. `end` is None while it is open.

    A closed gap has its own record, with the key `gap/<start>/<cause>`; open gaps are part of the partition's record.
    """

    start: Micros
    cause: GapCause
    end: Micros | None = None
    slot: str = ""


class Epoch(Struct, omit_defaults=True, kw_only=True, frozen=True, gc=False):
    """The versions by which a partition was folded, from `offset` of the journal up to the next epoch.

    fold: version of the fold. tzdata: version of the time zone data. schedules: versions of the libraries that parse
    schedules, as `<cronsim>/<oncalendar>`; empty if not recorded.
    """

    offset: int = 0
    fold: int = 0
    tzdata: str = ""
    schedules: str = ""


class Progress(Value, tag="partition"):
    """The record of a partition, with the key `partition`. It is written in the transaction of every batch.

    applied: offset of the last event folded; the states contain everything up to it. -1: none.
    time: the partition's time, 0 before the first tick; it never goes back.
    clock: the newest real time (without the test clock's offset) of any tick; silence is measured against it.
    stopped_at: time at which the last source closed, while there is no source.
    offset: the test clock's offset in the newest tick.
    refused: by slot, how far the newest tick differed from the timestamp of its record, if it was refused for that.
    refused_at: time of the newest of these refusals, by Kafka's clock; they are removed a day later.
    due: time before which no tick has anything to do, as known when this was written. It may be too early, but is never
    too late. None: unknown. A hint for those who send ticks; not part of the folded state.
    epochs: which versions folded which part of the journal, oldest first; one is added when a version changes.
    fold, tzdata: the versions of the last event folded, in records written before `epochs` existed.
    last: checksum of the record at `applied`, 0 if unknown. newest: newest timestamp of a record folded. With these the
    next owner checks whether the journal is still the one that was folded.
    truncated: offset from which the journal was last found to have lost records that had been folded, None if never. A
    replay of the journal alone cannot reproduce the states of that time.
    """

    applied: int = -1
    time: Micros = 0
    clock: Micros = 0
    sources: dict[str, Source] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    stopped_at: Micros | None = None
    offset: Micros = 0
    refused: dict[str, Micros] = field(default_factory=dict)
    refused_at: Micros = 0
    due: Micros | None = None
    fold: int = 0
    tzdata: str = ""
    epochs: tuple[Epoch, ...] = ()
    last: int = 0
    newest: Micros = 0
    truncated: int | None = None


# A partition in which nothing is due is ticked this often, so that its time is never older.
SELDOM_SECONDS = 80.0
# Where nothing is due a tick comes so seldom, and some time is needed to fold it. A time older than this tells of a
# fold that is behind, even where nothing was due: events may wait in its journal.
OLDEST_TIME: Micros = 100 * SECOND


def speaks_until(progress: Progress) -> Micros:
    """Up to when the states beside a partition's record tell how things are, if no event comes."""
    if progress.due is None:
        return progress.time
    return max(progress.time, min(progress.due, progress.time + OLDEST_TIME))


PROGRESS_KEY = "partition"
# As `due`: nothing is to be done by any tick. A time that no clock tells, and that fits into any JSON (the year 2255).
NEVER: Micros = 9_000_000_000 * SECOND
