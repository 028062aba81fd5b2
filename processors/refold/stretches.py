"""Which version folds which stretch of a journal again. Pure.

The partition's record tells the epochs. A stretch whose version of the fold is at hand, with the time zone data and the
schedule libraries of this process, is sure: it must come out as it did. Any other stretch is folded by the newest
version all the same: what comes out may differ from what was told then (`Stretch.doubt`).
"""

from collections.abc import Iterable
from typing import NamedTuple

from processors.fold.contract import Fold
from processors.fold.epochs import MOST_EPOCHS, Versions, epochs_of, versions_of
from schemas.schedules import SCHEDULES_VERSION, TZDATA_VERSION
from schemas.ticks import Progress


class Stretch(NamedTuple):
    """Events `first` to `last` of a journal, and the fold that folds them again.

    doubt: why it may not be the same. version: of the fold that folded them first, 0 when it is not known.
    """

    first: int
    last: int
    fold: Fold
    doubt: str = ""
    version: int = 0


def stretches_of(progress: Progress, start: int, fold: Fold, former: Iterable[Fold]) -> list[Stretch]:
    """The stretches of a partition from the offset `start` to the last event applied.

    `fold`: as this program has it. `former`: folds of older versions that are at hand.
    """
    at_hand = {each.version: each for each in former if each.name == fold.name} | {fold.version: fold}
    if not (epochs := epochs_of(progress)):
        return []
    stretches: list[Stretch] = []
    if len(epochs) == MOST_EPOCHS and epochs[0].offset > start:
        stretches.append(Stretch(start, epochs[0].offset - 1, fold, "by which versions it was folded is forgotten"))
    ends = [epoch.offset - 1 for epoch in epochs[1:]] + [progress.applied]
    for epoch, last in zip(epochs, ends, strict=True):
        first = max(start, stretches[-1].last + 1 if stretches else start)
        if first > last:
            continue
        used = at_hand.get(epoch.fold, fold)
        now, then = Versions(used.version, TZDATA_VERSION, SCHEDULES_VERSION), versions_of(epoch)
        doubt = "" if now.explains(then) else _doubt(now, then)
        stretches.append(Stretch(first, last, used, doubt, epoch.fold))
    return stretches


def _doubt(now: Versions, then: Versions) -> str:
    differing = [
        f"{what} {old or 'unknown'} (here {new})"
        for what, old, new in (
            ("version of the fold", then.fold, now.fold),
            ("time zone data", then.tzdata, now.tzdata),
            ("schedule libraries", then.schedules, now.schedules),
        )
        if old != new
    ]
    return f"folded with {', '.join(differing)}"


def begins_with(progress: Progress) -> int:
    """The offset of the first event that was ever folded into a partition, as far as is known."""
    return progress.epochs[0].offset if progress.epochs and len(progress.epochs) < MOST_EPOCHS else 0
