"""The decisions of the `projects` fold: exactly one for every request."""

from typing import Literal

from processors.fold.contract import SAME, Effect
from schemas.decisions import Decision
from schemas.rejections import Rejection
from schemas.requests import ProjectsRequest
from schemas.topics import DECISIONS


def decision(
    request: ProjectsRequest, outcome: Literal["made", "found", "updated", "removed"], id: str = "", version: int = 0
) -> Effect:
    """The effect that tells whoever asked what was decided."""
    return _told(Decision(request=request.request, outcome=outcome, id=id, version=version))


def rejected(request: ProjectsRequest, rejection: Rejection) -> Effect:
    """The effect that tells whoever asked why the request is refused."""
    code, detail = rejection
    return _told(
        Decision(request=request.request, outcome="refused", reason=rejection.reason, code=code, detail=detail)
    )


def _told(made: Decision) -> Effect:
    return Effect(DECISIONS, made.request, made, SAME)
