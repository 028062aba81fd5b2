"""Looking something up in a replica: look up, catch up, look up again.

Nothing is called unknown before the replica has read everything that was committed before the question came: a thing
that was just made through another process is never denied. Whoever asks gets what is there, None, or `NotCaughtUp`;
how that is told to a client is each application's own.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.errors import InfraError
from infra.log.ports import CatchesUp

T = TypeVar("T")

# How long a look at the end of the log may take before something is called unknown. A replica learns of the commit
# marker at the end of a partition with its next fetch, which may take half a second; twice that is never too short.
LOOK_SECONDS = 1.0


class NotCaughtUp(InfraError):
    """Whether there is such a thing cannot be told now; a moment later it can."""


async def look_up(replica: CatchesUp, find: Callable[[], T | None], seconds: float = LOOK_SECONDS) -> T | None:
    """What `find` finds in what the replica feeds, None when it is not there. Raises `NotCaughtUp`."""
    found = find()
    if found is not None:
        return found

    async def again() -> T | None:
        return find()

    return await look_again(replica, again, seconds)


async def look_again(
    replica: CatchesUp, find: Callable[[], Awaitable[T | None]], seconds: float = LOOK_SECONDS
) -> T | None:
    """The second half of it, for what `find` did not find so far. Raises `NotCaughtUp`."""
    is_caught_up = await replica.caught_up(seconds)
    found = await find()
    if found is None and not is_caught_up:
        raise NotCaughtUp
    return found
