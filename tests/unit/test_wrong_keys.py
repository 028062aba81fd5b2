"""Wrong API keys: an address may show so many, whatever they are; a right one is never refused for them."""

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from infra.http_server.forwarded import Forwarded
from query_api.wrong_keys import OF_ADDRESS, WrongKeyLimiter
from tests.harness import POP_KEY, WRITE_KEY, Harness

CHECKS, MONITORS = "/api/v3/checks/", "/api/v1/monitors"


class Moving:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class World:
    """A Pingfold whose Kafka counts how often it is asked whether a key is known."""

    def __init__(self) -> None:
        self.harness, self.clock, self.looks = Harness(), Moving(), 0
        deps = self.harness.app.state.deps
        deps.__dict__["wrong_keys"] = WrongKeyLimiter(Forwarded(deps.settings.trusted_proxies), self.clock)
        caught_up = self.harness.log.caught_up

        async def counted(timeout: float) -> bool:
            self.looks += 1
            return await caught_up(timeout)

        self.harness.log.caught_up = counted  # type: ignore[method-assign]

    async def ask(self, key: str, path: str = MONITORS, address: str = "192.0.2.1", **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.harness.app, client=(address, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://pingfold.test") as client:
            return await client.request("POST" if more else "GET", path, headers={"X-Api-Key": key}, **more)


def rotating(number: int) -> str:
    return f"{number:032x}"


@pytest.mark.parametrize(("path", "right"), [(MONITORS, POP_KEY), (CHECKS, WRITE_KEY)])
async def test_ever_new_keys_are_slowed_down_and_a_right_one_is_not(path: str, right: str) -> None:
    world = World()
    with capture_logs() as logs:
        statuses = [(await world.ask(rotating(n), path)).status_code for n in range(OF_ADDRESS.most + 20)]
    assert statuses == [401] * OF_ADDRESS.most + [429] * 20
    assert world.looks == OF_ADDRESS.most, "what is refused costs no look"
    [told] = [line for line in logs if line["event"] == "key.wrong"]
    assert told["address"] == "192.0.2.1"
    assert rotating(0) not in str(told)
    refused = await world.ask(rotating(999), path)
    words = refused.json()
    assert refused.headers["retry-after"] == "1"
    assert "wrong api keys from your address" in (words.get("message") or words["error"]).lower()
    assert (await world.ask(right, path)).status_code == 200
    assert (await world.ask(rotating(1), path, "192.0.2.2")).status_code == 401
    world.clock.seconds += OF_ADDRESS.seconds
    assert (await world.ask(rotating(2), path)).status_code == 401


async def test_all_apis_and_ways_to_show_a_key_spend_one_budget() -> None:
    world = World()
    for number in range(OF_ADDRESS.most):
        match number % 3:
            case 0:
                answer = await world.ask(rotating(number), MONITORS)
            case 1:
                answer = await world.ask(rotating(number), CHECKS)
            case _:
                answer = await world.ask("", CHECKS, json={"api_key": rotating(number)})
        assert answer.status_code == 401, number
    assert (await world.ask(rotating(1), MONITORS)).status_code == 429
    assert (await world.ask(rotating(1), CHECKS)).status_code == 429
    body = {"api_key": WRITE_KEY, "name": "n"}
    assert (await world.ask("", CHECKS, json=body)).status_code == 201, "a right key in a body is a right key"


async def test_addresses_are_those_of_customers_and_few_are_remembered() -> None:
    world = World()
    for number in range(OF_ADDRESS.most):
        await world.ask(rotating(number), address=f"2001:db8::{number + 1:x}")
    assert (await world.ask("x", address="2001:db8::ffff")).status_code == 429
    assert (await world.ask("x", address="2001:db8:0:1::1")).status_code == 401
    brake = world.harness.app.state.deps.wrong_keys
    for number in range(30_000):
        brake.count({"type": "http", "headers": [], "client": (f"10.0.{number >> 8}.{number & 255}", 1)})
    assert len(brake._budgets) <= 20_000
