"""Decisions of the `projects` fold about on-call rotations, which every partition of checks and monitors gets.

The channels of a turn or an override must belong to the project at the time of the request. A deleted channel is
removed: a turn keeps its place, so that no other turn moves; an override without channels is removed. A rotation that
an escalation policy names cannot be deleted. A change of a rotation also removes overrides that ended long ago.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import EVERY, Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.escalations import ProjectEscalations
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.of_projects import OfProjects, must_be_channels
from schemas.base import Micros
from schemas.calendar_feeds import calendar_key
from schemas.definitions import Channel, Project, definition_key
from schemas.ids import is_uuid
from schemas.on_call import (
    KEPT,
    MOST_OVERRIDES,
    MOST_ROTATIONS,
    MOST_TOGETHER,
    OnCallDefined,
    OnCallRemoved,
    OnCallRotation,
    Override,
    Turn,
    fault_of_day,
    fault_of_override,
    fault_of_zone,
)
from schemas.on_call_requests import (
    OnCallCreate,
    OnCallDelete,
    OnCallFields,
    OnCallOverride,
    OnCallOverrideDelete,
    OnCallRenewLink,
    OnCallRequest,
    OnCallUpdate,
)
from schemas.rejections import RejectionCode
from schemas.schedules import canonical_tz
from schemas.topics import PINGS, PROBE_RESULTS

_NEEDED = ("name", "tz", "handover", "turns")


class ProjectOnCall:
    """The rotations of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex, escalations: ProjectEscalations) -> None:
        self._view, self._index, self._escalations = view, index, escalations
        self._of = OfProjects(view, OnCallRotation)

    def decide(self, request: OnCallRequest, project: Project, at: Micros) -> list[Effect]:
        if isinstance(request, OnCallCreate):
            return self._create(request, project.id, at)
        rotation = self._index.rotation(project.id, request.id)
        match request:
            case OnCallUpdate():
                wanted = self._wanted(request.fields, project.id)
            case OnCallDelete():
                return self._delete(request, rotation, at)
            case OnCallOverride():
                wanted = {"overrides": self._with(rotation, request.overrides, at)}
            case OnCallOverrideDelete():
                left = tuple(each for each in rotation.overrides if each.id != request.override)
                if left == rotation.overrides:
                    raise RequestRejected(RejectionCode.OVERRIDE_NOT_FOUND, request.override)
                wanted = {"overrides": left}
            case OnCallRenewLink():
                wanted = {"link": rotation.link + 1}
        asked = replace(rotation, **wanted)
        if asked == rotation:
            return [decision(request, "updated", rotation.id, rotation.version)]
        if _size(asked) > _size(rotation):
            self._must_have_room(asked)
        changed = self._put(rotation, at, **wanted)
        return [*_told(changed, at), decision(request, "updated", changed.id, changed.version)]

    def replace_fetched(
        self, rotation: OnCallRotation, fetched: Iterable[Override], at: Micros
    ) -> tuple[OnCallRotation, list[Effect]]:
        """The rotation with these overrides in place of those that were fetched before, and what follows from that."""
        others = [each for each in rotation.overrides if not each.fetched]
        wanted = self._with(replace(rotation, overrides=()), (replace(each, fetched=True) for each in fetched), at)
        added_by_hand = {each.id for each in others}
        overrides = (*(each for each in wanted if each.id not in added_by_hand), *others)
        if len(overrides) > MOST_OVERRIDES:
            words = f"a rotation has at most {MOST_OVERRIDES} overrides"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
        asked = replace(rotation, overrides=overrides)
        if asked == rotation:
            return rotation, []
        if _size(asked) > _size(rotation):
            self._must_have_room(asked)
        changed = self._put(rotation, at, overrides=overrides)
        return changed, _told(changed, at)

    def take_off(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is removed."""
        effects: list[Effect] = []
        for rotation in self._of.of(channel.project):
            turns = tuple(replace(turn, channels=_without(turn, channel)) for turn in rotation.turns)
            overrides = tuple(replace(each, channels=_without(each, channel)) for each in rotation.overrides)
            overrides = tuple(each for each in overrides if each.channels)
            if (turns, overrides) != (rotation.turns, rotation.overrides):
                effects += _told(self._put(rotation, at, turns=turns, overrides=overrides), at)
        return effects

    def _create(self, request: OnCallCreate, project: str, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project)
        if missing := [name for name in _NEEDED if name not in wanted]:
            raise InvalidEvent(f"an on-call rotation needs {', '.join(missing)}")
        rotation = OnCallRotation(id=request.id, project=project, version=1, created=at, revised=at, **wanted)
        if self._index.is_there(rotation):
            return [decision(request, "found", rotation.id, self._view.get(definition_key(rotation)).version)]
        if self._of.count(project) >= MOST_ROTATIONS:
            words = f"a project has at most {MOST_ROTATIONS} on-call rotations"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
        self._must_have_room(rotation)
        self._view.put(definition_key(rotation), rotation)
        return [*_told(rotation, at), decision(request, "made", rotation.id, 1)]

    def _delete(self, request: OnCallDelete, rotation: OnCallRotation, at: Micros) -> list[Effect]:
        if policy := self._escalations.naming(rotation):
            raise RequestRejected(RejectionCode.ON_CALL_NAMED, policy)
        self._view.delete(definition_key(rotation))
        self._view.delete(calendar_key(rotation.id))
        removed = OnCallRemoved(at=at, id=rotation.id)
        told = [Effect(journal, rotation.id, removed, EVERY) for journal in (PINGS, PROBE_RESULTS)]
        return [*told, decision(request, "removed", rotation.id, rotation.version)]

    def _with(self, rotation: OnCallRotation, added: Iterable[Override], at: Micros) -> tuple[Override, ...]:
        """The overrides of a rotation and those that are added: the later ones count."""
        found = {each.id: each for each in rotation.overrides}
        for override in added:
            if not is_uuid(override.id):
                raise InvalidEvent("the candidate id of an override is not a UUID")
            if fault := fault_of_override(override):
                raise InvalidEvent(fault)
            must_be_channels(self._view, rotation.project, override.channels)
            found.pop(override.id, None)
            found[override.id] = override
        kept = _kept(found.values(), at)
        if len(kept) > MOST_OVERRIDES:
            words = f"a rotation has at most {MOST_OVERRIDES} overrides"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)
        return kept

    def _must_have_room(self, rotation: OnCallRotation) -> None:
        """Refuse a rotation that has more turns and overrides than are left by the others of its project."""
        if sum(map(_size, (rotation, *self._of.beside(rotation)))) > MOST_TOGETHER:
            words = f"the on-call rotations of a project have at most {MOST_TOGETHER} turns and overrides together"
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)

    def _put(self, rotation: OnCallRotation, at: Micros, **fields: Any) -> OnCallRotation:
        changed: OnCallRotation = replace(rotation, version=rotation.version + 1, revised=at, **fields)
        changed = replace(changed, overrides=_kept(changed.overrides, at))
        self._view.put(definition_key(changed), changed)
        return changed

    def _wanted(self, fields: OnCallFields, project: str) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        if "tz" in wanted:
            if fault := fault_of_zone(wanted["tz"]):
                raise InvalidEvent(fault)
            wanted["tz"] = canonical_tz(wanted["tz"])
        if "handover" in wanted and (fault := fault_of_day(wanted["handover"].first)):
            raise InvalidEvent(fault)
        for turn in wanted.get("turns", ()):
            must_be_channels(self._view, project, turn.channels)
        return wanted


def _size(rotation: OnCallRotation) -> int:
    return len(rotation.turns) + len(rotation.overrides)


def _kept(overrides: Iterable[Override], at: Micros) -> tuple[Override, ...]:
    """Without those that ended long ago."""
    return tuple(each for each in overrides if each.end > at - KEPT)


def _without(named: Turn | Override, channel: Channel) -> tuple[str, ...]:
    return tuple(each for each in named.channels if each != channel.id)


def _told(rotation: OnCallRotation, at: Micros) -> list[Effect]:
    event = OnCallDefined(at=at, rotation=rotation)
    return [Effect(journal, rotation.id, event, EVERY) for journal in (PINGS, PROBE_RESULTS)]
