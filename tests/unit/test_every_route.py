"""What every path answers alike, over all routes that there are: HEAD, OPTIONS, `Allow`, CORS, spellings."""

import json
import re

import pytest

from tests.all_routes import KEYS, NOBODY, World, lasting, names
from tests.harness import ADMIN_PASSWORD
from tests.raw_request import ask

KEY_HEADERS = {"management": {"x-api-key"}, "poppaping": {"authorization", "x-api-key"}, "updown": {"x-api-key"}}
# Badges and status pages.
PUBLIC = ("/b/", "/badge/", "/status/")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What a rotation refuses: it can be done only so often.
BODY = b'{"overlap": "x"}'


@pytest.fixture
async def world() -> World:
    return await World().fill()


async def test_options_names_what_a_path_takes(world: World) -> None:
    places = list(world.places())
    assert len(places) > 90
    assert {place.api for place in places} == {None, *KEYS}
    for place in places:
        answer = await ask(world.app, "OPTIONS", place.path)
        assert (answer.status, answer.body) == (204, b""), place
        wanted = place.verbs | ({"HEAD"} if "GET" in place.verbs else set()) | {"OPTIONS"}
        assert names(answer.headers["allow"]) == wanted, place
        assert "content-length" not in answer.headers
        if place.path.startswith(PUBLIC):
            assert answer.headers["access-control-allow-origin"] == "*", place
            assert names(answer.headers["access-control-allow-headers"]) == {"Content-Type", "If-None-Match"}, place
            continue
        if place.api is None:
            assert "access-control-allow-headers" not in answer.headers, place
            continue
        assert answer.headers["access-control-allow-origin"] == "*", place
        assert names(answer.headers["access-control-allow-methods"]) == place.verbs | {"OPTIONS"}, place
        allowed = {name.lower() for name in names(answer.headers["access-control-allow-headers"])}
        changing = {"idempotency-key", "pingfold-if-version"}
        assert allowed == KEY_HEADERS[place.api] | {"content-type", "if-none-match"} | changing, place


async def test_a_filter_that_there_is_not_is_refused_by_every_route_of_our_own_api(world: World) -> None:
    """Before anything is changed; the compatible APIs ignore it, as their clients expect."""
    asked = [(place, verb) for place in world.places() if place.api == "poppaping" for verb in sorted(place.verbs)]
    assert len(asked) > 60
    for place, verb in asked:
        answer = await ask(world.app, verb, f"{place.path}?page=1&stauts=down", place.key, b"{}")
        assert (answer.status, b"Unknown query parameter '" in answer.body) == (400, True), (place, verb, answer.body)


async def test_options_of_the_whole_server(world: World) -> None:
    answer = await ask(world.app, "OPTIONS", "*")
    assert (answer.status, answer.body) == (204, b"")
    assert names(answer.headers["allow"]) == {*VERBS, "HEAD", "OPTIONS"}
    for method in ("GET", "HEAD", "POST"):
        assert (await ask(world.app, method, "*")).status == 404, method


async def test_head_is_get_without_the_body(world: World) -> None:
    found = 0
    for place in world.places():
        head = await ask(world.app, "HEAD", place.path, place.key)
        assert head.body == b"", place
        if "GET" not in place.verbs:
            assert head.status == 405, place
            continue
        get = await ask(world.app, "GET", place.path, place.key)
        assert head.status == get.status, place
        if place.path != "/metrics":  # its figures are of each moment
            assert lasting(head) == lasting(get), place
        if get.status == 200:
            assert get.body, place
            found += 1
    assert found > 40


async def test_the_dashboard_has_a_head(world: World) -> None:
    answer = await world.harness.client.head("/", auth=("me", ADMIN_PASSWORD))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert int(answer.headers["content-length"]) > 100


async def test_other_verbs_are_told_what_there_is_in_the_form_of_the_api(world: World) -> None:
    for place in world.places():
        for verb in {*VERBS, "BREW"} - place.verbs:
            answer = await ask(world.app, verb, place.path, place.key)
            assert answer.status == 405, (verb, place)
            wanted = place.verbs | ({"HEAD"} if "GET" in place.verbs else set()) | {"OPTIONS"}
            assert names(answer.headers["allow"]) == wanted, (verb, place)
            assert (answer.headers.get("access-control-allow-origin") == "*") == (
                place.api is not None or place.path.startswith(PUBLIC)
            ), place
            form = {"poppaping": {"error", "message"}, "updown": {"error"}}.get(place.api or "")
            assert (set(json.loads(answer.body)) if form else answer.body or None) == form, (verb, place)


