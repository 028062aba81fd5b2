"""Asking history for a part of a page: within a bound, and a part that does not come is said to be missing."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from infra.clickhouse.client import ClickHouseUnavailable

T = TypeVar("T")

# A page waits so long for history before it goes without.
PATIENCE = 2.0


async def told(question: Awaitable[T]) -> T | None:
    """What history tells; None when it does not answer in time, or is behind."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except (ClickHouseUnavailable, TimeoutError):
        return None
