"""Whether the embedded ClickHouse is well is told by its engine, not by the event loop before it."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.embedded import clickhouse_health
from infra.embedded.clickhouse import Application
from infra.embedded.clickhouse_answers import Outcome
from infra.embedded.clickhouse_health import Health
from infra.embedded.clickhouse_http import Call
from infra.embedded.logins import Login


class HangingEngine:
    """Answers SELECT 1 while `answers` is set, and every other statement when `released` is."""

    version, timezone = "25.8", "UTC"

    def __init__(self) -> None:
        self.answers, self.released = threading.Event(), threading.Event()
        self.answers.set()

    def run(self, call: Call) -> Outcome:
        (self.answers if call.statement == b"SELECT 1" else self.released).wait(60.0)
        return Outcome(body=b"1\\n")


def client(engine: Any) -> tuple[httpx.AsyncClient, Application]:
    application = Application(engine, Login("me", "secret"))
    door: Any = application
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(door), base_url="http://localhost", auth=("me", "secret")
    ), application


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever answers does so in time, however slow the machine is."""
    monkeypatch.setattr(clickhouse_health, "_ANSWER_SECONDS", 30.0)


@pytest.fixture
def engine() -> Iterator[HangingEngine]:
    engine = HangingEngine()
    yield engine
    engine.answers.set()
    engine.released.set()


async def test_an_engine_that_hangs_is_told(engine: HangingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    door, _ = client(engine)
    async with door:
        assert (await door.get("/ping")).status_code == 200
        engine.answers.clear()
        monkeypatch.setattr(clickhouse_health, "_ANSWER_SECONDS", 0.2)
        answers = await asyncio.gather(door.get("/ping"), door.get("/ping"))
        assert [answer.status_code for answer in answers] == [503, 503]
        engine.answers.set()
        async with asyncio.timeout(30):
            while (await door.get("/ping")).status_code != 200:
                await asyncio.sleep(0.01)


async def test_threads_that_all_hang_are_told(engine: HangingEngine) -> None:
    """Though one that has just come still works. Calls that take long, or wait for others, are no fault of theirs."""
    now = [0.0]
    health = Health(lambda: None, threads=2, clock=lambda: now[0])
    health.begins()
    now[0] += 600.0
    assert await health.is_well()
    health.begins()
    now[0] += 9.0
    assert await health.is_well()
    health.begins()  # it waits for a thread: that frees none
    now[0] += 1.0
    assert not await health.is_well()
    health.ended()
    assert await health.is_well()
    now[0] += 9.0
    assert await health.is_well()
    now[0] += 1.0
    assert not await health.is_well()
    health.ended()
    now[0] += 600.0
    assert await health.is_well()


async def test_an_engine_that_fails_is_not_well() -> None:
    def fail() -> None:
        raise RuntimeError("Cannot allocate a thread")

    assert not await Health(fail, threads=2).is_well()


async def test_calls_are_counted_whatever_comes_of_them(engine: HangingEngine) -> None:
    door, application = client(engine)
    async with door:
        calls = [asyncio.create_task(door.post("/", content=b"SELECT 2")) for _ in range(12)]
        async with asyncio.timeout(30):
            while application._health._under_way < 12:
                await asyncio.sleep(0.01)
        application._health._moved -= 10.0
        assert (await door.get("/ping")).status_code == 503
        engine.released.set()
        await asyncio.gather(*calls)
        assert (await door.get("/ping")).status_code == 200
        assert application._health._under_way == 0
