"""Decisions of the `projects` fold about escalation policies, which every partition of checks and monitors gets.

The channels and on-call rotations of a step, and the checks and monitors of a policy, must belong to its project at the
time of the request. A deleted channel is removed from the steps; deleted checks and monitors need no change.
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import EVERY, Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.of_projects import OfProjects, must_be_channels
from schemas.base import Micros
from schemas.definitions import Channel, Check, Project, definition_key
from schemas.escalations import (
    MOST_NAMED,
    MOST_POLICIES,
    EscalationDefined,
    EscalationPolicy,
    EscalationRemoved,
    fault_of,
)
from schemas.incident_requests import EscalationCreate, EscalationDelete, EscalationFields, EscalationUpdate
from schemas.monitors import Monitor
from schemas.on_call import OnCallRotation, on_call_key
from schemas.rejections import RejectionCode
from schemas.topics import PINGS, PROBE_RESULTS


class ProjectEscalations:
    """The policies of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index
        self._of = OfProjects(view, EscalationPolicy)

    def decide(
        self, request: EscalationCreate | EscalationUpdate | EscalationDelete, project: Project, at: Micros
    ) -> list[Effect]:
        match request:
            case EscalationCreate():
                return self._create(request, project, at)
            case EscalationUpdate():
                return self._change(request, project.id, at)
            case EscalationDelete():
                return self._delete(request, project.id, at)

    def _create(self, request: EscalationCreate, project: Project, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project.id)
        if "name" not in wanted:
            raise InvalidEvent("an escalation policy needs a name")
        policy = EscalationPolicy(id=request.id, project=project.id, version=1, created=at, revised=at, **wanted)
        if self._index.is_there(policy):
            return [decision(request, "found", policy.id, self._view.get(definition_key(policy)).version)]
        if self._of.count(project.id) >= MOST_POLICIES:
            raise RequestRejected(RejectionCode.LIMIT_REACHED, f"a project has at most {MOST_POLICIES} policies")
        self._must_have_room(policy)
        self._view.put(definition_key(policy), policy)
        return [*_told(policy, at), decision(request, "made", policy.id, 1)]

    def _change(self, request: EscalationUpdate, owner: str, at: Micros) -> list[Effect]:
        policy = self._index.policy(owner, request.id)
        wanted = self._wanted(request.fields, owner)
        if replace(policy, **wanted) == policy:
            return [decision(request, "updated", policy.id, policy.version)]
        if len(wanted.get("things", ())) > len(policy.things):
            self._must_have_room(replace(policy, **wanted))
        changed = self._put(policy, at, **wanted)
        return [*_told(changed, at), decision(request, "updated", changed.id, changed.version)]

    def _delete(self, request: EscalationDelete, owner: str, at: Micros) -> list[Effect]:
        policy = self._index.policy(owner, request.id)
        self._view.delete(definition_key(policy))
        removed = EscalationRemoved(at=at, id=policy.id)
        told = [Effect(journal, policy.id, removed, EVERY) for journal in (PINGS, PROBE_RESULTS)]
        return [*told, decision(request, "removed", policy.id, policy.version)]

    def take_off(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is removed."""
        effects: list[Effect] = []
        for policy in self._of.of(channel.project):
            steps = tuple(
                replace(step, channels=tuple(each for each in step.channels if each != channel.id))
                for step in policy.steps
            )
            if steps != policy.steps:
                effects += _told(self._put(policy, at, steps=steps), at)
        return effects

    def naming(self, rotation: OnCallRotation) -> str:
        """The name of a policy that names an on-call rotation; empty: there is none."""
        for policy in self._of.of(rotation.project):
            if any(rotation.id in step.on_call for step in policy.steps):
                return policy.name
        return ""

    def _must_have_room(self, policy: EscalationPolicy) -> None:
        """Refuse a policy that names more things than are left by the others of its project."""
        if sum(len(each.things) for each in (policy, *self._of.beside(policy))) > MOST_NAMED:
            words = f"the policies of a project name at most {MOST_NAMED} monitors and checks together"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)

    def _put(self, policy: EscalationPolicy, at: Micros, **fields: Any) -> EscalationPolicy:
        changed: EscalationPolicy = replace(policy, version=policy.version + 1, revised=at, **fields)
        self._view.put(definition_key(changed), changed)
        return changed

    def _wanted(self, fields: EscalationFields, project: str) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        if fault := fault_of(wanted.get("steps", ())):
            raise InvalidEvent(fault)
        for step in wanted.get("steps", ()):
            must_be_channels(self._view, project, step.channels)
            for id in step.on_call:
                rotation = self._view.get(on_call_key(id))
                if not isinstance(rotation, OnCallRotation) or rotation.project != project:
                    raise RequestRejected(RejectionCode.ON_CALL_IDENTIFIER_INVALID, id)
        for id in wanted.get("things", ()):
            thing = self._view.get(f"monitor/{id}") or self._view.get(f"check/{id}")
            if not isinstance(thing, Monitor | Check) or thing.project != project:
                raise RequestRejected(RejectionCode.COVERED_MONITOR_NOT_FOUND, id)
        return wanted


def _told(policy: EscalationPolicy, at: Micros) -> list[Effect]:
    event = EscalationDefined(at=at, policy=policy)
    return [Effect(journal, policy.id, event, EVERY) for journal in (PINGS, PROBE_RESULTS)]
