"""The changes of a check's visible status: each moves a state that is the caller's own copy, and returns the effects.

Every change is one `StatusChanged` with an id from the check's own counter. Going down opens the one incident of that
span, and only what ends the span closes it. Notices go to the channels of the definition when a check goes down, comes
back from down, is late, or could not be observed; never for new -> up, paused -> up, pausing or removing. Spans
never overlap: a change is not dated before the span that it ends began.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from processors.checks.forgiveness import forgive
from processors.checks.messages import about, notice_data, overdue, unjudgeable, unseen
from processors.checks.rules import run_limit
from processors.fold.acknowledgements import tell_team, with_acknowledgement
from processors.fold.contract import Effect
from processors.fold.escalations import EscalationPolicies, escalate, escalation_due, told_first, told_now
from processors.fold.incident_notices import request_again as once_more
from processors.fold.mutes import (
    end_with_incident,
    recovered,
    tell_again,
    tell_channel,
    tell_owed,
    tell_untold,
    tell_yet,
)
from processors.fold.reminders import pass_reminders, remind
from processors.fold.status_transition import (
    DOWN,
    LATE,
    NOT_OBSERVED,
    RECOVERED,
    StatusTransition,
    Subject,
    end_incident,
    incident_data,
    incident_of,
    notices_of,
    notify,
    request,
)
from schemas.base import Micros
from schemas.check_states import CheckState, Run, visible_status
from schemas.definitions import Check, changes_before
from schemas.deliveries import DeliveryRequested
from schemas.ids import derived_id
from schemas.incidents import IncidentToTell
from schemas.notices import ACKNOWLEDGED, Notice
from schemas.run_times import drift_data
from schemas.ticks import Gap
from schemas.transitions import IncidentTold, Reason, StatusChanged, VisibleStatus

RUN_TIME_DRIFT: tuple[Notice, ...] = ("monitor.run_time_drift",)


def _subject(check: Check, state: CheckState) -> Subject:
    return Subject(check.id, check.project, check.channels, partial(about, state, check))


def _transition(state: CheckState, check: Check, at: Micros, time: Micros) -> StatusTransition:
    return StatusTransition(state, _subject(check, state), visible_status(state), at, time)


def _effects(
    transition: StatusTransition,
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

    return transition.effects(now, reason, detail, notices, data)


def go_up(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """A success; ends an incident when there is one."""
    transition, told = _transition(state, check, at, time), not state.silenced
    _reset(state)
    state.status = "up"
    incident = transition.resolved_incident()
    if incident is None:
        return _effects(transition, state, check, "up", "ping")
    mute = recovered(state, check, transition, told)
    effects = _effects(transition, state, check, "up", "ping", "", RECOVERED, incident) + mute
    return effects + _owed(state, check) if mute and not state.muted else effects


def go_down(state: CheckState, check: Check, at: Micros, time: Micros, reason: Reason, cause: str) -> list[Effect]:
    """From any status but down: opens an incident."""
    transition = _transition(state, check, at, time)
    _reset(state)
    state.status, state.base = "down", None
    incident = transition.open_incident(state, cause)
    return _effects(transition, state, check, "down", reason, cause, DOWN, incident)


def go_late(
    state: CheckState, check: Check, expected: Micros, time: Micros, told: tuple[str, ...] = ()
) -> list[Effect]:
    """The expected moment has passed. told: the channels that are told; a mute keeps it from them for good."""
    transition = _transition(state, check, expected, time)
    transition.subject = transition.subject._replace(channels=told)
    state.late = True
    detail = overdue(state, check, expected) if told else ""
    return _effects(transition, state, check, "late", "deadline", detail, LATE if told else ())


def go_not_late(state: CheckState, check: Check, time: Micros) -> list[Effect]:
    """A new definition expects nothing yet of a check that was late under the old one."""
    transition = _transition(state, check, time, time)
    state.late = False
    return _effects(transition, state, check, "up", "defined")


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
    known = state.unobserved and run is not None
    effects = []
    if not known:
        at = deadline if still_open else max(deadline, *ends)
        transition = _transition(state, check, at, time)
        state.unobserved, state.silenced = True, state.muted
        detail = unjudgeable(state, run, gaps)
        effects = _effects(transition, state, check, "not_observed", "gap", detail, NOT_OBSERVED)
    if state.status == "up" and state.base is not None:
        state.base = None if over is None else max(state.base, over)
    return effects


def tell_of_drift(state: CheckState, check: Check, at: Micros) -> list[Effect]:
    """Runs take nearly as long as they may. The id is by the serial number of the ping that ended the last, counted on
    from where the changes of the check begin: an earlier check with its id may have told of as many pings."""
    assert state.run_times is not None
    id = derived_id(check.id, "run time drift", changes_before(check) + state.pings)
    data = notice_data(state, check, None) | drift_data(state.run_times.average, run_limit(check))
    return request(_subject(check, state), id, at, RUN_TIME_DRIFT, data)


def pause(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    transition = _transition(state, check, at, time)
    _reset(state)
    state.status, state.base, state.runs, state.last_start = "paused", None, (), None
    state.output = None
    mute = end_with_incident(state, check, transition)
    effects = _effects(transition, state, check, "paused", "paused") + mute
    return effects + _owed(state, check) if mute and not state.muted else effects


def resume(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    transition = _transition(state, check, at, time)
    _reset(state)
    state.status, state.base, state.runs = "new", None, ()
    state.last_start = state.last_ping = state.output = None
    return _effects(transition, state, check, "new", "resumed")


def enter_maintenance(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """A window over a check that is not down opens. A paused one has just been pinged."""
    transition = _transition(state, check, at, time)
    if state.status == "paused":
        state.status = "new"
    state.maintained, state.late, state.unobserved, state.silenced = True, False, False, False
    return _effects(transition, state, check, "maintenance", "maintenance")


def leave_maintenance(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """The last window over a check closes."""
    if state.failing is not None:
        return go_down(state, check, at, time, "fail", state.failing.cause)
    began, transition = state.since, _transition(state, check, at, time)
    state.maintained = False
    forgive(state, check, began, transition.at)
    return _effects(transition, state, check, visible_status(state), "maintenance")


def end_mute(
    state: CheckState, check: Check, at: Micros, time: Micros, expired: bool, untold: bool = False
) -> list[Effect]:
    """People are told again of the check, from `at` on. expired: by its time, which nobody may have in mind.

    untold: a window of maintenance is open. What is to be told is told when that closes.
    """
    state.muted, state.again = False, False
    subject, n = _subject(check, state), state.changes
    effects = _owed(state, check)
    if untold and state.silenced:
        return effects
    silenced, state.silenced = state.silenced, False
    if state.status != "down":
        data = notice_data(state, check, None) | {"detail": unseen(state)}
        return effects + (notify(subject, n, state.since, NOT_OBSERVED, data) if silenced else [])
    if silenced:
        told_first(state, max(at, time))
        return effects + notify(subject, n, state.since, DOWN, _open_incident(state, check))
    told_now(state, max(at, time))
    again = expired and state.acknowledged is None
    if untold:
        state.again = again
        return effects
    if again:
        effects += tell_again(subject, n, at, _open_incident(state, check))
    told = check.channels if again else ()
    return effects + tell_untold(state, subject, max(at, time), lambda: _open_incident(state, check), told)


def tell_down(state: CheckState, check: Check, time: Micros) -> list[Effect]:
    """The check is down, and people are told now of what they were not told when it went down."""
    state.silenced = False
    told_first(state, time)
    return notify(_subject(check, state), state.changes, state.since, DOWN, _open_incident(state, check))


def tell_muted_channel(
    state: CheckState, check: Check, event: IncidentToTell, at: Micros, untold: bool
) -> list[Effect]:
    """The mute of a channel is over, which was not told of the incident that is open. untold: a window is open."""
    if state.incident is None or state.incident != event.incident:
        return []
    subject = _subject(check, state)
    return tell_channel(state, subject, event.channel, at, lambda: _open_incident(state, check), untold=untold)


def tell_after_window(state: CheckState, check: Check, policies: EscalationPolicies, time: Micros) -> list[Effect]:
    """No window is open any more in which a mute ended of what people knew to be down."""

    def step() -> list[Effect]:
        due = None if state.escalation is None else escalation_due(state, check, policies)
        return [] if due is None or due > time else escalate_of(state, check, policies, time)

    return tell_yet(state, _subject(check, state), time, lambda: _open_incident(state, check), step)


def _owed(state: CheckState, check: Check) -> list[Effect]:
    """The recovery from an earlier incident that people know of, when the mute is over that kept it from them."""
    return tell_owed(state, _subject(check, state), lambda incident: notice_data(state, check, incident))


def remind_of(state: CheckState, check: Check, first: Micros, time: Micros, untold: bool) -> list[Effect]:
    """The check is still down. first: how long after the beginning of the incident that is told for the first time.

    untold: a window of maintenance is open.
    """
    at = pass_reminders(state, first, time)
    if state.muted or untold:
        return []
    return remind(state, _subject(check, state), state.changes, at, _open_incident(state, check))


def escalate_of(state: CheckState, check: Check, policies: EscalationPolicies, time: Micros) -> list[Effect]:
    """A step of the check's escalation is due, or a snooze ends."""
    subject = _subject(check, state)
    return escalate(state, subject, policies, state.changes, time, lambda: _open_incident(state, check))


