"""The changes of a check's shown status: each moves a state that is the caller's own copy, and tells it.

Every change is one `StatusChanged` with an id from the check's own counter. Going down opens the one incident of that
span, and only what ends the span closes it. Notices go to the channels of the definition when a check goes down, comes
back from down, or could not be observed; never for new -> up, paused -> up, late, pausing or removing
(reference/check-state.md section 4). Spans never overlap: a change is not dated before the span that it ends began.
"""

from collections.abc import Sequence
from typing import Any

from processors.check_notices import incident_data, notice_data, unjudgeable
from processors.check_rules import shown
from processors.fold import SAME, Effect
from schemas.base import Micros
from schemas.check_states import CheckState, Run
from schemas.definitions import Check, Notice
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.ticks import Gap
from schemas.topics import DELIVERIES, TRANSITIONS
from schemas.transitions import Reason, Shown, StatusChanged


class Teller:
    """Writes down one change of a state: made before the state is moved, used after."""

    def __init__(self, state: CheckState, check: Check, at: Micros, time: Micros) -> None:
        self.state, self.check = state, check
        self.was: Shown = shown(state)
        self.since = state.since
        self.at = max(at, state.since)
        self.detected_at = max(time, self.at)
        self.incident = state.incident
        self.n = state.changes + 1
        state.changes, state.since = self.n, self.at

    def tell(
        self,
        now: Shown,
        reason: Reason,
        detail: str = "",
        notices: tuple[Notice, ...] = (),
        incident: dict[str, Any] | None = None,
    ) -> list[Effect]:
        check = self.check
        change = StatusChanged(
            id=derived_id(check.id, "change", self.n),
            n=self.n,
            thing=check.id,
            project=check.project,
            at=self.at,
            detected_at=self.detected_at,
            since=self.since,
            was=self.was,
            now=now,
            reason=reason,
            incident=self.incident,
            detail=detail,
        )
        effects = [Effect(TRANSITIONS, check.id, change, SAME)]
        if notices and check.channels:
            data = notice_data(self.state, check, incident)
            if incident is None:
                data["detail"] = detail  # an incident tells its cause itself
            request = DeliveryRequested(transition=change.id, at=self.at, notices=notices, data=data)
            effects.extend(Effect(DELIVERIES, channel, request) for channel in check.channels)
        return effects


def go_up(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """A success; ends an incident when there is one."""
    teller = Teller(state, check, at, time)
    incident, started, cause = state.incident, state.down_since, state.cause
    _settle(state)
    state.status = "up"
    if incident is None or started is None:
        return teller.tell("up", "ping")
    data = incident_data(incident, started, teller.at, cause)
    return teller.tell("up", "ping", notices=("monitor.recovered", "incident.resolved"), incident=data)


def go_down(state: CheckState, check: Check, at: Micros, time: Micros, reason: Reason, cause: str) -> list[Effect]:
    """From any status but down: opens an incident."""
    teller = Teller(state, check, at, time)
    _settle(state)
    state.status, state.base = "down", None
    teller.incident = state.incident = derived_id(check.id, "incident", teller.n)
    state.down_since, state.cause = teller.at, cause
    data = incident_data(state.incident, teller.at, None, cause)
    return teller.tell("down", reason, cause, ("monitor.down", "incident.created"), data)


def go_late(state: CheckState, check: Check, expected: Micros, time: Micros) -> list[Effect]:
    """The expected moment has passed."""
    teller = Teller(state, check, expected, time)
    state.late = True
    return teller.tell("late", "deadline")


def go_not_late(state: CheckState, check: Check, time: Micros) -> list[Effect]:
    """A new definition expects nothing yet of a check that was late under the old one."""
    teller = Teller(state, check, time, time)
    state.late = False
    return teller.tell("up", "defined")


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
        teller = Teller(state, check, at, time)
        state.unobserved = True
        detail = unjudgeable(state, run, gaps)
        effects = teller.tell("not_observed", "gap", detail, ("monitor.not_observed",))
    if state.status == "up" and state.base is not None:
        state.base = None if over is None else max(state.base, over)
    return effects


def pause(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    teller = Teller(state, check, at, time)
    _settle(state)
    state.status, state.base, state.runs, state.last_start = "paused", None, (), None
    return teller.tell("paused", "paused")


def resume(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    teller = Teller(state, check, at, time)
    _settle(state)
    state.status, state.base, state.runs = "new", None, ()
    state.last_start = state.last_ping = None
    return teller.tell("new", "resumed")


def remove(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """The last change of a check; ends its incident without a word."""
    return Teller(state, check, at, time).tell("removed", "removed")


def _settle(state: CheckState) -> None:
    """What qualified the former status is over."""
    state.late = state.unobserved = False
    state.incident, state.down_since, state.cause = None, None, ""
