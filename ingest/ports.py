"""What ingest needs from the rest of Pingfold, as protocols: tests give it a log in memory, a process the real one."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from infra.log.sink import Position
from schemas.base import Micros
from schemas.requests import Decision, ProjectsRequest
from schemas.topics import Topic


class Log(Protocol):
    """`infra.log.sink.Sink`: a record handed over is in the log when the future ends; `NotStored` otherwise."""

    def put(
        self,
        topic: Topic | str,
        key: str | bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[Position]: ...


class OrderedLog(Log, Protocol):
    """A log that says how far it keeps order: records of one generation and partition stand in the order of putting."""

    @property
    def generation(self) -> int: ...


class MeasuredLog(Log, Protocol):
    """A log that knows how far our clock is ahead of Kafka's at least; negative: behind; None: not known."""

    @property
    def skew(self) -> Micros | None: ...


class Freshness(Protocol):
    """`infra.log.replica.Replica` of `definitions`: whether the directory knows all that was committed before."""

    async def caught_up(self, timeout: float) -> bool: ...

    async def wait(self, condition: Callable[[], bool], timeout: float) -> bool: ...


class Verdicts(Protocol):
    """`infra.log.decisions.Decisions`: asks the fold of projects; `NoVerdict` when it does not answer in time."""

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision: ...
