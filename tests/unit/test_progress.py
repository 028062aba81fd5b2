"""What is wrong with the time of partitions is said in the log while it lasts."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from infra.clock_skew import time_faults
from infra.clock_skew.reports import Fault
from infra.log.progress import FoldProgress
from schemas.topics import JOURNALS


async def test_it_is_said_once_a_minute_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, late = Fault("time", "is wrong", "mend it", True), Fault("time", "was late", "nothing", False)
    found, looks = [wrong, late], 0

    async def look(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            found.remove(late)
        if looks == 3:
            found.clear()
        if looks == 5:
            raise InterruptedError

    monkeypatch.setattr("infra.clock_skew.time_faults.asyncio.sleep", look)
    said: list[Any]
    with capture_logs() as said, pytest.raises(InterruptedError):
        await time_faults.log_time_faults(lambda: list(found))
    told = [(line["event"], line.get("what"), line.get("do")) for line in said]
    assert told == [
        ("time.late", "was late", "nothing"),
        ("time.wrong", "is wrong", "mend it"),
        ("time.late", "was late", "nothing"),
        ("time.right_again", None, None),
    ]


def test_every_partition_of_every_journal_has_its_progress() -> None:
    places = [(journal, number) for journal, number, _ in FoldProgress(2)]
    assert places == [(journal.name, number) for journal in JOURNALS for number in (0, 1)]
