"""Asking history for the updown API: 503 where there is none, and where it does not answer or is behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.dependencies import Dependencies
from query_api.history.ports import MonitorHistoryReader
from query_api.updown.errors import UpdownError


def history_of(deps: Dependencies) -> MonitorHistoryReader:
    """The history of checks. Raises `UpdownError` 503 where there is none."""
    if deps.monitor_history is None:
        raise _unavailable()
    return deps.monitor_history


@contextmanager
def answering_history() -> Iterator[None]:
    """History is asked in here. Raises `UpdownError` 503 instead of what history raises."""
    try:
        yield
    except ClickHouseUnavailable:
        raise _unavailable() from None


def _unavailable() -> UpdownError:
    return UpdownError(503, "History is not available now", {"Retry-After": "1"})
