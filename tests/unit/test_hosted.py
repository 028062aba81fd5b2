"""What a worker watches of itself begins before its app does: one that never gets its partitions is noticed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.process import lifecycle as process
from infra.process.liveness import Liveness
from infra.settings.settings import Settings
from processors.runtime import hosted
from processors.runtime.hosted import HostedFolds
from processors.runtime.worker import build_app
from tests.toy_fold import Toy


class Follows:
    """As a sender, of which nothing is asked but whether it works."""

    def __init__(self) -> None:
        self.well, self.asked = True, 0

    def assigned(self, partition: int, records: Mapping[str, msgspec.Struct]) -> None: ...

    def committed(self, partition: int, changes: Mapping[str, msgspec.Struct | None]) -> None: ...

    def revoked(self, partition: int) -> None: ...

    async def close(self) -> None: ...

    def works(self) -> bool:
        self.asked += 1
        return self.well


class World:
    """A worker whose app is not started, and its watchdog; time goes on by hand, and its loop turns meanwhile."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.kafka_answers, self.follower = 0.0, True, Follows()
        self.liveness = Liveness(lambda: self.now)
        self.liveness._checks = {"kafka": lambda: self.kafka_answers}
        for module in (hosted, process):
            monkeypatch.setattr(module, "LIVENESS", self.liveness)
        monkeypatch.setattr(hosted, "_ASK_SECONDS", 0.0)
        monkeypatch.setattr(process, "_BEAT_SECONDS", 0.0)
        self.app = build_app(Settings(_env_file=None, data=tmp_path), "127.0.0.1:1", "0", "group", 10.0)
        self.hosted = HostedFolds(self.app, "127.0.0.1:1", "0", self._failed, accept_defects=False, reconcile=False)

    def _failed(self, error: BaseException) -> None:
        raise AssertionError(error)

    async def stalled_after(self, seconds: int) -> str | None:
        for _ in range(seconds):
            self.now += 1.0
            asked = self.follower.asked
            while self.follower.asked < asked + 2:  # the loop has turned
                await asyncio.sleep(0)
            outlook = self.liveness.look()
        return None if outlook.stalled is None else outlook.stalled[0]


async def test_a_worker_that_never_gets_its_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch)
    folds: Any = Toy("toy").folds
    await world.hosted.begin(folds, lambda: {folds[0].name: world.follower})
    try:
        world.kafka_answers = False
        assert await world.stalled_after(300) is None
        world.kafka_answers = True
        assert await world.stalled_after(59) is None
        assert await world.stalled_after(1) == "consumer"
        for _ in range(10):  # it has got them
            world.app.turned()
            assert await world.stalled_after(29) is None
        world.follower.well = False
        world.app.turned()
        assert await world.stalled_after(30) == f"what follows {folds[0].name}"
    finally:
        world.hosted.end()
