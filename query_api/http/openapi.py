"""The OpenAPI document from types: each route names the struct of its body and of its answer, and the document is made
of these. One dialect for every API.

- `schema_of` gives the schema of a type. Structs become components, under the name of their class, so no two structs of
  different content may have the same name: `Api.openapi` raises `ValueError` then.
- An envelope, a generic struct such as `Data[MonitorObject]`, is no component: it stands where it is used.
- Fields are described by `Meta`, structs by their docstrings. What a type cannot say is in `extra_json_schema`.
"""

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, TypeAlias

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from msgspec import Meta

from query_api.http.refusals import JSON
from schemas.published import portable

Schema: TypeAlias = dict[str, Any]
Responses: TypeAlias = dict[int | str, dict[str, Any]]

_COMPONENTS = "#/components/schemas/"


class TypeSchema(dict[str, Any]):
    """The schema of a type. components: what it refers to, by name."""

    components: dict[str, Schema]


def schema_of(type: Any) -> TypeSchema:
    """The schema of a type, as JSON Schema 2020-12, the dialect of OpenAPI 3.1."""
    (schema,), components = msgspec.json.schema_components((type,), ref_template=_COMPONENTS + "{name}")
    components = {name: portable(each) for name, each in components.items()}
    if hasattr(type, "__origin__") and (name := schema.get("$ref", "").removeprefix(_COMPONENTS)):
        schema = components.pop(name)
        schema.pop("title")
    made = TypeSchema(portable(schema))
    made.components = components
    return made


def answer(type: Any, description: str, headers: Schema | None = None) -> dict[str, Any]:
    """One of the `responses` of a route: JSON of a type, or of one of several types."""
    schema: Schema = {"anyOf": [schema_of(one) for one in type]} if isinstance(type, tuple) else schema_of(type)
    made: dict[str, Any] = {"description": description, "content": {JSON: {"schema": schema}}}
    return made | ({"headers": headers} if headers else {})


def text_answer(description: str, schema: Schema | None = None) -> dict[str, Any]:
    """One of the `responses` of a route: plain text."""
    return {"description": description, "content": {"text/plain": {"schema": schema or {"type": "string"}}}}


def body_of(type: Any, example: object = None, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route: what its body may hold. example: a body that the route takes."""
    content = {"schema": schema_of(type)} | ({} if example is None else {"example": example})
    return {"requestBody": {"required": required, "content": {JSON: content}}}


def any_of(structs: Iterable[type[msgspec.Struct]]) -> Meta:
    """Of a field that holds one of several structs, which only its value tells apart: their schemas stand in place."""
    return Meta(extra_json_schema={"anyOf": [_in_place(struct) for struct in structs]})


def _in_place(struct: type[msgspec.Struct]) -> Schema:
    schema = schema_of(struct)
    assert schema.components.keys() == {struct.__name__}, f"{struct.__name__} refers to other structs"
    found = schema.components[struct.__name__]
    return {name: value for name, value in found.items() if name != "title"}


class Api(FastAPI):
    """An application whose document has the types that its routes name."""

    _making = Lock()
    _document: Schema | None = None

    def openapi(self) -> Schema:
        """The document; made once. Raises `ValueError` when two structs have the same name."""
        with self._making:
            if self._document is None:
                document = super().openapi()
                document.setdefault("components", {})["schemas"] = self._schemas()
                self._document = document
            return self._document

    def _schemas(self) -> dict[str, Schema]:
        """The components of all types that routes name, by name."""
        components: dict[str, Schema] = {}
        for route in self.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for found in _components((route.responses, route.openapi_extra)):
                    for name, schema in found.items():
                        if components.setdefault(name, schema) != schema:
                            raise ValueError(f"two structs of different content are called {name}")
        return dict(sorted(components.items()))


def _components(node: Any) -> Iterator[dict[str, Schema]]:
    """The components of every type that something nested names."""
    if isinstance(node, TypeSchema):
        yield node.components
    elif isinstance(node, dict):
        for each in node.values():
            yield from _components(each)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from _components(each)
