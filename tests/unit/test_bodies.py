"""Bodies of requests to the API: how much is read, of whom, for how long, and how much of all is held."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from query_api import poppaping
from query_api.bodies import LIMITS, BodiesInBounds, Limits
from tests.harness import POP_KEY, WRITE_KEY, Harness

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

    forms: Any = {poppaping.speaks: poppaping.fault_answer}
    return BodiesInBounds(app, harness.app.state.parts, forms, Limits(**limits))


async def test_a_body_that_does_not_come_is_answered(harness: Harness) -> None:
    layer = layer_of(harness, time=0.05)
    for path in (CHECKS, "/api/v1/monitors"):
        half = Half(layer, 100, WRITE_KEY, path)
        await asyncio.wait_for(half.task, 20.0)
        assert half.status == 408
        assert b"the request body came too slowly" in half.answer[1]["body"]


async def test_unfinished_bodies_take_no_room_from_those_of_others(harness: Harness) -> None:
    """A stranger, and who has a key, may have as much as there is for one; everybody else has as much."""
    layer = layer_of(harness, time=600.0, held_of_one=100_000, held=250_000)
    mine = [Half(layer, 10_000, "no key") for _ in range(15)]
    for one in mine[:10]:
        await asyncio.wait_for(one.waits.wait(), 20.0)
    await asyncio.wait_for(asyncio.gather(*(one.task for one in mine[10:])), 20.0)
    assert {one.status for one in mine[10:]} == {503}
    assert any(name == b"retry-after" for name, _ in mine[10].answer[0]["headers"])
    other = Half(layer, 90_000, WRITE_KEY)
    await asyncio.wait_for(other.waits.wait(), 20.0)
    # All together have a bound, too.
    third = Half(layer, 90_000, POP_KEY)
    await asyncio.wait_for(third.task, 20.0)
    assert third.status == 503
    for one in (*mine[:10], other):
        one.task.cancel()
    await asyncio.gather(*(one.task for one in (*mine[:10], other)), return_exceptions=True)
    again = Half(layer, 90_000, POP_KEY)
    await asyncio.wait_for(again.waits.wait(), 20.0)
    again.task.cancel()
