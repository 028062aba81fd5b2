"""Taking back a time that has run ahead: what `time.corrected` does to a partition. Pure.

A clock that was ahead may have moved the time of a partition before anybody noticed. The time never goes back by
itself, so every deadline up to it would pass unseen, and every ping before it be dated later than it came. An
operator's command sets the time back to that of Kafka's clock. Moments in the states that would still lie ahead become
that time; each fold does that to its own states, in its module of this name. What went out already is not taken back.
"""

from msgspec.structs import replace

from processors.fold.contract import Context
from processors.fold.view import View
from schemas.base import Micros
from schemas.ticks import PROGRESS_KEY, Progress


def correct_time(view: View, context: Context) -> Micros | None:
    """Set the partition's time back to that of the record in hand; that time, or None when it is not ahead."""
    progress: Progress = view.get(PROGRESS_KEY)
    time = context.at + progress.offset
    if not context.at or context.retried:
        return None
    if progress.time <= time:
        if progress.refused:  # whoever corrects the time has looked at what was refused
            view.put(PROGRESS_KEY, replace(progress, refused={}))
        return None
    clock = min(progress.clock, context.at)
    sources = {
        slot: replace(
            source,
            # An epoch is its process's clock at the start. After one that was ahead, no later one would count.
            epoch=source.epoch if source.epoch <= context.at else 0,
            at=min(source.at, time),
            now=min(source.now, context.at + source.offset),
            heard=min(source.heard, clock),
        )
        for slot, source in progress.sources.items()
    }
    view.put(
        PROGRESS_KEY,
        replace(
            progress,
            time=time,
            clock=clock,
            sources=sources,
            gaps=tuple(replace(gap, start=min(gap.start, time)) for gap in progress.gaps),
            stopped_at=not_after(progress.stopped_at, time),
            refused={},
        ),
    )
    return time


def not_after(moment: Micros | None, time: Micros) -> Micros | None:
    """A moment of a state; that of a time which is taken back to `time` is then."""
    return None if moment is None else min(moment, time)
