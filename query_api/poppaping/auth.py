"""Who asks, in the PoppaPing API: `Authorization: Bearer KEY` or `X-API-Key: KEY`; scopes and expiry of keys.

A key of another kind than `poppaping` is no key here. A key that names no scopes has all of them. A key is called wrong
only when the directory has seen every key made before the request came.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import Depends, Request

from infra.secrets import hash_api_key
from query_api.auth import BODY_LIMIT, LOOK
from query_api.parts import Parts, parts_of
from query_api.poppaping.answers import Fault
from schemas.definitions import ApiKey

_LONGEST_KEY = 200


def key_text(authorization: str | None, x_api_key: str | None) -> str | None:
    """The key that a request shows, by either header."""
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer" and text.strip():
            return text.strip()
    return x_api_key.strip() if x_api_key else None


async def caller(request: Request) -> ApiKey:
    """The key of whoever asks, whatever its scopes."""
    parts = parts_of(request)
    text = key_text(request.headers.get("authorization"), request.headers.get("x-api-key"))
    if not text or len(text) > _LONGEST_KEY:
        raise Fault(401, "Missing API key. Pass it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.")
    key = await _find(parts, hash_api_key(text))
    if key is None or key.kind != "poppaping":
        raise Fault(401, "Invalid API key.")
    if key.expires is not None and key.expires <= parts.clock.now():
        raise Fault(401, "API key has expired.", "key_expired")
    return key


async def _find(parts: Parts, hash: str) -> ApiKey | None:
    key = parts.directory.api_key(hash)
    if key is None:
        if not await parts.definitions_replica.caught_up(LOOK):
            raise Fault(503, "The key cannot be looked up now.", headers={"Retry-After": "1"})
        key = parts.directory.api_key(hash)
    return key


Anyone = Annotated[ApiKey, Depends(caller)]


def _with(scope: str) -> Callable[[Request], Awaitable[ApiKey]]:
    async def check(request: Request) -> ApiKey:
        key = await caller(request)
        if key.scopes and scope not in key.scopes:
            raise Fault(403, f"API key lacks the required scope '{scope}'.")
        return key

    return check


MonitorsReader = Annotated[ApiKey, Depends(_with("monitors:read"))]
MonitorsWriter = Annotated[ApiKey, Depends(_with("monitors:write"))]
IncidentsReader = Annotated[ApiKey, Depends(_with("incidents:read"))]
PagesReader = Annotated[ApiKey, Depends(_with("status-pages:read"))]
PagesWriter = Annotated[ApiKey, Depends(_with("status-pages:write"))]
AlertsReader = Annotated[ApiKey, Depends(_with("alerts:read"))]
AlertsWriter = Annotated[ApiKey, Depends(_with("alerts:write"))]


async def json_object(request: Request) -> dict[str, object]:
    """The JSON object that a request carries."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise Fault(413, "The request body is too large.")
    try:
        value = msgspec.json.decode(bytes(body or b"{}"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Fault(400, "The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise Fault(400, "The request body must be a JSON object.")
    return value


JsonObject = Annotated[dict[str, object], Depends(json_object)]
