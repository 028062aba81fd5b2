"""How long the runs of a check take: what its state keeps of it, and what a notice says. Pure."""

from datetime import timedelta
from typing import Any

from msgspec import Struct

from schemas.base import SECOND, Micros


class RunTimes(Struct, frozen=True, omit_defaults=True, gc=False):
    """average: of the runs that succeeded, the newest counting most. runs: how many there were, as far as it matters.

    told: people know that the average is near the run limit.
    """

    average: Micros
    runs: int = 1
    told: bool = False


def drift_data(average: Micros, limit: Micros) -> dict[str, Any]:
    """What the notice says beside its monitor."""
    percent = average * 100 // limit
    return {
        "detail": f"The last runs took {_span(average)} on average, {percent}% of the run limit of {_span(limit)}",
        "run_time": {
            "average_seconds": average // SECOND,
            "limit_seconds": limit // SECOND,
            "percent_of_limit": percent,
        },
    }


def _span(micros: Micros) -> str:
    return str(timedelta(seconds=micros // SECOND))
