"""Turns of bulk requests: a bound on the work of all bulk requests together in one pass of the event loop.

It bounds the delay of other requests and of ticks. Requests above the bound wait in a queue.
"""

import asyncio
from collections import deque


class Turns:
    """`most`: how much work one pass has room for, in lines of the usual size."""

    def __init__(self, most: int = 64) -> None:
        self._most = self._left = most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._is_counting = False

    def go_on(self, cost: int = 1) -> bool:
        """Whether there is room in this pass, and nobody waits for it; some of it is used then."""
        if self._waiting or self._left <= 0:
            return False
        self._use(cost)
        return True

    async def wait(self, cost: int = 1) -> None:
        """Go on when it is our turn."""
        if self.go_on(cost):
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((cost, turn))
        await turn

    def _use(self, cost: int) -> None:
        self._left -= cost
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._next_pass)

    def _next_pass(self) -> None:
        self._left, self._is_counting = self._most, False
        while self._waiting and self._left > 0:
            cost, turn = self._waiting.popleft()
            if not turn.done():  # else it was cancelled
                turn.set_result(None)
                self._use(cost)
