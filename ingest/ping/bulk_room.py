"""Room for the pings of bulk requests that Kafka has not acknowledged: bounds on their number and bytes, in total.

The bounds are below those of all pings, so that single pings always find room. Requests without room wait in a queue
and take turns, line by line. So each reads only as fast as Kafka accepts its lines.
"""

import asyncio
from collections import deque


class BulkRoom:
    """`lines`, `size`: how many there may be, and how many bytes they may have together. One always finds room."""

    def __init__(self, lines: int, size: int) -> None:
        self._most_lines, self._most_size = lines, size
        self.lines = self.size = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def enter_now(self, size: int) -> bool:
        """Take room for a ping of `size` bytes if there is some, and nobody waits for it."""
        if self._waiting or not self._has_room(size):
            return False
        self._take(size)
        return True

    async def enter(self, size: int) -> None:
        """Wait until there is room for a ping of `size` bytes; it is taken then."""
        if self.enter_now(size):
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((size, place))
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self.leave(size)
            raise

    def leave(self, size: int) -> None:
        """A ping that had room is reported on, or was not sent."""
        self.lines -= 1
        self.size -= size
        while self._waiting:
            size, place = self._waiting[0]
            if not place.cancelled():
                if not self._has_room(size):
                    return
                self._take(size)
                place.set_result(None)
            self._waiting.popleft()

    def _has_room(self, size: int) -> bool:
        return not self.lines or (self.lines < self._most_lines and self.size + size <= self._most_size)

    def _take(self, size: int) -> None:
        self.lines += 1
        self.size += size
