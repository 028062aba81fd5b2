"""Asking history for a part of a page: within a bound, and a part that does not come is said to be missing. And whether
the log answers, before a page begins with what would wait for it for long."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from infra.clickhouse.client import ClickHouseUnavailable
from infra.log.lookup import LOOK_SECONDS
from query_api.dependencies import Dependencies

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


async def log_answers(deps: Dependencies) -> bool:
    """Whether Kafka answers within a moment."""
    return await deps.definitions_replica.caught_up(LOOK_SECONDS)
