"""Who asks, in the Healthchecks Management API: the key in `X-Api-Key`, or `api_key` in the JSON body of a POST.

The header wins when both are there, and is judged before the body is looked at. A read-only key opens only what says
so.
"""

from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from infra.log.lookup import NotCaughtUp
from query_api.dependencies import dependencies_of
from query_api.http.json_bodies import BadBody, Fault, json_object, read_body
from query_api.http.refusals import ApiError, Unavailable
from query_api.keys import NoSuchKey, find_key
from query_api.wrong_keys import TooManyWrongKeys

# Keys of Healthchecks have this length, and so do ours; any other text is no key at all.
_KEY_LENGTH = 32

_BAD_BODIES = {
    Fault.TOO_LARGE: "request body is too large",
    Fault.CODING: "request body is packed by what is not read here: gzip is, or none",
    Fault.BROKEN: "could not unpack request body",
    Fault.NOT_JSON: "could not parse request body",
    Fault.NOT_AN_OBJECT: "json validation error: value is not an object",
}

_header = APIKeyHeader(name="X-Api-Key", scheme_name="ApiKey", auto_error=False)


class Caller(NamedTuple):
    """Who asks: a project, with a key that may write or not; `key` is its id."""

    project: str
    read_only: bool
    key: str


async def _said(request: Request) -> dict[str, Any]:
    """The JSON object that a POST carries, parsed once; an empty body is an empty object."""
    if request.method != "POST":
        return {}
    kept: dict[str, Any] | None = getattr(request.state, "said", None)
    if kept is None:
        try:
            # A key in the header has been judged by now.
            body = await read_body(request, known="x-api-key" in request.headers)
            kept = request.state.said = json_object(body) if body else {}
        except BadBody as bad:
            raise ApiError(bad.status, _BAD_BODIES[bad.fault], bad.headers) from None
    return kept


Header = Annotated[str | None, Security(_header)]


async def reader(request: Request, header: Header) -> Caller:
    """The caller; a read-only key suffices. Only without a key in the header is one looked for in the body."""
    text = header if header is not None else (await _said(request)).get("api_key")
    if not isinstance(text, str) or len(text) != _KEY_LENGTH:
        raise ApiError(401, "missing api key")
    try:
        key = await find_key(dependencies_of(request), request.scope, text, ("healthchecks", "healthchecks-readonly"))
    except NoSuchKey:
        raise ApiError(401, "wrong api key") from None
    except NotCaughtUp:
        raise Unavailable("the key cannot be looked up now") from None
    except TooManyWrongKeys as brake:
        raise ApiError(429, str(brake), {"Retry-After": str(brake.seconds)}) from None
    return Caller(key.project, key.kind == "healthchecks-readonly", key.id)


async def writer(caller: Annotated[Caller, Depends(reader)]) -> Caller:
    """The caller; a read-only key is the wrong one."""
    if caller.read_only:
        raise ApiError(401, "wrong api key")
    return caller


async def json_body(request: Request, _: Annotated[Caller, Depends(reader)]) -> dict[str, Any]:
    """The JSON object that a POST carries, of somebody who has a key: others' is not parsed."""
    return await _said(request)


Body = Annotated[dict[str, Any], Depends(json_body)]
Reader = Annotated[Caller, Depends(reader)]
Writer = Annotated[Caller, Depends(writer)]
