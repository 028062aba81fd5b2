"""Types of fields in answers, with what the OpenAPI document says of each. Nothing is checked by them."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-02-21T14:32:00+00:00"])]
Uuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
Count = Annotated[int, Meta(ge=0)]


def words(allowed: Iterable[str]) -> Meta:
    """Of a text that is one of these words, where its type does not say so."""
    return Meta(extra_json_schema={"enum": list(allowed)})
