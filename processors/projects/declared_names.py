"""Names of declarations are unique per kind and project.

People may give several monitors the same name. A declaration is identified by its name, so two concurrent applies must
not create two definitions: the fold rejects the second, in the order of the journal. The index follows the view.
"""

from collections import Counter

import msgspec
from msgspec import UNSET

from processors.fold.view import View
from processors.projects.index import ProjectIndex, RequestRejected
from schemas.definitions import Channel, Check
from schemas.escalations import EscalationPolicy
from schemas.incident_requests import EscalationCreate, EscalationUpdate
from schemas.maintenance import Maintenance
from schemas.monitors import Monitor
from schemas.rejections import RejectionCode
from schemas.requests import (
    ChannelCreate,
    ChannelUpdate,
    CheckCreate,
    CheckUpdate,
    MaintenanceCreate,
    MaintenanceUpdate,
    MonitorCreate,
    MonitorUpdate,
    ProjectsRequest,
    StatusPageCreate,
    StatusPageUpdate,
)
from schemas.status_pages import StatusPage

# Kind, project and name.
_Named = tuple[str, str, object]


class DeclaredNames:
    """The names that are taken in one partition's projects."""

    def __init__(self, view: View, index: ProjectIndex) -> None:
        self._view, self._index = view, index
        self._taken: Counter[_Named] = Counter()
        for key, record in view.items():
            self._changed(key, None, record)
        view.listeners.append(self._changed)

    def must_be_free(self, request: ProjectsRequest, project: str) -> None:
        """Raises `RequestRejected` when a request would give a name that is taken to what declarations make."""
        match request:
            case CheckCreate(fields=fields) if fields.managed_by and not request.provision:
                named: _Named = ("check", project, fields.slug)
                is_taken = bool(fields.slug) and bool(self._index.with_slug(project, str(fields.slug)))
            case MonitorCreate(fields=fields) if fields.managed_by:
                named = ("monitor", project, fields.name)
                is_taken = self._taken[named] > 0
            case StatusPageCreate(fields=fields) if fields.managed_by:
                named = ("status-page", project, fields.slug)
                is_taken = self._taken[named] > 0
            case MaintenanceCreate(fields=fields) if fields.managed_by:
                named = ("maintenance", project, fields.name)
                is_taken = self._taken[named] > 0
            case ChannelCreate(channel=channel) if channel.managed_by:
                named = ("channel", project, channel.name)
                is_taken = self._taken[named] > 0
            case EscalationCreate(fields=fields) if fields.managed_by:
                named = ("escalation", project, fields.name)
                is_taken = self._taken[named] > 0
            case _:
                self._must_be_free_for(request, project)
                return
        if is_taken and self._view.get(f"{named[0]}/{_id_of(request)}") is None:  # else it came twice
            raise RequestRejected(RejectionCode.NAME_TAKEN, "" if named[2] is UNSET else str(named[2]))

    def _must_be_free_for(self, request: ProjectsRequest, project: str) -> None:
        """The same of a rename: what keeps its name takes none."""
        name: object
        match request:
            case CheckUpdate(id=id, fields=fields) if fields.managed_by and fields.slug:
                check, name = self._view.get(f"check/{id}"), fields.slug
                is_new = isinstance(check, Check) and name not in (UNSET, check.slug)
                is_taken = is_new and bool(self._index.with_slug(project, str(name)))
            case MonitorUpdate(id=id, fields=fields) if fields.managed_by:
                is_taken, name = self._is_of_another("monitor", id, project, fields.name), fields.name
            case StatusPageUpdate(id=id, fields=fields) if fields.managed_by:
                is_taken, name = self._is_of_another("status-page", id, project, fields.slug), fields.slug
            case MaintenanceUpdate(id=id, fields=fields) if fields.managed_by:
                is_taken, name = self._is_of_another("maintenance", id, project, fields.name), fields.name
            case ChannelUpdate(id=id, fields=fields) if fields.managed_by:
                is_taken, name = self._is_of_another("channel", id, project, fields.name), fields.name
            case EscalationUpdate(id=id, fields=fields) if fields.managed_by:
                is_taken, name = self._is_of_another("escalation", id, project, fields.name), fields.name
            case _:
                return
        if is_taken:
            raise RequestRejected(RejectionCode.NAME_TAKEN, str(name))

    def _is_of_another(self, kind: str, id: str, project: str, name: object) -> bool:
        there = _named(self._view.get(f"{kind}/{id}"))
        return name is not UNSET and there not in (None, (kind, project, name)) and self._taken[kind, project, name] > 0

    def _changed(self, _key: str, old: msgspec.Struct | None, new: msgspec.Struct | None) -> None:
        before, after = _named(old), _named(new)
        if before == after:
            return
        if before is not None:
            self._taken[before] -= 1
            if not self._taken[before]:
                del self._taken[before]
        if after is not None:
            self._taken[after] += 1


def _named(record: msgspec.Struct | None) -> _Named | None:
    match record:
        case Monitor(project=project, name=name):
            return "monitor", project, name
        case StatusPage(project=project, slug=name):
            return "status-page", project, name
        case Maintenance(project=project, name=name):
            return "maintenance", project, name
        case Channel(project=project, name=name):
            return "channel", project, name
        case EscalationPolicy(project=project, name=name):
            return "escalation", project, name
        case _:
            return None


def _id_of(
    request: CheckCreate | MonitorCreate | StatusPageCreate | MaintenanceCreate | ChannelCreate | EscalationCreate,
) -> str:
    return request.channel.id if isinstance(request, ChannelCreate) else request.id
