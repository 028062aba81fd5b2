"""What every request of the journal `projects` has in common (`schemas.requests`). Pure."""

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.ticks import PartitionCount


class _Asked(Fact, frozen=True, kw_only=True):
    # Apart from `Request`: what may be left out comes behind what each request needs.
    actor: Actor | None = None
    partition_count: PartitionCount = 0


class Request(_Asked, frozen=True):
    """The fields of every request. at: time of the request. actor: who made it.

    partition_count: how many the deployment has; the fold needs it to name what it makes (`schemas.tokens`).
    """

    request: str
    at: Micros
