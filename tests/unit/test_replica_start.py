"""A replica that has much to read is waited for as long as it reads; one that reads nothing is given up."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra.log import replica as module
from infra.log.replica import Replica
from schemas.topics import CHECK_STATES

PLACE = (CHECK_STATES.name, 0)


class Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return CHECK_STATES.name

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes:
        return b"value"


class Consumer:
    """Reads one record now and then, up to `until`."""

    until = 0

    def __init__(self, _bootstrap: str, _config: dict[str, Any]) -> None:
        self.read = 0

    def assign(self, _places: Any) -> None: ...
    def close(self) -> None: ...

    def next(self, _patience: float) -> list[Message]:
        time.sleep(0.02)
        if self.read >= self.until:
            return []
        self.read += 1
        return [Message(self.read - 1)]


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "new_consumer", Consumer)
    monkeypatch.setattr(module, "arrived", lambda consumer, patience: consumer.next(patience))
    monkeypatch.setattr(module, "end_offsets", lambda *_: {PLACE: 60})
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.1)


async def start(until: int) -> Replica:
    Consumer.until = until
    replica = Replica("127.0.0.1:1", 1, {CHECK_STATES: lambda *_: None})
    try:
        await replica.start(stall=0.5)
    finally:
        await replica.close()
    return replica


async def test_it_takes_as_long_as_it_takes() -> None:
    began = time.monotonic()
    replica = await start(60)
    assert time.monotonic() - began > 1.0  # twice as long as it may stand still
    assert replica.positions[PLACE] == 60


async def test_it_is_given_up_when_nothing_comes_any_more() -> None:
    with pytest.raises(TimeoutError, match=r"nothing came for 0 s|nothing came for 1 s"):
        await start(20)


async def test_one_that_reads_from_now_on_waits_for_no_answer() -> None:
    """The broker holds the first one back as long as any."""
    Consumer.until = 0
    replica = Replica("127.0.0.1:1", 1, {CHECK_STATES: lambda *_: None}, from_end=True, wait_ms=500)
    try:
        await replica.start(stall=0.5)
    finally:
        await replica.close()
    assert replica.positions[PLACE] == 60


async def test_a_look_at_the_log_waits_for_nobody_elses_threads() -> None:
    """Whoever keeps all of asyncio's threads busy (password hashes, renderings) makes nothing unknown."""
    Consumer.until = 60
    replica = Replica("127.0.0.1:1", 1, {CHECK_STATES: lambda *_: None})
    await replica.start()
    done = threading.Event()
    started: list[int] = []

    def busy() -> None:
        started.append(threading.get_ident())
        done.wait(60.0)

    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))
    tasks = [asyncio.ensure_future(asyncio.to_thread(busy)) for _ in range(4)]
    try:
        while len(started) < 2:
            await asyncio.sleep(0.01)
        assert await replica.caught_up(20.0)
    finally:
        done.set()
        await asyncio.gather(*tasks)
        await replica.close()
