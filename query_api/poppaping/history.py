"""Asking history for the PoppaPing API: 503 where there is none, where it does not answer, and where it is behind."""

from collections.abc import Iterator
from contextlib import contextmanager
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


def _unavailable() -> PoppaPingApiError:
    return PoppaPingApiError(503, "History is not available now.", headers={"Retry-After": "1"})
