"""Definitions that several partitions ask for at the same time are read once."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from infra.log.reading import Stored
from processors.runtime import shared_definitions
from processors.runtime.loading import Abandoned, Loading
from processors.runtime.shared_definitions import Definitions, SharedDefinitions
from schemas.base import encode
from schemas.ticks import Progress
from schemas.topics import CHECK_STATES

WAIT = 60.0


class Log:
    """What stands in `definitions`; reading it waits until the test lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[Stored] = []
        self.readings = 0
        self.waiting: dict[int, tuple[int, int]] = {}
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        monkeypatch.setattr(shared_definitions, "read_to_end", self._read)
        monkeypatch.setattr(shared_definitions, "partition_count", lambda _: 2)
        monkeypatch.setattr(shared_definitions, "ends_of", lambda *_: {0: 10, 1: 10})
        monkeypatch.setattr(shared_definitions, "last_records", self._last_records)

    def put(self, key: str, value: bytes | None, partition: int = 0) -> None:
        self.records.append(Stored(partition, len(self.records), 0, key.encode(), value, None))

    def _read(self, *_: Any) -> Iterator[Stored]:
        self.readings += 1
        found = tuple(self.records)
        self.begun.release()
        assert self.go_on.acquire(timeout=WAIT)
        yield from found

    def _last_records(self, *arguments: Any, **_: Any) -> dict[int, int]:
        self.waiting = arguments[2]
        return {}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


def loading() -> Loading:
    return Loading(CHECK_STATES, 0)


class Counted(SharedDefinitions):
    """Tells when somebody has asked."""

    def __init__(self) -> None:
        super().__init__("nowhere")
        self.asked = threading.Semaphore(0)

    def read(self, loading: Loading) -> Definitions:
        return super().read(_Telling(loading, self.asked))


class _Telling(Loading):
    """Tells once, when it looks for the first time, that the caller has asked and waits."""

    def __init__(self, other: Loading, asked: threading.Semaphore) -> None:
        super().__init__(CHECK_STATES, 0)
        self._other, self._asked, self._told = other, asked, False

    def look(self) -> None:
        if not self._told:
            self._told = True
            self._asked.release()
        self._other.look()


def test_who_asks_while_others_read_shares_the_next_reading(log: Log) -> None:
    shared = Counted()
    log.put("check/a", b"1")
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(shared.read, loading())
        assert log.begun.acquire(timeout=WAIT)
        log.put("check/a", None)
        others: list[Future[Definitions]] = [pool.submit(shared.read, loading()) for _ in range(5)]
        for _ in others:
            assert shared.asked.acquire(timeout=WAIT)
        for _ in range(2):
            log.go_on.release()
        assert list(first.result(WAIT).records) == ["check/a"]
        # None of them is given what was read before they asked.
        assert [list(other.result(WAIT).records) for other in others] == [[]] * 5
    assert log.readings == 2


def test_what_nobody_waits_for_is_read_anew(log: Log) -> None:
    shared = SharedDefinitions("nowhere")
    log.go_on.release()
    assert shared.read(loading()).number == 1
    log.go_on.release()
    assert shared.read(loading()).number == 2


def test_each_partition_tells_how_far_it_is(log: Log) -> None:
    for partition, applied in ((0, 3), (1, 7)):
        log.put("partition", encode(Progress(applied=applied)), partition)
    log.put("check/a", b"1")
    log.put("check/a", b"2")
    log.go_on.release()
    found = SharedDefinitions("nowhere").read(loading())
    assert found.records["check/a"].value == b"2"
    assert log.waiting == {0: (4, 10), 1: (8, 10)}
    assert found.complete


def test_who_does_not_want_them_any_more_does_not_wait(log: Log) -> None:
    shared, unwanted = SharedDefinitions("nowhere"), loading()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.read, loading())
        assert log.begun.acquire(timeout=WAIT)
        unwanted.abandoned = True
        with pytest.raises(Abandoned):
            shared.read(unwanted)
        log.go_on.release()
        assert first.result(WAIT).number == 1