def tell_acknowledged(state: CheckState, check: Check, at: Micros) -> list[Effect]:
    """Somebody takes care of the check's incident."""
    return tell_team(state, _subject(check, state), at, partial(_taken_care_of, state, check))


def told_again(told: IncidentTold, state: CheckState, check: Check) -> DeliveryRequested | None:
    """The request that went out with what was told of an open incident; None when it is out of date."""
    data = partial(_taken_care_of if told.notice == ACKNOWLEDGED else _open_incident, state, check)
    return once_more(told, state, data, partial(about, state, check))


def _taken_care_of(state: CheckState, check: Check) -> dict[str, Any]:
    """The data of a notice about that: without what the job said, which was told."""
    told = _open_incident(state, check)
    told["monitor"].pop("last_output", None)
    return told


def _open_incident(state: CheckState, check: Check) -> dict[str, Any]:
    """The data of a notice about a check that is down."""
    assert state.incident is not None
    assert state.down_since is not None
    incident = incident_data(state.incident, state.down_since, None, state.cause)
    return notice_data(state, check, with_acknowledgement(incident, state.acknowledged))


def remove(state: CheckState, check: Check, at: Micros, time: Micros) -> list[Effect]:
    """The last change of a check; ends its incident without a notice."""
    return _effects(_transition(state, check, at, time), state, check, "removed", "removed")


def request_again(change: StatusChanged, cause: str, state: CheckState, check: Check) -> DeliveryRequested | None:
    """The request that went to the channels with a change that was made; None when there was none.

    `cause`: of the incident that the change ended. What the notice says beside the incident is as it is now.
    """
    if change.silent:
        return None
    incident = incident_of(change, cause)
    data, told = notice_data(state, check, incident), about(state, check)
    if incident is not None:
        return DeliveryRequested(transition=change.id, at=change.at, notices=notices_of(change), data=data, about=told)
    if change.now == "not_observed" or (change.now == "late" and change.detail):
        data["detail"] = change.detail
        notices = NOT_OBSERVED if change.now == "not_observed" else LATE
        return DeliveryRequested(transition=change.id, at=change.at, notices=notices, data=data, about=told)
    return None


def _reset(state: CheckState) -> None:
    """Nothing qualifies the status any more, and no incident is open."""
    state.late = state.unobserved = state.maintained = False
    state.failing = None
    end_incident(state)
