"""The form of PoppaPing's answers: `{"data": ...}`, lists with `meta`, errors with `error` and `message`.

Times are ISO 8601 with `+00:00`, whole seconds. A page beyond the end is empty; `page` and `per_page` that are no
positive numbers are 400, a `per_page` above the most there is counts as the most.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar, overload

from fastapi import Query, Request, Response
from msgspec import Meta, Struct

from query_api.http.field_types import Count
from query_api.http.refusals import ApiError, json_answer
from schemas.base import Micros
from schemas.decisions import Decision
from schemas.times import iso_or_none

T = TypeVar("T")

_CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "insufficient_scope",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "validation_error",
    415: "unsupported_media_type",
    429: "rate_limit_exceeded",
    503: "unavailable",
}


class Data(Struct, Generic[T]):
    """One object."""

    data: T


class PageMeta(Struct):
    """Where a page stands among all."""

    page: Annotated[Count, Meta(description="The number of the page, from 1.")]
    per_page: Annotated[Count, Meta(description="The most objects on a page.")]
    total: Annotated[Count, Meta(description="The number of objects on all pages.")]
    total_pages: Count


class ListOf(Struct, Generic[T]):
    """A page of objects."""

    data: Sequence[T]
    meta: PageMeta


Page = Annotated[int, Query(ge=1, le=1_000_000_000, description="The page, from 1.")]
PerPage = Annotated[int, Query(ge=1, le=1_000_000_000, description="How many on a page.")]

MOST_PER_PAGE = 100


class PoppaPingApiError(ApiError):
    """Ends a request with an error in PoppaPing's form."""

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers)
        self.message = message
        self.code = code or _CODES.get(status, "error")


class Conflict(PoppaPingApiError):
    """What a change was made from has changed meanwhile: read it again, and make the change from that."""


def fault_answer(status: int, message: str | None, headers: dict[str, str] | None = None) -> Response:
    """An error that has only a status."""
    code = _CODES.get(status, "error")
    return json_answer({"error": code, "message": message or code.replace("_", " ").capitalize()}, status, headers)


async def on_fault(_: Request, fault: Exception) -> Response:
    """The handler of `PoppaPingApiError`."""
    assert isinstance(fault, PoppaPingApiError)
    return json_answer({"error": fault.code, "message": fault.message}, fault.status, fault.headers)


def one(data: object, status: int = 200) -> Response:
    """A single object."""
    return json_answer(Data(data), status)


def made_or_found(decision: Decision, data: object) -> Response:
    """The answer with what a request made, or has made when it came before (`Idempotency-Key`)."""
    return one(data, 201 if decision.outcome == "made" else 200)


def listed(items: Sequence[T], page: int, per_page: int, total: int) -> Response:
    """The items of one page, of `total` in all."""
    pages = max(1, -(-total // per_page))
    return json_answer(ListOf(items, PageMeta(page, per_page, total, pages)))


def listed_page(items: Sequence[T], page: int, per_page: int, present: Callable[[T], object]) -> Response:
    """One page of `items`, of at most `MOST_PER_PAGE`, each as `present` shows it."""
    per_page = min(per_page, MOST_PER_PAGE)
    return listed([present(item) for item in cut(items, page, per_page)], page, per_page, len(items))


def cut(items: Sequence[T], page: int, per_page: int) -> Sequence[T]:
    """One page of `items`."""
    return items[(page - 1) * per_page : page * per_page]


@overload
def time(at: Micros) -> str: ...


@overload
def time(at: Micros | None) -> str | None: ...


def time(at: Micros | None) -> str | None:
    """`2025-02-21T14:32:00+00:00`."""
    return iso_or_none(at)
