"""Looking definitions up for a request, in the form of the Management API and of pages; see `infra.log.lookup`."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.log import lookup
from infra.log.lookup import NotCaughtUp
from query_api.dependencies import Dependencies
from query_api.http.refusals import Unavailable

T = TypeVar("T")


async def look_up(deps: Dependencies, what: str, find: Callable[[], T | None]) -> T | None:
    """What `find` finds, None when it is not there. Raises `Unavailable`: `what` cannot be looked up now."""
    try:
        return await lookup.look_up(deps.definitions_replica, find)
    except NotCaughtUp:
        raise _not_now(what) from None


async def look_again(deps: Dependencies, what: str, find: Callable[[], Awaitable[T | None]]) -> T | None:
    """The same for what `find` did not find so far."""
    try:
        return await lookup.look_again(deps.definitions_replica, find)
    except NotCaughtUp:
        raise _not_now(what) from None


def _not_now(what: str) -> Unavailable:
    return Unavailable(f"{what} cannot be looked up now")
