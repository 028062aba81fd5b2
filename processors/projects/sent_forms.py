"""What the `projects` fold decides before anything else about a request of a form. Pure.

A request that was taken is not taken again: whoever sends a form twice, to whichever process, gets the first decision.
A request that was refused may come again.
"""

from collections.abc import Iterable

from processors.fold.contract import Effect
from processors.fold.view import View
from processors.projects.decisions import decision
from schemas.decisions import Decision
from schemas.requests import ProjectsRequest
from schemas.sent_forms import MOST_REMEMBERED, SentForms, TakenRequest, sent_forms_key


class TakenForms:
    """The forms of one partition's projects and people."""

    def __init__(self, view: View) -> None:
        self._view = view

    def before(self, request: ProjectsRequest, owner: str) -> list[Effect]:
        """What is answered to a request that was taken; empty: it is to be decided."""
        taken = self._find(request, owner)
        if taken is None:
            return []
        # Whoever made something of his own, such as a secret, must know that it is not this one that counts.
        outcome = taken.outcome if taken.outcome == "removed" else "found"
        return [decision(request, outcome, taken.id, taken.version)]

    def remember(self, request: ProjectsRequest, owner: str, effects: Iterable[Effect]) -> None:
        """A request was decided."""
        if not request.form or self._find(request, owner) is not None:
            return
        for effect in effects:
            made = effect.value
            if isinstance(made, Decision) and made.request == request.request and made.outcome != "refused":
                one = TakenRequest(request.form, made.outcome, made.id, made.version)
                taken = (*self._taken(owner), one)[-MOST_REMEMBERED:]
                self._view.put(sent_forms_key(owner), SentForms(id=owner, taken=taken))

    def _find(self, request: ProjectsRequest, owner: str) -> TakenRequest | None:
        if not request.form:
            return None
        return next((one for one in self._taken(owner) if one.form == request.form), None)

    def _taken(self, owner: str) -> tuple[TakenRequest, ...]:
        known = self._view.get(sent_forms_key(owner))
        return known.taken if isinstance(known, SentForms) else ()
