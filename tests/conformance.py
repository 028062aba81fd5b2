"""Holds answers against `/openapi.json`: the status is told there, and so is each field of JSON, with its type.

What the document leaves out (other spellings of a path, pages) is not looked at. A refusal may have an empty body.
"""

import json
import re
from collections.abc import Collection
from functools import cache
from typing import Any

import jsonschema_rs
from fastapi import FastAPI

_JSON = "application/json"


class Document:
    """What an application says of itself."""

    def __init__(self, app: FastAPI) -> None:
        document = app.openapi()
        told = document["paths"]
        self._components = {"schemas": _closed(document["components"]["schemas"])}
        self._paths = [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path, verbs) for path, verbs in told.items()]
        # Paths that spell out more come first.
        self._paths.sort(key=lambda entry: entry[1].count("{"))
        self._validator = cache(self._made)

    def check(
        self, verb: str, path: str, status: int, headers: Collection[str], body: bytes, media_type: str = _JSON
    ) -> None:
        """Raises `AssertionError` where the answer is not as told. media_type: `Content-Type`, of several forms."""
        found = next((told for pattern, told, _ in self._paths if pattern.fullmatch(path)), None)
        if found is None:
            return
        wanted, others, validator = self._validator(found, verb.lower(), status)
        assert wanted <= {name.lower() for name in headers}, f"{verb} {path} {status}: a header is missing"
        if media_type.partition(";")[0] in others:
            return
        if validator is not None and (body or status < 400):
            faults = [f"{fault.instance_path}: {fault.message}" for fault in validator.iter_errors(json.loads(body))]
            assert not faults, f"{verb} {path} {status}: {faults}"

    def _made(self, path: str, verb: str, status: int) -> tuple[set[str], set[str], Any]:
        """The headers that an answer has, the forms that it may have but for JSON, and what judges its JSON; None: it
        is not told to be JSON."""
        operation = next(verbs for _, told, verbs in self._paths if told == path).get(verb)
        if operation is None:
            return set(), set(), None
        responses = operation["responses"]
        told = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses.get("default")
        assert told is not None, f"{verb} {path}: nothing is told of {status}"
        content = told.get("content", {})
        schema = content.get(_JSON, {}).get("schema")
        headers = {name.lower() for name, header in told.get("headers", {}).items() if header.get("required")}
        if schema is None:
            return headers, set(), None
        whole = {"allOf": [_closed(schema)], "components": self._components}
        return headers, {*content} - {_JSON}, jsonschema_rs.validator_for(whole, validate_formats=True)


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or the component that it refers to."""
    if (ref := schema.get("$ref")) is None:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][ref.rpartition("/")[2]]
    return found


def _closed(node: Any) -> Any:
    """The schema without room for what it does not name. One that is empty says nothing, and nothing fits it."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    assert node, "a schema that says nothing"
    closed = {key: _closed(value) if value else value for key, value in node.items()}
    return {"additionalProperties": False} | closed if "properties" in node else closed
