"""What `/openapi.json` says of every answer of the updown API, beside the types that routes name."""

from typing import Any

from msgspec import Struct

from query_api.http.openapi import Responses, Schema, answer, body_of

_FORM = "application/x-www-form-urlencoded"


class UpdownErrorBody(Struct):
    """An error: a sentence for people."""

    error: str


_RETRY: Schema = {"Retry-After": {"description": "In so many seconds.", "schema": {"type": "integer"}}}
_TEXTS = {
    400: "Parameters are not valid: a sentence for each, which ends with the value that was given.",
    403: "A read-only key opens GET only; or the plan does not allow it.",
    404: "There is no such thing in the account.",
    409: "Others change it at the same time.",
}

# What every operation may answer beside its own.
ERRORS: Responses = {
    304: {"description": "Of GET: the client has this answer already (`If-None-Match`)."},
    401: answer(UpdownErrorBody, "The API key is missing or wrong."),
    429: answer(UpdownErrorBody, "Too many wrong API keys; `Retry-After` says when there can be more.", _RETRY),
    503: answer(UpdownErrorBody, "There is no answer now; the same request can succeed a moment later.", _RETRY),
    "4XX": answer(UpdownErrorBody, "Any other error of the request."),
}


def errors(*statuses: int) -> Responses:
    """The errors that an operation has besides `ERRORS`."""
    return {status: answer(UpdownErrorBody, _TEXTS[status]) for status in statuses}


def one_of(type: Any, description: str, status: int = 200) -> Responses:
    """An answer with one object, or with a list."""
    return {status: answer(type, description)}


def parameters_in_body(type: Any, example: object, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route: its parameters, as JSON or as a form."""
    made = body_of(type, example, required)
    content = made["requestBody"]["content"]
    [schema] = [one["schema"] for one in content.values()]
    content[_FORM] = {"schema": schema}
    return made
