"""Decisions of the `projects` fold about monitors: create, change, delete, and their channels.

A monitor depends on others of its project, never on itself, directly or through others: two monitors that waited for
each other would both send no alerts. The definition of a monitor with dependents is marked (`depended_on`).
"""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from processors.projects.mutes import without_past_mute
from processors.projects.tokens import ProjectTokens
from schemas.base import Micros
from schemas.definitions import Channel, Project, definition_key
from schemas.monitors import Monitor
from schemas.probes import MonitorDefined, MonitorRemoved
from schemas.rejections import RejectionCode
from schemas.requests import MonitorCreate, MonitorDelete, MonitorFields, MonitorUpdate, MuteEnded
from schemas.targets import place_of
from schemas.topics import PROBE_RESULTS


class ProjectMonitors:
    """The monitors of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex, tokens: ProjectTokens) -> None:
        self._view, self._index, self._tokens = view, index, tokens

    def put_on_every(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is put on every monitor of its project."""
        return [
            self._redefine(monitor, at, channels=tuple(sorted((*monitor.channels, channel.id))))
            for monitor in self._index.monitors(channel.project)
        ]

    def take_off_every(self, channel: Channel, at: Micros) -> list[Effect]:
        """A channel is gone."""
        return [
            self._redefine(monitor, at, channels=tuple(id for id in monitor.channels if id != channel.id))
            for monitor in self._index.monitors(channel.project)
            if channel.id in monitor.channels
        ]

    def create(self, request: MonitorCreate, project: Project, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project.id, at)
        if "name" not in wanted:
            raise InvalidEvent("a monitor needs a name")
        wanted.setdefault("channels", self._index.channels(project.id))
        monitor = Monitor(id=request.id, project=project.id, version=1, created=at, revised=at, **wanted)
        self._must_not_loop(monitor)
        if self._index.is_there(monitor):
            return [decision(request, "found", monitor.id, self._view.get(definition_key(monitor)).version)]
        if request.unique_target:
            self._must_be_the_only(monitor)
        if request.most is not None and self._index.count_monitors(project.id) >= request.most:
            raise RequestRejected(RejectionCode.LIMIT_REACHED)
        monitor = self._tokens.named(monitor)
        self._view.put(definition_key(monitor), monitor)
        defined = Effect(PROBE_RESULTS, monitor.id, MonitorDefined(at=at, monitor=monitor))
        marked = self._mark(project.id, monitor.depends_on, at)
        return [defined, *marked, decision(request, "made", monitor.id, monitor.version)]

    def change(self, request: MonitorUpdate, monitor: Monitor, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, monitor.project, at)
        changed = replace(monitor, **wanted)
        if changed == monitor:
            return [decision(request, "updated", monitor.id, monitor.version)]
        self._must_not_loop(changed)
        if request.unique_target:
            self._must_be_the_only(changed)
        return [
            self._redefine(monitor, at, **wanted),
            *self._mark(monitor.project, (*monitor.depends_on, *changed.depends_on), at),
            decision(request, "updated", monitor.id, monitor.version + 1),
        ]

    def delete(self, request: MonitorDelete, monitor: Monitor, at: Micros) -> list[Effect]:
        self._view.delete(definition_key(monitor))
        removed = Effect(PROBE_RESULTS, monitor.id, MonitorRemoved(at=at))
        marked = self._mark(monitor.project, monitor.depends_on, at)
        freed = [
            self._redefine(one, at, depends_on=tuple(id for id in one.depends_on if id != monitor.id))
            for one in self._index.dependents(monitor.id)
        ]
        return [removed, *marked, *freed, decision(request, "removed", monitor.id, monitor.version)]

    def end_mute(self, event: MuteEnded, project: str) -> list[Effect]:
        """A mute of a monitor is over, unless there is another one meanwhile."""
        monitor = self._view.get(f"monitor/{event.id}")
        if not isinstance(monitor, Monitor) or monitor.project != project or monitor.mute_until != event.until:
            return []
        at = max(event.at, monitor.revised)
        return [self._redefine(monitor, at, mute_until=None)] if event.until is not None else []

    def _mark(self, project: str, depended_on: Sequence[str], at: Micros) -> list[Effect]:
        """Have the definitions of monitors say whether others depend on them, as far as they do not."""
        effects = []
        for id in dict.fromkeys(depended_on):
            monitor = self._index.monitor(project, id)
            now = bool(self._index.dependents(id))
            if monitor.depended_on != now:
                effects.append(self._redefine(monitor, at, depended_on=now))
        return effects

    def _must_not_loop(self, monitor: Monitor) -> None:
        """Raises `RequestRejected` when a monitor would depend on itself."""
        seen: set[str] = set()
        above = list(monitor.depends_on)
        while above:
            id = above.pop()
            if id == monitor.id:
                raise RequestRejected(RejectionCode.DEPENDENCY_LOOP, id)
            if id not in seen:
                seen.add(id)
                above += self._index.monitor(monitor.project, id).depends_on

    def _must_be_the_only(self, monitor: Monitor) -> None:
        """Raises `RequestRejected` when another monitor of the project has the same target."""
        place = place_of(monitor.kind, monitor.target)
        if any(id != monitor.id for id in self._index.with_target(monitor.project, place)):
            raise RequestRejected(RejectionCode.TARGET_TAKEN, place)

    def _redefine(self, monitor: Monitor, at: Micros, **changes: Any) -> Effect:
        changed = replace(monitor, version=monitor.version + 1, revised=at, **changes)
        self._view.put(definition_key(changed), changed)
        return Effect(PROBE_RESULTS, changed.id, MonitorDefined(at=at, monitor=changed))

    def _wanted(self, fields: MonitorFields, project: str, at: Micros) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        wanted = without_past_mute(wanted, at)
        if "channels" in wanted:
            wanted["channels"] = self._index.named_channels(project, wanted["channels"])
        if "name" in wanted:
            wanted.setdefault("name_derived", False)
        if "regions" in wanted:
            wanted.setdefault("excluded_regions", ())
        for id in wanted.get("depends_on", ()):
            known = self._view.get(f"monitor/{id}")
            if known is None or known.project != project:
                raise RequestRejected(RejectionCode.DEPENDENCY_NOT_FOUND, id)
        return wanted