async def test_each_spelling_of_a_path_is_served(world: World) -> None:
    """Without a redirect: a POST would come back as a GET."""
    for place in world.places():
        toggled = place.path[:-1] if place.path.endswith("/") else f"{place.path}/"
        spellings = {toggled, place.path.replace("/", "//"), f"{place.path.rstrip('/')}//"} - {"", "//"}
        spellings.add(re.sub(r"[0-9a-f-]{36}", lambda found: found[0].upper(), place.path))
        spellings.add(place.path.replace("a", "%61").replace("s", "%73"))
        verb = "GET" if "GET" in place.verbs else "POST"
        await ask(world.app, verb, place.path, place.key, BODY)  # what is paused can be resumed only once
        wanted = await ask(world.app, verb, place.path, place.key, BODY)
        for spelling in spellings:
            answer = await ask(world.app, verb, spelling, place.key, BODY)
            assert answer.status == wanted.status, (verb, spelling)
            assert answer.headers.get("content-type") == wanted.headers.get("content-type"), (verb, spelling)
            if verb == "GET" and place.path != "/metrics":
                assert answer.body == wanted.body, spelling


async def test_scripts_can_read_every_error() -> None:
    async def defect() -> None:
        raise ZeroDivisionError

    defective = World()
    defective.app.add_api_route("/api/v1/monitors/{id}/defect", defect)
    large = b"x" * 2**20
    for method, path, body, status in [
        ("GET", "/api/v3/checks/", b"", 401),
        ("GET", "/api/v1/monitors", b"", 401),
        ("GET", "/api/checks", b"", 401),
        ("GET", "/api/v3/unknown", b"", 404),
        ("GET", "/api/unknown/1/2", b"", 404),
        ("PUT", "/api/v1/monitors", b"", 405),
        ("POST", "/api/v3/checks/", large, 413),
        ("POST", "/api/v1/monitors", large, 413),
        ("POST", "/api/checks", large, 413),
        ("GET", f"/api/v1/monitors/{NOBODY}/defect", b"", 500),
        ("GET", f"/b/2/{NOBODY}.svg", b"", 404),
        ("GET", f"/b/9/{NOBODY}.json", b"", 404),
        ("GET", "/b/2", b"", 404),
        ("GET", f"/status/{NOBODY}.json", b"", 404),
        ("GET", "/status/nothing/badge.svg", b"", 404),
        ("POST", f"/status/{NOBODY}", b"", 405),
    ]:
        answer = await ask(defective.app, method, path, {}, body)
        assert answer.status == status, path
        assert answer.headers["access-control-allow-origin"] == "*", path
        assert {"Retry-After", "ETag", "Date"} <= names(answer.headers["access-control-expose-headers"]), path
        assert answer.headers["x-content-type-options"] == "nosniff", path


async def test_a_preflight_is_let_through_where_nothing_is(world: World) -> None:
    """So that the script reads the 404, and not that the network is out."""
    preflight = {"origin": "https://x.example", "access-control-request-method": "GET"}
    for path in ("/api/v3/unknown", "/api/v1/monitors/1/2/3", "/api/nothing", "/b/2", "/status/1/2/3"):
        answer = await ask(world.app, "OPTIONS", path, preflight)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")
        assert (await ask(world.app, "OPTIONS", path)).status == 404
    assert (await ask(world.app, "OPTIONS", "/nothing", preflight)).status == 404


async def test_a_header_for_scripts_stands_there_once(world: World) -> None:
    for place in world.places():
        if place.path.startswith(PUBLIC):
            answer = await world.harness.client.get(place.path)
            assert answer.headers.get_list("access-control-allow-origin") == ["*"], place


@pytest.mark.parametrize("query", ["tag=größe", "tag=gr%C3%B6%C3%9Fe", "tag=gr%c3%b6%c3%9fe"])
async def test_a_query_is_read_raw_or_encoded(world: World, query: str) -> None:
    await world.made("/api/v3/checks/", "management", {"name": "b", "tags": "größe"})
    answer = await ask(world.app, "GET", f"/api/v3/checks/?{query}", KEYS["management"])
    assert [check["name"] for check in json.loads(answer.body)["checks"]] == ["b"]


@pytest.mark.parametrize("query", ["search=a+b", "search=a%20b"])
async def test_a_blank_in_a_query_has_two_spellings(world: World, query: str) -> None:
    await world.made("/api/v1/monitors", "poppaping", {"name": "a b", "url": "https://a.example/"})
    answer = await ask(world.app, "GET", f"/api/v1/monitors?{query}", KEYS["poppaping"])
    assert [monitor["name"] for monitor in json.loads(answer.body)["data"]] == ["a b"]


@pytest.mark.parametrize("part", ["%zz", "%ff", "%00", "a+b%20c", "%ED%A0%80", "größe", "..%2F", "%0d%0a"])
async def test_no_spelling_is_a_fault_of_ours(world: World, part: str) -> None:
    for place in (one for one in world.places() if not one.path.startswith("/api/v2/")):
        inside = place.path.replace(NOBODY, part)
        for target in (f"{place.path}{part}", f"{place.path}?{part}={part}&page={part}", inside):
            answer = await ask(world.app, "GET", target, place.key)
            assert answer.status < 500, target
