"""The verdicts of the `projects` fold: one for every request, whatever it asks for."""

from typing import Literal

from processors.fold.contract import SAME, Effect
from schemas.requests import Decision, ProjectsRequest
from schemas.topics import DECISIONS


def decision(
    request: ProjectsRequest,
    outcome: Literal["made", "found", "updated", "removed", "refused"],
    id: str = "",
    version: int = 0,
    reason: str = "",
) -> Effect:
    """The effect that tells whoever asked."""
    decision = Decision(request=request.request, outcome=outcome, id=id, version=version, reason=reason)
    return Effect(DECISIONS, request.request, decision, SAME)
