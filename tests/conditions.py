"""Waiting for a condition, never for an amount of time."""

import asyncio
from collections.abc import Callable

# On the slowest machine; nothing depends on how long it takes.
SOON = 60.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds. Raises `TimeoutError` after `SOON` seconds."""
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.005)
