"""A clock of an ingest process that was wrong for a while accuses nobody, and what set it right is seen."""

import asyncio
from pathlib import Path

import pytest

from infra import clock as module
from infra.clock import clock_of
from infra.settings.settings import Settings
from schemas.base import SECOND, encode
from schemas.definitions import Check
from schemas.pings import CheckDefined
from schemas.schedules import Simple
from schemas.topics import PINGS
from tests.check_story import CHECK
from tests.ping_world import NOON
from tests.ticking_story import Log, Process

BEGIN, END = 100, 400


async def told(wrong: int, seldom: bool) -> list[str]:
    """What a check that is pinged every 30 s goes through while its only source is `wrong` seconds off for a while."""
    log = Log(lambda now: False)
    process = Process(log, "web-0", 0.0, seldom)
    check = Check(id=CHECK, project="p", version=1, created=NOON, schedule=Simple(60), grace=30)
    log.put(PINGS, CHECK, encode(CheckDefined(at=NOON, check=check)))
    for second in range(END + 200):
        log.now = float(second)
        process.clock.time = NOON + (second + (wrong if BEGIN <= second < END else 0)) * SECOND
        if second == END:
            process.clock.set_back += max(0, wrong) * SECOND
        if second == 0:
            await process.start()
        else:
            await process.ticking.where_needed()
        await asyncio.sleep(0)
        if second % 30 == 5:
            await process.ping()
    return [now for _, now, _, _ in log.told]


@pytest.mark.parametrize("seldom", [False, True])
@pytest.mark.parametrize("wrong", [-7_200, -11, 11, 7_200])
async def test_a_check_that_is_pinged_is_never_down(wrong: int, seldom: bool) -> None:
    changes = await told(wrong, seldom)
    assert "down" not in changes
    assert changes[-1] == "up"


def test_a_clock_that_is_set_back_says_by_how_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = [1_000 * SECOND, 50 * SECOND]
    monkeypatch.setattr(module, "_readings", lambda: (seen[0], seen[1]))
    clock = clock_of(Settings(data=tmp_path))

    def pass_time(real: float, monotonic: float) -> int:
        seen[0] += round(real * SECOND)
        seen[1] += round(monotonic * SECOND)
        clock.refresh()
        return clock.set_back

    assert pass_time(1.0, 1.0) == 0
    assert pass_time(1.01, 1.0) == 0
    assert pass_time(60.0, 1.0) == 0, "set forward"
    assert pass_time(-6.0, 1.0) == 7 * SECOND
    assert pass_time(0.99, 1.0) == 7 * SECOND, "how clocks are kept right"
    assert pass_time(-1.0, 1.0) == 9 * SECOND
