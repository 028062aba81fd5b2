"""Answers that are not what was asked for: one exception, and the handlers that keep every error small.

No answer here is HTML or of a framework's own form; an error body is `{"error": text}` or empty. A router with another
form (PoppaPing's, updown's) raises exceptions of its own and registers their handlers beside these.
"""

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

log = structlog.get_logger(__name__)

JSON = "application/json"


class Refusal(Exception):
    """Ends a request with `status` and `{"error": error}`, or with an empty body when `error` is None."""

    def __init__(self, status: int, error: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


class Unavailable(Refusal):
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


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return error_answer(refusal.status, refusal.error, refusal.headers)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    if error.status_code == 405:
        return error_answer(405, None, headers)
    return error_answer(error.status_code, str(error.detail).lower(), headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return error_answer(400, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _failed(request: Request, error: Exception) -> Response:
    log.error("api.failed", method=request.method, path=request.url.path, exc_info=error)
    return error_answer(500, "internal error")


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _failed)
