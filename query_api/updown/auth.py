"""Who asks, in the updown API: a key in the header `X-API-KEY`, or as `api-key` in the query or in the body.

The first that is there counts, in this order. A key of another kind is no key here. A read-only key opens what only
reads: 403 elsewhere. The body is read when the key is known, unless the key stands in it.
"""

from typing import Annotated, Any, NamedTuple

from fastapi import Request, Security
from fastapi.openapi.models import APIKey as ApiKeyScheme
from fastapi.openapi.models import APIKeyIn
from fastapi.security.base import SecurityBase

from infra.log.lookup import NotCaughtUp
from query_api.dependencies import dependencies_of
from query_api.keys import NoSuchKey, find_key
from query_api.updown.errors import UpdownError, sentence
from query_api.updown.parameters import query_of, read_parameters
from query_api.updown.wire import must_ask_each_time
from query_api.wrong_keys import TooManyWrongKeys
from schemas.definitions import ApiKey

PARAMETER = "api-key"
_MISSING = "API key is missing: pass it as ?api-key=KEY or in the header X-API-KEY"
_READ_ONLY = "API key is read-only: it opens GET only"


class Caller(NamedTuple):
    """Who asks: a key of a project, and the parameters of the request, without the key."""

    key: ApiKey
    parameters: dict[str, Any]

    @property
    def project(self) -> str:
        return self.key.project

    @property
    def read_only(self) -> bool:
        return self.key.kind == "updown-readonly"


class _Key(SecurityBase):
    """A dependency: whoever asks. `/openapi.json` tells of it by its type."""

    model = ApiKeyScheme.model_validate(
        {
            "type": "apiKey",
            "in": APIKeyIn.header,
            "name": "X-API-KEY",
            "description": f"An API key; it may also stand in the query, or in the body, as `{PARAMETER}`.",
        }
    )
    scheme_name = "UpdownKey"

    def __init__(self, writes: bool) -> None:
        self._writes = writes

    async def __call__(self, request: Request) -> Caller:
        text = request.headers.get("x-api-key") or query_of(request).get(PARAMETER)
        key = await self._key(request, text) if text else None
        parameters = await read_parameters(request, known=key is not None)
        shown = parameters.pop(PARAMETER, None)
        if key is None:
            key = await self._key(request, shown)
            # A cache sees no body: it would show the answer to others, who sent no key or another one.
            must_ask_each_time(request.scope)
        return Caller(key, parameters)

    async def _key(self, request: Request, text: object) -> ApiKey:
        if not isinstance(text, str) or not text.strip():
            raise UpdownError(401, _MISSING)
        try:
            key = await find_key(dependencies_of(request), request.scope, text.strip(), ("updown", "updown-readonly"))
        except NoSuchKey:
            raise UpdownError(401, "API key is not valid") from None
        except NotCaughtUp:
            raise UpdownError(503, "The API key cannot be looked up now", {"Retry-After": "1"}) from None
        except TooManyWrongKeys as brake:
            raise UpdownError(429, sentence(str(brake)), {"Retry-After": str(brake.seconds)}) from None
        writes = key.kind != "updown-readonly"
        if self._writes and not writes:
            raise UpdownError(403, _READ_ONLY)
        if writes:
            must_ask_each_time(request.scope)
        return key


Reader = Annotated[Caller, Security(_Key(writes=False))]
Writer = Annotated[Caller, Security(_Key(writes=True))]
