"""Asking history for the Management API: 503 where there is none, where it does not answer, and where it is behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from infra.clickhouse.client import ClickHouseUnavailable
from query_api.history.behind import Behind
from query_api.http.refusals import Unavailable

H = TypeVar("H")


def known_history(history: H | None) -> H:
    """The history, if this process has one. Raises `Unavailable`."""
    if history is None:
        raise Unavailable("history is not available")
    return history


@contextmanager
def answering_history() -> Iterator[None]:
    """History is asked in here. Raises `Unavailable` instead of what history raises."""
    try:
        yield
    except Behind as behind:
        raise Unavailable(str(behind)) from None
    except ClickHouseUnavailable:
        raise Unavailable("history is not available") from None
