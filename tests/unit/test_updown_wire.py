"""Answers of the updown API on the wire: paths, packing, caching, CORS, bodies that are none."""

import re
from typing import Any

import pytest

from tests.harness import Harness
from tests.updown_client import CHECKS, UPDOWN_READ_KEY, URL, fault, made, updown

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def harness() -> Harness:
    return updown()


async def test_a_final_slash_is_nothing(harness: Harness) -> None:
    token = (await made(harness))["token"]
    for path in (f"{CHECKS}/{token}", CHECKS):
        plain = await harness.client.get(path)
        assert (plain.status_code, (await harness.client.get(f"{path}/")).json()) == (200, plain.json())
    answer = await harness.client.post(f"{CHECKS}/", json={"url": "https://other.example.com"})
    assert answer.status_code == 201
    assert (await harness.client.get(f"{CHECKS}//")).status_code == 200
    assert (await harness.client.delete(f"{CHECKS}/{token}/")).json() == {"deleted": True}
    # The Management API has checks of its own.
    assert (await harness.client.get("/api/v3/checks/")).status_code == 401


async def test_every_answer_names_its_request(harness: Harness) -> None:
    for answer in (await harness.client.get(CHECKS), await harness.client.get("/api/checks/abcd/unknown")):
        assert UUID.fullmatch(answer.headers["X-Request-Id"])
        assert float(answer.headers["X-Runtime"]) >= 0
    assert fault(answer) == (404, "Not found")


async def test_packed(harness: Harness) -> None:
    for number in range(5):
        await made(harness, url=f"https://shop{number}.example.com/")
    plain = await harness.client.get(CHECKS, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    for accepted in ("gzip", "deflate, gzip;q=0.5", "*"):
        async with harness.client.stream("GET", CHECKS, headers={"Accept-Encoding": accepted}) as packed:
            await packed.aread()
            assert packed.headers["Content-Encoding"] == "gzip"
            assert int(packed.headers["Content-Length"]) * 4 < len(plain.content)
            assert packed.content == plain.content
    for accepted in ("deflate", "gzip;q=0", "gzip; q=0.0"):
        answer = await harness.client.get(CHECKS, headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers


async def test_who_has_an_answer_is_sent_none(harness: Harness) -> None:
    token = (await made(harness))["token"]
    path = f"{CHECKS}/{token}"
    first = await harness.client.get(path)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'W/"[0-9a-f]{32}"', etag)
    for known in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        answer = await harness.client.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    await harness.client.put(path, json={"period": 300})
    answer = await harness.client.get(path, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json()["period"]) == (200, 300)


async def test_how_long_an_answer_is_kept(harness: Harness) -> None:
    """No cache may show a key that writes what was before its change; keys that read may be half a minute late."""
    answer = await harness.client.get(CHECKS)
    assert answer.headers["Cache-Control"] == "max-age=0, private, must-revalidate"
    assert answer.headers["Vary"] == "X-Api-Key, Origin, Accept-Encoding"
    answer = await harness.client.get(CHECKS, headers={"X-API-KEY": UPDOWN_READ_KEY})
    assert answer.headers["Cache-Control"] == "public, max-age=30"
    answer = await harness.client.post(CHECKS, json={"url": URL})
    assert answer.headers["Cache-Control"] == "max-age=0, private, must-revalidate"
    assert "ETag" not in answer.headers
    answer = await harness.client.post(CHECKS, json={"url": URL})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (400, "no-cache")


@pytest.mark.parametrize("body", ["data", "json"])
async def test_what_a_key_in_the_body_opens_is_kept_by_no_cache(harness: Harness, body: str) -> None:
    """A cache would show it to everybody: it does not look at bodies."""
    del harness.client.headers["X-Api-Key"]
    said: Any = {body: {"api-key": UPDOWN_READ_KEY}}
    answer = await harness.client.request("GET", CHECKS, **said)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "max-age=0, private, must-revalidate")
    answer = await harness.client.get(CHECKS, params={"api-key": UPDOWN_READ_KEY})
    assert answer.headers["Cache-Control"] == "public, max-age=30"


async def test_scripts_of_other_origins(harness: Harness) -> None:
    answer = await harness.client.options(CHECKS)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "x-api-key" in answer.headers["Access-Control-Allow-Headers"].lower()
    answer = await harness.client.get(CHECKS, headers={"Origin": "https://status.example.com"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Date" in answer.headers["Access-Control-Expose-Headers"]
    answer = await harness.client.head(CHECKS)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({"Content-Type": "application/json"}, b"{", "The request body is not valid JSON"),
        ({"Content-Type": "application/json"}, b"[1]", "The request body must be a JSON object"),
        ({"Content-Type": "application/json"}, b'{"url":"\xff"}', "The request body is not valid JSON"),
        ({"Content-Type": "application/json"}, b'{"url":' + b"[" * 5_000, "The request body is not valid JSON"),
        (FORM, b"url=%ff", "The parameters are not valid UTF-8"),
        (FORM, b"&".join(b"a%d=1" % n for n in range(1_500)), "There are more than 1000 parameters"),
        (FORM, b"recipients=a&recipients[]=b", "The body gives recipients in two ways that contradict each other"),
        (FORM, b"recipients[]=a&recipients[x]=b", "The body gives recipients in two ways that contradict each other"),
        (FORM, b"recipients[x]=a&recipients=b", "The body gives recipients in two ways that contradict each other"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x", "The body must be JSON or application/x-www"),
    ],
)
async def test_bodies_that_are_none(harness: Harness, headers: dict[str, str], body: bytes, words: str) -> None:
    status, error = fault(await harness.client.post(CHECKS, headers=headers, content=body))
    assert (status, error[: len(words)]) == (400, words)


@pytest.mark.parametrize("body", [b'{"url": "https://shop.example.com/"}', b"url=https%3A%2F%2Fshop.example.com%2F"])
async def test_bodies_without_a_type(harness: Harness, body: bytes) -> None:
    answer = await harness.client.post(CHECKS, content=body)
    assert (answer.status_code, answer.json()["url"]) == (201, URL)


async def test_json_without_a_body(harness: Harness) -> None:
    """As a Go client sends it with every GET and DELETE."""
    token = (await made(harness))["token"]
    headers = {"Content-Type": "application/json"}
    assert (await harness.client.get(CHECKS, headers=headers)).status_code == 200
    assert (await harness.client.request("DELETE", f"{CHECKS}/{token}", headers=headers)).json() == {"deleted": True}


async def test_large_bodies_of_those_who_have_a_key(harness: Harness) -> None:
    """A key in the body comes too late for them."""
    key = harness.client.headers.pop("X-Api-Key")
    form = {"url": URL, "http_verb": "POST", "http_body": "x" * 50_000}
    answer = await harness.client.post(CHECKS, data=form | {"api-key": key})
    assert fault(answer) == (413, "Request body is too large for a request without a valid api key")
    answer = await harness.client.post(CHECKS, data=form, params={"api-key": "nope"})
    assert answer.status_code == 413
    answer = await harness.client.post(CHECKS, data=form, params={"_": 1, "api-key": key})
    assert (answer.status_code, len(answer.json()["http_body"])) == (201, 50_000)
