"""A short-lived cache of responses, so that popular responses are computed once and not per client.

No entry is used beyond its lifetime, and each response states its age. Concurrent requests for an entry that is being
computed wait for it. Failures are not cached. The size is bounded: the oldest entry is evicted first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from schemas.base import Micros

T = TypeVar("T")


class Cached(NamedTuple, Generic[T]):
    """`made`: nothing in the value is older."""

    value: T
    made: Micros


def _one(_: object) -> int:
    return 1


class ResponseCache(Generic[T]):
    """Values by what they answer, for `hold`. now: the clock they age by. most: of all their sizes together."""

    def __init__(self, now: Callable[[], Micros], hold: Micros, most: int, size: Callable[[T], int] = _one) -> None:
        self._now, self._hold, self._most, self._size_of = now, hold, most, size
        self._kept: dict[Hashable, Cached[T]] = {}
        self._making: dict[Hashable, asyncio.Task[Cached[T]]] = {}
        self._size = 0

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> Cached[T]:
        """What is kept under `key`, or what `make` makes. Raises what `make` raises."""
        kept = self._kept.get(key)
        if kept is not None and 0 <= self._now() - kept.made < self._hold:
            return kept
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, make))
            making.add_done_callback(lambda made: self._made(key, made))
        # One who goes away while waiting leaves the others their answer.
        return await asyncio.shield(making)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> Cached[T]:
        began = self._now()
        made = Cached(await make(), began)
        self._drop(key)
        self._kept[key] = made
        self._size += self._size_of(made.value)
        while self._size > self._most:
            self._drop(next(iter(self._kept)))
        return made

    def _made(self, key: Hashable, made: "asyncio.Task[Cached[T]]") -> None:
        self._making.pop(key, None)
        if not made.cancelled():
            made.exception()  # seen, even when nobody waits any more

    def _drop(self, key: Hashable) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._size -= self._size_of(dropped.value)
