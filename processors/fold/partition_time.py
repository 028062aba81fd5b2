"""The time of a partition, and the gaps in it, as a pure function of its ticks (docs/design.md, "Time").

In `pings` a tick is a low watermark: whatever its source acknowledged from before `at` is already in the log ahead of
it. So the time of a partition is the least `at` of the sources that count, and a deadline that it has passed can be
judged: no acknowledged ping from before it is still to come. The time never goes back.

A gap is a span in which a ping may have been refused or lost. It begins at the `at` of the last tick before, since only
what came earlier is known to be in the log, and ends at the `now` of the tick that ends it: a source that was frozen
may still owe an answer to a ping from before, so that its `at` would say too little.

A tick is compared with the time at which its record was appended, by Kafka's clock: one that is more than `CLOCK_BOUND`
ahead of it is refused, so that no wrong clock takes the time ahead and keeps deadlines from passing. Nor does one count
in `pings` that is so far behind: its source, whose clock is wrong or whose ticks wait for Kafka, is silent like one
that sends nothing, and holds up nobody. Where a record does not tell its time, nothing is refused.

Silence is real time (`now` less the test clock's `offset`), so that a step of the test clock is no gap. A source's own
return is measured by its own clock, or told by itself where its ticks are seldom (`Tick.beats`). The silence of the
others is measured by the partition's `clock`, from when they were heard: by a tick of theirs, or by a heartbeat that
another source has heard and tells of in its own tick.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from processors.fold.contract import InvalidEvent
from processors.fold.view import View
from schemas.base import SECOND, Micros
from schemas.ticks import CLOCK_BOUND, PROGRESS_KEY, Gap, GapCause, Progress, Source, Tick, ahead_of_kafka

SILENT: Micros = 2 * SECOND
NOT_COUNTED: Micros = 10 * SECOND
RETIRED: Micros = 60 * SECOND
# So long the epoch of a closed source is kept, against late ticks of older epochs.
FORGOTTEN: Micros = 86_400 * SECOND
# Operators are told the newest slots whose ticks were refused: one that never comes back must not be kept for ever.
MOST_REFUSED = 16
# After the newest refusal they are told for so long.
REFUSED_KEPT: Micros = 86_400 * SECOND
# An event may be dated so far ahead of every clock that the partition has heard of.
AHEAD: Micros = 60 * SECOND
# The last moment that can be written as a date of four digits; beyond it nothing is a time.
END_OF_TIME: Micros = 253_402_300_799 * SECOND


def progress_of(view: View) -> Progress:
    """The partition's own record."""
    progress: Progress = view.get(PROGRESS_KEY)
    return progress


def time_of(view: View) -> Micros:
    """The time of a partition, 0 before its first tick."""
    progress: Progress = view.get(PROGRESS_KEY)
    return progress.time


def counts_at(view: View, at: Micros) -> Micros:
    """The time at which a decision counts that was made at `at`. Its journal may be behind this one, or ahead of it."""
    if at > END_OF_TIME:
        raise InvalidEvent("dated after the year 9999")
    return max(at, time_of(view))


def vouched(progress: Progress, appended: Micros) -> Micros:
    """The latest moment that is known to have come when a record was appended: by the ticks, or by Kafka's clock."""
    return max(progress.time, appended + progress.offset)


def fold_plain_tick(progress: Progress, tick: Tick, appended: Micros = 0) -> Progress:
    """The time of a journal that a ticker ticks. `appended`: the time of the tick's record, 0 when it tells none."""
    ahead = ahead_of_kafka(tick, appended)
    if ahead > CLOCK_BOUND:
        return _refuse(progress, tick, ahead, appended)
    return replace(_accept(progress, tick, appended), time=max(progress.time, tick.now), offset=tick.offset)


def fold_tick(progress: Progress, tick: Tick, appended: Micros = 0) -> tuple[Progress, list[Gap]]:
    """The time of a partition of `pings` after a tick, and the gaps that it closed and opened (`end` None)."""
    known = progress.sources.get(tick.slot)
    if known is not None and tick.epoch < known.epoch:
        return progress, []
    ahead = ahead_of_kafka(tick, appended)
    if abs(ahead) > CLOCK_BOUND:
        return _refuse(progress, tick, ahead, appended), []
    progress = _accept(progress, tick, appended)
    clock = max(progress.clock, tick.now - tick.offset)
    heard = _hear(progress.sources, tick, clock, appended)
    known = heard.get(tick.slot)
    gaps = _Gaps(progress.gaps, tick.now)
    gaps.close("no source")
    gaps.close("journal truncated")
    if known is not None and not known.closed:
        _end_of_silence(known, tick, gaps)
    if tick.refused_since is not None:
        gaps.span("refused", "", tick.refused_since)
    if tick.unreachable_since is not None and not tick.closing:
        gaps.open("unreachable", tick.slot, tick.unreachable_since)
    else:
        gaps.close("unreachable", tick.slot)

    sources = {
        slot: _silence(slot, source, clock, gaps)
        for slot, source in heard.items()
        if slot != tick.slot and not (source.closed and clock - source.heard > FORGOTTEN)
    }
    sources[tick.slot] = Source(
        epoch=tick.epoch, at=tick.at, now=tick.now, offset=tick.offset, heard=clock, closed=tick.closing
    )
    live = [source for source in sources.values() if not source.closed]
    if not live:
        gaps.open("no source", "", tick.at)
    # With its closing tick a source owes nothing any more; when it was the last that counted, time goes as far as that.
    watermark = min((source.at for source in live if not source.silent), default=tick.at)
    after = replace(
        progress,
        time=max(progress.time, watermark),
        clock=clock,
        offset=tick.offset,
        sources=sources,
        gaps=gaps.still_open(),
        stopped_at=None if live else tick.at,
    )
    return after, gaps.changes()


