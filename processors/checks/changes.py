"""The changes of a check's shown status: each moves a state that is the caller's own copy, and tells it.

Every change is one `StatusChanged` with an id from the check's own counter. Going down opens the one incident of that
span, and only what ends the span closes it. Notices go to the channels of the definition when a check goes down, comes
back from down, or could not be observed; never for new -> up, paused -> up, late, pausing or removing. Spans
never overlap: a change is not dated before the span that it ends began.
"""

from collections.abc import Sequence
from typing import Any

from processors.checks.notices import notice_data, unjudgeable
from processors.fold.contract import Effect
from processors.fold.telling import DOWN, NOT_OBSERVED, RECOVERED, Teller, Told, incident_again, notices_of, settle
from schemas.base import Micros
from schemas.check_states import CheckState, Run, visible_status
from schemas.definitions import Check
from schemas.deliveries import DeliveryRequested
from schemas.notices import Notice
from schemas.ticks import Gap
from schemas.transitions import Reason, StatusChanged, VisibleStatus


def _teller(state: CheckState, check: Check, at: Micros, time: Micros) -> Teller:
    return Teller(state, Told(check.id, check.project, check.channels), visible_status(state), at, time)


def _tell(
    teller: Teller,
    state: CheckState,
    check: Check,
    now: VisibleStatus,
    reason: Reason,
    detail: str = "",
    notices: tuple[Notice, ...] = (),
    incident: dict[str, Any] | None = None,
) -> list[Effect]:
    def data() -> dict[str, Any]:
        # An incident tells its cause itself.
        return notice_data(state, check, incident) | ({"detail": detail} if incident is None else {})

    return teller.tell(now, reason, detail, notices, data)


def go_up(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """A success; ends an incident when there is one."""
    teller = _teller(state, check, at, time)
    _settle(state)
    state.status = "up"
    incident = teller.resolved_incident()
    if incident is None:
        return _tell(teller, state, check, "up", "ping")
    return _tell(teller, state, check, "up", "ping", "", RECOVERED, incident)


def go_down(state: CheckState, check: Check, at: Micros, time: Micros, reason: Reason, cause: str) -> list[Effect]:
    """From any status but down: opens an incident."""
    teller = _teller(state, check, at, time)
    _settle(state)
    state.status, state.base = "down", None
    incident = teller.open_incident(state, cause)
    return _tell(teller, state, check, "down", reason, cause, DOWN, incident)


def go_late(state: CheckState, check: Check, expected: Micros, time: Micros) -> list[Effect]:
    """The expected moment has passed."""
    teller = _teller(state, check, expected, time)
    state.late = True
    return _tell(teller, state, check, "late", "deadline")


def go_not_late(state: CheckState, check: Check, time: Micros) -> list[Effect]:
    """A new definition expects nothing yet of a check that was late under the old one."""
    teller = _teller(state, check, time, time)
    state.late = False
    return _tell(teller, state, check, "up", "defined")


def go_unobserved(
    state: CheckState,
    check: Check,
    deadline: Micros,
    time: Micros,
    run: Run | None,
    gaps: Sequence[Gap],
    over: Micros | None,
) -> list[Effect]:
    """A deadline passed, and gaps make it impossible to say whether its ping came.

    The next deadline is that of the next run expected after `over`, the end of the gaps and of those that followed
    without a pause; while it is None, one of them is open, and no run is expected. It is told at the deadline, or at
    the end of the gaps when that is later. A further run that cannot be judged is told only when it is a run of the
    schedule: many runs open in one gap make one notice.
    """
    ends = [gap.end for gap in gaps if gap.end is not None]
    still_open = len(ends) < len(gaps)
    told = state.unobserved and run is not None
    effects = []
    if not told:
        at = deadline if still_open else max(deadline, *ends)
        teller = _teller(state, check, at, time)
        state.unobserved = True
        detail = unjudgeable(state, run, gaps)
        effects = _tell(teller, state, check, "not_observed", "gap", detail, NOT_OBSERVED)
    if state.status == "up" and state.base is not None:
        state.base = None if over is None else max(state.base, over)
    return effects


def pause(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    teller = _teller(state, check, at, time)
    _settle(state)
    state.status, state.base, state.runs, state.last_start = "paused", None, (), None
    return _tell(teller, state, check, "paused", "paused")


def resume(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    teller = _teller(state, check, at, time)
    _settle(state)
    state.status, state.base, state.runs = "new", None, ()
    state.last_start = state.last_ping = None
    return _tell(teller, state, check, "new", "resumed")


def remove(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """The last change of a check; ends its incident without a word."""
    return _tell(_teller(state, check, at, time), state, check, "removed", "removed")


def request_again(change: StatusChanged, cause: str, state: CheckState, check: Check) -> DeliveryRequested | None:
    """The request that went to the channels with a change that was told; None when there was none.

    `cause`: of the incident that the change ended. What the notice says beside the incident is as it is now.
    """
    incident = incident_again(change, cause)
    data = notice_data(state, check, incident)
    if incident is not None:
        return DeliveryRequested(transition=change.id, at=change.at, notices=notices_of(change), data=data)
    if change.now == "not_observed":
        data["detail"] = change.detail
        return DeliveryRequested(transition=change.id, at=change.at, notices=NOT_OBSERVED, data=data)
    return None


def _settle(state: CheckState) -> None:
    """What qualified the former status is over."""
    state.late = state.unobserved = False
    settle(state)
