"""What `/openapi.json` says of every answer of the PoppaPing API, beside the types that routes name."""

from typing import Any

from msgspec import Struct

from query_api.http.openapi import Responses, Schema, answer
from query_api.poppaping.responses import Data, ListOf

# As values: the types within them are arguments.
_DATA: Any = Data
_LIST_OF: Any = ListOf


class PoppaPingError(Struct):
    """An error."""

    error: str
    message: str


def _header(description: str, always: bool = True) -> Schema:
    return {"description": description, "required": always, "schema": {"type": "integer"}}


_RATE_HEADERS = {
    "X-RateLimit-Limit": _header("The most requests of a key in 60 s."),
    "X-RateLimit-Remaining": _header("How many of them are left."),
    "X-RateLimit-Reset": _header("When there will be more again, in seconds since 1970."),
}
_ERROR_HEADERS = _RATE_HEADERS | {"Retry-After": _header("In so many seconds.", always=False)}

_TEXTS = {
    400: "The body or a parameter is not valid; `message` says what is wrong.",
    403: "The plan does not allow it, or the API key lacks the scope.",
    404: "There is no such thing in the project of the API key.",
    409: "It cannot be done in the present state; `error` and `message` say why.",
}


def _error(description: str) -> dict[str, Any]:
    return answer(PoppaPingError, description, _ERROR_HEADERS)


# The errors that every operation has.
ERRORS: Responses = {
    304: {"description": "Of GET: the client has this answer already (`If-None-Match`)."},
    401: _error("The API key is missing, wrong, or has expired."),
    403: _error("The API key lacks the scope."),
    429: _error("Too many requests; `Retry-After` says when there can be more."),
    503: _error("There is no answer now; the same request can succeed a moment later."),
    "4XX": _error("Any other error of the request."),
}


def errors(*statuses: int) -> Responses:
    """The errors that an operation has besides `ERRORS`."""
    return {status: _error(_TEXTS[status]) for status in statuses}


def bare(type: Any, description: str, status: int = 200) -> Responses:
    """An answer without an envelope."""
    return {status: answer(type, description, _RATE_HEADERS)}


def one_of(type: Any, description: str, status: int = 200) -> Responses:
    """An answer with one object."""
    return bare(_DATA[type], description, status)


def list_of(type: Any, description: str) -> Responses:
    """An answer with a page of objects."""
    return bare(_LIST_OF[type], description)
