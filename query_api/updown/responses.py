"""The form of answers of the updown API: JSON without an envelope, times as `YYYY-MM-DDTHH:MM:SSZ`."""

from typing import Annotated

from fastapi import Response
from msgspec import Meta, Struct

from query_api.http.refusals import json_answer
from schemas.base import Micros
from schemas.times import zulu

# Never a fraction, never an offset: a client in the field reads no other layout.
UpdownTime = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-02-21T14:32:00Z"])]


class UpdownDeleted(Struct):
    """It is gone."""

    deleted: bool


def answer(content: object, status: int = 200) -> Response:
    """An object or a list."""
    return json_answer(content, status)


def time(at: Micros | None) -> str | None:
    """`2026-02-21T14:32:00Z`; None stays None."""
    return None if at is None else zulu(at)
