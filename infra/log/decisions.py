"""Sends requests to the `projects` fold: a request is appended to its journal, the decision returns through
`decisions`.

A request whose decision does not come in time may still be carried out (`NoDecision`).
"""

import asyncio

import msgspec
from msgspec.structs import replace

from infra.errors import InfraError
from infra.log.replica import Replica
from infra.log.sink import NotStored, Sink
from schemas.base import encode
from schemas.decisions import Decision
from schemas.requests import ProjectsRequest
from schemas.topics import DECISIONS, PROJECTS

_decode = msgspec.json.Decoder(Decision).decode


class NoDecision(InfraError):
    """No decision came in time. The request is in the log, or may be: say that the change may still be made."""


class Decisions:
    """Receives the decisions. To be created inside a running event loop; call `start` before `ask`."""

    def __init__(self, bootstrap: str, partitions: int, sink: Sink) -> None:
        self._loop = asyncio.get_running_loop()
        self._sink, self._partitions = sink, partitions
        self._asked: dict[str, asyncio.Future[Decision]] = {}
        # A decision is told as soon as it is there; nobody asks for the end of them.
        self._replica = Replica(bootstrap, partitions, {DECISIONS: self._heard}, from_end=True, wait_ms=500)

    async def start(self) -> None:
        """Begin to listen."""
        await self._replica.start()

    async def close(self) -> None:
        """Stop listening."""
        await self._replica.close()

    async def ask(self, project: str, request: ProjectsRequest, timeout: float = 5.0) -> Decision:
        """The decision on a request. Raises `NoDecision` when Kafka or the fold does not answer within `timeout`."""
        verdict: asyncio.Future[Decision] = self._loop.create_future()
        self._asked[request.request] = verdict
        try:
            async with asyncio.timeout(timeout):
                await self._sink.put(PROJECTS, project, encode(replace(request, partition_count=self._partitions)))
                return await verdict
        except (TimeoutError, NotStored) as error:
            raise NoDecision(str(error) or f"no verdict within {timeout:.0f} s") from error
        finally:
            self._asked.pop(request.request, None)

    def _heard(self, partition: int, key: str, value: bytes | None) -> None:
        if value is not None and key in self._asked:
            self._loop.call_soon_threadsafe(self._settle, key, _decode(value))

    def _settle(self, request: str, decision: Decision) -> None:
        verdict = self._asked.get(request)
        if verdict is not None and not verdict.done():
            verdict.set_result(decision)
