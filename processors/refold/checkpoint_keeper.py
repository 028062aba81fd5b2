"""Takes checkpoints of the partitions whose past people ask about, and removes old ones. A part of the role `writer`.

A partition gets one when so many events have come since the last one, or a day is over: so that an explanation of any
recent time folds little again. It is an aid, no record: whatever goes wrong here is logged, tried again a minute later,
and stops nothing. Of several processes over one data folder one does it (a lock). With less room on the disk than the
reserve none is taken.
"""

import asyncio
import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from infra.clock import SYSTEM_CLOCK
from infra.disk import Disk
from infra.log.reading import NotRead
from processors.fold.contract import Fold
from processors.refold.checkpoints import Checkpoint, checkpoints_in, remove_all_but, write_checkpoint
from processors.refold.committed_states import committed_states
from processors.refold.log import Log
from schemas.base import SECOND, Micros

log = structlog.get_logger(__name__)

HOUR: Micros = 3_600 * SECOND
DAY = 24 * HOUR
# Events of a partition after which it gets another one, an hour after the last at the earliest.
MANY_EVENTS = 25_000
# The newest are kept, and of older ones the newest of each day for so many days.
KEPT_NEWEST, KEPT_DAYS = 24, 30
_LOOK_SECONDS = 60.0


class CheckpointKeeper:
    """folds: those of which checkpoints are taken. folder: `data/checkpoints`."""

    def __init__(self, log: Log, folds: Sequence[Fold], folder: Path, disk: Disk) -> None:
        self._log, self._folds, self._folder, self._disk = log, folds, folder, disk

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look, SYSTEM_CLOCK.real())
            except (NotRead, OSError, sqlite3.Error) as error:
                log.warning("checkpoints.not_taken", why=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self, now: Micros) -> int:
        """Take what is due; how many were taken. Blocks. Raises `NotRead`, `OSError`, `sqlite3.Error`."""
        if not self._disk.has_room:
            return 0
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _only_one(self._folder / "lock") as ours:
            return sum(self._look_at(fold, now) for fold in self._folds) if ours else 0

    def _look_at(self, fold: Fold, now: Micros) -> int:
        taken = 0
        for partition, end in self._log.ends(fold.journal).items():
            notes: list[str] = []
            newest = next(checkpoints_in(self._folder, fold.name, partition, notes), None)
            for note in notes:
                log.warning("checkpoint.not_used", why=note)
            if not is_due(newest, end, now):
                continue
            progress, states = committed_states(self._log, fold, partition)
            if progress.applied < 0 or (newest is not None and progress.applied <= newest.progress.applied):
                continue
            write_checkpoint(self._folder, fold, partition, progress, states)
            taken += 1
            known = list(checkpoints_in(self._folder, fold.name, partition, notes))
            remove_all_but(self._folder, fold.name, partition, kept(known))
            log.info("checkpoint.taken", fold=fold.name, partition=partition, applied=progress.applied)
        return taken


def is_due(newest: Checkpoint | None, end: int, now: Micros) -> bool:
    """Whether a partition, whose journal ends there, is to get another one. Pure."""
    if newest is None:
        return end > 0
    events, age = end - 1 - newest.progress.applied, now - newest.progress.newest
    return events > 0 and (age >= DAY or (events >= MANY_EVENTS and age >= HOUR))


def kept(checkpoints: Sequence[Checkpoint]) -> set[int]:
    """The offsets of those that stay, of all of one partition, the newest first. Pure."""
    found = {one.progress.applied for one in checkpoints[:KEPT_NEWEST]}
    days: dict[int, int] = {}
    for one in checkpoints:
        days.setdefault(one.progress.newest // DAY, one.progress.applied)
    return found | {days[day] for day in sorted(days, reverse=True)[:KEPT_DAYS]}


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[bool]:
    """Whether this process is the one that does it, as long as the body runs."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
