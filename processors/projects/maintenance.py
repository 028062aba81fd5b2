"""What the `projects` fold decides about windows of maintenance; every partition of `probe-results` hears of them.

A window that is over is shown for a while and then forgotten, or they would pile up for ever. Nobody is told of that:
whoever follows it has dropped it already.
"""

from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict, replace

from processors.fold.contract import EVERY, Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex, RequestRejected
from schemas.base import SECOND, Micros
from schemas.definitions import Project, definition_key
from schemas.maintenance import Maintenance, Once, fault_of
from schemas.probes import MaintenanceDefined, MaintenanceRemoved
from schemas.rejections import RejectionCode
from schemas.requests import MaintenanceCreate, MaintenanceDelete, MaintenanceFields, MaintenanceUpdate
from schemas.ticks import NEVER
from schemas.topics import PROBE_RESULTS

# So long a window that is over is still shown.
SHOWN: Micros = 90 * 86_400 * SECOND


class ProjectMaintenance:
    """The windows of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index
        # When each window that will be over is to be forgotten, by key: an index that follows the view.
        self._forget: dict[str, Micros] = {}
        self._next = NEVER
        for key, record in view.items():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, _: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(new, Maintenance) and isinstance(new.window, Once):
            self._forget[key] = new.window.end + SHOWN
            self._next = min(self._next, self._forget[key])
        else:
            self._forget.pop(key, None)

    def due(self) -> Micros:
        """When a window is to be forgotten."""
        return min(self._next, NEVER)

    def tick(self, time: Micros) -> None:
        """Forget what has been over for long."""
        if time < self._next:
            return
        for key, moment in sorted(self._forget.items()):
            if moment <= time:
                self._view.delete(key)
        self._next = min(self._forget.values(), default=NEVER)

    def create(self, request: MaintenanceCreate, project: Project, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project.id)
        if "name" not in wanted or "window" not in wanted:
            raise InvalidEvent("maintenance needs a name and a window")
        maintenance = Maintenance(id=request.id, project=project.id, version=1, created=at, revised=at, **wanted)
        if self._index.is_there(maintenance):
            return [decision(request, "found", maintenance.id, self._view.get(definition_key(maintenance)).version)]
        self._view.put(definition_key(maintenance), maintenance)
        return [_told(maintenance, at), decision(request, "made", maintenance.id, 1)]

    def change(self, request: MaintenanceUpdate, owner: str, at: Micros) -> list[Effect]:
        maintenance = self._index.window(owner, request.id)
        wanted = self._wanted(request.fields, owner)
        if replace(maintenance, **wanted) == maintenance:
            return [decision(request, "updated", maintenance.id, maintenance.version)]
        changed = replace(maintenance, version=maintenance.version + 1, revised=at, **wanted)
        self._view.put(definition_key(changed), changed)
        return [_told(changed, at), decision(request, "updated", changed.id, changed.version)]

    def delete(self, request: MaintenanceDelete, owner: str, at: Micros) -> list[Effect]:
        maintenance = self._index.window(owner, request.id)
        self._view.delete(definition_key(maintenance))
        removed = MaintenanceRemoved(at=at, id=maintenance.id)
        told = Effect(PROBE_RESULTS, maintenance.id, removed, EVERY)
        return [told, decision(request, "removed", maintenance.id, maintenance.version)]

    def _wanted(self, fields: MaintenanceFields, project: str) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        if "window" in wanted and (fault := fault_of(wanted["window"])):
            raise InvalidEvent(fault)
        for monitor in wanted.get("monitors", ()):
            self._must_be_there(project, monitor)
        return wanted

    def _must_be_there(self, project: str, monitor: str) -> None:
        try:
            self._index.monitor(project, monitor)
        except RequestRejected:
            raise RequestRejected(RejectionCode.COVERED_MONITOR_NOT_FOUND, monitor) from None


def _told(maintenance: Maintenance, at: Micros) -> Effect:
    return Effect(PROBE_RESULTS, maintenance.id, MaintenanceDefined(at=at, maintenance=maintenance), EVERY)
