"""Commands: send a request or append an event, then read back the result. Every API and page uses these.

A command is answered when this process can show its result, so that following reads include it. Each wait is bounded.
If a command is `Late`, it may have been carried out, or may still be; its text says what is known, and each API
responds in its own format.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from infra.log.decisions import NoDecision
from infra.log.ports import ReplicaProgress
from infra.log.sink import NotStored, Position
from query_api.dependencies import Dependencies
from query_api.errors import QueryApiError
from query_api.sent_form import learn, marks
from schemas.actors import Actor
from schemas.base import encode
from schemas.decisions import Decision
from schemas.requests import ProjectsRequest
from schemas.topics import Topic

# How long what a command made may take to reach this process.
VISIBLE_WITHIN = 3.0
_STORED_WITHIN = 5.0


class Late(QueryApiError):
    """What a command does cannot be told in time."""


class Versioned(Protocol):
    @property
    def version(self) -> int: ...


V = TypeVar("V", bound=Versioned)
T = TypeVar("T")


async def ask(deps: Dependencies, project: str, request: ProjectsRequest, actor: Actor) -> Decision:
    """What the fold of projects decides on a request of `actor`, refusals among it. Raises `Late`."""
    try:
        decision = await deps.decisions.ask(project, replace(request, actor=actor, **marks(request)))
    except NoDecision:
        raise Late("no decision in time; the change may still be made") from None
    learn(decision)
    return decision


async def append(deps: Dependencies, topic: Topic, key: str, *events: msgspec.Struct) -> list[Position]:
    """Put events into a journal; where they stand. Raises `Late`."""
    try:
        async with asyncio.timeout(_STORED_WITHIN):
            return await asyncio.gather(*(deps.sink.put(topic, key, encode(event)) for event in events))
    except (NotStored, TimeoutError):
        raise Late("the change could not be stored in time; it may still be made") from None


async def read_back(deps: Dependencies, decision: Decision, find: Callable[[str], V | None]) -> V:
    """The definition that a decision names, in its version or a newer one. Raises `Late`."""

    def found() -> V | None:
        definition = find(decision.id)
        return definition if definition is not None and definition.version >= decision.version else None

    await wait_until(deps.definitions_replica, lambda: found() is not None)
    definition = found()
    if definition is None:
        raise Late("the change is made, but cannot be read back yet")
    return definition


async def wait_until(replica: ReplicaProgress, is_visible: Callable[[], bool]) -> None:
    """Wait until this process shows a change, or for `VISIBLE_WITHIN` seconds: what is answered is the same."""
    await replica.wait(is_visible, VISIBLE_WITHIN)


async def made(deps: Dependencies, find: Callable[[str], T | None], id: str, as_asked: T) -> T:
    """What was made, as the fold defined it; as it was asked for, when that cannot be read back yet."""
    await wait_until(deps.definitions_replica, lambda: find(id) is not None)
    return find(id) or as_asked


async def gone(deps: Dependencies, find: Callable[[str], object | None], id: str) -> None:
    """Wait until what was removed is not there any more."""
    await wait_until(deps.definitions_replica, lambda: find(id) is None)
