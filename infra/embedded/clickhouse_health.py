"""The health of the engine, which `GET /ping` of the embedded ClickHouse reports.

The event loop would answer even if the engine hangs. So the check runs one statement on its own thread, which waits for
no other call, and also checks that the threads of all other calls make progress.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# Whoever asks waits for 2 s.
_ANSWER_SECONDS = 1.5
# Every thread has been busy for so long, and none has ended its call.
_STANDING_SECONDS = 10.0


class Health:
    """ask: has the engine answer something small; blocks. threads: so many run calls.

    To be told of every call in the event loop, as it is taken (`begins`) and when it is done (`ended`).
    """

    def __init__(self, ask: Callable[[], object], threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._threads, self._clock = ask, threads, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._asking: asyncio.Future[object] | None = None
        self._under_way = 0
        self._moved = clock()

    def begins(self) -> None:
        """A call has been taken."""
        self._under_way += 1
        if self._under_way <= self._threads:
            self._moved = self._clock()

    def ended(self) -> None:
        """A call is done, whatever came of it."""
        self._under_way -= 1
        self._moved = self._clock()

    async def is_well(self) -> bool:
        """Whether the engine answers and its threads get on. Takes at most 1.5 s."""
        if self._under_way >= self._threads and self._clock() - self._moved >= _STANDING_SECONDS:
            return False
        asking = self._asking
        if asking is None:
            asking = self._asking = asyncio.get_running_loop().run_in_executor(self._pool, self._ask)
        await asyncio.wait([asking], timeout=_ANSWER_SECONDS)
        if not asking.done():
            return False
        if self._asking is asking:
            self._asking = None
        return asking.exception() is None
