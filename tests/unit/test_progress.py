"""What is wrong with the time of partitions is told, by partition and by process."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from infra import time_watch
from infra.progress import FoldProgress
from schemas.base import SECOND, encode
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import CHECK_STATES, DEFINITIONS

NOW = 1_790_000_000 * SECOND


def test_times_ahead_and_refused_ticks_are_named() -> None:
    progress = FoldProgress(2)
    hear = progress.listen(CHECK_STATES)
    hear(0, PROGRESS_KEY, encode(Progress(time=NOW + 10 * SECOND)))
    hear(1, PROGRESS_KEY, encode(Progress(time=NOW, refused={"web-2": -30 * SECOND})))
    progress.listen(DEFINITIONS)(1, PROGRESS_KEY, encode(Progress(time=NOW + 7_200 * SECOND)))
    assert progress.wrong(NOW, 10 * SECOND) == [
        "projects/1: its time is 7200 s ahead",
        "pings/1: ticks of web-2 do not count, which are 30 s behind Kafka's clock",
    ]


async def test_it_is_said_once_a_minute_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, looks = FoldProgress(1), 0

    async def look(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            progress.listen(CHECK_STATES)(0, PROGRESS_KEY, encode(Progress(time=NOW)))
        if looks == 5:
            raise InterruptedError

    class Standing:
        def now(self) -> int:
            return NOW

    progress.listen(CHECK_STATES)(0, PROGRESS_KEY, encode(Progress(time=NOW + 60 * SECOND)))
    monkeypatch.setattr("infra.time_watch.asyncio.sleep", look)
    said: list[Any]
    with capture_logs() as said, pytest.raises(InterruptedError):
        await time_watch.keep_telling(progress, Standing(), 10 * SECOND)
    assert [line["event"] for line in said] == ["time.wrong", "time.right_again"]
    assert said[0]["what"] == ["pings/0: its time is 60 s ahead"]
