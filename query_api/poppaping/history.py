"""Asking history for the PoppaPing API: 503 where there is none, where it does not answer, and where it is behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from infra.clickhouse.client import Unavailable
from query_api.poppaping.responses import Fault

H = TypeVar("H")


def known_history(history: H | None) -> H:
    """The history, if this process has one. Raises `Fault` 503."""
    if history is None:
        raise _unavailable()
    return history


@contextmanager
def answering_history() -> Iterator[None]:
    """History is asked in here. Raises `Fault` 503 instead of what history raises."""
    try:
        yield
    except Unavailable:
        raise _unavailable() from None


def _unavailable() -> Fault:
    return Fault(503, "History is not available now.", headers={"Retry-After": "1"})
