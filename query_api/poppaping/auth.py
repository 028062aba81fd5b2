"""Who asks, in the PoppaPing API: `Authorization: Bearer KEY` or `X-API-Key: KEY`; scopes and expiry of keys.

A key of another kind than `poppaping` is no key here. A key that names no scopes has all of them.
"""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from infra.log.lookup import NotCaughtUp
from query_api.dependencies import dependencies_of
from query_api.http.json_bodies import BadBody, Fault, json_object, read_body
from query_api.http.query_parameters import unknown_parameter
from query_api.keys import LONGEST_KEY, KeyExpired, NoSuchKey, find_key, key_text
from query_api.poppaping.responses import PoppaPingApiError
from query_api.wrong_keys import TooManyWrongKeys
from schemas.definitions import ApiKey, KeyScope

_BAD_BODIES = {
    Fault.TOO_LARGE: "The request body is too large.",
    Fault.CODING: "The request body is packed by what is not read here; gzip is, or none.",
    Fault.BROKEN: "The request body cannot be unpacked.",
    Fault.NOT_JSON: "The request body is not valid JSON.",
    Fault.NOT_AN_OBJECT: "The request body must be a JSON object.",
}


async def caller(request: Request) -> ApiKey:
    """The key of whoever asks, whatever its scopes."""
    deps = dependencies_of(request)
    text = key_text(request.headers.get("authorization"), request.headers.get("x-api-key"))
    if not text or len(text) > LONGEST_KEY:
        raise PoppaPingApiError(401, "Missing API key. Pass it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.")
    try:
        return await find_key(deps, request.scope, text, ("poppaping",))
    except KeyExpired:
        raise PoppaPingApiError(401, "API key has expired.", "key_expired") from None
    except NoSuchKey:
        raise PoppaPingApiError(401, "Invalid API key.") from None
    except NotCaughtUp:
        raise PoppaPingApiError(503, "The key cannot be looked up now.", headers={"Retry-After": "1"}) from None
    except TooManyWrongKeys as brake:
        raise PoppaPingApiError(
            429, f"{str(brake).capitalize()}.", headers={"Retry-After": str(brake.seconds)}
        ) from None


def has_scope(key: ApiKey, scope: KeyScope) -> bool:
    """Whether a key may do what needs the scope. One without any may do everything."""
    return not key.scopes or scope in key.scopes


class _Key(SecurityBase):
    """A dependency: the key of whoever asks, which must have `scope`. `/openapi.json` tells of it by its type."""

    model = HTTPBearer(description="An API key; it may also be shown as `X-API-Key`.")
    scheme_name = "PoppaPingKey"

    def __init__(self, scope: KeyScope | None = None) -> None:
        self._scope = scope

    async def __call__(self, request: Request) -> ApiKey:
        key = await caller(request)
        if self._scope is not None and not has_scope(key, self._scope):
            raise PoppaPingApiError(403, f"API key lacks the required scope '{self._scope}'.")
        if (wrong := unknown_parameter(request)) is not None:
            raise PoppaPingApiError(400, wrong)
        return key


Anyone = Annotated[ApiKey, Security(_Key())]
MonitorsReader = Annotated[ApiKey, Security(_Key("monitors:read"))]
MonitorsWriter = Annotated[ApiKey, Security(_Key("monitors:write"))]
IncidentsReader = Annotated[ApiKey, Security(_Key("incidents:read"))]
IncidentsWriter = Annotated[ApiKey, Security(_Key("incidents:write"))]
PagesReader = Annotated[ApiKey, Security(_Key("status-pages:read"))]
PagesWriter = Annotated[ApiKey, Security(_Key("status-pages:write"))]
AlertsReader = Annotated[ApiKey, Security(_Key("alerts:read"))]
AlertsWriter = Annotated[ApiKey, Security(_Key("alerts:write"))]


async def json_body(request: Request) -> dict[str, object]:
    """The JSON object that a request carries; no body is an empty one."""
    try:
        return json_object(await read_body(request) or b"{}")
    except BadBody as bad:
        raise bad_body(bad) from None


def bad_body(bad: BadBody) -> PoppaPingApiError:
    """What is said of a body that cannot be read."""
    return PoppaPingApiError(bad.status, _BAD_BODIES[bad.fault], headers=bad.headers)


JsonObject = Annotated[dict[str, object], Depends(json_body)]
