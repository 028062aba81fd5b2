"""Time as an event (docs/design.md, "Time"), and what a partition remembers of its time.

In `pings` a tick is a low watermark of one source: whatever the source acknowledged from before `at` is already in the
log ahead of it. The other journals are ticked by a ticker with the plain time (`at` = `now`).
"""

from typing import Literal

from msgspec import Struct, field

from schemas.actors import Actor
from schemas.base import SECOND, Fact, Micros, Value


class Relayed(Struct, omit_defaults=True, kw_only=True, frozen=True, gc=False):
    """What a source has heard of another one, or of the one before it in its slot, by its newest heartbeat.

    slot, epoch, at, now, offset: as in the heartbeat. age: how long ago it was heard.
    """

    slot: str
    epoch: int
    at: Micros
    now: Micros
    offset: Micros = 0
    age: Micros = 0


_TICK = b'{"type":"tick"'


class Tick(Fact, tag="tick", frozen=True):
    """`slot` and `epoch` name the source; a higher epoch of a slot closes the one before.

    at: receipt time of the source's oldest ping not yet answered, or now.
    now: the source's clock, `offset` included.
    offset: what the test clock adds (PINGFOLD_TEST_CLOCK); a change of it is a step, and no gap.
    closing: the source's last tick, after its last ping.
    refused_since: a ping of this partition has been answered 503 since then (sent in the next tick, once).
    unreachable_since: a synthetic ping through the public URL has been failing since then (sent until one succeeds).
    beats: the source appends heartbeats to a topic of their own, so that the time from tick to tick is no silence.
    silent_since: nothing was heard of the source from then on until now (sent in the next tick, once).
    heard: of the other sources; what they acknowledged from before their `at` is in the log ahead of this tick, too.
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


def is_tick(event: bytes | None) -> bool:
    """Whether the JSON of an event is that of a tick: its type stands first, as we write it."""
    return (event or b"").startswith(_TICK)


class TimeCorrected(Fact, tag="time.corrected", frozen=True):
    """An operator's word that the partition's time, which has run ahead, is to go back to that of Kafka's clock: the
    time of this record. States that tell of later moments are taken back with it. Nothing happens to a partition whose
    time is not later. `reason`, `actor`: for whoever reads the log.
    """

    reason: str = ""
    actor: Actor | None = None


class Heartbeat(Fact, tag="heartbeat", frozen=True):
    """A process that makes events lives, and what it takes the time to be; the time of the record is Kafka's.

    role, slot, epoch: which process; a higher epoch is a later one in the same slot.
    at: of a source, everything that it acknowledged or had to tell from before is in the log. now: its clock, `offset`
    included. closing: its last one. skew: how far its clock is ahead of Kafka's at least, as it has measured by its own
    records; negative: behind; 0: it may be right; None: it does not tell.
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
    """What a partition knows of a source: its newest tick, and whether it still counts for the partition's time.

    heard: the partition's `clock` at that tick, against which the others measure its silence, so that hosts whose
    clocks differ do not make each other look silent.
    silent: it has been silent for so long that it holds the time back no more.
    closed: it closed or was retired. Only its epoch counts, against late ticks of older epochs, until it ticks again.
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
    """A span in which a ping may have been refused or lost; `end` None while it is open.

    A closed gap is a record of its own under `gap/<start>/<cause>`; the open ones stand in the partition's record.
    """

    start: Micros
    cause: GapCause
    end: Micros | None = None
    slot: str = ""


class Epoch(Struct, omit_defaults=True, kw_only=True, frozen=True, gc=False):
    """From `offset` of the journal on, up to the next epoch, a partition was folded by these versions.

    fold: version of the fold. tzdata: of the time zone data. schedules: of the libraries that parse schedules, as
    `<cronsim>/<oncalendar>`; empty when it was not recorded.
    """

    offset: int = 0
    fold: int = 0
    tzdata: str = ""
    schedules: str = ""


class Progress(Value, tag="partition"):
    """A partition's own record, under the key `partition`: written in the transaction of every batch.

    applied: offset of the last event folded; everything up to it is in the states. -1: none.
    time: the partition's time, 0 before the first tick; never goes back.
    clock: the newest real time (test offset taken off) that any tick told; silence is measured against it.
    stopped_at: when the last source closed in good order, while there is none.
    offset: what the test clock added to the newest tick. The time of a record and this, together, are a time, too.
    refused: by slot, how far the newest tick was from the time of its record, when it was so far that it was refused.
    refused_at: when the newest of them was refused, by Kafka's clock; a day later they are forgotten.
    due: nothing is to be done by a tick before then, as far as was known when this was written; it may be too early,
    and is never too late. None: not known. A hint for those who tick, and no part of what is folded.
    epochs: which versions folded which part of the journal, oldest first; one is added when a version changes.
    fold, tzdata: the versions of the last event folded, in records that were written before there were epochs.
    last: a checksum of the record at `applied`, 0 when it is not known; newest: the newest time in Kafka of a record
    folded. By these two the next owner sees whether the journal is the one that was folded.
    truncated: where the journal was last found to have lost records that had been folded, None if never. The states as
    they were there come in part from those: no replay of the journal alone gives them again.
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
