"""Values of a notice, whatever it holds. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from schemas.languages.reading import ENGLISH_UTC, Reading

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00", re.ASCII)


def object_of(value: object) -> dict[str, Any]:
    """The value, when it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A field as text; empty when it is neither a text nor a number."""
    value = values.get(name)
    return str(value) if isinstance(value, str | int | float) else ""


def moments(text: str, reading: Reading = ENGLISH_UTC) -> str:
    """A text whose moments are written as all others of a notice are."""
    return _ISO.sub(lambda found: reading.moment(found[0]), text)
