"""The header `Idempotency-Key` of requests that make something: however often one is sent, one thing comes of it.

The id of what is made follows from the project, the kind of thing and the key, so that every web process, and the fold
that is asked, know it again for as long as it is there; nothing is stored beside it. Ids open things (a check is pinged
by its id), and a key may be a plain word: so they also follow from a secret of the instance, and nobody guesses them.
"""

from typing import Annotated

from fastapi import Header

from query_api.dependencies import Dependencies
from query_api.errors import ValidationError
from schemas.ids import derived_id, new_id

LONGEST_IDEMPOTENCY_KEY = 200

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A random text of the client, at most 200 characters. Sent again with it, the request makes "
        "nothing new: what it made is answered as it is now, with 200. Pingfold's own.",
    ),
]


class InvalidIdempotencyKey(ValidationError):
    """The header holds no key."""


def id_for(deps: Dependencies, project: str, kind: str, key: str | None) -> str:
    """The id of what a request makes: random, or that of the key. Raises `InvalidIdempotencyKey`."""
    if key is None:
        return new_id()
    if not 1 <= len(key) <= LONGEST_IDEMPOTENCY_KEY:
        raise InvalidIdempotencyKey(
            f"header 'Idempotency-Key' must have 1 to {LONGEST_IDEMPOTENCY_KEY} characters"
        )  # fmt: skip
    return derived_id("idempotency", deps.people_tokens.signature_of(f"id of {kind} of {project} by {key}"))
