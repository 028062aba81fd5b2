"""What a check shows at a moment: status word, `started`, next ping. Pure.

The stored status is the fold's. A check is down only when the fold has said so; lateness is told
from the schedule, exactly at the expected moment. A check whose state is not folded yet is new.
These APIs have no word for maintenance: a check in it shows what is underneath, and is not judged, so it is never late.
"""

from typing import Literal, NamedTuple

from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.schedules import next_after

StatusWord = Literal["new", "up", "grace", "down", "paused", "started"]

_STORED: dict[str, StatusWord] = {"new": "new", "down": "down", "paused": "paused"}


class PresentedCheck(NamedTuple):
    """`next_ping`: when the next ping is expected; while a run is open, when it started, as with Healthchecks."""

    status: StatusWord
    started: bool
    next_ping: Micros | None


def present_check(check: Check, state: CheckState | None, at: Micros, version: int = 3) -> PresentedCheck:
    """What `check` shows at `at`. Version 1 of the API has `started` as a status word of its own."""
    if state is None:
        return PresentedCheck("new", False, None)
    expected = None
    if state.status == "up" and state.base is not None:
        expected = next_after(check.schedule, state.base)
    status = _status(state, expected, at)
    overdue = any(run.overdue for run in state.runs)
    if version == 1 and state.runs and not (state.status == "down" and overdue):
        status = "started"
    return PresentedCheck(status, bool(state.runs), _next_ping(state, expected))


def _status(state: CheckState, expected: Micros | None, at: Micros) -> StatusWord:
    if state.status != "up":
        # A word that this version does not know says as little as a check that is new.
        return _STORED.get(state.status, "new")
    if state.maintained:
        return "up"
    if state.late or state.unobserved or (expected is not None and at >= expected):
        return "grace"
    return "up"


def _next_ping(state: CheckState, expected: Micros | None) -> Micros | None:
    if state.status == "down":
        return None
    moments = [run.started for run in state.runs if run.is_watched()]
    return min(moments if expected is None else [*moments, expected], default=None)
