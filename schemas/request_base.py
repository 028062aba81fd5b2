"""What every request of the journal `projects` has in common (`schemas.requests`). Pure."""

from typing import Annotated

from msgspec import Meta

from schemas.actors import Actor
from schemas.base import Fact, Micros
from schemas.ticks import PartitionCount

DAY = 86_400  # seconds
LONGEST_OVERLAP = 30 * DAY
Overlap = Annotated[int, Meta(ge=0, le=LONGEST_OVERLAP)]
FormMark = Annotated[str, Meta(max_length=64)]
Name = Annotated[str, Meta(max_length=100)]


class _Asked(Fact, frozen=True, kw_only=True):
    # Apart from `Request`: what may be left out comes behind what each request needs.
    actor: Actor | None = None
    partition_count: PartitionCount = 0
    based_on: int | None = None
    form: FormMark = ""


class Request(_Asked, frozen=True):
    """The fields of every request. at: time of the request. actor: who made it.

    partition_count: how many the deployment has; the fold needs it to name what it makes (`schemas.tokens`).
    based_on: the version of the thing that the request was made from; refused when the thing has another one now.
    form: identifies a request of a form; a request that was taken is not taken again (`schemas.sent_forms`).
    """

    request: str
    at: Micros
