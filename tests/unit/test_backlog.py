"""What is still to be folded, and the time that it takes at the pace of the last half minute."""

from collections.abc import Iterable
from typing import Any

import pytest

from infra.log.progress import FoldProgress
from query_api.state import backlog
from query_api.state.backlog import Backlog
from schemas.base import encode
from schemas.ticks import PROGRESS_KEY, Progress
from schemas.topics import CHECK_STATES, JOURNALS


def test_the_backlog_of_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    now, ends = 0.0, {"pings": 50_000}

    def end_offsets(_: Any, partitions: Iterable[tuple[str, int]], timeout: float) -> dict[tuple[str, int], int]:
        assert timeout < 10
        return {(journal, number): ends.get(journal, 10) for journal, number in partitions}

    monkeypatch.setattr(backlog, "end_offsets", end_offsets)
    progress = FoldProgress(2)
    heard = progress.listen(CHECK_STATES)

    def folded(*applied: int) -> None:
        for number, offset in enumerate(applied):
            heard(number, PROGRESS_KEY, encode(Progress(applied=offset)))

    looking = Backlog(progress, "127.0.0.1:1", lambda: now)
    assert looking.look() == [{"journal": "pings", "events": 100_000, "about_seconds": None}]
    now = 10.0
    folded(999, 999)
    assert looking.look() == [{"journal": "pings", "events": 98_000, "about_seconds": 490}]
    # A pace that is long ago says nothing.
    now = 50.0
    folded(999, 1_999)
    assert looking.look() == [{"journal": "pings", "events": 97_000, "about_seconds": None}]
    now = 60.0
    folded(49_999, 49_600)
    assert looking.look() == []
    assert {journal.name for journal in JOURNALS} >= ends.keys()
