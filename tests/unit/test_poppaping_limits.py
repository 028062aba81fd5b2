"""The rate limit of the PoppaPing API: keys count for themselves, all else for its address, in bounded memory."""

from typing import Any

import pytest

from query_api.poppaping import limits
from query_api.poppaping.limits import MOST_ADDRESSES, RateLimits
from schemas.base import SECOND
from tests.harness import POP_KEY, WRITE_KEY, Harness

OFFICE, PROXY = "192.0.2.1", "127.0.0.1"


class World:
    """A limit of two requests, and how often the application behind it was asked."""

    def __init__(self) -> None:
        self.harness, self.asked = Harness(), 0
        parts = self.harness.app.state.deps
        self.limits = RateLimits(self._application, parts, most=2, speaks=lambda _: True)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1

    async def ask(self, key: str = "", address: str = OFFICE, forwarded: str = "") -> bool:
        """Whether a request with this key from this address gets through."""
        before = self.asked
        headers = [(b"x-api-key", key.encode())] + ([(b"x-forwarded-for", forwarded.encode())] if forwarded else [])

        async def receive() -> Any:
            pass

        async def send(_: Any) -> None:
            pass

        scope = {"type": "http", "path": "/", "headers": headers, "client": (address, 1)}
        await self.limits(scope, receive, send)
        return self.asked > before


async def test_ever_new_keys_are_one_caller() -> None:
    world = World()
    assert [await world.ask(f"key-{number}") for number in range(4)] == [True, True, False, False]
    assert [await world.ask(), await world.ask("k" * 60_000)] == [False, False]
    assert await world.ask("key-9", "192.0.2.2")
    world.harness.log.time += 61 * SECOND
    assert await world.ask("key-9")


async def test_a_key_counts_for_itself_wherever_it_is_shown_and_whatever_others_show_there() -> None:
    world = World()
    for number in range(10):
        await world.ask(f"wrong-{number}")
    assert [await world.ask(POP_KEY), await world.ask(POP_KEY, "192.0.2.9"), await world.ask(POP_KEY)] == [
        True,
        True,
        False,
    ]
    assert await world.ask(WRITE_KEY), "another key is another caller"


async def test_a_second_key_makes_no_other_caller() -> None:
    """The routes take the first of two; so must what counts."""
    harness = Harness(plan="free")
    del harness.client.headers["X-Api-Key"]
    for first in (("x-api-key", POP_KEY), ("authorization", f"Bearer {POP_KEY}")):
        harness.log.time += 61 * SECOND
        answers = [
            (await harness.client.get("/api/v1/monitors", headers=[first, (first[0], f"Bearer other-{n}")])).status_code
            for n in range(62)
        ]
        assert answers[-2:] == [429, 429], first
        assert 401 not in answers


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
async def test_an_address_is_what_one_customer_has(one: str, other: str, same: bool) -> None:
    for way in ("connected", "through a proxy"):
        world = World()

        async def ask(address: str, world: World = world, way: str = way) -> bool:
            return await (
                world.ask("x", address) if way == "connected" else world.ask("x", PROXY, f"9.9.9.9, {address}")
            )

        assert [await ask(one), await ask(one), await ask(one)] == [True, True, False]
        assert await ask(other) is not same


async def test_memory_is_bounded_whatever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for number in range(MOST_ADDRESSES + 500):
        assert await world.ask(f"key-{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(world.limits._of_addresses) == MOST_ADDRESSES
    # Keys are as many as there are; the windows of those that were not used lately are dropped.
    monkeypatch.setattr(limits, "_FEW_KEYS", 10)
    world.limits._look_at = 10
    for number in range(1_000):
        world.limits._of_key(f"id-{number}", world.harness.log.time).append(world.harness.log.time)
        world.harness.log.time += SECOND
    assert len(world.limits._of_keys) <= 2 * 61
