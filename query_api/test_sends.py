"""Test notifications, for every API: their contents, rejections, and limits.

Anyone with a key could send many tests to people who did not ask for them. So each project has a limit of tests in any
hour (`query_api.sliding_limit`) per web process, including resent tests. Real notices do not count.
"""

from typing import Any

from query_api.errors import QueryApiError
from query_api.notice_samples import sample_of
from query_api.sliding_limit import SlidingLimit
from schemas.base import SECOND, Micros
from schemas.ids import new_id
from schemas.notices import ACKNOWLEDGED, Notice
from schemas.times import iso

HOUR: Micros = 3_600 * SECOND
# Test sends and replays are refused while so much is pending: the fold ends the oldest beyond 10,000.
MOST_ASKED_FOR = 9_000
_ACKNOWLEDGEMENT = {"by": "Ada", "acknowledged_at": "", "comment": "A test was asked for", "until": None}


class TooManyTests(QueryApiError):
    """A project has sent too many tests; in `seconds` it may send one more. The text is a sentence."""

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(
            f"At most {most} tests are sent in an hour for a project (PINGFOLD_TEST_SENDS_PER_HOUR). "
            f"Retry after {seconds} seconds."
        )
        self.seconds = seconds


class HourlySendLimiter:
    """At most `most` test sends of each project in any 60 minutes; 0 is no limit."""

    def __init__(self, most: int) -> None:
        self._most, self._limit = most, SlidingLimit(most, HOUR)

    def left(self, project: str, now: Micros) -> int | None:
        """How many tests may be sent now; None: there is no limit."""
        return self._limit.left(project, now)

    def take(self, project: str, now: Micros, count: int = 1) -> None:
        """Count tests that are to be sent. Raises `TooManyTests`."""
        if seconds := self._limit.take(project, now, count):
            raise TooManyTests(self._most, seconds)


def data_of_test(notice: Notice, now: Micros) -> dict[str, Any]:
    """Data as those of a real event, of a monitor that is not there."""
    if (sample := sample_of(notice, now)) is not None:
        return {"test": True, **sample}
    over = notice in ("monitor.recovered", "incident.resolved")
    status = "up" if over else "late" if notice == "monitor.not_observed" else "down"
    return {
        "test": True,
        "monitor": {"id": new_id(), "name": "Test", "url": "/", "kind": "http", "current_status": status},
        "incident": {
            "id": new_id(),
            "started_at": iso(now),
            "resolved_at": iso(now) if over else None,
            "cause": "A test was asked for",
            "status": "resolved" if over else "open",
            **({"acknowledgement": _ACKNOWLEDGEMENT | {"acknowledged_at": iso(now)}} if notice == ACKNOWLEDGED else {}),
        },
    }
