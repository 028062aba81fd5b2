"""JSON in the bodies of requests, over every operation of every API that takes some."""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator

import pytest

from query_api.app import APIS
from tests.all_routes import KEYS, NOBODY, World
from tests.raw_request import RawAnswer, ask

SAID = '{"näme": 1, "desc": "größe", "overlap": "x"}'
GZIP = {"content-encoding": "gzip"}
EMPTY = gzip.compress(b"")
SPELLED = {
    "a mark in front": codecs.BOM_UTF8 + SAID.encode(),
    "UTF-16": SAID.encode("utf-16"),
    "UTF-16, little": SAID.encode("utf-16-le"),
    "UTF-16, big": SAID.encode("utf-16-be"),
    "UTF-32": SAID.encode("utf-32"),
    "UTF-32, big": SAID.encode("utf-32-be"),
    "blanks": b" \r\n\t" + SAID.encode() + b"\r\n",
}
BROKEN = {
    "half": b"{",
    "a mark alone": codecs.BOM_UTF16_LE,
    "half of UTF-16": SAID.encode("utf-16")[:-1],
    "another script": b'{"name": "gr\xf6\xdfe"}',
    "NaN": b'{"name": NaN}',
    "a list": b"[1]",
    "nothing": b"null",
}


@pytest.fixture
async def world() -> World:
    return await World().fill()


def operations(world: World) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Verb, path and key of each operation that takes JSON."""
    for path, verbs in world.app.openapi()["paths"].items():
        filled = re.sub(r"{\w+}", NOBODY, path)
        api = next((one.name for one in APIS if one.speaks(filled)), None)
        for verb, operation in verbs.items():
            if api is not None and "requestBody" in operation:
                yield verb.upper(), filled, KEYS[api]


async def told(
    world: World, operation: tuple[str, str, dict[str, str]], body: bytes, headers: dict[str, str] | None = None
) -> RawAnswer:
    verb, path, key = operation
    return await ask(world.app, verb, path, key | (headers or {"content-type": "application/json"}), body)


def words(answer: RawAnswer) -> tuple[int, bytes]:
    """What can be compared: what was made has an id of its own each time."""
    return answer.status, b"" if answer.status < 400 else answer.body


async def test_there_are_many(world: World) -> None:
    found = list(operations(world))
    assert len(found) > 25
    assert {path.split("/")[2] for _, path, _ in found} >= {"v1", "v3", "checks"}


@pytest.mark.parametrize("spelling", SPELLED)
async def test_however_it_is_spelled_it_says_the_same(world: World, spelling: str) -> None:
    for operation in operations(world):
        plain = words(await told(world, operation, SAID.encode()))
        assert words(await told(world, operation, SPELLED[spelling])) == plain, operation
        packed = gzip.compress(SPELLED[spelling])
        assert words(await told(world, operation, packed, GZIP | {"content-type": "application/json"})) == plain


@pytest.mark.parametrize(
    "named", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "nonsense"]
)
async def test_its_type_does_not_matter(world: World, named: str) -> None:
    for operation in operations(world):
        plain = words(await told(world, operation, SAID.encode()))
        assert words(await told(world, operation, SAID.encode(), {"content-type": named})) == plain, operation


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_no_object_is_told(world: World, broken: str) -> None:
    for operation in operations(world):
        answer = await told(world, operation, BROKEN[broken])
        assert answer.status == 400, operation
        assert re.search("parse|JSON|object", answer.body.decode()), operation


async def test_what_is_packed_otherwise_is_told(world: World) -> None:
    """Never read as what it is not."""
    bomb = gzip.compress(b" " * (2**20 + 1))
    for operation in operations(world):
        for coding in ("br", "zstd", "deflate", "gzip, gzip", "nonsense"):
            answer = await told(world, operation, zlib.compress(SAID.encode()), {"content-encoding": coding})
            assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, identity"), operation
            assert b"gzip" in answer.body
        for body in (SAID.encode(), gzip.compress(SAID.encode())[:-9], gzip.compress(SAID.encode()) + b"x"):
            assert (await told(world, operation, body, GZIP)).status == 400, operation
        assert (await told(world, operation, bomb, GZIP)).status == 413, operation
        assert (await told(world, operation, EMPTY * 64 + gzip.compress(SAID.encode()), GZIP)).status == 400, operation


async def test_strangers_unpack_little(world: World) -> None:
    """A key in the body is found by parsing it, so whoever has none may not have much parsed."""
    for body in (
        b" " * 20_000,
        json.dumps({"api_key": KEYS["management"]["x-api-key"], "desc": "x" * 20_000}).encode(),
    ):
        answer = await ask(world.app, "POST", "/api/v3/checks/", GZIP, gzip.compress(body))
        assert answer.status == 413
    small = json.dumps({"api_key": KEYS["management"]["x-api-key"], "name": "x"}).encode()
    assert (await ask(world.app, "POST", "/api/v3/checks/", GZIP, gzip.compress(small))).status == 201


async def test_a_form_may_be_packed_as_well(world: World) -> None:
    headers = KEYS["updown"] | GZIP | {"content-type": "application/x-www-form-urlencoded"}
    answer = await ask(world.app, "POST", "/api/checks", headers, gzip.compress(b"url=https%3A%2F%2Fform.example%2F"))
    assert (answer.status, json.loads(answer.body)["url"]) == (201, "https://form.example/")


async def test_a_packed_body_has_a_bounded_number_of_parts(world: World) -> None:
    """What stands behind a part is copied for each of them."""
    body = json.dumps({"name": "parts"}).encode()
    for parts, status in ((63, 201), (64, 400), (40_000, 400)):
        sent = EMPTY * parts + gzip.compress(body)
        answer = await ask(world.app, "POST", "/api/v3/checks/", GZIP | KEYS["management"], sent)
        assert answer.status == status, parts
