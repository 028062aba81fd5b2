"""The body of a request, judged by a type; what is wrong with it is told in the style of the API."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from query_api.poppaping.responses import PoppaPingApiError

B = TypeVar("B", bound=msgspec.Struct)

_PLACE = re.compile(r"(?P<what>.*) - at (?P<key>`key` in )?`\$\.?(?P<field>.*?)`", re.DOTALL)
# Of the body itself; within a part of it the place is told.
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")


def judged(body: Mapping[str, object], struct: type[B]) -> B:
    """The body as the type that it must be of; ends the request with 400 when it is not."""
    try:
        return msgspec.convert(body, struct)
    except msgspec.ValidationError as error:
        raise PoppaPingApiError(400, _words(str(error))) from None


def _words(error: str) -> str:
    """msgspec's words, without the patterns that it quotes."""
    if missing := _MISSING.fullmatch(error):
        return f"Field '{missing['field']}' is required."
    found = _PLACE.fullmatch(error)
    if found is None:
        return f"{error}."
    what, key, field = found["what"], found["key"], found["field"]
    if "matching regex" in what:
        what = "holds what is not allowed there"
    return f"Field '{field}'{' (a name in it)' if key else ''}: {what}."
