"""Says in the log when the time of partitions is wrong, as long as it is."""

import asyncio
import time
from typing import Protocol

import structlog

from infra.progress import FoldProgress
from schemas.base import Micros

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
_SHOWN = 5


class _Clock(Protocol):
    def now(self) -> Micros: ...


async def keep_telling(progress: FoldProgress, clock: _Clock, limit: Micros) -> None:
    """Until cancelled. `limit`: so far a time may be ahead of the clock."""
    before, told_at = False, 0.0
    while True:
        wrong = progress.wrong(clock.now(), limit)
        now = time.monotonic()
        if wrong and (not before or now - told_at >= _AGAIN_SECONDS):
            log.warning(
                "time.wrong",
                partitions=len(wrong),
                what=wrong[:_SHOWN],
                do="set the clocks right; `pingfold time mend` takes a time back that is ahead",
            )
            told_at = now
        elif before and not wrong:
            log.info("time.right_again")
        before = bool(wrong)
        await asyncio.sleep(_LOOK_SECONDS)
