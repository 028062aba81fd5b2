"""The history writer and its watchdog: a slow ClickHouse is waited for, and never costs the process its life."""

import threading
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from infra.process.liveness import Liveness
from infra.settings.settings import Settings
from processors.history import writer as history
from processors.history.rows import TABLES
from processors.history.writer import Block, HistoryWriter


class SlowClickHouse:
    """Takes so many seconds for each insert, or until the client gives it up. Time passes as a watchdog sees it."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.inserts = seconds, 0.0, 0
        self.timeout = 0.0
        self.liveness = Liveness(lambda: self.now)
        self.stalled: list[str] = []

    def connect(self, address: Any, timeout: float) -> "SlowClickHouse":
        self.timeout = timeout
        return self

    def insert(self, *_: Any, **__: Any) -> None:
        self.inserts += 1
        self._pass(min(self.seconds, self.timeout))
        if self.seconds > self.timeout:
            raise OperationalError("no answer in time")

    def close(self) -> None: ...

    def _pass(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1.0
            if (stalled := self.liveness.look().stalled) is not None:
                self.stalled.append(stalled[0])


class StopsAfter(threading.Event):
    """Is set after it was waited for so often."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self._left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        return self._left < 0


def writer(clickhouse: SlowClickHouse, data: Path, monkeypatch: pytest.MonkeyPatch) -> HistoryWriter:
    monkeypatch.setattr(history, "LIVENESS", clickhouse.liveness)
    monkeypatch.setattr(history, "connect", clickhouse.connect)
    settings = Settings(
        _env_file=None,
        data=data,
        kafka_bootstrap_servers="nowhere.invalid:9092",
        clickhouse_url="http://nowhere.invalid",
    )
    return HistoryWriter(settings)


def full_block() -> Block:
    block = Block()
    for table in TABLES:
        block.add(table, tuple(0 for _ in table.columns))
    return block


def test_slow_inserts_that_succeed_are_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clickhouse = SlowClickHouse(seconds=12)
    one = writer(clickhouse, tmp_path, monkeypatch)
    assert one._insert(full_block(), threading.Event())
    assert clickhouse.inserts == len(TABLES)
    assert clickhouse.now > 30
    assert clickhouse.stalled == []


def test_an_insert_that_gets_no_answer_is_tried_again_by_the_same_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clickhouse = SlowClickHouse(seconds=1_000)
    one = writer(clickhouse, tmp_path, monkeypatch)
    assert not one._insert(full_block(), StopsAfter(4))
    assert clickhouse.inserts == 5
    assert clickhouse.stalled == []
