"""Transitions of a monitor's visible status. Each updates a state, which is the caller's copy, and returns effects.

Notices are sent when a monitor goes down or recovers. An incident starts at the first failing result, not at the
confirming one. Pausing and deleting end an incident without a notice. Two notices are held back: "down" of a monitor
with dependencies (`dependencies`), and "not observed", which is sent only if it lasts. A muted monitor sends no notices
(`processors.fold.mutes`).
"""

from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from processors.fold.acknowledgements import tell_team, with_acknowledgement
from processors.fold.contract import EVERY, Effect
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
    NOT_OBSERVED,
    RECOVERED,
    StatusTransition,
    Subject,
    end_incident,
    incident_data,
    incident_of,
    notices_of,
    notify,
)
from processors.monitors.messages import about, down_data, notice_data, unseen
from processors.monitors.performance import judge, tell_of_drop
from processors.monitors.slots import begin, expect_after
from schemas.base import SECOND, Micros
from schemas.deliveries import DeliveryRequested
from schemas.escalations import Escalating
from schemas.incidents import IncidentToTell
from schemas.monitor_states import MonitorState, PendingChange, visible_status
from schemas.monitors import Monitor
from schemas.notices import ACKNOWLEDGED
from schemas.probes import DependencyChanged
from schemas.requests import ThingsUnobserved
from schemas.topics import PROBE_RESULTS, PROJECTS
from schemas.transitions import IncidentTold, StatusChanged

# So long nothing must be known of a monitor before people are told: a prober that is started anew is no news.
BLIND: Micros = 300 * SECOND
# After so many intervals people are reminded for the first time that it is still down.
_REMIND_AFTER = 60


def _subject(monitor: Monitor, state: MonitorState) -> Subject:
    return Subject(monitor.id, monitor.project, monitor.channels, partial(about, state, monitor))


