"""The parameters of a request, wherever they stand: in the query, in a form, or in JSON. Pure but for reading the body.

What stands in the body counts before what stands in the query. Forms and queries nest as those of Rails do:
`recipients[]=a&recipients[]=b` is a list, `custom_headers[X-A]=b` an object, and `recipients[]=` an empty list. Unknown
parameters are ignored: clients send some of their own to get around caches.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from query_api.http.json_bodies import BadBody, Fault, begins_object, json_object, read_body
from query_api.updown.errors import UpdownError

_FORM, _JSON = "application/x-www-form-urlencoded", "json"
# Parameters of one request, and how deep they nest.
_MOST = 1_000
_DEEPEST = 4
_BAD_BODIES = {
    Fault.TOO_LARGE: "The request body is too large",
    Fault.CODING: "The request body is packed by what is not read here; gzip is, or none",
    Fault.BROKEN: "The request body cannot be unpacked",
    Fault.NOT_JSON: "The request body is not valid JSON",
    Fault.NOT_AN_OBJECT: "The request body must be a JSON object",
}


async def read_parameters(request: Request, known: bool) -> dict[str, Any]:
    """All parameters of a request. known: the key is known without them.

    Raises `UpdownError` when they cannot be read.
    """
    try:
        in_body = _of_body(await read_body(request, known), request.headers.get("content-type", "").lower())
    except BadBody as bad:
        raise UpdownError(bad.status, _BAD_BODIES[bad.fault], bad.headers) from None
    return {**query_of(request), **in_body}


def query_of(request: Request) -> dict[str, Any]:
    """The parameters of the query alone."""
    return nested(_pairs(request.scope.get("query_string", b"")), "query")


def nested(pairs: Iterable[tuple[str, str]], where: str) -> dict[str, Any]:
    """What pairs of a query or a form mean. Raises `UpdownError` when two of them contradict each other."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        path = _path(name)
        if not path[0] or len(path) > _DEEPEST:
            continue
        try:
            _put(found, path, value)
        except TypeError:
            raise UpdownError(400, f"The {where} gives {path[0]} in two ways that contradict each other") from None
    return found


def _path(name: str) -> list[str]:
    """`a[b][]` as a, b and "". What is no such name is a name as it stands."""
    first, bracket, rest = name.partition("[")
    if not bracket or not rest.endswith("]"):
        return [name]
    return [first, *rest[:-1].split("][")]


def _put(into: dict[str, Any], path: list[str], value: str) -> None:
    """Raises `TypeError` when something else stands there."""
    name, rest = path[0], path[1:]
    if not rest:
        if isinstance(into.get(name), dict | list):
            raise TypeError
        into[name] = value
    elif rest == [""]:
        there = into.setdefault(name, [])
        if not isinstance(there, list):
            raise TypeError
        there.append(value)
    else:
        there = into.setdefault(name, {})
        if not isinstance(there, dict):
            raise TypeError
        _put(there, rest, value)


def _of_body(body: bytes, media_type: str) -> Mapping[str, Any]:
    if not body.strip():
        return {}
    # `curl -d` calls JSON a form.
    if _JSON in media_type or begins_object(body):
        return json_object(body)
    if "multipart/" in media_type:
        raise UpdownError(400, f"The body must be JSON or {_FORM} (given: {media_type[:100]})")
    return nested(_pairs(body), "body")


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("ascii" if text.isascii() else "utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST,
        )
    except UnicodeDecodeError:
        raise UpdownError(400, "The parameters are not valid UTF-8") from None
    except ValueError:
        raise UpdownError(400, f"There are more than {_MOST} parameters") from None
