"""Decisions of the `projects` fold about maintenance windows. Every partition of `probe-results` gets them, and
every partition of `pings` those that cover checks.

A window that has ended is kept for a while and then removed, without an effect: its consumers have dropped it already.
The number of windows that have not ended is bounded, and so is the number of checks and monitors that they name.
"""

from collections.abc import Callable
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
from schemas.maintenance import (
    MOST_OVER,
    MOST_TOGETHER,
    MOST_WINDOWS,
    Maintenance,
    MaintenanceDefined,
    MaintenanceRemoved,
    Once,
    Recurring,
    Window,
    concerns_checks,
    ending_at,
    fault_of,
    is_over,
    number_named,
    open_until,
)
from schemas.rejections import RejectionCode
from schemas.requests import (
    MaintenanceCreate,
    MaintenanceDelete,
    MaintenanceEnd,
    MaintenanceExtend,
    MaintenanceFields,
    MaintenanceUpdate,
)
from schemas.ticks import NEVER
from schemas.times import LAST
from schemas.topics import PINGS, PROBE_RESULTS, Topic

_Request = MaintenanceCreate | MaintenanceUpdate | MaintenanceExtend | MaintenanceEnd | MaintenanceDelete

# So long a window that is over is still shown.
SHOWN: Micros = 90 * 86_400 * SECOND


