"""Tags, 304 and packing, over every path that there is."""

import gzip
import json
import re
from base64 import b64encode

import pytest
import zstandard

from query_api.http.codings import accepted
from tests.all_routes import KEYS, NOBODY, World, lasting, names
from tests.harness import ADMIN_PASSWORD
from tests.raw_request import ask

OF_THE_BODY = {"content-length", "content-type", "content-encoding"}
LISTS = {"management": "/api/v3/checks/", "poppaping": "/api/v1/monitors", "updown": "/api/checks"}


@pytest.fixture
async def world() -> World:
    return await World().fill()


async def test_every_read_of_an_api_has_a_tag_and_is_sent_once(world: World) -> None:
    found = set()
    for place in world.places():
        answer = await ask(world.app, "GET", place.path, place.key) if "GET" in place.verbs else None
        if answer is None or place.api is None or answer.status != 200:
            continue
        found.add(place.api)
        tag = answer.headers["etag"]
        assert tag.startswith('W/"'), place
        assert answer.headers["cache-control"] != "no-store", place
        vary = {name.lower() for name in names(answer.headers["vary"])}
        assert vary >= {name.lower() for name in place.key} | {"accept-encoding"}, place
        for known in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
            for verb in ("GET", "HEAD"):
                same = await ask(world.app, verb, place.path, place.key | {"if-none-match": known})
                assert (same.status, same.body) == (304, b""), (place, known)
                kept = {name: value for name, value in lasting(answer).items() if name not in OF_THE_BODY}
                assert lasting(same) == kept, place
        other = await ask(world.app, "GET", place.path, place.key | {"if-none-match": '"x", W/"y"'})
        assert (other.status, other.body) == (200, answer.body), place
    assert found == set(KEYS)


@pytest.mark.parametrize("api", LISTS)
async def test_a_change_is_seen(world: World, api: str) -> None:
    path, key = LISTS[api], KEYS[api]
    tag = (await ask(world.app, "GET", path, key)).headers["etag"]
    body = {"name": "new", "url": "https://new.example/"}
    assert (await ask(world.app, "POST", path, key, json.dumps(body).encode())).status == 201
    answer = await ask(world.app, "GET", path, key | {"if-none-match": tag})
    assert answer.status == 200
    assert b"new" in answer.body


async def test_what_is_refused_has_no_tag(world: World) -> None:
    for api, path in LISTS.items():
        for key, status in (({}, 401), (KEYS[api], 404)):
            answer = await ask(world.app, "GET", path if status == 401 else f"{path}/{NOBODY}/x", key)
            assert (answer.status, "etag" in answer.headers) == (status, False)
            assert (await ask(world.app, "GET", path, {"if-none-match": "*"})).status == 401


async def where(world: World, path: str) -> tuple[str, dict[str, str]]:
    """A path, and what opens it."""
    if path == "a status page":
        path = next(one.path for one in world.places() if re.fullmatch("/status/[^/.]+", one.path))
    place = next((one for one in world.places() if one.path == path), None)
    return path, {} if place is None else place.key


@pytest.mark.parametrize("path", [*LISTS.values(), "/openapi.json", "/docs/poppaping", "/metrics", "a status page"])
async def test_large_answers_are_packed_for_who_takes_that(world: World, path: str) -> None:
    for number in range(8):
        await world.made("/api/v3/checks/", "management", {"name": f"check {number}"})
        await world.made("/api/checks", "updown", {"url": f"https://shop{number}.example/"})
    target, key = await where(world, path)
    plain = await ask(world.app, "GET", target, key | {"accept-encoding": "identity"})
    assert plain.status == 200
    assert "accept-encoding" in plain.headers["vary"].lower()
    assert "content-encoding" not in plain.headers
    for wanted in ("gzip", "zstd"):
        answer = await ask(world.app, "GET", target, key | {"accept-encoding": wanted})
        assert answer.headers["content-encoding"] == wanted
        assert int(answer.headers["content-length"]) == len(answer.body) < len(plain.body)
        unpacked = (
            gzip.decompress(answer.body) if wanted == "gzip" else zstandard.ZstdDecompressor().decompress(answer.body)
        )
        if path != "/metrics":
            assert unpacked == plain.body
            assert answer.headers.get("etag") == plain.headers.get("etag")
            head = await ask(world.app, "HEAD", target, key | {"accept-encoding": wanted})
            assert lasting(head) == lasting(answer)


async def test_small_answers_travel_as_they_are(world: World) -> None:
    answer = await ask(world.app, "GET", "/healthz", {"accept-encoding": "gzip, zstd"})
    assert (answer.status, "content-encoding" in answer.headers) == (200, False)
    forced = await ask(world.app, "GET", "/healthz", {"accept-encoding": "gzip, identity;q=0"})
    assert (gzip.decompress(forced.body), forced.headers["content-encoding"]) == (answer.body, "gzip")


async def test_what_a_browser_opens_by_itself_is_not_packed(world: World) -> None:
    """Its length would tell what stands in it to who can have words put on the page (BREACH)."""
    basic = f"Basic {b64encode(f'me:{ADMIN_PASSWORD}'.encode()).decode()}"
    answer = await ask(world.app, "GET", "/", {"authorization": basic, "accept-encoding": "gzip, zstd"})
    assert (answer.status, "content-encoding" in answer.headers) == (200, False)
    assert len(answer.body) > 1_000


@pytest.mark.parametrize(
    ("said", "coding", "never_plain"),
    [
        ("", None, False),
        ("gzip", "gzip", False),
        ("zstd", "zstd", False),
        ("gzip, deflate, br, zstd", "zstd", False),
        ("GZIP;Q=0.5", "gzip", False),
        ("x-gzip", "gzip", False),
        ("gzip;q=1.0, zstd;q=0.9", "gzip", False),
        ("gzip; q=0", None, False),
        ("gzip;q=0.000, zstd;q=0.", None, False),
        ("gzip;q=0, zstd", "zstd", False),
        ("br, deflate", None, False),
        ("*", "gzip", False),
        ("*;q=0", None, False),
        ("*, gzip;q=0", "zstd", False),
        ("identity", None, False),
        ("gzip;q=0.5, identity", None, False),
        ("gzip, identity;q=0.5", "gzip", False),
        ("gzip, identity;q=0", "gzip", True),
        ("gzip, *;q=0", "gzip", True),
        ("identity;q=0", None, False),
        ("gzip;q=nonsense", None, False),
        ("gzip;q=nan", None, False),
        (",;,gzip;;q", "gzip", False),
    ],
)
def test_who_takes_what(said: str, coding: str | None, never_plain: bool) -> None:
    half = len(said) // 2
    comma = said.find(",", half)
    assert accepted([(b"accept-encoding", said.encode())]) == (coding, never_plain)
    if comma > 0:  # a header may come in several lines
        lines = [(b"accept-encoding", said[:comma].encode()), (b"accept-encoding", said[comma + 1 :].encode())]
        assert accepted(lines) == (coding, never_plain)
