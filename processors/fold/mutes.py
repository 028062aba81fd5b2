"""Mutes: a thing is judged as always, its incidents are recorded, and nobody is told. Pure; for monitors and checks.

The contract:

- A mute begins, changes or ends with a definition (`mute_until`); it ends with the tick that passes its time, too, and
  one until `recovery` with the end of the next incident, be it by a pause. The fold knows at once (`muted` in the
  state). The `projects` fold is told, and takes the mute off the definition.
- What happens meanwhile is told to nobody, but for what is still so when the mute ends: that the thing is down, or not
  observed (`silenced`).
- What was told is always told to be over: a recovery from an incident that people know of is told when the mute ends
  (`owed`), be it with a later incident that nobody knows of; if it is what ends the mute, at once.
- Who muted for a time what they knew to be down is told at the end of that time that it still is.
- A mute, of the thing or of a channel, may end while nobody is to be told: a window of maintenance is open, or what
  the thing depends on is down. Then that is told when people are to be told again, once, if nobody takes care of it by
  then.
"""

from collections.abc import Callable, Collection
from typing import Any

from processors.fold.contract import Effect
from processors.fold.escalations import is_told, told_now
from processors.fold.status_transition import (
    DOWN,
    RECOVERED,
    HasStatus,
    StatusTransition,
    Subject,
    incident_data,
    notify,
    request,
)
from schemas.base import Micros
from schemas.check_states import CheckState
from schemas.definitions import Check
from schemas.ids import derived_id
from schemas.monitors import Monitor
from schemas.mutes import Owed
from schemas.notices import Notice
from schemas.requests import MuteEnded
from schemas.topics import DELIVERIES, PROJECTS

# Of channels whose mute ended within that of the thing so many are noted.
MOST_UNTOLD = 100

# What is said again when a mute ends. The incident was told before, so it is not said to be new.
_STILL_DOWN: tuple[Notice, ...] = ("monitor.down",)


def mute_end(state: HasStatus, thing: Monitor | Check) -> Micros | None:
    """When a tick ends the own mute of a thing; None when none does."""
    if isinstance(state, CheckState) and state.own_mute_over:
        return None
    return thing.mute_until if state.muted and isinstance(thing.mute_until, int) else None


def is_muted_itself(state: CheckState, check: Check) -> bool:
    """Whether the own mute of a check counts, be it muted by a tag, too."""
    return state.muted and check.mute_until is not None and not state.own_mute_over


def end_own_mute(state: HasStatus) -> None:
    """The own mute of a thing is over; a check may go on being muted by a tag."""
    state.muted = False
    if isinstance(state, CheckState):
        state.own_mute_over, state.muted = True, state.by_tag


def recovered(state: HasStatus, thing: Monitor | Check, transition: StatusTransition, told: bool) -> list[Effect]:
    """An incident has ended, and the transition knows from here on whether that is told. told: that it began was."""
    ended = end_with_incident(state, thing, transition)
    transition.silent = state.muted or not told
    if state.muted and told and transition.incident is not None and transition.began is not None:
        state.owed = Owed(
            n=transition.n,
            incident=transition.incident,
            started=transition.began,
            resolved=transition.at,
            cause=transition.cause,
            partial=transition.partial,
            called=transition.called,
        )
    return ended


def end_with_incident(state: HasStatus, thing: Monitor | Check, transition: StatusTransition) -> list[Effect]:
    """A mute until `recovery` ends, if this transition ended an incident."""
    if transition.incident is None or thing.mute_until != "recovery":
        return []
    if isinstance(thing, Check) and isinstance(state, CheckState) and not is_muted_itself(state, thing):
        return []
    end_own_mute(state)
    return [mute_ended(thing, transition.at)]


def mute_ended(thing: Monitor | Check, at: Micros) -> Effect:
    """What the `projects` fold is told."""
    kind = "check" if isinstance(thing, Check) else "monitor"
    event = MuteEnded(kind=kind, id=thing.id, at=at, until=thing.mute_until)  # type: ignore[arg-type]
    return Effect(PROJECTS, thing.project, event)


def redefine_mute(
    state: HasStatus, old: Monitor | Check, new: Monitor | Check, end: Callable[[], list[Effect]]
) -> list[Effect]:
    """A new definition may begin a mute, or end one. end: what follows from the end."""
    if old.mute_until == new.mute_until:
        return []
    was, state.muted = state.muted, new.mute_until is not None
    return end() if was and not state.muted else []


def tell_owed(state: HasStatus, subject: Subject, data: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Effect]:
    """The recovery that the mute kept from people. data: that of a notice, by its incident."""
    owed, state.owed = state.owed, None
    if owed is None:
        return []
    incident = incident_data(owed.incident, owed.started, owed.resolved, owed.cause, owed.partial)
    return notify(subject, owed.n, owed.resolved, RECOVERED, data(incident), owed.called)


def tell_channel(
    state: HasStatus,
    subject: Subject,
    channel: str,
    at: Micros,
    data: Callable[[], dict[str, Any]],
    *,
    held_back: bool = False,
    untold: bool = False,
) -> list[Effect]:
    """A channel that was muted while people were told that the thing is down is told now, unless nobody was told, or
    somebody takes care of it.

    While nobody is to be told (the thing is muted, or `untold`) it is noted, for the end of that.
    held_back: people have not been told yet, because of what the thing depends on. data: that of a notice.
    """
    later = state.muted or untold
    if later and is_told(state, held_back) and channel not in state.untold:
        state.untold = (*state.untold, channel)[-MOST_UNTOLD:]
    if later or state.acknowledged is not None or not is_told(state, held_back):
        return []
    is_own = channel in subject.channels
    if not is_own and (state.escalation is None or channel not in state.escalation.told):
        return []
    id = derived_id(subject.id, "channel mute over", state.changes, at)
    alone = subject._replace(channels=(channel,))
    return request(alone, id, at, DOWN if is_own else DOWN[:1], data(), anyway=not is_own)


def tell_untold(
    state: HasStatus, subject: Subject, at: Micros, data: Callable[[], dict[str, Any]], told: Collection[str]
) -> list[Effect]:
    """The mute of a thing is over: channels are told whose own mute ended within it. told: those that just were."""
    untold, state.untold = state.untold, ()
    effects: list[Effect] = []
    for channel in untold:
        if channel not in told:
            effects += tell_channel(state, subject, channel, at, data)
    return effects


def is_yet_to_tell(state: HasStatus) -> bool:
    """Whether a mute has ended of which nobody could be told that the thing is down."""
    return (state.again or bool(state.untold)) and is_told(state) and not state.muted


def tell_yet(
    state: HasStatus,
    subject: Subject,
    time: Micros,
    data: Callable[[], dict[str, Any]],
    step: Callable[[], list[Effect]],
) -> list[Effect]:
    """People are to be told again (`is_yet_to_tell`). step: passes what is due of the escalation, and tells of that."""
    if state.again and state.acknowledged is None:
        told_now(state, time)
        effects, told = tell_again(subject, state.changes, time, data()), set(subject.channels)
    else:
        effects = step()
        told = {effect.key for effect in effects if effect.topic is DELIVERIES}
    state.again = False
    return effects + tell_untold(state, subject, time, data, told)


def tell_again(subject: Subject, n: int, at: Micros, data: dict[str, Any]) -> list[Effect]:
    """That a thing is down, told before, at the end of a mute. n: number of the change that took it down."""
    return request(subject, derived_id(subject.id, "mute over", n, at), at, _STILL_DOWN, data)
