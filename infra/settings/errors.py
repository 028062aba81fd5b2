"""Error messages for wrong environment variables: the variable, its value, and what is expected. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from infra.settings.settings import Settings
from infra.settings.written import misread

_LONGEST = 100
# What a text looks like that must match a pattern.
_PATTERNS = {
    "rdap": "a URL is expected, such as https://data.iana.org/rdap/dns.json, or none",
    "heartbeat_url": "a URL is expected, such as https://pingfold.example.org/ping/<uuid>",
    "oidc_issuer": "the URL of the issuer is expected, such as https://login.example.org",
    "kafka_heap": "a size is expected, such as 384m or 1g",
    "kafka_prefix": "at most 100 letters, digits, dots, underscores and hyphens are expected",
    "metrics_key": "16 to 200 letters, digits and signs without blanks are expected",
    "probe_user_agent": "2 to 200 ASCII characters are expected, such as Pingfold (https://status.example.org)",
    "regions": "a name of at most 40 lower-case letters, digits and hyphens is expected",
}
# Kubernetes gives these to every container beside a service that is called pingfold; it gives the like of any other
# service, of which `_SERVICE` is one.
_LINKS = ("PINGFOLD_SERVICE_", "PINGFOLD_PORT_")
_SERVICE = "_SERVICE_HOST"
_PREFIX = "PINGFOLD_"
# How near a name must be to a setting's: to suggest that, and to be a misspelt one though it begins otherwise.
_LIKELY, _CERTAIN = 0.6, 0.9
# Of the container tests, which start Pingfold in their own environment.
_OTHERS = frozenset({"PINGFOLD_TEST_KAFKA_IMAGE", "PINGFOLD_TEST_CLICKHOUSE_IMAGE"})


def wrong_settings(error: ValidationError) -> list[str]:
    """A line for each variable. The value of a secret is not repeated."""
    return [_line(fault) for fault in error.errors(include_url=False)]


def unknown_settings(names: Iterable[str]) -> list[str]:
    """A line for each variable that looks like a setting and is none. Names count in any case, as they are read."""
    known = {_variable(name, field) for name, field in Settings.model_fields.items()}
    own = [name for name in known if name.startswith(_PREFIX)]
    links = _links(names := sorted(set(names)))
    lines = []
    for name in names:
        upper = name.upper()
        if upper in known | _OTHERS or upper.startswith(links):
            continue
        is_meant = upper.startswith(_PREFIX)
        if not is_meant and upper[:1] != _PREFIX[0]:
            continue
        near = difflib.get_close_matches(upper, known if is_meant else own, 1, _LIKELY if is_meant else _CERTAIN)
        if is_meant or near:
            lines.append(f"{name} is no setting" + (f"; is {near[0]} meant?" if near else " (see docs/operations.md)"))
    return lines


def _links(names: Iterable[str]) -> tuple[str, ...]:
    """What the names begin with that Kubernetes gives a container for the services beside it."""
    services = [name.removesuffix(_SERVICE) for name in names if name.endswith(_SERVICE)]
    return (*_LINKS, *(f"{service}_{part}" for service in services for part in ("SERVICE_", "PORT")))


def misread_settings(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable that an env file may have given wrong: with its quotation marks, with line breaks."""
    variables = {_variable(name, field): name for name, field in Settings.model_fields.items()}
    lines = []
    for variable, value in sorted(environment.items()):
        name = variables.get(variable.upper())
        if name is not None and (fault := misread(name, value)) is not None:
            lines.append(f"{variable} {fault}")
    return lines


def _line(fault: Any) -> str:
    place = str(fault["loc"][0]) if fault["loc"] else ""
    found = {name: field for name, field in Settings.model_fields.items() if place in (name, _variable(name, field))}
    for name, field in found.items():
        given = fault["input"]
        shown = f" is {str(given)[:_LONGEST]!r}" if field.repr and isinstance(given, str | int | float) else ""
        return f"{_variable(name, field)}{shown}: {_expected(name, field, fault)}"
    return f"{place}: {fault['msg']}"


def _variable(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else f"PINGFOLD_{name.upper()}"


def _expected(name: str, field: FieldInfo, fault: Any) -> str:
    context = fault.get("ctx", {})
    match fault["type"].partition("_")[0], fault["type"]:
        case _, "value_error":
            return str(context["error"])
        case (("int" | "greater" | "less" | "finite"), _):
            return f"a whole number{_bounds(field)} is expected" if _is_whole(field) else _number(field)
        case "float", _:
            return _number(field)
        case "bool", _:
            return "0 or 1 is expected"
        case "literal", _:
            return f"{context['expected']} is expected"
        case _, "string_pattern_mismatch" if name in _PATTERNS:
            return _PATTERNS[name]
        case _, "too_short":
            return "at least one is expected"
    return str(fault["msg"][:1].lower() + fault["msg"][1:])


def _is_whole(field: FieldInfo) -> bool:
    return field.annotation is not float


def _number(field: FieldInfo) -> str:
    return f"a number{_bounds(field)} is expected"


def _bounds(field: FieldInfo) -> str:
    least = next((one.ge for one in field.metadata if hasattr(one, "ge")), None)
    most = next((one.le for one in field.metadata if hasattr(one, "le")), None)
    if least is None or most is None:
        return "" if least is None else f" of at least {least}"
    return f" from {least} to {most}"
