"""Asking history for the PoppaPing API: 503 where there is none, where it does not answer, and where it is behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.poppaping.responses import PoppaPingApiError

H = TypeVar("H")


def known_history(history: H | None) -> H:
    """The history, if this process has one. Raises `PoppaPingApiError` 503."""
    if history is None:
        raise _unavailable()
    return history


@contextmanager
def answering_history() -> Iterator[None]:
    """History is asked in here. Raises `PoppaPingApiError` 503 instead of what history raises."""
    try:
        yield
    except ClickHouseUnavailable:
        raise _unavailable() from None


class HistoryTurns:
    """Lets a few requests at a time ask much of history, each for a bounded time."""

    def __init__(self, at_once: int, within_seconds: float, too_late: str) -> None:
        """too_late: the message of the 503 when the time is over, the wait for a turn included."""
        self._room, self._within, self._too_late = asyncio.Semaphore(at_once), within_seconds, too_late

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises `PoppaPingApiError` 503 when history does not answer, or not in time."""
        try:
            async with asyncio.timeout(self._within), self._room:
                with answering_history():
                    yield
        except TimeoutError:
            raise PoppaPingApiError(503, self._too_late, headers={"Retry-After": "5"}) from None


def _unavailable() -> PoppaPingApiError:
    return PoppaPingApiError(503, "History is not available now.", headers={"Retry-After": "1"})
