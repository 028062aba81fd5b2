"""Answers kept for a few seconds, so that a page that everybody looks at is made once and not for each of them.

What is kept is never handed out when older than `HOLD`, and knows its age. Whoever asks while an answer is being made
waits for that one. Bounded in bytes: those made first go first.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from schemas.base import SECOND, Micros

HOLD: Micros = 5 * SECOND
_MOST_BYTES = 32 * 2**20


class CachedResponse(NamedTuple):
    """A body and its tag. `made`: nothing in it is older."""

    body: bytes
    etag: str
    made: Micros


class ResponseCache:
    """Answers by what they answer. `now`: the clock they age by."""

    def __init__(self, now: Callable[[], Micros], most_bytes: int = _MOST_BYTES) -> None:
        self._now, self._most = now, most_bytes
        self._answers: dict[Hashable, CachedResponse] = {}
        self._making: dict[Hashable, asyncio.Task[CachedResponse]] = {}
        self._bytes = 0

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> CachedResponse:
        """The answer that is kept under `key`, or the one that `make` makes."""
        answer = self._answers.get(key)
        if answer is not None and 0 <= self._now() - answer.made < HOLD:
            return answer
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, make))
            making.add_done_callback(lambda _: self._making.pop(key, None))
        # One who goes away while waiting leaves the others their answer.
        return await asyncio.shield(making)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> CachedResponse:
        made = self._now()
        body = await make()
        answer = CachedResponse(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', made)
        self._drop(key)
        self._answers[key] = answer
        self._bytes += len(body)
        while self._bytes > self._most:
            self._drop(next(iter(self._answers)))
        return answer

    def _drop(self, key: Hashable) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= len(answer.body)
