"""Acknowledgements of an open incident, and comments on it. Pure; for monitors and checks.

The contract:

- Only requests for the open incident count, and the first acknowledgement wins. The same person (the same name) can
  change it; the time of the first acknowledgement stays. All others have no effect: duplicates, late requests, and
  those of others.
- An acknowledged incident is not repeated or escalated further (`processors.fold.escalations`, `reminders`). The end of
  the incident ends the acknowledgement. The recovery is sent as usual.
- An acknowledgement can be withdrawn. The next step of an escalation is then due as long after that as after the
  previous step.
- Those who were notified of the incident, and want it, are notified of the acknowledgement; so are services that keep
  an alert for it. During a mute nothing is sent.
- Every acknowledgement and comment has an entry in the audit trail, with its author, unless it changed nothing.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from processors.fold.audit import command_of, entry
from processors.fold.contract import Context, Effect
from processors.fold.escalations import is_told, told_now
from processors.fold.incident_notices import acknowledged_id, tell
from processors.fold.status_transition import HasStatus, Subject
from schemas.base import Micros
from schemas.definitions import Check
from schemas.incidents import Acknowledged, IncidentAcknowledged, IncidentCommented, IncidentEvent, changes_own
from schemas.monitors import Monitor
from schemas.notices import ACKNOWLEDGED
from schemas.times import iso, iso_or_none
from schemas.topics import Topic
from schemas.transitions import Action, FieldChange


def concerns(state: HasStatus, event: IncidentEvent, context: Context) -> bool:
    """Whether an event changes something."""
    if context.retried or state.incident is None or state.incident != event.incident:
        return False
    if isinstance(event, IncidentCommented):
        return True
    said = state.acknowledged
    if isinstance(event, IncidentAcknowledged):
        return said is None or changes_own(said, event.by, event.comment, event.until)
    return said is not None


def take(
    state: HasStatus,
    thing: Monitor | Check,
    event: IncidentEvent,
    at: Micros,
    context: Context,
    journal: Topic,
    *,
    held_back: bool = False,
) -> list[Effect]:
    """Take an event that concerns the incident of `state`, which is the caller's own copy. at: when it counts.

    held_back: people have not been told yet, because of what the thing depends on.
    """
    action: Action = "commented"
    told = [("incident", event.incident), ("by", event.by), ("comment", event.comment)]
    if isinstance(event, IncidentAcknowledged):
        action = "acknowledged"
        before = state.acknowledged
        state.acknowledged = Acknowledged(
            at=at if before is None else before.at,
            request=event.request,
            by=event.by,
            comment=event.comment or ("" if before is None else before.comment),
            until=event.until,
        )
        if state.escalation is None and is_told(state, held_back):
            told_now(state, at)  # a version wrote the state that did not: a snooze must end
        told.append(("until", "" if event.until is None else iso(event.until)))
    elif not isinstance(event, IncidentCommented):
        action = "released"
        state.acknowledged = None
        if is_told(state, held_back):
            told_now(state, at)
    kind, name = ("check", thing.name or thing.slug) if isinstance(thing, Check) else ("monitor", thing.name)
    changes = tuple(FieldChange(field=field, new=value) for field, value in told if value)
    command = command_of(event, event.actor, thing.id, at)
    return [entry(command, context, journal, action, project=thing.project, kind=kind, name=name, changes=changes)]


def tell_team(
    state: HasStatus, subject: Subject, at: Micros, data: Callable[[], dict[str, Any]], *, held_back: bool = False
) -> list[Effect]:
    """The requests to tell that somebody takes care of the incident: to the subject's channels as they have chosen, and
    to those that keep an alert of it. Not where nobody is to be told that it is down.

    at: when it was said, be it that it was changed. data: that of a notice about what is down.
    """
    said = state.acknowledged
    if said is None or state.muted or not is_told(state, held_back):
        return []
    id = acknowledged_id(subject.id, state.changes, said)
    called = () if state.escalation is None else state.escalation.told
    own = subject._replace(channels=tuple(each for each in subject.channels if each not in called))
    return tell(state, own, id, ACKNOWLEDGED, data(), at=at, time=at, called=called)


def with_acknowledgement(incident: dict[str, Any], said: Acknowledged | None) -> dict[str, Any]:
    """What a notice says of an open incident, and who takes care of it."""
    if said is None:
        return incident
    shown = {"by": said.by, "acknowledged_at": iso(said.at), "comment": said.comment, "until": iso_or_none(said.until)}
    return incident | {"acknowledgement": shown}


def correct(state: HasStatus, time: Micros) -> None:
    """The partition's time is taken back to `time`."""
    if state.acknowledged is not None and state.acknowledged.at > time:
        state.acknowledged = replace(state.acknowledged, at=time)
