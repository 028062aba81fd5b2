"""Bodies of requests to the API: how much is read, of whom, for how long, and how much of all is held."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from infra.secrets.secrets import new_api_key, stored_api_key
from query_api import poppaping
from query_api.http.bodies import LIMITS, BodiesInBounds, Limits
from schemas.base import encode
from tests.harness import OTHER_KEY, POP_KEY, READ_KEY, WRITE_KEY, Harness

CHECKS = "/api/v3/checks/"
SMALL = LIMITS.strangers


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def pieces(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b" " * size


@pytest.mark.parametrize("key", ["", "w" * 32, "k" * 5_000])
@pytest.mark.parametrize("path", [CHECKS, "/api/v1/monitors", "/api/v1/alert-channels", "/readyz", "/nowhere/at/all"])
async def test_a_stranger_may_send_little(harness: Harness, path: str, key: str) -> None:
    headers = {"X-Api-Key": key}
    for content in (b" " * (SMALL + 1), pieces(SMALL, 1), pieces(SMALL + 1), pieces(*[100] * 1_000)):
        answer = await harness.client.post(path, content=content, headers=headers)
        assert answer.status_code == 413
        words = answer.json()
        assert "too large for a request without a valid api key" in words.get("message", words["error"])
    assert (await harness.client.post(path, content=b" " * SMALL, headers=headers)).status_code != 413


async def test_a_key_is_judged_before_the_body_by_every_route(harness: Harness) -> None:
    """What is no JSON is not parsed for who has no right to have it parsed."""
    broken = b"{" * 1_000
    seen = 0
    for path, verbs in harness.app.openapi()["paths"].items():
        for verb in verbs:
            if verb in ("post", "put", "patch"):
                url = path.replace("{", "").replace("}", "")
                answer = await harness.client.request(verb, url, content=broken, headers={"X-Api-Key": "x" * 32})
                assert answer.status_code == 401, path
                seen += 1
    assert seen > 20


@pytest.mark.parametrize(("path", "key"), [(CHECKS, WRITE_KEY), ("/api/v1/alert-channels", POP_KEY)])
async def test_who_has_a_key_may_send_what_a_change_can_need(harness: Harness, path: str, key: str) -> None:
    headers = {"X-Api-Key": key}
    large = b" " * (LIMITS.known - 10)
    assert (await harness.client.post(path, content=large, headers=headers)).status_code == 400  # nothing is in it
    assert (await harness.client.post(path, content=pieces(len(large)), headers=headers)).status_code == 400
    answer = await harness.client.post(path, content=large + b" " * 11, headers=headers)
    assert answer.status_code == 413
    assert "without" not in answer.text


async def test_a_key_in_a_small_body_is_a_key(harness: Harness) -> None:
    del harness.client.headers["X-Api-Key"]
    answer = await harness.client.post(CHECKS, json={"api_key": WRITE_KEY, "desc": "d" * 10_000})
    assert answer.status_code == 201


class Half:
    """A request that brings a part of its body and then nothing."""

    def __init__(self, layer: BodiesInBounds, size: int, key: str, path: str = CHECKS) -> None:
        self.answer: list[Message] = []
        self.waits = asyncio.Event()
        self._parts = [{"type": "http.request", "body": b" " * size, "more_body": True}]
        headers = [(b"content-length", b"%d" % (size + 1)), (b"x-api-key", key.encode())]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        self.task = asyncio.create_task(layer(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if self._parts:
            return self._parts.pop()
        self.waits.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Message) -> None:
        self.answer.append(message)

    @property
    def status(self) -> int:
        return int(self.answer[0]["status"])


def layer_of(harness: Harness, **limits: Any) -> BodiesInBounds:
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError("half a body was handed on")

    forms: Any = {poppaping.API.speaks: poppaping.API.error_form}
    return BodiesInBounds(app, harness.app.state.deps, forms, Limits(**limits))


async def test_a_body_that_does_not_come_is_answered(harness: Harness) -> None:
    layer = layer_of(harness, time=0.05)
    for path in (CHECKS, "/api/v1/monitors"):
        half = Half(layer, 100, WRITE_KEY, path)
        await asyncio.wait_for(half.task, 20.0)
        assert half.status == 408
        assert b"the request body came too slowly" in half.answer[1]["body"]


async def held_of(layer: BodiesInBounds, keys: list[str], size: int) -> list[Half]:
    """Halves of bodies with these keys in turn; each waits for its rest, or is answered."""
    halves = [Half(layer, size, key) for key in keys]
    for one in halves:
        await asyncio.wait({one.task, asyncio.create_task(one.waits.wait())}, return_when="FIRST_COMPLETED")
    return halves


async def end(*halves: Half) -> None:
    for one in halves:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in halves), return_exceptions=True)
    for one in halves:
        one.waits.set()
    await asyncio.sleep(0)


async def test_unfinished_bodies_take_no_room_from_those_of_others(harness: Harness) -> None:
    """Strangers, and a project by all of its keys, may have as much as there is for one; others have as much."""
    layer = layer_of(harness, time=600.0, held_of_one=100_000, held=250_000)
    strange = await held_of(layer, ["no key"] * 15, 10_000)
    refused = [one for one in strange if one.answer]
    assert {one.status for one in refused} == {429}
    assert len(refused) == 5
    assert any(name == b"retry-after" for name, _ in refused[0].answer[0]["headers"])
    mine = await held_of(layer, [WRITE_KEY, READ_KEY, POP_KEY, *keys_of(harness, 3)] * 5, 10_000)
    assert {one.status for one in mine if one.answer} == {429}
    assert 60_000 <= layer._shares.held[harness.project] <= 100_000
    other = await held_of(layer, [OTHER_KEY], 30_000)
    assert not other[0].answer
    await end(*strange, *mine, *other)
    assert not layer._shares.held


async def test_an_expired_key_is_a_strangers(harness: Harness) -> None:
    layer = layer_of(harness, time=600.0)
    halves = await held_of(layer, keys_of(harness, 1, expires=1), 10_000)
    assert layer._shares.held == {"": 10_000}
    await end(*halves)


async def test_when_all_is_full_it_is_nobodys_fault(harness: Harness) -> None:
    layer = layer_of(harness, time=600.0, held_of_one=100_000, held=250_000)
    for number in range(20):
        layer._shares.take(f"p-{number}", 12_000)
    halves = await held_of(layer, [OTHER_KEY], 11_000)
    assert halves[0].status == 503
    await end(*halves)


def keys_of(harness: Harness, number: int, expires: int | None = None) -> list[str]:
    """New keys of the harness's project for the API of updown."""
    directory = harness.app.state.deps.directory
    keys = []
    for one in range(number):
        keys.append(new_api_key("updown"))
        stored = stored_api_key(keys[-1], "updown", harness.project, 0, id=f"key-{one}")
        directory.apply(0, f"key/{one}", encode(msgspec.structs.replace(stored, expires=expires)))
    return keys