def _transition(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> StatusTransition:
    transition = StatusTransition(state, _subject(monitor, state), visible_status(state), at, time)
    transition.partial = state.partial
    return transition


def _end_incident(state: MonitorState) -> None:
    end_incident(state)
    state.partial, state.confirmed_by = False, ()


def _to_dependents(monitor: Monitor, down: bool, at: Micros) -> list[Effect]:
    if not monitor.depended_on:
        return []
    return [Effect(PROBE_RESULTS, monitor.id, DependencyChanged(at=at, monitor=monitor.id, down=down), EVERY)]


def _seen_again(monitor: Monitor, transition: StatusTransition) -> list[Effect]:
    """Something is known of a monitor again. That nothing was is told of to its project, when that was for long."""
    start, end = transition.since, transition.at
    if transition.was != "not_observed" or transition.silent or end - start < BLIND:
        return []
    name = monitor.name or monitor.id
    unseen = ThingsUnobserved(kind="monitor", at=transition.detected_at, start=start, end=end, count=1, names=(name,))
    return [Effect(PROJECTS, monitor.project, unseen)]


def go_up(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The monitor is well, for the first time or again; ends an incident when there is one."""
    transition, was_held_back = _transition(state, monitor, at, time), state.notice_at is not None
    told = not (was_held_back or state.silenced)
    _end_incident(state)
    state.status, state.pending_change, state.unobserved, state.notice_at = "up", None, False, None
    incident = transition.resolved_incident()
    if incident is None:
        return transition.effects("up", "probe") + _seen_again(monitor, transition)
    mute = recovered(state, monitor, transition, told)
    notices = () if was_held_back else RECOVERED
    effects = transition.effects("up", "probe", "", notices, lambda: notice_data(state, monitor, incident)) + mute
    if mute:
        effects += _owed(state, monitor)
    return effects + _to_dependents(monitor, False, transition.at)


def go_down(
    state: MonitorState, monitor: Monitor, change: PendingChange, at: Micros, confirmed_at: Micros, time: Micros
) -> list[Effect]:
    """The change is confirmed by a result that was made at `confirmed_at`: an incident opens."""
    transition = _transition(state, monitor, at, time)
    _end_incident(state)
    state.status, state.pending_change, state.unobserved, state.notice_at = "down", None, False, None
    transition.partial = state.partial = change.partial
    incident = transition.open_incident(state, change.cause)
    notices = DOWN
    if monitor.depends_on:
        notices, state.notice_at, state.silenced = (), confirmed_at + monitor.dependency_wait * SECOND, False
        state.escalation = None
    elif state.escalation is not None:
        # Counted from the result, so that it does not depend on which ticks came before it.
        told_at = max(confirmed_at, transition.at)
        state.escalation = Escalating(last=told_at, began=told_at)
    state.confirmed_by = change.results
    effects = transition.effects(
        "down", "probe", change.cause, notices, lambda: down_data(state, monitor, incident, change.results)
    )
    return effects + _to_dependents(monitor, True, transition.at) + _seen_again(monitor, transition)


def go_unobserved(
    state: MonitorState, monitor: Monitor, at: Micros, time: Micros, disregarded: AbstractSet[str]
) -> list[Effect]:
    """A slot stayed empty: nothing is known, and nobody is accused. While it is down, it stays shown as down."""
    if state.status == "down":
        state.unobserved = True
        return []
    transition = _transition(state, monitor, at, time)
    state.unobserved, state.notice_at = True, time + BLIND
    return transition.effects("not_observed", "gap", unseen(state, monitor, disregarded))


def go_observed(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """Results come again."""
    was = visible_status(state)
    if was == "down":
        state.unobserved = False
        return []
    transition = _transition(state, monitor, at, time)
    state.unobserved, state.notice_at, state.silenced = False, None, False
    return transition.effects(state.status, "probe") + _seen_again(monitor, transition)


def release_notice(state: MonitorState, monitor: Monitor, time: Micros, disregarded: AbstractSet[str]) -> list[Effect]:
    """Send the notice of what the monitor is now, which was held back."""
    state.notice_at, state.silenced = None, state.muted
    if state.muted:
        return []
    if state.incident is None or state.down_since is None:
        data = notice_data(state, monitor, None) | {"detail": unseen(state, monitor, disregarded)}
        return notify(_subject(monitor, state), state.changes, state.since, NOT_OBSERVED, data)
    told_first(state, time)
    return notify(_subject(monitor, state), state.changes, state.since, DOWN, _open_incident(state, monitor))


def _open_incident(state: MonitorState, monitor: Monitor, reminded: bool = False) -> dict[str, Any]:
    """The data of a notice about a monitor that is down. reminded: why it went down was told long ago."""
    assert state.incident is not None
    assert state.down_since is not None
    incident = incident_data(state.incident, state.down_since, None, state.cause, state.partial)
    incident = with_acknowledgement(incident, state.acknowledged)
    return down_data(state, monitor, incident, () if reminded else state.confirmed_by)


def end_mute(
    state: MonitorState, monitor: Monitor, at: Micros, time: Micros, expired: bool, untold: bool
) -> list[Effect]:
    """People are told again of the monitor, from `at` on. expired: by its time, which nobody may have in mind.

    untold: that it is down is explained by what it depends on, or a window is open. What is to be told is told when
    neither is so any more.
    """
    state.muted, state.again = False, False
    effects = _owed(state, monitor)
    silenced = state.silenced
    if silenced:
        state.silenced, state.notice_at = False, at
    elif state.escalation is not None:
        told_now(state, max(at, time))
    if silenced or state.status != "down" or state.notice_at is not None:
        return effects
    subject, again = _subject(monitor, state), expired and state.acknowledged is None
    if untold:
        state.again = again
        return effects
    if again:
        effects += tell_again(subject, state.changes, at, _open_incident(state, monitor))
    told = monitor.channels if again else ()
    return effects + tell_untold(state, subject, max(at, time), partial(_open_incident, state, monitor), told)


def tell_muted_channel(
    state: MonitorState, monitor: Monitor, event: IncidentToTell, at: Micros, untold: bool
) -> list[Effect]:
    """The mute of a channel is over, which was not told of the incident that is open. untold: nobody is to be told now
    that the monitor is down."""
    if state.incident is None or state.incident != event.incident:
        return []
    subject, held_back = _subject(monitor, state), state.notice_at is not None
    data = partial(_open_incident, state, monitor)
    return tell_channel(state, subject, event.channel, at, data, held_back=held_back, untold=untold)


def tell_after_window(
    state: MonitorState, monitor: Monitor, policies: EscalationPolicies, time: Micros
) -> list[Effect]:
    """People are to be told again, after a mute of what they knew to be down has ended while they were not."""

    def step() -> list[Effect]:
        due = None if state.escalation is None else escalation_due(state, monitor, policies)
        return [] if due is None or due > time else escalate_of(state, monitor, policies, time)

    return tell_yet(state, _subject(monitor, state), time, partial(_open_incident, state, monitor), step)


def _owed(state: MonitorState, monitor: Monitor) -> list[Effect]:
    """The recovery from an earlier incident that people know of, when the mute is over that kept it from them."""
    return tell_owed(state, _subject(monitor, state), lambda incident: notice_data(state, monitor, incident))


def remind_after(monitor: Monitor) -> Micros:
    """How long after the beginning of an incident people are reminded of it for the first time."""
    return _REMIND_AFTER * monitor.interval * SECOND


def remind_of(state: MonitorState, monitor: Monitor, due: Micros, untold: bool) -> list[Effect]:
    """The monitor is still down, when a reminder was due. untold: nobody was to be told then."""
    at = pass_reminders(state, remind_after(monitor), due)
    if untold or state.muted or state.unobserved or state.notice_at is not None:
        return []
    return remind(state, _subject(monitor, state), state.changes, at, _open_incident(state, monitor, reminded=True))


def escalate_of(state: MonitorState, monitor: Monitor, policies: EscalationPolicies, time: Micros) -> list[Effect]:
    """A step of the monitor's escalation is due, or a snooze ends."""
    subject = _subject(monitor, state)
    told = partial(_open_incident, state, monitor, reminded=True)
    return escalate(state, subject, policies, state.changes, time, told)


def tell_acknowledged(state: MonitorState, monitor: Monitor, at: Micros) -> list[Effect]:
    """Somebody takes care of the monitor's incident."""
    data = partial(_taken_care_of, state, monitor)
    return tell_team(state, _subject(monitor, state), at, data, held_back=state.notice_at is not None)


def told_again(told: IncidentTold, state: MonitorState, monitor: Monitor) -> DeliveryRequested | None:
    """The request that went out with what was told of an open incident; None when it is out of date."""
    if state.maintained or state.unobserved or state.notice_at is not None:
        return None
    data = partial(_open_incident, state, monitor, reminded=True)
    if told.notice == ACKNOWLEDGED:
        data = partial(_taken_care_of, state, monitor)
    return once_more(told, state, data, partial(about, state, monitor))


def _taken_care_of(state: MonitorState, monitor: Monitor) -> dict[str, Any]:
    """The data of a notice about that: without the results, which were told."""
    return notice_data(state, monitor, _open_incident(state, monitor, reminded=True)["incident"])


def pass_hour(state: MonitorState, monitor: Monitor, explained: bool) -> list[Effect]:
    """An hour is over. explained: what the monitor depends on is down."""
    drop = judge(state, monitor)
    if drop is None or explained or state.muted or state.maintained or state.status == "down":
        return []
    return tell_of_drop(drop, state, monitor, _subject(monitor, state))


def pass_empty_slot(state: MonitorState, monitor: Monitor, time: Micros, disregarded: AbstractSet[str]) -> list[Effect]:
    """The slot that was expected stayed empty: nothing is known until the next one of which there is a result."""
    effects = go_unobserved(state, monitor, state.expected, time, disregarded)
    if state.early:
        back = state.early[0]
        effects += go_observed(state, monitor, back, time)
        expect_after(state, monitor, back)
    return effects


def pause(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    transition, to_dependents = _transition(state, monitor, at, time), end_as_dependency(state, monitor, at)
    _end_incident(state)
    state.status, state.pending_change, state.unobserved, state.maintained = "paused", None, False, False
    state.notice_at = None
    mute = end_with_incident(state, monitor, transition)
    owed = _owed(state, monitor) if mute else []
    return transition.effects("paused", "paused") + mute + owed + to_dependents


def resume(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    transition = _transition(state, monitor, at, time)
    state.status = "new"
    return transition.effects("new", "resumed")


def enter_maintenance(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """A window opens: nothing is judged until it closes."""
    transition = _transition(state, monitor, at, time)
    state.maintained, state.pending_change, state.unobserved, state.notice_at = True, None, False, None
    state.silenced = False
    return transition.effects("maintenance", "maintenance")


def leave_maintenance(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The last window closes: results count anew, from one that is made at once."""
    transition = _transition(state, monitor, at, time)
    state.maintained = False
    begin(state, monitor, max(at, time))
    return transition.effects(state.status, "maintenance")


def remove(state: MonitorState, monitor: Monitor, at: Micros, time: Micros) -> list[Effect]:
    """The last change of a monitor."""
    return _transition(state, monitor, at, time).effects("removed", "removed") + end_as_dependency(state, monitor, at)


def begin_as_dependency(state: MonitorState, monitor: Monitor, at: Micros) -> list[Effect]:
    """Others depend on the monitor from now on."""
    return _to_dependents(monitor, True, at) if state.status == "down" else []


def end_as_dependency(state: MonitorState, monitor: Monitor, at: Micros) -> list[Effect]:
    """It can no more be what explains that others are down."""
    return _to_dependents(monitor, False, at) if state.status == "down" else []


def request_again(change: StatusChanged, cause: str, state: MonitorState, monitor: Monitor) -> DeliveryRequested | None:
    """The request that went to the channels with a change that was told; None when there was none, or none for certain.

    `cause`: of the incident that the change ended. What the notice says beside the incident is as it is now.
    """
    incident = incident_of(change, cause)
    if incident is None or monitor.depends_on or change.silent:
        return None
    down = change.now == "down"
    results = state.confirmed_by if state.incident == change.incident else ()
    data = down_data(state, monitor, incident, results) if down else notice_data(state, monitor, incident)
    notices = notices_of(change)
    return DeliveryRequested(
        transition=change.id, at=change.at, notices=notices, data=data, about=about(state, monitor)
    )
