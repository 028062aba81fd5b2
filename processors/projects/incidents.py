"""What the `projects` fold decides about acknowledgements and comments: whether the thing is one of the project. Pure.

Whether they count, the fold of the thing decides, which knows its incident; it has the entry in the audit trail, too.
"""

from processors.fold.contract import Effect
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex
from schemas.base import Micros
from schemas.incidents import IncidentAcknowledged, IncidentCommented, IncidentEvent, IncidentReleased
from schemas.requests import IncidentAcknowledge, IncidentComment, IncidentRelease
from schemas.topics import PINGS, PROBE_RESULTS


def pass_on(
    request: IncidentAcknowledge | IncidentRelease | IncidentComment, index: ProjectIndex, owner: str, at: Micros
) -> list[Effect]:
    """Tell the fold of the thing what somebody says of its incident."""
    if request.kind == "check":
        journal, thing = PINGS, index.check(owner, request.thing).id
    else:
        journal, thing = PROBE_RESULTS, index.monitor(owner, request.thing).id
    return [Effect(journal, thing, _event(request, at)), decision(request, "updated", thing)]


def _event(request: IncidentAcknowledge | IncidentRelease | IncidentComment, at: Micros) -> IncidentEvent:
    incident, by, comment, actor = request.incident, request.by, request.comment, request.actor
    if isinstance(request, IncidentComment):
        return IncidentCommented(at=at, incident=incident, comment=comment, by=by, actor=actor)
    if isinstance(request, IncidentRelease):
        return IncidentReleased(at=at, incident=incident, by=by, comment=comment, actor=actor)
    return IncidentAcknowledged(
        at=at,
        incident=incident,
        request=request.request,
        by=by,
        comment=comment,
        until=request.until,
        actor=actor,
    )
