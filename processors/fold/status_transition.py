"""How a status that is shown changes: one `StatusChanged`, and a request to each channel that takes its notices. Pure.

Every change has an id from the thing's own counter. Spans never overlap: a change is not dated before the span that it
ends began. An incident is the down span: going down opens it, and only what ends the span closes it. Generic over the
kind of thing: a fold says what its thing shows and what a notice is to hold.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from processors.fold.contract import Effect
from processors.fold.placement import to_transitions
from schemas.base import Micros
from schemas.deliveries import About, DeliveryRequested
from schemas.escalations import Escalating
from schemas.ids import derived_id
from schemas.incidents import Acknowledged
from schemas.mutes import Owed
from schemas.notices import Notice
from schemas.outages import Outage
from schemas.times import iso
from schemas.topics import DELIVERIES
from schemas.transitions import Reason, StatusChanged, VisibleStatus

DOWN: tuple[Notice, ...] = ("monitor.down", "incident.created")
RECOVERED: tuple[Notice, ...] = ("monitor.recovered", "incident.resolved")
NOT_OBSERVED: tuple[Notice, ...] = ("monitor.not_observed",)
LATE: tuple[Notice, ...] = ("monitor.late",)


class Subject(NamedTuple):
    """The thing whose status changes: its id, its project, the channels that get its notices, and what is told to those
    that say more of it. about: called when a notice is made."""

    id: str
    project: str
    channels: tuple[str, ...]
    about: Callable[[], About] | None = None


class HasStatus(Protocol):
    """What the states of checks and monitors have in common. A caller's own copy, never one that stands in a view."""

    changes: int
    since: Micros
    incident: str | None
    down_since: Micros | None
    down_time: Micros
    last_down: Outage | None
    cause: str
    reminders: int
    acknowledged: Acknowledged | None
    escalation: Escalating | None
    muted: bool
    silenced: bool
    owed: Owed | None
    untold: tuple[str, ...]
    again: bool


class StatusTransition:
    """One change of a state: made before the state is moved, which it counts and dates; `effects` follow from it.

    at: when the thing became what it is now; time: the partition's time, when the fold saw it.
    silent: nobody is told, because of a mute (`processors.fold.mutes`).
    """

    def __init__(self, state: HasStatus, subject: Subject, was: VisibleStatus, at: Micros, time: Micros) -> None:
        self.subject, self.was = subject, was
        self.since = state.since
        self.at = max(at, state.since)
        self.detected_at = max(time, self.at)
        self.partial = False  # only a monitor can be down in part
        self.incident, self.began, self.cause = state.incident, state.down_since, state.cause
        self.silent = state.muted
        self.called = () if state.escalation is None else state.escalation.told
        self.n = state.changes + 1
        state.changes, state.since = self.n, self.at
        if state.down_since is not None:  # every change ends the incident that is open
            ended = max(self.at, state.down_since)
            state.down_time += ended - state.down_since
            state.last_down = Outage(state.down_since, ended)

    def open_incident(self, state: HasStatus, cause: str) -> dict[str, Any]:
        """Open the incident of the down span that begins; what a notice says of it."""
        self.incident = state.incident = derived_id(self.subject.id, "incident", self.n)
        state.down_since, state.cause, state.silenced = self.at, cause, state.muted
        if not state.muted:
            state.escalation = Escalating(last=self.detected_at, began=self.detected_at)
        return incident_data(state.incident, self.at, None, cause, self.partial)

    def resolved_incident(self) -> dict[str, Any] | None:
        """What a notice says of the incident that ends with this change; None when there is none."""
        if self.incident is None or self.began is None:
            return None
        return incident_data(self.incident, self.began, self.at, self.cause, self.partial)

    def effects(
        self,
        now: VisibleStatus,
        reason: Reason,
        detail: str = "",
        notices: tuple[Notice, ...] = (),
        data: Callable[[], dict[str, Any]] = dict,
    ) -> list[Effect]:
        """The change, and for each channel the request to send `notices` about `data`, made only if it is needed."""
        id, project, channels, _ = self.subject
        change = StatusChanged(
            id=_change_id(self.subject, self.n),
            n=self.n,
            thing=id,
            project=project,
            at=self.at,
            detected_at=self.detected_at,
            since=self.since,
            was=self.was,
            now=now,
            reason=reason,
            incident=self.incident,
            detail=detail,
            partial=self.partial,
            silent=self.silent and bool(notices),
            called=self.called if notices and not self.silent else (),
        )
        effects = [to_transitions(id, change)]
        if notices and (channels or self.called) and not self.silent:
            effects += notify(self.subject, self.n, self.at, notices, data(), self.called)
        return effects


def notify(
    subject: Subject,
    n: int,
    at: Micros,
    notices: tuple[Notice, ...],
    data: dict[str, Any],
    called: tuple[str, ...] = (),
) -> list[Effect]:
    """The requests to send `notices` about `data`, of the subject's change `n`, which was at `at`.

    called: channels that an escalation told of the incident. They get the first of the notices, chosen or not; the
    subject's own among them get the others as they have chosen.
    """
    id, own = _change_id(subject, n), subject.channels
    if not called:
        return request(subject, id, at, notices, data)
    effects = request(
        subject._replace(channels=tuple(each for each in own if each not in called)), id, at, notices, data
    )
    effects += request(subject._replace(channels=called), id, at, notices[:1], data, anyway=True)
    both = tuple(each for each in own if each in called) if len(notices) > 1 else ()
    return effects + request(subject._replace(channels=both), id, at, notices[1:], data)


def request(
    subject: Subject, id: str, at: Micros, notices: tuple[Notice, ...], data: dict[str, Any], anyway: bool = False
) -> list[Effect]:
    """The requests to send `notices` about `data`. id: derived, of a change or of what else they tell.

    anyway: whatever the channels are configured for.
    """
    if not subject.channels:
        return []
    about = None if subject.about is None else subject.about()
    requested = DeliveryRequested(transition=id, at=at, notices=notices, data=data, about=about, anyway=anyway)
    return [Effect(DELIVERIES, channel, requested) for channel in subject.channels]


def _change_id(subject: Subject, n: int) -> str:
    return derived_id(subject.id, "change", n)


def end_incident(state: HasStatus) -> None:
    """The incident, if there is one, is over."""
    state.incident, state.down_since, state.cause = None, None, ""
    state.reminders, state.silenced, state.acknowledged, state.escalation = 0, False, None, None
    state.untold, state.again = (), False


def incident_data(
    id: str, started: Micros, resolved: Micros | None, cause: str, partial: bool = False
) -> dict[str, Any]:
    """What a notice says of an incident (docs/compatibility/poppaping.md, "Webhooks")."""
    data = {
        "id": id,
        "started_at": iso(started),
        "resolved_at": None if resolved is None else iso(resolved),
        "cause": cause,
        "status": "open" if resolved is None else "resolved",
    }
    return data | {"partial": True} if partial else data


def incident_of(change: StatusChanged, cause: str) -> dict[str, Any] | None:
    """What a notice said of the incident that a change began or ended; None when it did neither, or had no notice.

    `cause`: of the incident, where the change ended it.
    """
    if change.incident is None:
        return None
    if change.now == "down":
        return incident_data(change.incident, change.at, None, change.detail, change.partial)
    if change.was == "down" and change.now == "up":
        return incident_data(change.incident, change.since, change.at, cause, change.partial)
    return None


def notices_of(change: StatusChanged) -> tuple[Notice, ...]:
    """The notices of a change that began or ended an incident."""
    return DOWN if change.now == "down" else RECOVERED
