"""What an explanation is asked of: a check, a monitor, an incident or a delivery of the caller's project.

A thing that was removed is known by history, which tells whose it was.
"""

from typing import NamedTuple

from fastapi import Request

from query_api.poppaping.explain_delivery import thing_of_delivery
from query_api.poppaping.history import answering_history
from query_api.poppaping.incident_lookup import find_incident
from query_api.poppaping.responses import PoppaPingApiError
from query_api.poppaping.service import Service
from schemas.base import Micros
from schemas.explanations import ThingKind
from schemas.ids import is_uuid


class Subject(NamedTuple):
    """kinds: of what it may be, in which order to ask. until: when it was over, of an incident or a delivery."""

    thing: str
    kinds: tuple[ThingKind, ...]
    until: Micros | None = None


async def find_subject(request: Request, service: Service, project: str, thing: str) -> Subject:
    """What has this id, or is the check with this slug. Raises `PoppaPingApiError` 404."""
    deps, id = service.deps, thing.lower()
    if not is_uuid(id):
        ids = await service.look_up("check", lambda: deps.directory.by_slug(project, thing) or None)
        if not ids:
            raise _unknown()
        if len(ids) > 1:
            raise PoppaPingApiError(404, "Several checks have this slug: name one of them by its id.")
        return Subject(ids[0], ("check",))
    if (found := _known(service, project, id)) is not None:
        return found
    if (incident := await find_incident(request, deps, project, id)) is not None:
        # Looking for it has waited for what was made a moment ago.
        known = _known(service, project, incident.row.thing)
        if known is not None:
            return known if incident.row.id != id else known._replace(until=incident.row.resolved)
    if (found := _known(service, project, id)) is not None:
        return found
    if (told := await thing_of_delivery(deps, project, id)) is not None:
        known = _known(service, project, told.thing)
        return (known or Subject(told.thing, ("check", "monitor")))._replace(until=told.until)
    if deps.past_things is not None:
        with answering_history():
            if await deps.past_things.project_of(id) == project:
                return Subject(id, ("check", "monitor"))
    raise _unknown()


def _known(service: Service, project: str, id: str) -> Subject | None:
    directory = service.deps.directory
    check, monitor = directory.check(id), directory.monitor(id)
    if check is not None and check.project == project:
        return Subject(id, ("check",))
    return Subject(id, ("monitor",)) if monitor is not None and monitor.project == project else None


def _unknown() -> PoppaPingApiError:
    return PoppaPingApiError(404, "Nothing with this id or slug was found.")
