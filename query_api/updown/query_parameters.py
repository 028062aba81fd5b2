"""Parameters of what is only read: what they hold, and what `/openapi.json` says of them. Pure."""

from collections.abc import Mapping
from typing import Any

from query_api.updown.errors import UpdownError, fault
from query_api.updown.judge import FALSE, TRUE

_LAST_PAGE = 10**6


def query_parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """One of the `parameters` in the `openapi_extra` of a route."""
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def page_parameter(description: str) -> dict[str, Any]:
    """The parameter that `page_of` reads."""
    schema = {"type": "integer", "minimum": 1, "maximum": _LAST_PAGE, "default": 1}
    return query_parameter("page", schema, description)


def page_of(parameters: Mapping[str, Any]) -> int:
    """The number of a page. Raises `UpdownError` 400."""
    given = parameters.get("page")
    if given is None or given == "":
        return 1
    text = str(given) if isinstance(given, str | int) else ""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_PAGE))
    if isinstance(given, bool) or not is_number or not 1 <= int(text) <= _LAST_PAGE:
        raise UpdownError(400, fault("page", f"must be a number from 1 to {_LAST_PAGE}", given))
    return int(text)


def is_set(parameters: Mapping[str, Any], name: str) -> bool:
    """Whether a switch is on. Raises `UpdownError` 400."""
    given = parameters.get(name)
    text = str(given).lower() if isinstance(given, str | int) else ""
    if text in TRUE:
        return True
    if given is None or given == "" or text in FALSE:
        return False
    raise UpdownError(400, fault(name, "must be true or false", given))
