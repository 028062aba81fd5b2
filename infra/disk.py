"""The free space on the disks of the embedded Kafka and ClickHouse, and what may still be written.

A broker that meets a full disk takes its log offline and ends, perhaps in the middle of a record. So Pingfold refuses
new data while there is still space for what it has acknowledged. There are three thresholds, relative to the reserve
(`PINGFOLD_DISK_RESERVE`): below twice the reserve it logs a warning; below the reserve, pings and changes are answered
503, probing and history stop, but ticks continue, so that the gap is recorded and notifications are sent; below half of
the reserve, ticks stop too. Each state ends by itself when the free space is a tenth above its threshold.

The disks of existing servers (`KAFKA_BOOTSTRAP_SERVERS`, `CLICKHOUSE_URL`) are not checked.
"""

import os
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from infra.metrics import DISK_FREE, DISK_RESERVE
from infra.settings.settings import Settings

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.25
_SERVERS = ("kafka", "clickhouse")
_MARGIN = 1.1
_MIB = 2**20


class Level(IntEnum):
    """`OK`: enough room. `LOW`: somebody should look. `FULL`: nothing new is taken. `CRITICAL`: no ticks, either."""

    OK = 0
    LOW = 1
    FULL = 2
    CRITICAL = 3


# Of the reserve: below which share of it each level begins.
_MARKS = {Level.CRITICAL: 0.5, Level.FULL: 1.0, Level.LOW: 2.0}


class FreeSpace(NamedTuple):
    """A file system: bytes that are free, and that there are."""

    free: int
    total: int


def free_space_at(folder: Path) -> FreeSpace:
    """The room of the file system that holds a folder. Raises `OSError`."""
    found = os.statvfs(folder)
    return FreeSpace(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


class DiskState(NamedTuple):
    """What was seen last. `room` None: there are no embedded servers here."""

    level: Level
    room: FreeSpace | None
    reserve: int

    @property
    def words(self) -> str:
        """For people and logs."""
        assert self.room is not None
        return f"{self.room.free // _MIB} MiB free, reserve {self.reserve // _MIB} MiB"


class Disk:
    """Looks at most every quarter of a second, when asked; a look takes microseconds.

    consequence: what becomes of it in this process, for the log line at each change; '' logs nothing.
    """

    def __init__(
        self,
        settings: Settings,
        consequence: str = "",
        look: Callable[[Path], FreeSpace] = free_space_at,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = [settings.data / name for name in _SERVERS]
        self._reserve = settings.disk_reserve
        self._consequence = consequence
        self._look, self._monotonic = look, monotonic
        self._looked_at = float("-inf")
        self._state, self._has_room = DiskState(Level.OK, None, 0), True
        self._levels: dict[Path, Level] = {}

    @property
    def has_room(self) -> bool:
        """Whether something new may be taken; asked for each ping."""
        if self._monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._refresh()
        return self._has_room

    @property
    def may_tick(self) -> bool:
        """Whether time may go on."""
        return self.state.level < Level.CRITICAL

    @property
    def state(self) -> DiskState:
        """How it is now, or was a quarter of a second ago. Of two file systems the fuller one counts."""
        if self._monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._refresh()
        return self._state

    def _refresh(self) -> None:
        self._looked_at = self._monotonic()
        before, self._state = self._state.level, self._seen()
        self._has_room = self._state.level < Level.FULL
        if self._consequence and self._state.level != before:
            self._tell()

    def _seen(self) -> DiskState:
        states = []
        for folder in self._folders:
            try:
                room = self._look(folder)
            except OSError:  # not there (yet); one that cannot be looked at cannot be written, either, and says so
                continue
            reserve = self._reserve.of(room.total)
            level = self._levels[folder] = _level(room.free, reserve, self._levels.get(folder, Level.OK))
            states.append(DiskState(level, room, reserve))
        nothing = DiskState(Level.OK, None, 0)
        return max(states, key=lambda state: (state.level, -(state.room or FreeSpace(0, 0)).free), default=nothing)

    def _tell(self) -> None:
        state = self._state
        if state.level >= Level.FULL:
            log.error("disk.full", level=state.level.name.lower(), room=state.words, consequence=self._consequence)
        elif state.level is Level.LOW:
            log.warning("disk.low", room=state.words, consequence=f"below the reserve {self._consequence}")
        else:
            log.info("disk.ok", room=state.words if state.room else "")


def _level(free: int, reserve: int, before: Level) -> Level:
    for level, share in _MARKS.items():
        mark = reserve * share
        if free < (mark * _MARGIN if before >= level else mark):
            return level
    return Level.OK


class DiskFigures(Collector):
    """`pingfold_disk_free_bytes` and `pingfold_disk_reserve_bytes`, of the fuller of the embedded servers' disks."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing where there are no embedded servers."""
        state = self._disk.state
        if state.room is None:
            return
        yield DISK_FREE.of(state.room.free)
        yield DISK_RESERVE.of(state.reserve)
