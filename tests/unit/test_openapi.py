"""The OpenAPI document is made of types: every operation names them, and nothing in it is left open."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from fastapi.routing import APIRoute
from msgspec import UNSET, Meta, UnsetType

from query_api.app import APIS
from query_api.http.openapi import Api, answer, body_of, schema_of
from tests.answers_story import Story
from tests.conformance import resolved
from tests.harness import Harness
from tests.updown_client import UPDOWN_KEY, with_updown_keys

T = TypeVar("T")
# Stands in examples for an alert channel.
_CHANNEL = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return Harness().app.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb, path, operation


def json_of(content: dict[str, Any]) -> dict[str, Any] | None:
    schema: dict[str, Any] | None = content.get("content", {}).get("application/json", {}).get("schema")
    return schema


def test_every_route_is_described(document: dict[str, Any]) -> None:
    """But for those that are another spelling of one that is: without the final slash, and `/alert-channels`."""
    described = {(verb.upper(), path) for verb, path, _ in operations(document)}
    routes = [
        (method, prefix + route.path, route)
        for api in APIS
        for prefix in api.prefixes
        for route in api.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    endpoints = {route.endpoint for verb, path, route in routes if (verb, path) in described}
    assert len(routes) > 100
    assert {route.endpoint for _, _, route in routes} == endpoints
    assert described == {(verb, path) for verb, path, route in routes if route.include_in_schema}


def test_every_operation_names_its_types(document: dict[str, Any]) -> None:
    for verb, path, operation in operations(document):
        at = f"{verb} {path}"
        assert operation["description"], at
        [success] = {status for status in operation["responses"] if status.startswith("2")} - {"201"} or {"201"}
        told = operation["responses"][success]
        schema = json_of(told)
        assert schema is not None or told["content"].keys() == {"text/plain"}, at
        # Unless nobody needs a key.
        assert ("401" in operation["responses"]) is ({} not in operation["security"]), at
        if body := operation.get("requestBody"):
            assert "$ref" in (json_of(body) or {}), at
        for status, one in operation["responses"].items():
            assert one["description"].endswith("."), f"{at} {status}"
            if status[0] in "45" and (error := json_of(one)) is not None:
                assert "error" in resolved(document, error)["properties"], f"{at} {status}"


def test_whatever_is_referred_to_is_there_and_is_used(document: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(ref := node.get("$ref"), str):
                yield ref
            for each in node.values():
                yield from references(each)
        elif isinstance(node, list):
            for each in node:
                yield from references(each)

    used = set(references(document))
    assert used == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert "../" not in str(used)


async def what_is_down(story: Story) -> str:
    """The id of a check that is down: it names its incident."""
    id: str = (await story.ask("POST", "/api/v3/checks/", {"name": "Nightly"}))["uuid"]
    story.harness.log.ping(id, "fail")
    return id


async def test_every_example_is_taken() -> None:
    """Each body in the document does what the operation is for, with what another example made."""
    story = Story(with_updown_keys(Harness(test_sends_per_hour=0)))
    channel, made = story.harness.make_channel("phone"), dict[str, str]()
    tried = 0
    for verb, path, operation in sorted(operations(story.harness.app.openapi()), key=lambda one: one[1].count("{")):
        example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        assert (example is not None) == ("requestBody" in operation), path
        if example is None or path.startswith(("/api/v1/checks", "/api/v1/channels", "/api/v1/project", "/api/v2/")):
            continue
        room, _, rest = path.partition("/{")
        room, name = room.rstrip("/"), rest.partition("}")[0] or "id"
        key = "" if path.startswith("/api/v") else UPDOWN_KEY
        if room == "/api/v1/incidents" and room not in made:
            made[room] = await what_is_down(story)
        example = json.loads(json.dumps(example).replace(_CHANNEL, channel))
        found = await story.ask(
            verb.upper(), path, example, key=key, post=made.get("post", ""), number="1", **{name: made.get(room, "")}
        )
        assert story.answers[-1].status < 300, story.answers[-1].text
        found = found.get("data", found)
        if "{" not in path and (id := found.get("id") or found.get("uuid") or found.get("token")):
            made[room] = id
        if path.endswith("/posts"):
            made["post"] = found["id"]
        tried += 1
    assert tried > 15


# ---- from types to schemas


class Inner(msgspec.Struct):
    """Within."""

    count: Annotated[int, Meta(ge=1, description="How many.")]


class Outer(msgspec.Struct, kw_only=True):
    """Around."""

    inner: Inner
    name: Annotated[str, Meta(pattern=r"^a\Z")] | UnsetType = UNSET


class Envelope(msgspec.Struct, Generic[T]):
    data: T


def test_structs_are_components_and_envelopes_stand_in_place() -> None:
    made = schema_of(Envelope[Outer])
    assert made == {
        "type": "object",
        "properties": {"data": {"$ref": "#/components/schemas/Outer"}},
        "required": ["data"],
    }
    assert made.components["Outer"]["required"] == ["inner"]
    assert made.components["Outer"]["description"] == "Around."
    assert made.components["Outer"]["properties"]["name"] == {"type": "string", "pattern": "^a$"}
    inner = made.components["Inner"]["properties"]["count"]
    assert inner == {"type": "integer", "minimum": 1, "description": "How many."}


def test_two_structs_of_one_name_are_refused() -> None:
    other = msgspec.defstruct("Inner", [("other", str)])
    app = Api(openapi_url=None)

    async def route() -> None: ...

    app.add_api_route("/a", route, methods=["POST"], openapi_extra=body_of(Inner))
    app.add_api_route("/b", route, methods=["GET"], responses={200: answer(other, "Other.")})
    with pytest.raises(ValueError, match="two structs of different content are called Inner"):
        app.openapi()
