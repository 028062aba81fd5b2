"""What `/openapi.json` says of the errors of the Management API. Routes name the types of bodies and answers."""

from msgspec import Struct

from query_api.http.openapi import Responses, answer


class ManagementError(Struct):
    """An error. The body may also be empty."""

    error: str


_TEXTS = {
    400: "The body or a parameter is not valid.",
    403: "It belongs to another project, or the project has reached its limit.",
    404: "There is no such thing.",
    405: "A unique key opens only what reads.",
    409: "It cannot be done in the present state.",
    429: "Asked for too often; `Retry-After` says when it can be asked for again.",
}


def errors(*statuses: int) -> Responses:
    """The errors that an operation has besides `ERRORS`."""
    return {status: answer(ManagementError, _TEXTS[status]) for status in statuses}


_SECONDS = {"Retry-After": {"description": "In so many seconds.", "schema": {"type": "integer"}}}

# The errors that every operation has.
ERRORS: Responses = {
    304: {"description": "Of GET: the client has this answer already (`If-None-Match`)."},
    401: answer(ManagementError, "The API key is missing or wrong, or a read-only key does not suffice."),
    503: answer(ManagementError, "There is no answer now; the same request can succeed a moment later.", _SECONDS),
    # FastAPI would announce a 422 of its own, which is never sent.
    "default": answer(ManagementError, "Any other error."),
}
