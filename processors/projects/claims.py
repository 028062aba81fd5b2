"""Decisions of the `projects` fold about claims on the ids of checks, in the partition of the id.

See `schemas.claims`. A claim lasts as long as its check. Claiming an id again renews the claim; a release of the former
claim that is still on its way then has no effect. What a claim has allowed is done once, at its place in the journal:
retried later from the dead letters, it could create a check whose id belongs to another project by then.
"""

from msgspec.structs import replace

from processors.fold.contract import Context, Effect, InvalidEvent
from processors.fold.view import View
from processors.projects.index import RequestRejected
from schemas.base import Micros
from schemas.claims import CheckClaim, CheckClaimed, ClaimReleased, IdClaim, claim_key
from schemas.definitions import Check
from schemas.ids import is_uuid
from schemas.rejections import RejectionCode
from schemas.topics import PROJECTS


class IdClaims:
    """The claims on ids of one partition."""

    def __init__(self, view: View) -> None:
        self._view = view

    def claim(self, request: CheckClaim, key: str, at: Micros) -> list[Effect]:
        """The id is the project's, unless it is another's: then nothing follows but a refusal."""
        if request.id != key or not is_uuid(key):
            raise InvalidEvent("a claim is keyed by the UUID that it is on")
        there = self._view.get(claim_key(key))
        if isinstance(there, IdClaim) and there.project != request.project:
            raise RequestRejected(RejectionCode.ALREADY_EXISTS)
        self._view.put(claim_key(key), IdClaim(id=key, project=request.project, claim=request.request, at=at))
        claimed = CheckClaimed(
            request=request.request,
            at=request.at,
            id=key,
            fields=request.fields,
            actor=request.actor,
            partition_count=request.partition_count,
        )
        return [Effect(PROJECTS, request.project, claimed)]

    def release(self, event: ClaimReleased, key: str) -> list[Effect]:
        """The id is free again, if no newer claim is on it."""
        there = self._view.get(claim_key(key))
        if isinstance(there, IdClaim) and there.claim == event.claim:
            if event.instead:
                self._view.put(claim_key(key), replace(there, claim=event.instead))
            else:
                self._view.delete(claim_key(key))
        return []


def released(check: Check, at: Micros) -> list[Effect]:
    """What follows from the removal of a check: the claim on its id, if it was given, is over."""
    return [Effect(PROJECTS, check.id, ClaimReleased(at=at, claim=check.claim))] if check.claim else []


def must_be_in_time(request: object, context: Context) -> None:
    """Refuse what a claim has allowed, when it is put back: the claim was released when it failed."""
    if isinstance(request, CheckClaimed) and context.retried:
        raise RequestRejected(RejectionCode.CHANGED_MEANWHILE)


def not_made(request: object, view: View, project: str, at: Micros) -> list[Effect]:
    """What follows when a request is refused: a claim that nothing came of is over, that of the check stands again."""
    if not isinstance(request, CheckClaimed):
        return []
    check = view.get(f"check/{request.id}")
    instead = check.claim if isinstance(check, Check) and check.project == project else ""
    return [Effect(PROJECTS, request.id, ClaimReleased(at=at, claim=request.request, instead=instead))]
