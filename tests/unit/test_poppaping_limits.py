"""The rate limit of the PoppaPing API holds a bounded number of windows, whatever keys are shown."""

from typing import Any

from query_api.poppaping import limits
from query_api.poppaping.limits import RateLimits
from schemas.base import SECOND


class World:
    """A limit of two requests, and how often the application behind it was asked."""

    def __init__(self) -> None:
        self.now, self.asked = 1_000 * SECOND, 0
        self.limits = RateLimits(self._application, most=2, now=lambda: self.now, speaks=lambda _: True)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1

    async def ask(self, key: str) -> bool:
        """Whether a request with this key gets through."""
        before = self.asked
        scope = {"type": "http", "path": "/", "headers": [(b"x-api-key", key.encode())]}

        async def receive() -> Any:
            pass

        async def send(_: Any) -> None:
            pass

        await self.limits({**scope}, receive, send)
        return self.asked > before


async def test_ever_new_keys_do_not_fill_the_memory() -> None:
    world = World()
    most = 0
    for number in range(3 * limits._MOST_WINDOWS):
        assert await world.ask(f"key-{number}")
        most = max(most, len(world.limits._windows))
    assert most == limits._MOST_WINDOWS
    last = f"key-{3 * limits._MOST_WINDOWS - 1}"
    assert [await world.ask(last) for _ in range(2)] == [True, False], "a window that is kept goes on to count"
    world.now += 61 * SECOND
    assert await world.ask(last)


async def test_a_long_key_is_kept_short() -> None:
    world = World()
    long = "k" * 60_000
    assert [await world.ask(long) for _ in range(3)] == [True, True, False]
    assert await world.ask(long + "k")
    assert max(map(len, world.limits._windows)) == 64
