"""A drop of Apdex, and what a notice says of it. Pure."""

from typing import Any, NamedTuple

from schemas.base import SECOND, Micros
from schemas.times import zulu

HOUR: Micros = 3_600 * SECOND
# So many hours are compared with.
BEFORE = 5


class Drop(NamedTuple):
    """percent: how far the last of `hours` is below the lowest of the others. hours: start, Apdex in thousandths."""

    percent: int
    hours: tuple[tuple[Micros, int], ...]


def drop_data(drop: Drop) -> dict[str, Any]:
    """What the notice says beside its monitor."""
    _, apdex = drop.hours[-1]
    lowest = min(value for _, value in drop.hours[:-1])
    return {
        "detail": f"Apdex dropped {drop.percent}%: {apdex / 1_000} in the last hour, and {lowest / 1_000} or more in "
        f"each of the {BEFORE} hours before",
        "apdex_dropped": f"{drop.percent}%",
        "last_metrics": {zulu(start): {"apdex": value / 1_000} for start, value in drop.hours},
    }
