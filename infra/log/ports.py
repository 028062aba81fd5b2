"""What the parts of Pingfold need of the Kafka log, as protocols: the one set that everyone takes as parameters.

A process injects the real ones (`Sink`, `Replica`, `Definitions`, `Decisions`, `FoldProgress` in this package), tests a
log in memory. So no caller depends on a Kafka client, and every fault of the log can be played in a unit test.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from infra.log.sink import Position
from schemas.base import Micros
from schemas.decisions import Decision
from schemas.requests import ProjectsRequest
from schemas.topics import Topic


class LogWriter(Protocol):
    """`infra.log.sink.Sink`: appends records to topics."""

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[Position]:
        """Append a record. The future ends when all in-sync brokers have it; `NotStored` if that is not known."""


class OrderedLogWriter(LogWriter, Protocol):
    """A writer that keeps order: the records of one generation and partition are in the order of `put`."""

    @property
    def generation(self) -> int: ...


class MeasuredLogWriter(LogWriter, Protocol):
    """A writer that measures this machine's clock against Kafka's."""

    @property
    def skew(self) -> Micros | None:
        """Minimum by which our clock is ahead of Kafka's; negative: behind; None: unknown."""


class CatchesUp(Protocol):
    """`infra.log.replica.Replica`, or `infra.log.definitions.Definitions`, for look-ups."""

    async def caught_up(self, timeout: float) -> bool:
        """Whether everything that was committed before this call is known within `timeout` seconds."""


class ReplicaProgress(CatchesUp, Protocol):
    """The same, for those who wait until something has been read."""

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Whether `condition` holds within `timeout` seconds; it is checked after each record."""


class DecisionMaker(Protocol):
    """`infra.log.decisions.Decisions`: has the fold of projects decide."""

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
        """The decision on a request. Raises `NoDecision` if there is none in time; the change may still be made."""


class DueTimes(Protocol):
    """`infra.log.progress.FoldProgress`: when ticks have something to do."""

    def due(self, journal: Topic, partition: int) -> Micros | None:
        """Time before which no tick has anything to do in a partition; None if unknown."""


class AcknowledgedPings(Protocol):
    """`ingest.ping.source.Source`: what this process has acknowledged."""

    @property
    def acked(self) -> Sequence[int]:
        """By partition of `pings`, the offset of the newest acknowledged ping, -1 before the first."""
