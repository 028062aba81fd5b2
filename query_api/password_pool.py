"""Threads for password hashing, at low priority, so that pings and other requests continue.

A hash takes a tenth of a second of a core. The queue is bounded per owner, so that attempts to guess the password of
one status page do not delay others. The queue as a whole is bounded, too: guesses from very many addresses at once are
rejected, so that nobody waits for minutes behind them.
"""

import asyncio
import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from query_api.http.refusals import ApiError

T = TypeVar("T")

_NICENESS = 10
_THREADS = 2
_MOST_WAITING_OF_ONE = 10
# Some seconds of work.
_MOST_WAITING = 100
_RETRY_SECONDS = 2


class PasswordPool:
    """waiting: how many calls of each owner have not ended."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "passwords", initializer=_lower_priority)
        self.waiting: Counter[str] = Counter()

    async def run(self, owner: str, call: Callable[..., T], *arguments: Any) -> T:
        """Call in a thread. Raises `ApiError` 503 while many calls of this owner, or of all, wait."""
        if self.waiting[owner] >= _MOST_WAITING_OF_ONE or self.waiting.total() >= _MOST_WAITING:
            headers = {"Retry-After": str(_RETRY_SECONDS), "Cache-Control": "no-store"}
            raise ApiError(503, f"too many passwords to look at; try again in {_RETRY_SECONDS} s", headers)
        self.waiting[owner] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)
        finally:
            self.waiting[owner] -= 1
            if not self.waiting[owner]:
                del self.waiting[owner]


def _lower_priority() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux knows the priority of a thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
