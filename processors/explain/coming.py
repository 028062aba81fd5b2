"""What follows if nothing comes any more: the fold itself is asked, by ticks that have not happened. Pure.

The sources that count go on ticking, each with its own clock, so that no silence of theirs is part of the answer; gaps
that are open end with the first tick. Nothing of it is kept.
"""

from collections.abc import Iterator, Mapping

import msgspec

from processors.fold.contract import Effect, Fold, Record, Session
from processors.fold.view import View
from schemas.base import SECOND, Micros, encode
from schemas.deliveries import DeliveryRequested
from schemas.explanations import ExpectedChange
from schemas.schedules import TZDATA_VERSION
from schemas.ticks import NEVER, Progress, Tick
from schemas.transitions import IncidentTold, StatusChanged

# So much is told of what is to come, and so many ticks are tried for it.
MOST_EXPECTED = 4
_MOST_TICKS = 60
# What is further away than this is nobody's concern tonight.
REACH: Micros = 400 * 86_400 * SECOND


def expected(
    fold: Fold, partition: int, records: Mapping[str, msgspec.Struct], thing: str, now: Micros
) -> tuple[ExpectedChange, ...]:
    """The next changes and notices of a thing, from `now` on, if no event of it comes."""
    session = Session(fold, partition, View(dict(records)), TZDATA_VERSION)
    found: list[ExpectedChange] = []
    at = max(now, session.progress.time)
    end = at + REACH
    for _ in range(_MOST_TICKS):
        due = session.due()
        if due >= NEVER or due > end or session.view.get(thing) is None:
            break
        at = max(due, at + SECOND)  # a wheel tells the second in which something is due
        effects: list[Effect] = []
        for tick in _ticks(fold, session.progress, at):
            offset = session.progress.applied + 1
            effects += session.step([Record(offset, 0, tick.slot.encode(), encode(tick))])
        found += _told(effects, thing)
        if len(found) >= MOST_EXPECTED:
            break
    return tuple(found[:MOST_EXPECTED])


def _ticks(fold: Fold, progress: Progress, at: Micros) -> Iterator[Tick]:
    """One tick of each source: its time goes on by its test clock, which is no silence."""
    live = [(slot, source) for slot, source in progress.sources.items() if not source.closed]
    for slot, source in live:
        offset = source.offset + at - source.now
        yield Tick(slot=slot, epoch=source.epoch, at=at, now=at, offset=offset)
    if not live:
        yield Tick(slot="expected", epoch=1, at=at, now=at, offset=progress.offset if not fold.journal.ticked else 0)


def _told(effects: list[Effect], thing: str) -> list[ExpectedChange]:
    changes: dict[str, ExpectedChange] = {}
    for effect in effects:
        match effect.value:
            case StatusChanged(thing=of, id=id, at=at, now=status) if of == thing:
                changes[id] = ExpectedChange(at, status, "", ())
            case IncidentTold(thing=of, id=id, at=at, notice=notice) if of == thing:
                changes[id] = ExpectedChange(at, "", notice, ())
            case DeliveryRequested(transition=id) as request:
                known = changes.get(id) or ExpectedChange(request.at, "", request.notices[0], ())
                channels = tuple(dict.fromkeys((*known.channels, effect.key)))
                told = known.notice or request.notices[0]
                changes[id] = msgspec.structs.replace(known, channels=channels, notice=told)
            case _:
                pass
    return sorted(changes.values(), key=lambda each: each.at)
