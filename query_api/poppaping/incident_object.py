"""Incidents as the PoppaPing API shows them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from query_api.dependencies import Dependencies
from query_api.history.monitors import IncidentRow
from query_api.http.field_types import Count, Time, Uuid
from query_api.poppaping.incident_things import HEARTBEAT
from query_api.poppaping.responses import time
from query_api.poppaping.results import ResultObject
from schemas.check_states import CheckState
from schemas.escalations import MINUTE, EscalationPolicy, minutes_before
from schemas.incidents import Acknowledged
from schemas.monitor_states import MonitorState

# The most results of an incident that are shown with it, and the most entries of its log.
TIMELINE = 500
MOST_SAID = 100


class Acknowledgement(Struct, kw_only=True, gc=False):
    """Somebody takes care of an incident."""

    by: Annotated[str, Meta(description="Name of the person.")]
    acknowledged_at: Time
    comment: str
    until: Annotated[
        Time | None, Meta(description="End of the acknowledgement (a snooze). Null: the end of the incident.")
    ]


class ShownEscalation(Struct, kw_only=True, gc=False):
    """Where the escalation of an open incident stands."""

    policy_id: Annotated[Uuid | None, Meta(description="The policy in use; null: it has been deleted.")]
    policy: str | None
    steps_passed: Annotated[Count, Meta(description="Number of steps so far, over all rounds.")]
    next_step_at: Annotated[
        Time | None,
        Meta(
            description="Time of the next step. Null: no further step, for example while the incident is acknowledged."
        ),
    ]
    called_channel_ids: Annotated[list[Uuid], Meta(description="Channels that the escalation has notified.")]


class IncidentObject(Struct, kw_only=True, gc=False):
    """A time in which a monitor was down, or a heartbeat check."""

    id: Uuid
    monitor_id: Annotated[Uuid, Meta(description="The monitor, or the heartbeat check.")]
    started_at: Annotated[Time, Meta(description="When the first failing result was probed.")]
    resolved_at: Time | None
    cause: str
    status: Literal["open", "resolved"]
    partial: Annotated[bool, Meta(description="Whether only one address family is failing. Pingfold's own.")]
    acknowledgement: Annotated[
        Acknowledgement | None,
        Meta(description="The acknowledgement of an open incident; null: none. Pingfold's own."),
    ]
    monitor_type: Annotated[
        str, Meta(description="The type of the monitor; `heartbeat`: it is a heartbeat check. Pingfold's own.")
    ]
    monitor_name: Annotated[str, Meta(description="Its name, as it is now. Pingfold's own.")]
    escalation: Annotated[
        ShownEscalation | None,
        Meta(description="The escalation of an open incident; null: none. Pingfold's own."),
    ]


class Said(Struct, kw_only=True, gc=False):
    """What somebody said of an incident."""

    at: Time
    action: Literal["acknowledged", "released", "commented"]
    by: str
    comment: str


class IncidentDetails(IncidentObject, kw_only=True, gc=False):
    """An incident with its results."""

    timeline: Annotated[
        list[ResultObject],
        Meta(description=f"The results during it, at most {TIMELINE}; empty for a heartbeat check, which has none."),
    ]
    log: Annotated[
        list[Said],
        Meta(description=f"Acknowledgements and comments, oldest first, the newest {MOST_SAID}. Pingfold's own."),
    ]


class IncidentObjects:
    """Makes the objects of one answer, for the incidents of one project."""

    def __init__(self, deps: Dependencies, project: str) -> None:
        self._deps = deps
        # Those that name things count before those that name none, each in the order of their making.
        policies = sorted(deps.directory.policies_of(project), key=lambda one: not one.things)
        self._policies = [(policy, frozenset(policy.things)) for policy in policies]

    def of(self, incident: IncidentRow) -> IncidentObject:
        return IncidentObject(**self.fields(incident))

    def details(self, incident: IncidentRow, timeline: Sequence[ResultObject], said: Sequence[Said]) -> IncidentDetails:
        return IncidentDetails(**self.fields(incident), timeline=list(timeline), log=list(said))

    def fields(self, incident: IncidentRow) -> dict[str, Any]:
        monitor, check = self._deps.directory.monitor(incident.thing), self._deps.directory.check(incident.thing)
        kind, name = HEARTBEAT, ""
        if monitor is not None:
            kind, name = monitor.kind, monitor.name
        elif check is not None:
            name = check.name or check.slug
        state = state_of(self._deps, incident.thing)
        if state is not None and (state.incident != incident.id or incident.resolved is not None):
            state = None
        return {
            "id": incident.id,
            "monitor_id": incident.thing,
            "started_at": time(incident.started),
            "resolved_at": time(incident.resolved),
            "cause": incident.cause,
            "status": "open" if incident.resolved is None else "resolved",
            "partial": incident.partial,
            "acknowledgement": None if state is None else acknowledgement_of(state.acknowledged),
            "monitor_type": kind,
            "monitor_name": name,
            "escalation": None if state is None else self._escalation(incident.thing, state),
        }

    def _escalation(self, thing: str, state: CheckState | MonitorState) -> ShownEscalation | None:
        stands, policy = state.escalation, self._policy(thing)
        if stands is None or (policy is None and not stands.told):
            return None
        passed = stands.passed if policy is not None and stands.policy == policy.id else 0
        following = None
        if policy is not None and state.acknowledged is None and not state.muted:
            minutes = minutes_before(policy, passed)
            following = None if minutes is None else stands.last + minutes * MINUTE
        return ShownEscalation(
            policy_id=None if policy is None else policy.id,
            policy=None if policy is None else policy.name,
            steps_passed=passed,
            next_step_at=time(following),
            called_channel_ids=list(stands.told),
        )

    def _policy(self, thing: str) -> EscalationPolicy | None:
        """The policy for a thing, as the folds choose it (`processors.fold.escalations`)."""
        return next((policy for policy, things in self._policies if not things or thing in things), None)


def state_of(deps: Dependencies, thing: str) -> CheckState | MonitorState | None:
    """The running state of a monitor or a heartbeat check."""
    return deps.monitor_states.state(thing) or deps.states.state(thing)


def acknowledgement_of(acknowledged: Acknowledged | None) -> Acknowledgement | None:
    """As the API shows it."""
    if acknowledged is None:
        return None
    return Acknowledgement(
        by=acknowledged.by,
        acknowledged_at=time(acknowledged.at),
        comment=acknowledged.comment,
        until=time(acknowledged.until),
    )
