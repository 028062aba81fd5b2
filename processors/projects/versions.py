"""A request may name the version of the thing that it was made from: of two editors the second is told. Pure."""

from processors.fold.view import View
from processors.projects.index import RequestRejected
from schemas.definitions import Definition, definition_key
from schemas.rejections import RejectionCode
from schemas.reports import ReportSchedule, ReportSettings
from schemas.requests import ProjectsRequest


def must_be_as_read(view: View, request: ProjectsRequest, project: str) -> None:
    """Raises `RequestRejected` when the thing that a request is about has another version than the request names.

    What is not there, or belongs to another project, is left to whoever decides the request. A thing without versions
    is of no version.
    """
    if request.based_on is None:
        return
    thing = _thing(view, request, project)
    if thing is None or getattr(thing, "project", project) != project:
        return
    if getattr(thing, "version", None) != request.based_on:
        raise RequestRejected(RejectionCode.CHANGED_MEANWHILE)


def _thing(view: View, request: ProjectsRequest, project: str) -> Definition | None:
    if isinstance(request, ReportSchedule):  # a project has one, of version 0 before it is set
        settings = ReportSettings(id=project, project=project, version=0, created=0, revised=0)
        set_there: ReportSettings | None = view.get(definition_key(settings))
        return set_there or settings
    # The tag of a request begins with that of what it is about: `monitor.update`.
    kind = str(request.__struct_config__.tag).partition(".")[0]
    found: Definition | None = view.get(f"{kind}/{getattr(request, 'id', '')}")
    return found