def _hear(sources: Mapping[str, Source], tick: Tick, clock: Micros, appended: Micros) -> Mapping[str, Source]:
    """The sources as if those that the tick's source has heard of had ticked themselves, so long ago.

    That is true to what a tick means: their heartbeats stood in the log before this tick was made, and what they
    acknowledged from before stood there before those. One whose clock is wrong is not believed, as its tick is not.
    """
    told: dict[str, Source] = {}
    for relayed in tick.heard:
        source = sources.get(relayed.slot)
        if source is None or source.closed or source.epoch != relayed.epoch:
            continue
        if appended and abs(relayed.now - relayed.offset + relayed.age - appended) > CLOCK_BOUND:
            continue
        told[relayed.slot] = replace(
            source,
            at=max(source.at, relayed.at),
            now=max(source.now, relayed.now),
            offset=relayed.offset,
            heard=max(source.heard, clock - relayed.age),
        )
    return {**sources, **told} if told else sources


def open_gap(progress: Progress, cause: GapCause, start: Micros) -> tuple[Progress, list[Gap]]:
    """A gap that began at `start`, which the next tick closes; nothing when one for that cause is open."""
    gaps = _Gaps(progress.gaps, start)
    gaps.open(cause, "", start)
    return replace(progress, gaps=gaps.still_open()), gaps.changes()


def _refuse(progress: Progress, tick: Tick, ahead: Micros, appended: Micros) -> Progress:
    others = [(slot, by) for slot, by in progress.refused.items() if slot != tick.slot]
    refused = dict([*others, (tick.slot, ahead)][-MOST_REFUSED:])
    return replace(progress, refused=refused, refused_at=max(progress.refused_at, appended))


def _accept(progress: Progress, tick: Tick, appended: Micros) -> Progress:
    if not progress.refused:
        return progress
    # A host that was taken away never sends the tick that would end it.
    is_old = appended - progress.refused_at > REFUSED_KEPT
    refused = {} if is_old else {slot: by for slot, by in progress.refused.items() if slot != tick.slot}
    return progress if len(refused) == len(progress.refused) else replace(progress, refused=refused)


def newest(progress: Progress) -> Micros:
    """The newest time that a source has told: what it stamps may be that far ahead of the partition's time."""
    return max((source.now for source in progress.sources.values() if not source.closed), default=progress.time)


def _end_of_silence(known: Source, tick: Tick, gaps: "_Gaps") -> None:
    """The slot ticks again: as the same source, perhaps after a silence, or as the next epoch of one that was lost."""
    if gaps.close("silent source", tick.slot):
        return
    if tick.epoch > known.epoch:
        gaps.span("lost source", tick.slot, known.at)
    elif tick.beats:  # it says itself when it was silent; ticks may be far apart
        if tick.silent_since is not None:
            gaps.span("silent source", tick.slot, tick.silent_since)
    elif (tick.now - tick.offset) - (known.now - known.offset) > SILENT:
        gaps.span("silent source", tick.slot, known.at)


def _silence(slot: str, source: Source, clock: Micros, gaps: "_Gaps") -> Source:
    """What becomes of a source that is not the one that ticks."""
    quiet = clock - source.heard
    if source.closed:
        return source
    if quiet <= SILENT:  # it may be another one that has told of its return
        gaps.close("silent source", slot)
        return replace(source, silent=False) if source.silent else source
    if quiet > RETIRED:
        if not gaps.close("silent source", slot):
            gaps.span("silent source", slot, source.at)
        gaps.close("unreachable", slot)
        return replace(source, closed=True)
    gaps.open("silent source", slot, source.at)
    return replace(source, silent=quiet > NOT_COUNTED)


class _Gaps:
    """The gaps of a partition while one tick is folded; `now` ends those that it closes."""

    def __init__(self, still_open: tuple[Gap, ...], now: Micros) -> None:
        self._before = {(gap.cause, gap.slot): gap for gap in still_open}
        self._open = dict(self._before)
        self._closed: list[Gap] = []
        self._now = now

    def open(self, cause: GapCause, slot: str, start: Micros) -> None:
        self._open.setdefault((cause, slot), Gap(start=start, cause=cause, slot=slot))

    def close(self, cause: GapCause, slot: str = "") -> bool:
        gap = self._open.pop((cause, slot), None)
        if gap is None:
            return False
        self.span(cause, slot, gap.start)
        return True

    def span(self, cause: GapCause, slot: str, start: Micros) -> None:
        """A gap from `start` until now."""
        self._closed.append(Gap(start=start, cause=cause, end=max(start, self._now), slot=slot))

    def still_open(self) -> tuple[Gap, ...]:
        return tuple(self._open[key] for key in sorted(self._open))

    def changes(self) -> list[Gap]:
        opened = [gap for key, gap in sorted(self._open.items()) if self._before.get(key) is not gap]
        return sorted(self._closed, key=lambda gap: (gap.start, gap.cause, gap.slot)) + opened
