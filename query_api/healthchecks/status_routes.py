"""Whether this Pingfold works, in a word, as Healthchecks tells it. Nobody needs a key, and nothing else is told.

Healthchecks asks its database; here Kafka must say how far the log is, and what it has must be read: what every other
answer of this API stands on. All who ask at once share one look.
"""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from infra.log.lookup import LOOK_SECONDS
from query_api.dependencies import dependencies_of
from query_api.healthchecks.openapi import ERRORS
from query_api.http.openapi import Responses, text_answer
from query_api.http.refusals import Unavailable

router = APIRouter(tags=["status"], responses={status: told for status, told in ERRORS.items() if status != 401})

_OPEN: dict[str, Any] = {"security": [{}, {"ApiKey": []}]}
_WORKS: Responses = {200: text_answer("`OK`.")}


@router.get("/status/", response_class=Response, responses=_WORKS, openapi_extra=_OPEN)
async def read_status(request: Request) -> Response:
    """Check whether this Pingfold works."""
    if not await dependencies_of(request).definitions_replica.caught_up(LOOK_SECONDS):
        raise Unavailable("the log does not answer in time")
    return PlainTextResponse("OK")
