"""Values of a notice, whatever it holds. Pure."""

from collections.abc import Mapping
from typing import Any


def object_of(value: object) -> dict[str, Any]:
    """The value, when it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A field as text; empty when it is neither a text nor a number."""
    value = values.get(name)
    return str(value) if isinstance(value, str | int | float) else ""
