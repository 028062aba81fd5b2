"""A thread pool for look-ups of end offsets, by which a replica is known to be caught up.

asyncio's default threads are shared with everything else (rendering, password hashes), which could delay these
look-ups. They are bounded in time and coalesced, so a few threads are enough.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_POOL = ThreadPoolExecutor(8, thread_name_prefix="log-look")


def run_lookup(look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    """The result of a blocking look-up, run in a thread that only look-ups use."""
    return asyncio.get_running_loop().run_in_executor(_POOL, lambda: look(*args, **kwargs))


class SharedLook(Generic[T]):
    """A blocking look that all share who ask meanwhile. One that began before somebody asked says nothing to them: they
    wait for the next. To be used inside a running event loop."""

    def __init__(self, look: Callable[[], T]) -> None:
        self._look = look
        self._looking: asyncio.Future[T] | None = None

    async def take(self) -> T:
        """What a look shows that has begun after this call. Raises what the look raises."""
        if self._looking is not None:
            with contextlib.suppress(Exception):
                await asyncio.shield(self._looking)
        if self._looking is None:
            self._looking = run_lookup(self._look)
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    def _looked(self, look: "asyncio.Future[T]") -> None:
        self._looking = None
        if not look.cancelled():
            look.exception()  # seen; whoever still waits gets it too