class ProjectMaintenance:
    """The windows of one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index
        # When each window that will be over is to be forgotten, by key: an index that follows the view.
        self._forget: dict[str, Micros] = {}
        self._next = NEVER
        # The windows that were given a key, by project and key.
        self._with_key: dict[tuple[str, str], set[str]] = {}
        self._of: dict[str, set[str]] = {}  # keys by project
        for key, record in view.items_but_packed():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def _changed(self, key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        if isinstance(old, Maintenance):
            self._of[old.project].discard(key)
        if isinstance(new, Maintenance):
            self._of.setdefault(new.project, set()).add(key)
        if isinstance(old, Maintenance) and old.key and not isinstance(new, Maintenance):
            self._with_key[old.project, old.key].discard(old.id)
            if not self._with_key[old.project, old.key]:
                del self._with_key[old.project, old.key]
        elif isinstance(new, Maintenance) and new.key:  # which never changes
            self._with_key.setdefault((new.project, new.key), set()).add(new.id)
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

    def decide(self, request: _Request, project: Project, at: Micros) -> list[Effect]:
        match request:
            case MaintenanceCreate():
                return self._create(request, project, at)
            case MaintenanceUpdate():
                return self._update(request, project.id, at)
            case MaintenanceExtend():
                return self._extend(request, project.id, at)
            case MaintenanceEnd():
                return self._end(request, project.id, at)
            case MaintenanceDelete():
                return self._delete(request, project.id, at)

    def _create(self, request: MaintenanceCreate, project: Project, at: Micros) -> list[Effect]:
        wanted = self._wanted(request.fields, project.id)
        if "name" not in wanted or "window" not in wanted:
            raise InvalidEvent("maintenance needs a name and a window")
        maintenance = Maintenance(
            id=request.id, project=project.id, version=1, created=at, revised=at, key=request.key, **wanted
        )
        if self._index.is_there(maintenance):
            return [decision(request, "found", maintenance.id, self._view.get(definition_key(maintenance)).version)]
        if (there := self._with_this_key(project.id, request.key, at)) is not None:
            return [decision(request, "found", there.id, there.version)]
        self._must_have_room(maintenance, at)
        self._forget_oldest(project.id)
        self._view.put(definition_key(maintenance), maintenance)
        return [*_told(maintenance, None, at), decision(request, "made", maintenance.id, 1)]

    def _with_this_key(self, project: str, key: str, at: Micros) -> Maintenance | None:
        """The window of the project with this key that is not over."""
        for id in sorted(self._with_key.get((project, key), ())):
            maintenance = self._index.window(project, id)
            if not is_over(maintenance.window, at):
                return maintenance
        return None

    def _update(self, request: MaintenanceUpdate, owner: str, at: Micros) -> list[Effect]:
        maintenance = self._index.window(owner, request.id)
        wanted = self._wanted(request.fields, owner)
        if "window" in wanted:
            wanted["window"] = _as_it_runs(wanted["window"], maintenance.window)
        changed = replace(maintenance, **wanted)
        if changed == maintenance:
            return [decision(request, "updated", maintenance.id, maintenance.version)]
        if number_named(changed) > number_named(maintenance) or _has_ended(maintenance, at):
            self._must_have_room(changed, at)
        return self._change(request, maintenance, at, **wanted)

    def _extend(self, request: MaintenanceExtend, owner: str, at: Micros) -> list[Effect]:
        maintenance = self._index.window(owner, request.id)
        end = open_until(maintenance.window, at)
        if end is None:
            raise RequestRejected(RejectionCode.MAINTENANCE_NOT_OPEN)
        if request.until > LAST:
            raise InvalidEvent("a window cannot last until then")
        if request.until <= end:
            return [decision(request, "updated", maintenance.id, maintenance.version)]
        return self._change(request, maintenance, at, window=ending_at(maintenance.window, at, request.until))

    def _end(self, request: MaintenanceEnd, owner: str, at: Micros) -> list[Effect]:
        maintenance = self._index.window(owner, request.id)
        window = maintenance.window
        ended = ending_at(window, at, at)
        if ended is not None:
            return self._change(request, maintenance, at, window=ended)
        if isinstance(window, Once) and at < window.start:
            raise RequestRejected(RejectionCode.MAINTENANCE_NOT_OPEN)
        return [decision(request, "updated", maintenance.id, maintenance.version)]

    def _change(
        self,
        request: MaintenanceUpdate | MaintenanceExtend | MaintenanceEnd,
        maintenance: Maintenance,
        at: Micros,
        **fields: Any,
    ) -> list[Effect]:
        changed: Maintenance = replace(maintenance, version=maintenance.version + 1, revised=at, **fields)
        self._view.put(definition_key(changed), changed)
        return [*_told(changed, maintenance, at), decision(request, "updated", changed.id, changed.version)]

    def _delete(self, request: MaintenanceDelete, owner: str, at: Micros) -> list[Effect]:
        maintenance = self._index.window(owner, request.id)
        self._view.delete(definition_key(maintenance))
        removed = MaintenanceRemoved(at=at, id=maintenance.id)
        told = [Effect(journal, maintenance.id, removed, EVERY) for journal in _journals(maintenance)]
        return [*told, decision(request, "removed", maintenance.id, maintenance.version)]

    def _forget_oldest(self, project: str) -> None:
        """Deployments make windows by the minute: of those that are over only the newest are shown."""
        ends = sorted((self._forget[key], key) for key in self._of.get(project, ()) if key in self._forget)
        # Each of them may be over, or still be to come; those that are not over are fewer than `MOST_WINDOWS`.
        for _, key in ends[: max(0, len(ends) - MOST_OVER - MOST_WINDOWS)]:
            self._view.delete(key)

    def _must_have_room(self, maintenance: Maintenance, at: Micros) -> None:
        """Refuse a window that is one too many, or names more than is left by the others of its project."""
        others: list[Maintenance] = [
            self._view.get(key)
            for key in self._of.get(maintenance.project, ())
            if key != definition_key(maintenance) and not _has_ended(self._view.get(key), at)
        ]
        words = ""
        if len(others) >= MOST_WINDOWS:
            words = f"a project has at most {MOST_WINDOWS} windows of maintenance that are not over"
        elif sum(map(number_named, (maintenance, *others))) > MOST_TOGETHER:
            words = f"the windows of a project name at most {MOST_TOGETHER} monitors, checks and tags together"
        if words:
            raise RequestRejected(RejectionCode.LIMIT_REACHED, words)

    def _wanted(self, fields: MaintenanceFields, project: str) -> dict[str, Any]:
        wanted = {name: value for name, value in asdict(fields).items() if value is not UNSET}
        if "window" in wanted and (fault := fault_of(wanted["window"])):
            raise InvalidEvent(fault)
        for monitor in wanted.get("monitors", ()):
            self._must_be_there(project, monitor, self._index.monitor)
        for check in wanted.get("checks", ()):
            self._must_be_there(project, check, self._index.check)
        return wanted

    def _must_be_there(self, project: str, id: str, find: Callable[[str, str], object]) -> None:
        try:
            find(project, id)
        except RequestRejected:
            raise RequestRejected(RejectionCode.COVERED_MONITOR_NOT_FOUND, id) from None


def _has_ended(maintenance: Maintenance, at: Micros) -> bool:
    """Whether a window that comes once is over."""
    return isinstance(maintenance.window, Once) and maintenance.window.end <= at


def _as_it_runs(wanted: Window, known: Window) -> Window:
    """The window that a change asks for; one of the same schedule is the one that runs, extended or ended as it is."""
    if isinstance(wanted, Recurring) and isinstance(known, Recurring) and wanted.changed is None:
        return known if replace(known, changed=None) == wanted else wanted
    return wanted


def _told(maintenance: Maintenance, before: Maintenance | None, at: Micros) -> list[Effect]:
    event = MaintenanceDefined(at=at, maintenance=maintenance)
    return [Effect(journal, maintenance.id, event, EVERY) for journal in _journals(maintenance, before)]


def _journals(*versions: Maintenance | None) -> list[Topic]:
    """Who is to hear of a window that is, or was until now, one of these."""
    checks = any(version is not None and concerns_checks(version) for version in versions)
    return [PROBE_RESULTS, PINGS] if checks else [PROBE_RESULTS]
