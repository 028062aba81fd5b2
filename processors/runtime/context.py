"""The interface between the partitions of a fold and the process that owns them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from enum import IntEnum
from typing import NamedTuple, Protocol

import msgspec

from infra.clock import SYSTEM_CLOCK, Clock
from processors.errors import ProcessorError
from processors.fold.contract import Fold
from processors.fold.defects import Defects


class StateListener(Protocol):
    """Acts on committed states, for example the sender."""

    def assigned(self, partition: int, records: Mapping[str, msgspec.Struct]) -> None:
        """A partition was taken over with these states."""

    def committed(self, partition: int, changes: Mapping[str, msgspec.Struct | None]) -> None:
        """These records were committed."""

    def revoked(self, partition: int) -> None:
        """The partition is no longer ours."""

    def works(self) -> bool:
        """Whether what is under way gets on; asked every second or so."""

    async def close(self) -> None:
        """The process ends: finish what is under way within seconds, and take on nothing more."""


class TruncatedLog(IntEnum):
    """Which log of a partition has lost its end. If both have, `STATES` applies, and events are folded again."""

    JOURNAL = 1
    STATES = 2


class DefectiveFold(ProcessorError):
    """The fold refuses so much that it must not go on; nothing of the batch in hand is committed."""

    def __init__(self, fold: str, why: str) -> None:
        super().__init__(why)
        self.fold = fold


class RuntimeContext(NamedTuple):
    """What every partition of a fold in this process shares.

    moved: told after each batch. rewind: has the consumer read a partition again from an offset.
    loads: held while states are loaded, so that the pool has room for commits meanwhile. defects: None when the
    operator has decided that the fold is to go on whatever it refuses. doubtful: the logs may have lost their ends.
    """

    bootstrap: str
    fold: Fold
    pool: Executor
    follower: StateListener | None
    moved: Callable[[], None]
    rewind: Callable[[int, int], Awaitable[None]]
    loads: asyncio.Semaphore
    defects: Defects | None
    doubtful: bool = False
    clock: Clock = SYSTEM_CLOCK
