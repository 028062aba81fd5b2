"""Error responses: one exception, and the handlers that keep every error small.

No error is HTML or in the framework's own format: an error body is `{"error": text}` or empty. A router with another
format (PoppaPing's, updown's) has its own exceptions, and registers their handlers in addition.
"""

from collections.abc import Callable, Mapping

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from query_api.errors import QueryApiError

log = structlog.get_logger(__name__)

JSON = "application/json"


class ApiError(QueryApiError):
    """Ends a request with `status` and `{"error": error}`, or with an empty body when `error` is None."""

    def __init__(self, status: int, error: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


class Unavailable(ApiError):
    """What stands behind the API did not answer in time; the same request may succeed a moment later."""

    def __init__(self, error: str) -> None:
        super().__init__(503, error, {"Retry-After": "1"})


def json_answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` as a JSON answer."""
    return Response(msgspec.json.encode(content), status, headers, JSON)


def error_answer(status: int, error: str | None, headers: dict[str, str] | None = None) -> Response:
    """An error in the form that all of them have."""
    if error is None:
        return Response(status_code=status, headers=headers)
    return json_answer({"error": error}, status, headers)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


# How an API tells an error that has no other form: status, words or None, headers.
ErrorForm = Callable[[int, str | None, dict[str, str] | None], Response]


def install(app: FastAPI, forms: Mapping[Callable[[str], bool], ErrorForm]) -> None:
    """Register the handlers. `forms`: for the paths that a function takes, an API's own form of errors."""

    def tell(request: Request, status: int, words: str | None, headers: dict[str, str] | None = None) -> Response:
        form = next((form for speaks, form in forms.items() if speaks(request.url.path)), error_answer)
        return form(status, words, headers)

    async def refused(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, ApiError)
        return tell(request, refusal.status, refusal.error, refusal.headers)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:  # `Allow` would name the verbs of one route; `verbs` names those of the path
            return tell(request, 405, None)
        return tell(request, error.status_code, str(error.detail).lower(), dict(error.headers or {}) or None)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return tell(request, 400, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")

    async def failed(request: Request, error: Exception) -> Response:
        log.error("api.failed", method=request.method, path=request.url.path, exc_info=error)
        return tell(request, 500, "internal error")

    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, failed)
