"""Claims on the ids of checks: how a check gets an id that whoever makes it has chosen, and no other project's. Pure.

Random ids never meet. A given one may be asked for by two projects at once, which live in partitions of their own. So
it is claimed first in the partition of `projects` that the id itself belongs to, where all who want it meet in one
order (docs/decisions/0143-uuids-are-kept.md):

    check.claim (key: the id) -> claim/<id>, check.claimed (key: the project) -> the check, the decision
    the check is removed, or was refused -> claim.released (key: the id)

The decision on a `check.claim` is that of the project on the `check.claimed` which follows from it, or a refusal.
"""

from schemas.base import Fact, Micros
from schemas.check_fields import CheckFields
from schemas.request_base import Request


class IdClaim(Fact, tag="claim", frozen=True):
    """The record `claim/<id>` in `definitions`: the project that may have a check with this id.

    claim: the id of the request that claimed it last; the check that was made of it has it, too.
    """

    id: str
    project: str
    claim: str
    at: Micros


class CheckClaim(Request, tag="check.claim", frozen=True):
    """Creates a check with a given `id`, keyed by it, or updates that of the project. `project`: its owner."""

    id: str
    project: str
    fields: CheckFields = CheckFields()


class CheckClaimed(Request, tag="check.claimed", frozen=True):
    """The claim on `id` is granted: its project may create it. Request, time and actor are those of the claim."""

    id: str
    fields: CheckFields


class ClaimReleased(Fact, tag="claim.released", frozen=True):
    """The check of a claim was deleted, or the claim was not used. A newer claim stays.

    instead: the claim of the check that still exists, which is restored; empty: none.
    """

    at: Micros
    claim: str
    instead: str = ""


def claim_key(id: str) -> str:
    """The key of the record of a claim."""
    return f"claim/{id}"
