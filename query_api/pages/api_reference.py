"""`/docs`: a page for each public API, made of the OpenAPI document. Nothing runs in the browser, and nothing is loaded
from anywhere else."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response
from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from query_api.http.described import Published
from query_api.http.openapi import Schema
from query_api.http.public_api import PublicApi, ReferencePage
from query_api.http.refusals import JSON, ApiError
from query_api.http.route_index import include

PATH = "/docs"

router = APIRouter(include_in_schema=False)
_HTML = "text/html; charset=utf-8"


class Piece(NamedTuple):
    """A part of the name of a type. to: the struct that it links to."""

    text: str
    to: str = ""


class Field(NamedTuple):
    """A parameter, or a field of an object."""

    name: str
    type: list[Piece]
    required: bool
    description: str


class Struct(NamedTuple):
    """An object that bodies or answers hold."""

    name: str
    description: str
    fields: list[Field]


class Answer(NamedTuple):
    status: str
    type: list[Piece]
    description: str


class Operation(NamedTuple):
    """Something that the API does."""

    anchor: str
    verb: str
    path: str
    summary: str
    description: list[str]
    parameters: list[Field]
    body: list[Piece]
    answers: list[Answer]
    curl: str


class Reference(NamedTuple):
    """What stands on a page. sections: operations by tag."""

    sections: dict[str, list[Operation]]
    structs: list[Struct]


def reference(document: Schema, page: ReferencePage, site: str) -> Reference:
    """What a document says of an API. site: where curl finds it."""
    sections: dict[str, list[Operation]] = {}
    used: dict[str, None] = {}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            schemes = {name for one in operation.get("security", ()) for name in one}
            if page.scheme in schemes and path.startswith(page.base + "/"):
                tag = operation["tags"][0]
                sections.setdefault(tag, []).append(_operation(page, site, verb.upper(), path, operation))
                used |= dict.fromkeys(_used(operation, document["components"]["schemas"]))
    schemas = document["components"]["schemas"]
    return Reference(sections, [_struct(name, schemas[name]) for name in sorted(used)])


def _used(node: Any, schemas: dict[str, Schema]) -> Iterator[str]:
    """The names of the structs that something nested names, and of those that they name."""
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            name = ref.rpartition("/")[2]
            yield name
            yield from _used(schemas[name], schemas)
        for value in node.values():
            yield from _used(value, schemas)
    elif isinstance(node, list):
        for each in node:
            yield from _used(each, schemas)


def _operation(page: ReferencePage, site: str, verb: str, path: str, operation: Schema) -> Operation:
    body = operation.get("requestBody", {}).get("content", {}).get(JSON, {})
    return Operation(
        anchor=f"{verb.lower()}-{re.sub('[^a-z0-9]+', '-', path.removeprefix(page.base)).strip('-')}",
        verb=verb,
        path=path,
        summary=operation["summary"],
        description=[text.replace("\n", " ") for text in operation.get("description", "").split("\n\n") if text],
        parameters=[
            Field(one["name"], _type(one["schema"]), one.get("required", False), one.get("description", ""))
            for one in operation.get("parameters", ())
        ],
        body=_type(body["schema"]) if body else [],
        answers=[
            Answer(status, _type_of_answer(answer), answer["description"])
            for status, answer in sorted(operation["responses"].items())
        ],
        curl=_curl(page, site, verb, path, body.get("example")),
    )


def _type_of_answer(answer: Schema) -> list[Piece]:
    """JSON, where there are several forms."""
    content = answer.get("content", {})
    return _type(content[JSON]["schema"]) if JSON in content else [Piece(media_type) for media_type in content]


def _struct(name: str, schema: Schema) -> Struct:
    required = schema.get("required", ())
    fields = [
        Field(field, _type(one), field in required, one.get("description", ""))
        for field, one in schema.get("properties", {}).items()
    ]
    return Struct(name, schema.get("description", "").replace("\n", " "), fields)


def _type(schema: Schema) -> list[Piece]:
    """The name of a type, for people."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [Piece(name, name)]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _joined([_type(one) for one in options], " or ")
    if "enum" in schema:
        return _joined([[Piece(json.dumps(word))] for word in schema["enum"]], " or ")
    kinds = schema.get("type", "any")
    if isinstance(kinds, list):
        return [Piece(" or ".join(kinds))]
    match kinds:
        case "array":
            return [Piece("list of "), *_type(schema.get("items", {}))]
        case "object" if "properties" in schema:
            fields = [[Piece(f"{name}: "), *_type(one)] for name, one in schema["properties"].items()]
            return [Piece("{ "), *_joined(fields, ", "), Piece(" }")]
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return [Piece("object of "), *_type(schema["additionalProperties"])]
        case _:
            return [Piece(" ".join([str(schema.get("format", kinds)), *_bounds(schema)]))]


def _bounds(schema: Schema) -> Iterator[str]:
    match schema:
        case {"minimum": least, "maximum": most}:
            yield f"from {least} to {most}"
        case {"minimum": least}:
            yield f"from {least}"
        case {"maximum": most}:
            yield f"up to {most}"
        case {"minLength": least, "maxLength": most}:
            yield f"of {least} to {most} characters"
        case {"maxLength": most}:
            yield f"of at most {most} characters"
        case _:
            pass


def _joined(parts: list[list[Piece]], between: str) -> list[Piece]:
    return [piece for number, part in enumerate(parts) for piece in ([Piece(between)] if number else []) + part]


def _curl(page: ReferencePage, site: str, verb: str, path: str, example: object) -> str:
    """A command for a shell. What stands in braces in the path is a variable."""
    url = site + re.sub(r"{(\w+)}", lambda found: f"${found[1].upper()}", path)
    lines = [f'curl {"" if verb == "GET" else f"-X {verb} "}"{url}"', f'-H "{page.key}"']
    if example is not None:
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(example)}'"]
    return " \\\n  ".join(lines)


def _prose(text: str) -> Markup:
    """A text with code in backticks."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


_templates = Environment(loader=PackageLoader("query_api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_templates.filters["prose"] = _prose
_STYLE = _templates.get_template("api_reference.css").render()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _index(app: FastAPI, pages: Mapping[str, ReferencePage]) -> bytes:
    return _render("api_index.html", title=app.title, pages=pages)


def _page(app: FastAPI, page: ReferencePage, site: str) -> bytes:
    content = reference(app.openapi(), page, site)
    return _render("api_reference.html", title=app.title, page=page, reference=content)


def _render(template: str, **values: Any) -> bytes:
    return _templates.get_template(template).render(style=Markup(_STYLE), **values).encode()


@router.get(PATH)
@router.get(PATH + "/{name}")
async def read_page(request: Request, name: str = "") -> Response:
    pages: dict[str, Published] = request.app.state.api_reference
    if name not in pages:
        raise ApiError(404, "not found")
    return await pages[name].answer(request)


def install(app: FastAPI, apis: Iterable[PublicApi], site: str) -> None:
    """Put the pages of APIs, and one that links to them, into the application. site: where the world finds it."""
    pages = {api.name: api.page for api in apis if api.page is not None}
    makers = {name: partial(_page, app, page, site) for name, page in pages.items()}
    app.state.api_reference = {
        name: Published(make, _HTML, {"Content-Security-Policy": _POLICY})
        for name, make in {"": partial(_index, app, pages), **makers}.items()
    }
    include(app, router)
