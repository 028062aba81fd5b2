"""What the `projects` fold decides about acknowledgements and comments: whether the thing is one of the project. Pure.

Whether they count, the fold of the thing decides, which knows its incident; it has the entry in the audit trail, too.
"""

from processors.fold.contract import Effect
from processors.projects.decisions import decision
from processors.projects.index import ProjectIndex
from schemas.base import Micros
from schemas.incidents import IncidentAcknowledged, IncidentCommented
from schemas.requests import IncidentAcknowledge, IncidentComment
from schemas.topics import PINGS, PROBE_RESULTS


def pass_on(
    request: IncidentAcknowledge | IncidentComment, index: ProjectIndex, owner: str, at: Micros
) -> list[Effect]:
    """Tell the fold of the thing what somebody says of its incident."""
    if request.kind == "check":
        journal, thing = PINGS, index.check(owner, request.thing).id
    else:
        journal, thing = PROBE_RESULTS, index.monitor(owner, request.thing).id
    event: IncidentAcknowledged | IncidentCommented
    if isinstance(request, IncidentAcknowledge):
        event = IncidentAcknowledged(
            at=at,
            incident=request.incident,
            request=request.request,
            by=request.by,
            comment=request.comment,
            until=request.until,
            actor=request.actor,
        )
    else:
        event = IncidentCommented(
            at=at, incident=request.incident, comment=request.comment, by=request.by, actor=request.actor
        )
    return [Effect(journal, thing, event), decision(request, "updated", thing)]
